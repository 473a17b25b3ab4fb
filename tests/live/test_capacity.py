"""Capacity is true: what it says that a limit allows is what a real burst reaches when that limit is made to bind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT, need
from tests.live.namespace import Namespace, private_namespace
from wstune.host.host import Host
from wstune.model import Role
from wstune.readiness.capacity import NEEDS, capacity
from wstune.readiness.constants import CHAT_BYTES
from wstune.readiness.costs import costs
from wstune.tunables import CATALOGUE

pytestmark = [pytest.mark.live, pytest.mark.netns]

HARD = 0.03
"""How far a limit to which the kernel counts may be off."""
MEMORY = 0.10
GROUPS = Path("/sys/fs/cgroup/memory")


def run(inside: Namespace, *arguments: str, nofile: int | None = None) -> dict[str, Any]:
    """The document of `wstune … --format json`, run inside."""
    limit = ["prlimit", f"--nofile={nofile}", "--"] if nofile else []
    command = inside.command(*limit, sys.executable, "-m", "wstune", *arguments, "--format", "json")
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout, done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def allowed(document: dict[str, Any], role: str, name: str) -> int:
    """The connections that a document of capacity or check says a limit allows."""
    (limit,) = (limit for limit in document["capacity"][role]["limits"] if limit["name"] == name)
    assert limit["confidence"] == "hard"
    return int(limit["connections"])


def test_descriptors_of_a_process() -> None:
    """With a hard limit of 4,000 files one server process reaches what check and capacity say, within 3 %."""
    with private_namespace() as inside:
        said = [allowed(run(inside, verb, nofile=4_000), "server", "nofile") for verb in ("capacity", "check")]
        burst = run(
            inside, "verify", "host", "-n", "4200", "--processes", "1", "--hold", "0.2", "--force", nofile=4_000
        )
    assert said[0] == said[1]
    assert burst["reached"] == pytest.approx(said[0], rel=HARD)
    assert burst["wall"]["name"] == "nofile"


def test_ports_of_a_source_address() -> None:
    """In a narrow range with a reserved port one source address reaches what check and capacity say, within 3 %."""
    with private_namespace() as inside:
        keys = "/proc/sys/net/ipv4/ip_local_"
        script = f"echo 41000-41099 > {keys}reserved_ports; echo '40000 42999' > {keys}port_range"
        subprocess.run(inside.command("sh", "-ec", script), check=True)
        name = "net.ipv4.ip_local_port_range"
        said = [allowed(run(inside, verb), "generator", name) for verb in ("capacity", "check")]
        burst = run(inside, "verify", "host", "-n", "4000", "--source", "127.1.0.1", "--hold", "0.2", "--force")
    assert said == [2_900, 2_900]
    assert burst["reached"] == pytest.approx(said[0], rel=HARD)
    assert burst["wall"]["name"] == name


@contextmanager
def memory_group(limit: int) -> Iterator[Path]:
    """A control group of version 1 with that memory limit; it is gone afterwards, with what ran in it."""
    need("cgroup1")
    group = GROUPS / f"wstune-test-{os.getpid()}"
    group.mkdir()
    try:
        (group / "memory.limit_in_bytes").write_text(str(limit))
        yield group
    finally:
        for pid in (group / "cgroup.procs").read_text().split():
            with suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)
        until = time.monotonic() + 20
        while (group / "cgroup.procs").read_text() and time.monotonic() < until:
            time.sleep(0.05)
        group.rmdir()


@pytest.mark.root
def test_memory_of_a_control_group() -> None:
    """In a group of 160 MB, both ends in it, as many are open at its first failcnt as capacity says, within 10 %.

    The reserves are off (--force). What the processes themselves take is known once the first thousands are open: from
    there on capacity says how many more.
    """
    room = 160 << 20
    with private_namespace() as inside, memory_group(room) as group:
        join = f'echo $$ > {group}/cgroup.procs; exec "$@"'
        command = inside.command(sys.executable, "-m", "wstune", "verify", "host", "-n", "60000", "--force", "--quiet")
        burst = subprocess.Popen(
            ["sh", "-c", join, "sh", *command], cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            said, reached = _until_full(inside, group, burst)
        finally:
            burst.kill()
            burst.communicate()
    assert reached == pytest.approx(said, rel=MEMORY)


def _until_full(inside: Namespace, group: Path, burst: subprocess.Popen[bytes]) -> tuple[int, int]:
    """(what capacity says of the whole, what is open when the group is full)."""
    said = None
    until = time.monotonic() + 60
    while time.monotonic() < until and burst.poll() is None:
        open_now = inside.sockets()[0] // 2
        if said is None and open_now >= 3_000:
            said = open_now + _more(group)
        if int((group / "memory.failcnt").read_text()):
            assert said is not None, "the group was full before the burst had begun"
            return said, open_now
        time.sleep(0.005)
    raise AssertionError(f"the group was never full: {inside.sockets()}")


def _more(group: Path) -> int:
    """How many more connections capacity says that the group has room for."""
    host = Host()
    limit, usage = (int((group / f"memory.{name}_in_bytes").read_text()) for name in ("limit", "usage"))
    facts = replace(host.facts(), cgroup_version=1, cgroup_memory_headroom=limit - usage)
    each = costs(CHAT_BYTES)
    readings = host.read_all(CATALOGUE[name] for name in NEEDS)
    held = capacity(Role.BOTH, readings, facts, host.usage(), each, reserve=0)
    (found,) = (limit for limit in held.limits if limit.name == "cgroup.memory.max")
    assert found.connections is not None
    return found.connections
