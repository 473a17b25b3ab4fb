"""What the kernel refuses is found by trying, and only where trying touches nobody."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import need
from wstune.host.probe import refused, tryable
from wstune.model import Scope
from wstune.tunables import CATALOGUE

PROBED = {
    "net.ipv4.tcp_keepalive_probes": "256",
    "net.ipv4.tcp_wmem": "1024 4096 16384",
    "net.core.somaxconn": "65535",
    "net.ipv4.tcp_congestion_control": "no-such-thing",
    "net.ipv4.no_such_key": "1",
    "net.ipv4.tcp_mem": "1 2 3",
    "net.netfilter.nf_conntrack_max": "1",
    "net.core.rmem_max": "16384",
    "fs.nr_open": "1000",
    "vm.max_map_count": "1",
}


def values_of(*keys: str) -> list[str]:
    return [Path("/proc/sys", key.replace(".", "/")).read_text() for key in keys]


@pytest.mark.netns
def test_refusals_are_named_and_nothing_here_is_touched() -> None:
    """EINVAL and ENOENT by name, None for what is accepted; what is not a network namespace's own is not tried."""
    need("netns")
    keys = ("net.ipv4.tcp_wmem", "net.core.somaxconn", "fs.nr_open", "net.core.rmem_max", "net.ipv4.tcp_mem")
    before = values_of(*keys)
    assert refused(PROBED) == {
        "net.ipv4.tcp_keepalive_probes": "EINVAL",
        "net.ipv4.tcp_wmem": None,
        "net.core.somaxconn": None,
        "net.ipv4.tcp_congestion_control": "ENOENT",
    }
    assert values_of(*keys) == before


@pytest.mark.netns
@pytest.mark.root
def test_no_privilege_is_needed() -> None:
    """As nobody the answer is the same."""
    need("netns")
    program = (
        "import ctypes, os\nimport wstune.host.probe as p\n"
        f"values = {PROBED!r}\nos.setgroups([]); os.setgid(65534); os.setuid(65534)\nprint(p.refused(values))"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert result.stdout.strip() == str(refused(PROBED)), result.stderr


@pytest.mark.netns
def test_values_are_tried_in_their_order_from_this_hosts() -> None:
    """A range below the first unprivileged port is EINVAL, unless that was lowered before."""
    need("netns")
    start, ports = "net.ipv4.ip_unprivileged_port_start", "net.ipv4.ip_local_port_range"
    if values_of(start) != ["1024\n"]:
        pytest.skip("this host's first unprivileged port is not 1024")
    assert refused({ports: "500 65535", start: "0"})[ports] == "EINVAL"
    assert refused({start: "0", ports: "500 65535"}) == {start: None, ports: None}


@pytest.mark.netns
def test_host_with_a_wide_range_is_copied() -> None:
    """In a namespace whose own range starts at 1024, raising the first unprivileged port above it is EINVAL."""
    need("netns")
    program = (
        "from wstune.host.files import Root\nfrom wstune.host.sysctl import write_sysctl\n"
        "from wstune.host.probe import refused\n"
        "write_sysctl(Root(), 'net.ipv4.ip_local_port_range', '1024 65535')\n"
        "print(refused({'net.ipv4.ip_unprivileged_port_start': '2000'}))"
    )
    result = subprocess.run(
        ["unshare", "-Urn", sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert result.stdout == "{'net.ipv4.ip_unprivileged_port_start': 'EINVAL'}\n", result.stderr
    assert refused({"net.ipv4.ip_unprivileged_port_start": "2000"}) == {"net.ipv4.ip_unprivileged_port_start": None}


@pytest.mark.netns
def test_where_namespaces_are_forbidden_nothing_is_known() -> None:
    """With no user namespaces left, and not root, the answer is empty."""
    need("netns")
    program = (
        "import os\nfrom pathlib import Path\n"
        "Path('/proc/sys/user/max_user_namespaces').write_text('0')\n"  # of the namespace that unshare -U has made
        "import wstune.host.probe as p\nos.geteuid = lambda: 1000\n"
        "print(p.refused({'net.core.somaxconn': '65535'}))"
    )
    result = subprocess.run(
        ["unshare", "-Urn", sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert result.stdout == "{}\n", result.stderr


def test_only_keys_of_a_network_namespace_are_tried() -> None:
    """What the catalogue says a child namespace may write is tried, and what belongs to the whole host never is."""
    for name, tunable in CATALOGUE.items():
        if tryable(name):
            assert name.startswith("net."), name
            assert tunable.scope is Scope.NETNS or tunable.read_only, name
        elif name.startswith(("net.ipv4", "net.core.somaxconn")):
            assert not tunable.writable_in_netns, name
    for name in (
        "fs.file-max",
        "vm.max_map_count",
        "kernel.pid_max",
        "net.netfilter.nf_conntrack_max",
        "net.core.rmem_max",
    ):
        assert not tryable(name)


def test_nothing_to_try_forks_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Global keys alone cost no child."""
    monkeypatch.setattr(os, "fork", lambda: pytest.fail("forked"))
    assert refused({"fs.file-max": "1", "net.ipv4.tcp_mem": "1 2 3", "net.ipv4.no_such_key": "1"}) == {}
