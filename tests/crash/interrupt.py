"""Send SIGTERM and SIGINT at every step of apply and of rollback, and show that neither is left half way.

    unshare -n python -m tests.crash.interrupt WORKDIR [--all]

Whatever comes of it, no transaction is cut short or half taken back afterwards: either all is as it was, or it stands
whole and rollback takes it back. Without --all, every ninth fsync is tried; each act has at least two.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from pathlib import Path

from tests.crash.stage import STEPS, Stage
from wstune.tuning.journal import Journal
from wstune.tuning.records import Standing

SIGNALS = ("TERM", "INT")
UNDONE = 4
WHOLE = (Standing.APPLIED, Standing.CLOSED)


def interrupt_everywhere(
    stage: Stage, arguments: list[str], prepare: Callable[[], None], *, every: bool
) -> dict[int, int]:
    """Run a command once for each K of each system call with a signal there; how often it ended with which code."""
    ended: dict[int, int] = {}
    for name in STEPS if every else ("fsync",):
        for sign in SIGNALS:
            number, came = 1, True
            while came:
                prepare()
                rule = f"inject={name}:signal={sign}:when={number}"
                run = stage.run(*arguments, strace=["-e", f"trace={name}", "-e", rule])
                came = f"--- SIG{sign} " in (stage.work / "trace").read_text()
                what = f"{arguments[0]} with SIG{sign} at {name} {number}"
                # Before and after the transaction the signal ends the program as it does any other.
                died = -signal.Signals[f"SIG{sign}"], 128 + signal.Signals[f"SIG{sign}"]
                stage.expect(run, *((0, UNDONE, *died) if came else (0,)))
                standings = {txn.standing for txn in Journal(str(stage.state)).transactions()}
                assert standings <= set(WHOLE), f"{what}: {standings}"
                if run.returncode == UNDONE:
                    assert f"ERROR interrupted by SIG{sign}; " in run.stderr, run.stderr
                    stage.require_as_before(what)
                stage.take_back()
                stage.require_as_before(what)
                if came:
                    ended[run.returncode] = ended.get(run.returncode, 0) + 1
                number += 1 if every else 9
    return ended


def main() -> int:
    # What is started in the background of a script ignores Ctrl-C, and so would each wstune here.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    stage, every = Stage(Path(sys.argv[1])), "--all" in sys.argv
    try:
        apply = interrupt_everywhere(stage, stage.apply_arguments(), stage.reset_journal, every=every)

        def applied() -> None:
            stage.reset_journal()
            stage.expect(stage.run(*stage.apply_arguments()), 0)

        rollback = interrupt_everywhere(stage, ["rollback", "2"], applied, every=every)
    finally:
        stage.close()
    for verb, ended in (("apply", apply), ("rollback", rollback)):
        counts = ", ".join(f"{number} with exit {code}" for code, number in sorted(ended.items()))
        print(f"{verb}: {sum(ended.values())} signals sent: {counts}; nothing was left half way")  # noqa: T201
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
