"""apply and rollback killed, interrupted, and let fail, at every step; what they write compared with the plan.

The tries themselves are programs (`python -m tests.crash.kill`, `.interrupt`, `.fail`, `.writes`, `.disks`), because
they must run inside namespaces of their own.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import mkdtemp

import pytest

from tests.conftest import ROOT

pytestmark = [pytest.mark.strace, pytest.mark.netns, pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture
def work(tmp_path: Path) -> Iterator[Path]:
    """A directory in memory where there is one: hundreds of fsync(2) take minutes on a disk, and prove nothing here."""
    shm = Path("/dev/shm")  # noqa: S108 - with a name of its own
    if not os.access(shm, os.W_OK):
        yield tmp_path
        return
    path = Path(mkdtemp(prefix="wstune-crash-", dir=shm))
    yield path
    shutil.rmtree(path)


def run(program: str, work: Path, *arguments: str) -> str:
    """What one of the programs printed; it must exit 0."""
    unshare = ["unshare", "-n"] if os.geteuid() == 0 else ["unshare", "-Urn"]
    done = subprocess.run(
        [*unshare, "-m", sys.executable, "-m", f"tests.crash.{program}", str(work), *arguments],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def tell(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """Say it in the summary of the run, in whichever process this test is."""
    return lambda text: record_property("told", text.rstrip())


def test_killed_at_every_step_rollback_brings_back_the_state_before(work: Path, tell: Callable[[str], None]) -> None:
    """SIGKILL at each system call that changes something, of apply and of rollback: over 100 of them."""
    text = run("kill", work)
    tell(text)
    found = re.search(r"survived all (\d+)", text)
    assert found
    assert int(found[1]) > 100


def test_failing_at_every_step_everything_is_undone_or_can_be(work: Path, tell: Callable[[str], None]) -> None:
    """ENOSPC, EIO, EROFS, EACCES, EINVAL, once and from then on: exit 4 with all undone, or rollback completes it."""
    text = run("fail", work)
    tell(text)
    assert re.search(r"apply: \d+ failures injected: .*with exit 4", text)


def test_a_signal_at_any_step_leaves_nothing_half_way(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """SIGTERM and SIGINT: apply is undone (exit 4), a rollback goes on to its end; no transaction is cut short."""
    text = run("interrupt", work)
    with capsys.disabled():
        sys.stdout.write("\n" + text)
    assert re.search(r"apply: \d+ signals sent: .*with exit 4", text)
    assert re.search(r"rollback: \d+ signals sent: \d+ with exit 0; nothing", text)


def test_nothing_is_written_outside_the_plan(work: Path) -> None:
    """Every path that apply and rollback open for writing, make, rename or remove is one that the plan names."""
    assert "nothing else was written" in run("writes", work)


def test_a_read_only_or_full_disk_leaves_all_as_it_was(work: Path, tell: Callable[[str], None]) -> None:
    """The disk of /etc and that of the journal, with each number of blocks and inodes left: exit 4 and all put back."""
    text = run("disks", work)
    tell(text)
    assert re.search(r"apply: \d+ disks: .*with exit 4; everything was as before", text)
