"""One wstune at a time."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT
from wstune.errors import LockedError
from wstune.tuning.lock import NAME, locked

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
    (tmp_path / NAME).symlink_to(target)
    from wstune.errors import UsageError

    with pytest.raises(UsageError, match="cannot open"), locked(str(tmp_path), now="", command=""):
        pass
    assert target.read_text() == "keep"
