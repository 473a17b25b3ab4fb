"""A host, live or captured, is read in one go: facts, readings and load, cheaply and without a traceback."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.trees import HOSTS, plant
from wstune.host.files import Root
from wstune.host.host import Host
from wstune.host.usage import Usage
from wstune.model import Absence, HostFacts, Reading, Store
from wstune.tunables import CATALOGUE
from wstune.values import UNLIMITED

EVERY = tuple(CATALOGUE.values())
NAMES = sorted(path.name for path in HOSTS.iterdir() if path.is_dir())


def text(reading: Reading) -> str:
    assert reading.value is not None, reading.why
    return str(reading.value)


@pytest.mark.parametrize("name", NAMES)
def test_captured_host_is_read_whole(name: str) -> None:
    """Every tunable of the catalogue has a value or a reason, and what each host must have is there."""
    host = Host(HOSTS / name)
    readings = host.read_all(EVERY)
    assert readings.keys() == CATALOGUE.keys()
    for reading in readings.values():
        assert (reading.value is None) != (reading.absence is None)
        assert (reading.absence is None) or reading.why
        assert reading.absence in (None, Absence.ABSENT)
    for always in ("fs.file-max", "fs.nr_open", "nofile", "nofile.soft", "net.core.somaxconn", "net.ipv4.tcp_rmem"):
        assert readings[always].value is not None
    facts = host.facts()
    assert None not in (facts.kernel, facts.hostname, facts.boot_id, facts.ram_bytes, facts.available_bytes, facts.cpus)
    assert None not in (facts.netns, facts.initial_netns, facts.euid, facts.cgroup_version, facts.sysctls_read_only)
    assert host.usage().files_allocated


def test_virtual_machine() -> None:
    """No container, a hard nofile of 20,000, no CAP_SYS_RESOURCE, control groups of version 1 without a limit."""
    host = Host(HOSTS / "vm")
    facts = host.facts()
    assert (facts.container, facts.initial_netns, facts.cgroup_version) == (None, True, 1)
    assert "CAP_SYS_ADMIN" in facts.capabilities
    assert "CAP_SYS_RESOURCE" not in facts.capabilities
    assert facts.notes == ()
    readings = host.read_all(EVERY)
    assert [text(readings[name]) for name in ("nofile", "nofile.soft", "net.ipv4.tcp_mem")] == [
        "20000",
        "20000",
        "287901 383869 575802",
    ]
    assert text(readings["cgroup.memory.max"]) == str(UNLIMITED)


def test_systemd_server() -> None:
    """file-max is no limit, nofile 1024:524288, the unit's memory limit is what binds."""
    host = Host(HOSTS / "systemd-server")
    readings = host.read_all(EVERY)
    file_max = readings["fs.file-max"].value
    assert file_max is not None
    assert file_max.unlimited
    assert [text(readings[name]) for name in ("nofile", "nofile.soft")] == ["524288", "1024"]
    assert text(readings["cgroup.memory.max"]) == str(6 << 30)
    assert readings["net.netfilter.nf_conntrack_max"].absence is Absence.ABSENT
    assert host.facts().euid == 998


def test_container() -> None:
    """Its host-wide network keys are absent, its sysctls read-only, and it says what cannot be seen from there."""
    host = Host(HOSTS / "container")
    facts = host.facts()
    assert (facts.container, facts.initial_netns, facts.sysctls_read_only) == ("docker", False, True)
    assert facts.cgroup_memory_headroom == 503316480
    assert facts.notes == (
        "/proc/sys is mounted read-only here: its values are set from outside",
        "limits of control groups above this cgroup namespace cannot be seen",
    )
    absent = {name for name, reading in host.read_all(EVERY).items() if reading.absence is Absence.ABSENT}
    assert {"net.ipv4.tcp_mem", "net.ipv4.tcp_max_orphans", "net.core.netdev_max_backlog"} <= absent


def test_droplet() -> None:
    """Everything is small, as the kernel computes it from 512 MB."""
    readings = Host(HOSTS / "droplet-512m").read_all(EVERY)
    expected = {
        "net.ipv4.tcp_mem": "5713 7618 11426",
        "net.ipv4.tcp_max_orphans": "2048",
        "net.ipv4.tcp_max_tw_buckets": "2048",
    }
    assert {name: text(readings[name]) for name in expected} == expected


def test_nothing_readable_is_reasons_only(tmp_path: Path) -> None:
    """An empty tree: no value, a reason for each, unknown facts, unknown load."""
    host = Host(tmp_path)
    assert all(reading.value is None and reading.why for reading in host.read_all(EVERY).values())
    assert host.facts() == HostFacts()
    assert host.usage() == Usage()


def test_root_may_be_given_in_three_ways() -> None:
    """A Root, a path, or nothing: this host."""
    assert Host().root.live
    assert Host(Root("/")).root.live
    assert Host(str(HOSTS / "vm")).facts() == Host(Root(HOSTS / "vm")).facts() == Host(HOSTS / "vm").facts()


def test_this_host_agrees_with_its_files() -> None:
    """Live readings are what the files and system calls say."""
    readings = Host().read_all(EVERY)
    assert text(readings["net.core.somaxconn"]) == Path("/proc/sys/net/core/somaxconn").read_text().strip()
    facts = Host().facts()
    assert facts.kernel == os.uname().release
    assert facts.euid == os.geteuid()
    assert facts.cpus


def test_process_has_its_own_limits(tmp_path: Path) -> None:
    """In a tree, too, a pid's limits and groups are read from its own files."""
    limits = "Max open files            100                  200                  files     \n"
    files = {"/proc/7/limits": limits, "/proc/7/cgroup": "0::/a\n", "/proc/7/status": "Uid:\t1\t2\t3\t4\n"}
    files |= {"/proc/self/mountinfo": "1 1 0:1 / /cg rw - cgroup2 cgroup2 rw\n", "/cg/a/pids.max": "5\n"}
    host = Host(plant(tmp_path, files), pid=7)
    assert [text(host.read(CATALOGUE[name])) for name in ("nofile", "nofile.soft", "cgroup.pids.max")] == [
        "200",
        "100",
        "5",
    ]
    assert host.facts().euid == 2
    gone = Host(tmp_path, pid=8).read(CATALOGUE["nofile"])
    assert (gone.absence, gone.why) == (Absence.ABSENT, "there is no process 8")


def test_every_store_is_read() -> None:
    """The catalogue has tunables of all three stores, so that the tests above have met each."""
    assert {tunable.store for tunable in EVERY} == set(Store)


def test_check_pays_for_no_psutil() -> None:
    """Reading a host imports neither psutil (29 ms) nor ctypes nor rich: check has 200 ms in all."""
    program = (
        "import sys\nfrom wstune.host.host import Host\nfrom wstune.tunables import CATALOGUE\n"
        "host = Host(); host.facts(); host.read_all(CATALOGUE.values()); host.usage()\n"
        "print({'psutil', 'ctypes', 'rich', 'pathlib', 'subprocess', 'asyncio', 'json', 'socket'} & set(sys.modules))"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout == "set()\n"
