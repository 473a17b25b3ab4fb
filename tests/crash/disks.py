"""Let the disk of /etc, and that of the journal, be read-only or full, with any room that is left.

    unshare -n -m python -m tests.crash.disks WORKDIR

After exit 4 everything is as before and no transaction stands; what else stands is taken back once there is room.
Prints how many disks were tried.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path

from tests.crash.stage import Stage

Bad = Callable[[], AbstractContextManager[None]]
"""Makes a disk so while it lasts."""

BLOCK = 4096
SIZE, INODES = 64, 64
"""Blocks and inodes of a disk; what is used of it is far less."""


@contextmanager
def disk(place: Path) -> Iterator[None]:
    """A file system of its own in a place, with what was there."""
    kept = place.with_name(f"{place.name}-kept")
    subprocess.run(["cp", "-a", place, kept], check=True)
    options = f"size={SIZE * BLOCK},nr_inodes={INODES},mode=755"
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "none", place], check=True)
    try:
        subprocess.run(["cp", "-a", f"{kept}/.", place], check=True)
        yield
    finally:
        subprocess.run(["umount", place], check=True)
        shutil.rmtree(kept)


@contextmanager
def read_only(place: Path) -> Iterator[None]:
    """Nothing can be written there."""
    subprocess.run(["mount", "-o", "remount,ro", place], check=True)
    try:
        yield
    finally:
        subprocess.run(["mount", "-o", "remount,rw", place], check=True)


@contextmanager
def full(place: Path, *, blocks: int | None = None, inodes: int | None = None) -> Iterator[None]:
    """Only so many blocks, or inodes, are left there."""
    ballast = place / "ballast"
    ballast.mkdir()
    if blocks is not None:
        room = int(subprocess.check_output(["stat", "-f", "--format=%a", place]))
        (ballast / "file").write_bytes(b"\0" * ((room - blocks) * BLOCK))
    if inodes is not None:
        room = int(subprocess.check_output(["stat", "-f", "--format=%d", place]))
        for number in range(room - inodes):
            (ballast / str(number)).touch()
    try:
        yield
    finally:
        shutil.rmtree(ballast)


def disks(place: Path) -> Iterator[tuple[str, Bad]]:
    """Each kind of disk: its name, and what makes it so."""
    yield "read-only", partial(read_only, place)
    for room in range(14):
        yield f"with {room} blocks left", partial(full, place, blocks=room)
        yield f"with {room} inodes left", partial(full, place, inodes=room)


def main() -> int:
    stage = Stage(Path(sys.argv[1]))
    ended: dict[str, Counter[int]] = {"apply": Counter(), "rollback": Counter()}
    try:
        for place in (stage.etc, stage.state):
            for what, bad in disks(place):
                stage.reset_journal()
                with disk(place):
                    _apply(stage, f"apply, {place.name} {what}", bad, ended["apply"])
                    _rollback(stage, f"rollback, {place.name} {what}", bad, ended["rollback"])
    finally:
        stage.close()
    for verb, codes in ended.items():
        counts = ", ".join(f"{number} with exit {code}" for code, number in sorted(codes.items()))
        print(f"{verb}: {sum(codes.values())} disks: {counts}; everything was as before each time")  # noqa: T201
    return 0


def _apply(stage: Stage, what: str, bad: Bad, ended: Counter[int]) -> None:
    with bad():
        run = stage.run(*stage.apply_arguments())
    stage.expect(run, 0, 2, 4)
    ended[run.returncode] += 1
    if run.returncode:
        said = ("nothing was changed", "everything was put back", "name another place with --state-dir")
        assert any(words in run.stderr for words in said), f"{what}: {run.stderr}"
        assert not stage.standing(), f"{what}: exit {run.returncode}, and a transaction stands"
        stage.require_as_before(what)
    stage.take_back()
    stage.require_as_before(what)


def _rollback(stage: Stage, what: str, bad: Bad, ended: Counter[int]) -> None:
    stage.expect(stage.run(*stage.apply_arguments()), 0)
    (txn,) = stage.standing()
    with bad():
        run = stage.run("rollback", txn)
    stage.expect(run, 0, 2, 5)
    ended[run.returncode] += 1
    assert bool(run.returncode) is bool(stage.standing()), f"{what}: exit {run.returncode}\n{run.stdout}{run.stderr}"
    stage.take_back()
    stage.require_as_before(what)


if __name__ == "__main__":
    raise SystemExit(main())
