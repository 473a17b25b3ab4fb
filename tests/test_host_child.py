"""A forked child answers, fails or is late: the parent always comes back, and leaves nothing behind."""

from __future__ import annotations

import errno
import os
import signal
import time
from pathlib import Path

import pytest

from wstune.host.child import CLONE_NEWNET, run, setns, unshare


def raise_enoent() -> None:
    raise FileNotFoundError(errno.ENOENT, "not there")


def raise_value_error() -> None:
    raise ValueError("a mistake of ours")


def kill_self() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def children() -> int:
    """How many children this process has, zombies included."""
    try:
        os.waitpid(-1, os.WNOHANG)
    except ChildProcessError:
        return 0
    return 1


def test_value_comes_back() -> None:
    """Whatever the child returns, above the size of a pipe's buffer too, and its pid is another."""
    value = {"text": "x" * 1_000_000, "none": None, "list": [1, (2, b"\0")]}
    assert run(lambda: value, 5) == value
    assert run(os.getpid, 5) != os.getpid()
    assert children() == 0


def test_os_error_comes_back() -> None:
    """With its number and words."""
    with pytest.raises(FileNotFoundError, match="not there"):
        run(raise_enoent, 5)


@pytest.mark.parametrize("fate", [raise_value_error, kill_self], ids=["mistake", "killed"])
def test_death_is_an_os_error(fate: object) -> None:
    """A child that dies without an answer is ECHILD, at once."""
    assert callable(fate)
    with pytest.raises(ChildProcessError):
        run(fate, 5)
    assert children() == 0


def test_late_child_is_killed() -> None:
    """It is bounded in time, and gone afterwards."""
    start = time.monotonic()
    with pytest.raises(TimeoutError):
        run(lambda: time.sleep(60), 0.1)
    assert time.monotonic() - start < 5
    assert children() == 0


def test_descriptors_stay_as_they_were() -> None:
    """No end of a pipe is left open."""
    before = sorted(path.name for path in Path("/proc/self/fd").iterdir())
    for act in (os.getpid, raise_enoent, kill_self):
        try:
            run(act, 5)
        except OSError:
            pass
    assert sorted(path.name for path in Path("/proc/self/fd").iterdir()) == before


def test_refused_system_call_is_an_os_error() -> None:
    """A descriptor that is no namespace is EINVAL, an impossible flag too."""
    with pytest.raises(OSError, match="Invalid argument"):
        run(lambda: setns(os.open("/dev/null", os.O_RDONLY), CLONE_NEWNET), 5)
    with pytest.raises(OSError, match="Invalid argument"):
        run(lambda: unshare(1), 5)
