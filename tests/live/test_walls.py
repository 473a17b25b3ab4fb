"""Each wall of this host is met for real, and named rightly: its name, its side, the verdict, the exit code."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT, need
from tests.live.namespace import Namespace, private_namespace, wait_until

pytestmark = [pytest.mark.live, pytest.mark.netns, pytest.mark.slow]


@pytest.fixture
def inside() -> Iterator[Namespace]:
    with private_namespace() as namespace:
        yield namespace


@contextmanager
def faulty(inside: Namespace, kind: str) -> Iterator[str]:
    """A server of that kind inside; its URL."""
    command = inside.command(sys.executable, "-m", "tests.live.servers", kind)
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        if kind == "refuses":
            time.sleep(0.2)
        yield f"ws://127.0.0.1:{port}/"
    finally:
        process.kill()
        process.communicate()


def start(inside: Namespace, target: str, *arguments: str, prefix: tuple[str, ...] = ()) -> subprocess.Popen[str]:
    program = [*prefix, sys.executable, "-m", "wstune", "verify", target, "--format", "json", *arguments]
    process = subprocess.Popen(
        inside.command(*program), cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    inside.started.append(process)
    return process


def finish(process: subprocess.Popen[str], seconds: float = 100) -> tuple[int, dict[str, Any]]:
    out, err = process.communicate(timeout=seconds)
    assert out, err
    report: dict[str, Any] = json.loads(out)
    return process.returncode, report


def wall(report: dict[str, Any]) -> tuple[str, str, str]:
    assert report["wall"], report["sentences"]
    return report["wall"]["name"], report["wall"]["side"], report["verdict"]


def test_our_servers_files(inside: Namespace) -> None:
    """The built-in server, held to one process with too few descriptors: nofile, the server's."""
    code, report = finish(
        start(inside, "host", "-n", "900", "--hold", "0", "--processes", "1", prefix=("prlimit", "--nofile=600"))
    )
    assert wall(report) == ("nofile", "server", "missed")
    assert code == 1


def test_the_generators_files(inside: Namespace) -> None:
    """A generator whose own nofile is taken away in mid-burst: nofile, the generator's, inconclusive."""
    with faulty(inside, "good") as url:
        process = start(inside, url, "-n", "3000", "--hold", "0", "--rate", "500", prefix=("prlimit", "--nofile=4000"))

        def lower() -> bool:
            pids = [pid for pid in inside.processes() if b"burst.coordinator" in cmdline(pid)]
            for pid in pids:
                resource.prlimit(pid, resource.RLIMIT_NOFILE, (400, 4000))
            return len(pids) >= 3  # the coordinator and two generators

        assert wait_until(lower, 10)
        code, report = finish(process)
    assert wall(report) == ("nofile", "generator", "inconclusive")
    assert code == 3


def cmdline(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def test_the_port_range(inside: Namespace) -> None:
    """2,000 ports and one source address: the generator's ports, inconclusive."""
    _write(inside, "net/ipv4/ip_local_port_range", "20000 21999")
    with faulty(inside, "good") as url:
        code, report = finish(start(inside, url, "-n", "3000", "--hold", "0", "--source", "127.0.0.5"))
    assert report["reached"] == pytest.approx(2000, abs=2)
    assert wall(report) == ("net.ipv4.ip_local_port_range", "generator", "inconclusive")
    assert code == 3


@pytest.mark.root
def test_a_memory_group(tmp_path: Path, inside: Namespace) -> None:
    """In a group of 64 MB the guard stops the burst before the OOM killer does, and says so."""
    with memory_group(64 << 20) as enter:
        code, report = finish(
            start(
                inside, "host", "-n", "6000", "--hold", "0", "--force", prefix=("sh", "-c", f'{enter}; exec "$@"', "sh")
            )
        )
    assert wall(report)[0] in ("cgroup.memory.max", "worker-lost")
    assert report["reached"] < 20_000
    assert code in (1, 3)


@contextmanager
def memory_group(limit: int) -> Iterator[str]:
    """A cgroup v1 or v2 below the one that we are in; what a shell does to enter it."""
    base = Path("/sys/fs/cgroup/memory")
    if not (base / "memory.limit_in_bytes").exists() or not os.access(base, os.W_OK):
        pytest.skip("this machine has no cgroup v1 memory controller that may be written")
    group = base / f"wstune-test-{os.getpid()}"
    group.mkdir()
    try:
        (group / "memory.limit_in_bytes").write_text(str(limit))
        yield f"echo $$ > {group}/cgroup.procs"
    finally:
        assert wait_until(lambda: _removed(group), 10)


def _removed(group: Path) -> bool:
    try:
        group.rmdir()
    except OSError:
        return not group.exists()
    return True


def _write(inside: Namespace, key: str, value: str) -> None:
    need("netns")
    done = subprocess.run(
        inside.command("sh", "-c", f"echo '{value}' > /proc/sys/{key}"), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
