"""One wstune at a time."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT
from wstune.errors import LockedError
from wstune.tuning.lock import NAME, locked, require_free

HOLDER = """
import sys
from wstune.tuning.lock import locked
with locked(sys.argv[1], now="05:00", command="apply million"):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_who_finds_it_taken_is_told_by_whom_and_since_when(tmp_path: Path) -> None:
    """Exit code 75; and when the holder is killed, what its file says is no obstacle."""
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT
    )
    assert holder.stdout is not None
    assert holder.stdin is not None
    assert holder.stdout.readline() == b"held\n"
    with pytest.raises(LockedError) as caught, locked(str(tmp_path), now="05:01", command="rollback"):
        pass
    assert caught.value.exit_code == 75
    assert f"pid {holder.pid}, apply million, since 05:00" in str(caught.value)
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    holder.stdin.close()
    holder.stdout.close()
    assert "apply million" in (tmp_path / NAME).read_text()
    with locked(str(tmp_path), now="05:02", command="rollback"):
        assert f"pid {os.getpid()}, rollback, since 05:02" in (tmp_path / NAME).read_text()


def test_a_link_in_its_place_is_not_followed(tmp_path: Path) -> None:
    """Somebody else's file is not truncated."""
    target = tmp_path / "precious"
    target.write_text("keep")
    (tmp_path / NAME).parent.mkdir()
    (tmp_path / NAME).symlink_to(target)
    from wstune.errors import UsageError

    with pytest.raises(UsageError, match="cannot open"), locked(str(tmp_path), now="", command=""):
        pass
    assert target.read_text() == "keep"


@pytest.mark.root
def test_nobody_else_can_hold_it(tmp_path: Path) -> None:
    """Neither a lock file that is there, nor the one that was readable by all once, is locked by a stranger's flock."""
    tmp_path.chmod(0o755)
    with locked(str(tmp_path), now="05:00", command="apply million"):
        pass
    (tmp_path / "lock").write_text("pid 1, apply million, since 05:00\n")
    (tmp_path / "lock").chmod(0o644)
    nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--pdeathsig", "KILL"]
    for name in (NAME, "lock"):
        path = tmp_path / name
        said = f"exec flock --nonblock {path} sh -c 'echo held; exec sleep 60'"
        with subprocess.Popen([*nobody, "sh", "-c", said], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as holder:
            assert holder.stdout is not None
            assert holder.stdout.readline() in (b"held\n", b"")  # held, or not even opened
            with locked(str(tmp_path), now="05:01", command="rollback"):
                pass
            holder.kill()
    assert (tmp_path / NAME).stat().st_mode & 0o777 == 0o600
    assert (tmp_path / NAME).parent.stat().st_mode & 0o777 == 0o700


def test_a_lock_file_that_others_could_read_is_tightened(tmp_path: Path) -> None:
    """And the directory that it is in."""
    (tmp_path / NAME).parent.mkdir(mode=0o755)
    (tmp_path / NAME).write_text("")
    (tmp_path / NAME).chmod(0o644)
    with locked(str(tmp_path), now="", command=""):
        assert (tmp_path / NAME).stat().st_mode & 0o777 == 0o600
        assert (tmp_path / NAME).parent.stat().st_mode & 0o777 == 0o700


def test_what_the_one_before_left_is_not_taken_for_the_holder(tmp_path: Path) -> None:
    """A process of that number may live, or none: it is said only of the one that holds it."""
    with locked(str(tmp_path), now="05:00", command="apply million"):
        pass
    fd = os.open(tmp_path / NAME, os.O_RDWR)
    for number in (1, 2**22 - 1):
        os.pwrite(fd, f"pid {number}, apply million, since 05:00\n".encode(), 0)
        fcntl.flock(fd, fcntl.LOCK_EX)
        with pytest.raises(LockedError, match="somebody holds the lock"):
            require_free(str(tmp_path))
        fcntl.flock(fd, fcntl.LOCK_UN)
    os.close(fd)
    require_free(str(tmp_path))
