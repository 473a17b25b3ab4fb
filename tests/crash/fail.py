"""Let every step of apply and of rollback fail, with each error that a disk or a kernel may answer.

    unshare -n python -m tests.crash.fail WORKDIR [--all]

Without --all each step fails with one of the errors, once or from then on, in turn; with it, in every way. After
exit 4 everything must be as before; after any other, once what stands has been rolled back. Prints how many were tried.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from itertools import cycle
from pathlib import Path

from tests.crash.stage import STEPS, Stage

ERRORS = ("ENOSPC", "EIO", "EROFS", "EACCES", "EINVAL")

STEADY = ("", "+")
"""`when=K` fails once, `when=K+` from then on: also while undoing."""


def fail_everywhere(
    stage: Stage, arguments: list[str], prepare: Callable[[], None], *, every: bool, codes: tuple[int, ...]
) -> dict[int, int]:
    """Run a command once for each K of each system call, failing there; how often it ended with which code."""
    ended: dict[int, int] = {}
    kinds = [(error, steady) for steady in STEADY for error in ERRORS]
    turn = cycle(kinds)
    for name in STEPS:
        number, left = 1, True
        while left:
            for error, steady in kinds if every else (next(turn),):
                prepare()
                rule = f"inject={name}:error={error}:when={number}{steady}"
                run = stage.run(*arguments, strace=["-e", f"trace={name}", "-e", rule])
                left = "(INJECTED)" in (stage.work / "trace").read_text()
                what = f"{arguments[0]} with {error} at {name} {number}{steady}"
                stage.expect(run, *(codes if left else (0,)))
                if left and run.returncode == 4:
                    stage.require_as_before(what)
                    assert not stage.standing(), f"{what}: exit 4, and a transaction stands"
                stage.take_back()
                stage.require_as_before(what)
                if left:
                    ended[run.returncode] = ended.get(run.returncode, 0) + 1
            number += 1
    return ended


def main() -> int:
    stage, every = Stage(Path(sys.argv[1])), "--all" in sys.argv
    try:
        # 0: what failed does not matter, such as saying in the lock file who holds it; 2: nothing had begun.
        apply = fail_everywhere(stage, stage.apply_arguments(), stage.reset_journal, every=every, codes=(0, 2, 4, 5))

        def applied() -> None:
            stage.reset_journal()
            stage.expect(stage.run(*stage.apply_arguments()), 0)

        rollback = fail_everywhere(stage, ["rollback", "2"], applied, every=every, codes=(0, 2, 5))
    finally:
        stage.close()
    for verb, ended in (("apply", apply), ("rollback", rollback)):
        counts = ", ".join(f"{number} with exit {code}" for code, number in sorted(ended.items()))
        print(f"{verb}: {sum(ended.values())} failures injected: {counts}; everything was as before each time")  # noqa: T201
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
