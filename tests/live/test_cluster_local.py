"""A cluster of two workers on this machine, in a namespace of its own: one report, and nothing left."""

from __future__ import annotations

import fcntl
import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.live.namespace import Namespace, private_namespace, wait_until
from tests.live.test_verify_host import _end

pytestmark = [pytest.mark.live, pytest.mark.netns, pytest.mark.slow]


TALK = ("--talkers", "4", "--message-rate", "10")


def nothing_left(inside: Namespace) -> bool:
    """No process, and no socket but what Dask's own connections left in TIME_WAIT."""
    return inside.processes() == [] and inside.sockets()[0] == 0


def test_two_workers_are_one_burst() -> None:
    """Their shares, a fan-out to all, chat between them, and at the end no process and no socket."""
    with private_namespace() as inside:
        process = inside.verify("-n", "2000", "--hold", "4", "--cluster", "local:2", *TALK)
        report = _end(process, 60)
        assert report["exit_code"] == 0, report["sentences"]
        assert [row["opened"] for row in report["machines"]] == [1000, 1000]
        assert report["fanout"]["delivered"] == 2000
        assert report["talk"]["delivered"] == report["talk"]["expected"] > 0
        assert report["talk"]["latency_ms"]["p50"] < 5_000
        assert wait_until(lambda: nothing_left(inside), 10)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_interrupted_it_leaves_nothing(number: int) -> None:
    """Whichever signal comes while they hold: a report, and no process."""
    with private_namespace() as inside:
        process = inside.verify("-n", "1000", "--hold", "60", "--cluster", "local:2")
        assert wait_until(lambda: inside.sockets()[0] >= 2000, 40)
        process.send_signal(number)
        out, err = process.communicate(timeout=40)
        report = json.loads(out)
        assert (process.returncode, report["exit_code"], err) == (128 + number, 128 + number, "")
        assert report["interrupted"]
        assert wait_until(lambda: nothing_left(inside), 10)


def test_killed_it_leaves_nothing_to_say() -> None:
    """No process is left, and nothing warns at the terminal of semaphores."""
    with private_namespace() as inside:
        process = inside.verify("-n", "1000", "--hold", "60", "--cluster", "local:2")
        assert wait_until(lambda: inside.sockets()[0] >= 2000, 40)
        process.kill()
        _, err = process.communicate(timeout=40)
        assert err == ""
        assert wait_until(lambda: nothing_left(inside), 10)


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    """A directory for temporary files that somebody else was in first: in Dask's own there is a link of theirs."""
    scratch = tmp_path / "dask-scratch-space"
    scratch.mkdir()
    scratch.chmod(0o777)
    tmp_path.chmod(0o1777)
    return tmp_path


def burst_in(inside: Namespace, temporary: Path, *more: str) -> subprocess.Popen[str]:
    """A small burst of one local worker whose TMPDIR is this."""
    command = [sys.executable, "-m", "wstune", "verify", "host", "--cluster", "local:1", "-n", "10", "--format", "json"]
    process = subprocess.Popen(
        inside.command("env", f"TMPDIR={temporary}", *command, *more),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    inside.started.append(process)
    return process


def test_a_link_of_another_user_empties_no_file(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """The lock of Dask's directory in /tmp is a link to another's file: nothing is written through it, nor there."""
    victim = tmp_path_factory.mktemp("of-root") / "victim"
    victim.write_text("precious\n")
    link = shared / "dask-scratch-space/global.lock"
    link.symlink_to(victim)
    with private_namespace() as inside:
        report = _end(burst_in(inside, shared, "--hold", "0s"), 60)
        assert report["exit_code"] == 0, report["sentences"]
    assert victim.read_text() == "precious\n"
    assert sorted(path.name for path in shared.iterdir()) == ["dask-scratch-space"]
    assert list((shared / "dask-scratch-space").iterdir()) == [link]


def test_a_lock_of_another_user_holds_nobody_up(shared: Path) -> None:
    """Whoever holds the lock of Dask's directory in /tmp holds it for ever: the burst does not ask for it."""
    with (shared / "dask-scratch-space/global.lock").open("w") as held, private_namespace() as inside:
        fcntl.flock(held, fcntl.LOCK_EX)
        report = _end(burst_in(inside, shared, "--hold", "0s"), 60)
        assert report["exit_code"] == 0, report["sentences"]


def test_killed_it_leaves_no_directory(tmp_path: Path) -> None:
    """The run's own directory is its user's alone, and goes with it, also when nobody could tidy up."""
    with private_namespace() as inside:
        process = burst_in(inside, tmp_path, "--hold", "60s")
        assert wait_until(lambda: inside.sockets()[0] >= 20, 40)
        (made,) = tmp_path.glob("wstune-*")
        assert made.stat().st_mode & 0o777 == 0o700
        process.kill()
        assert wait_until(lambda: not any(tmp_path.iterdir()), 20), list(tmp_path.rglob("*"))
