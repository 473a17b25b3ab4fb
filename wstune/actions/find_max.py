"""`wstune verify --find-max`: bursts of growing size until one breaks the objective, then bisection."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import assert_never

from wstune import signals
from wstune.actions.verify import run
from wstune.actions.verify_options import Progress, VerifyOptions
from wstune.actions.verify_outcome import BurstFinished, BurstInterrupted, BurstLost, BurstRefused, Outcome
from wstune.actions.verify_plan import room_of
from wstune.burst import budget
from wstune.burst.search import Objective, Step, broken, next_try
from wstune.errors import InconclusiveError
from wstune.host.host import Host
from wstune.verification import VerifyReport


def find_max(
    options: VerifyOptions, objective: Objective, on_progress: Callable[[Progress], None], host: Host | None = None
) -> Outcome:
    """The report of the largest burst that held, with the steps and what stopped the next one in its sentences.

    BurstRefused if not even the smallest held; BurstInterrupted with what was found until then.
    """
    host = host or Host()
    room = room_of(host, options)
    most = budget.plan(1, room, options.processes).fits
    if options.connections is not None:
        most = min(most, options.connections)
    steps: list[Step] = []
    best: VerifyReport | None = None
    stopped: VerifyReport | None = None
    with signals.held():  # but for the bursts, which let them in
        while (connections := next_try(steps, most)) is not None:
            match outcome := run(replace(options, connections=connections), on_progress, host):
                case BurstInterrupted(cut, number):
                    return BurstInterrupted(_so_far(cut, steps, best), number)
                case BurstRefused():
                    return outcome
                case BurstFinished(report) | BurstLost(report):
                    pass
                case _:
                    assert_never(outcome)
            step = Step(connections, _broken(objective, report))
            steps.append(step)
            if not step.broke:
                best = report
            elif stopped is None or connections < stopped.connections:
                stopped = report
    if best is None:
        why = steps[-1].broke if steps else "the budget has room for none"
        least = steps[-1].connections if steps else 1
        return BurstRefused(InconclusiveError(f"not even {least:,} connections held: {why}"))
    return BurstFinished(
        replace(
            best,
            wall=stopped.wall if stopped else best.wall,
            errors=stopped.errors if stopped else best.errors,
            sentences=(*_tried(steps), *best.sentences[:-1], _highest(steps, best, stopped, most)),
        )
    )


def _broken(objective: Objective, report: VerifyReport) -> str:
    return broken(
        objective,
        verdict=report.verdict,
        failed=report.open.failed,
        lost=report.lost,
        upgrade_p99=report.open.upgrade_ms.p99 if report.open.upgrade_ms else None,
        canary_p99=report.canary.rtt_ms.p99 if report.canary and report.canary.rtt_ms else None,
    )


def _so_far(cut: VerifyReport, steps: list[Step], best: VerifyReport | None) -> VerifyReport:
    """What a search that was interrupted in a burst has found: no answer, but the most that held until then."""
    tried = [*_tried(steps), f"tried {cut.connections:,}: interrupted"]
    if best is None:
        return replace(cut, sentences=(*tried, *cut.sentences[:-1], "interrupted before any burst had held"))
    held = f"interrupted; the most that held until then: {best.reached:,} connections"
    sentences = (*tried, *best.sentences[:-1], held)
    return replace(best, verdict=cut.verdict, wall=cut.wall, interrupted=True, sentences=sentences)


def _tried(steps: list[Step]) -> list[str]:
    return [f"tried {step.connections:,}: {step.broke or 'held'}" for step in steps]


def _highest(steps: list[Step], best: VerifyReport, stopped: VerifyReport | None, most: int) -> str:
    words = f"the most that held: {best.reached:,} connections"
    if stopped is None:
        return f"{words}; the budget has room for no more than {most:,}, so no wall was met"
    broke = next(step.broke for step in steps if step.connections == stopped.connections)
    wall = f"; the wall is {stopped.wall.name} ({stopped.wall.side})" if stopped.wall else ""
    return f"{words}; at {stopped.connections:,}: {broke}{wall}"
