"""Kill wstune at every step of apply and of rollback, and show that rollback then brings back the state before.

    unshare -n python -m tests.crash.kill WORKDIR

Prints how many points were tried. Exits 1 at the first that was not survived.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from pathlib import Path

from tests.crash.stage import STEPS, Stage


def kill_everywhere(stage: Stage, arguments: list[str], prepare: Callable[[], None]) -> int:
    """Run a command once for each K of each system call, killing it there; the number of kills survived."""
    survived = 0
    for name in STEPS:
        number = 0
        while True:
            number += 1
            prepare()
            run = stage.run(
                *arguments, strace=["-e", f"trace={name}", "-e", f"inject={name}:signal=KILL:when={number}"]
            )
            killed = run.returncode in (-signal.SIGKILL, 128 + signal.SIGKILL)
            if not killed:
                stage.expect(run, 0)
            stage.take_back()
            stage.require_as_before(f"{arguments[0]} killed at {name} {number}")
            if not killed:
                break
            survived += 1
    return survived


def main() -> int:
    stage = Stage(Path(sys.argv[1]))
    try:
        apply = kill_everywhere(stage, stage.apply_arguments(), stage.reset_journal)

        def applied() -> None:
            stage.reset_journal()
            stage.expect(stage.run(*stage.apply_arguments()), 0)

        rollback = kill_everywhere(stage, ["rollback", "2"], applied)
    finally:
        stage.close()
    print(f"killed at {apply} steps of apply and {rollback} steps of rollback; survived all {apply + rollback}")  # noqa: T201
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
