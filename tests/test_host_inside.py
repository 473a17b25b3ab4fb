"""A process's sysctls are those of its own network namespace."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.conftest import need
from wstune.host import kernel
from wstune.host.files import Root
from wstune.host.host import Host
from wstune.host.inside import read_files
from wstune.model import Absence
from wstune.tunables import CATALOGUE

SOMAXCONN = CATALOGUE["net.core.somaxconn"]
TCP_MEM = CATALOGUE["net.ipv4.tcp_mem"]
FILE_MAX = CATALOGUE["fs.file-max"]
NOFILE = CATALOGUE["nofile"]


@pytest.fixture
def elsewhere() -> Iterator[int]:
    """The pid of a process in a network namespace of its own, where somaxconn is 1234, with a nofile of 900."""
    need("netns")
    program = (
        "import os, resource\nresource.setrlimit(resource.RLIMIT_NOFILE, (800, 900))\n"
        "open('/proc/sys/net/core/somaxconn', 'w').write('1234')\nprint(os.getpid(), flush=True)\ninput()"
    )
    command = ["unshare", "-Urn", sys.executable, "-c", program]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield int(process.stdout.readline())
        process.kill()


@pytest.mark.netns
def test_keys_of_the_network_are_read_within(elsewhere: int) -> None:
    """somaxconn is the namespace's, tcp_mem is absent in it, file-max the host's, nofile the process's own."""
    host = Host(pid=elsewhere)
    readings = host.read_all([SOMAXCONN, TCP_MEM, FILE_MAX, NOFILE])
    assert str(readings["net.core.somaxconn"].value) == "1234"
    assert readings["net.ipv4.tcp_mem"].absence is Absence.ABSENT
    assert readings["fs.file-max"] == Host().read(FILE_MAX)
    assert str(readings["nofile"].value) == "900"
    assert host.read(SOMAXCONN) == readings["net.core.somaxconn"]
    assert str(Host().read(SOMAXCONN).value) != "1234"


@pytest.mark.netns
def test_facts_and_usage_are_the_process_s(elsewhere: int) -> None:
    """Its namespaces and its sockets, not ours."""
    facts, usage = Host(pid=elsewhere).facts(), Host(pid=elsewhere).usage()
    assert facts.netns == kernel.netns(Root(), elsewhere) != kernel.netns(Root())
    assert facts.initial_netns is not True
    assert facts.user_namespace
    assert usage.tcp_in_use == 0


@pytest.mark.netns
@pytest.mark.root
def test_who_may_not_enter_is_denied(elsewhere: int) -> None:
    """Another user gets a reason for net.* and the values that everybody may see."""
    program = (
        "import os, sys\nfrom wstune.host.host import Host\nfrom wstune.tunables import CATALOGUE\n"
        "import wstune.host.inside\nos.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
        "host = Host(pid=int(sys.argv[1]))\nreading = host.read(CATALOGUE['net.core.somaxconn'])\n"
        "print(reading.absence.value, reading.why, '|', host.facts().netns, host.facts().initial_netns)\n"
        "print(host.usage().conntrack_count, host.read(CATALOGUE['nofile']).value)"
    )
    command = [sys.executable, "-c", program, str(elsewhere)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    words = f"process {elsewhere} may be in another network namespace, which cannot be entered: Permission denied"
    assert result.stdout == f"denied {words} | None None\nNone 900\n", result.stderr


def test_own_namespace_is_read_directly(monkeypatch: pytest.MonkeyPatch) -> None:
    """For a process beside us no child is forked."""
    monkeypatch.setattr(os, "fork", lambda: pytest.fail("forked"))
    assert Host(pid=os.getpid()).read(SOMAXCONN) == Host().read(SOMAXCONN)


def test_process_that_is_gone_is_an_error() -> None:
    """ENOENT, from the namespace's own path."""
    with pytest.raises(FileNotFoundError):
        read_files(2**22 - 1, ("/proc/sys/net/core/somaxconn",))
