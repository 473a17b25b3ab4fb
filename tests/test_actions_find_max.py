"""`verify --find-max`: which bursts are made, and what the report says of the most that held."""

from __future__ import annotations

import re
import signal
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tests.samples_verify import CASES
from wstune.actions import find_max as module
from wstune.actions.find_max import _highest, find_max
from wstune.actions.verify_options import VerifyOptions
from wstune.actions.verify_outcome import BurstFinished, BurstInterrupted, BurstLost, BurstRefused, Outcome
from wstune.actions.verify_target import Security, Target
from wstune.burst import budget
from wstune.burst.search import Objective, Step
from wstune.errors import InconclusiveError, UsageError
from wstune.verification import VerifyReport

ROOM = budget.Room(cpus=2, nofile=20_000, allowed={"memory": 200_000}, available_bytes=2 << 30)
SECURED_ROOM = replace(ROOM, allowed={"memory": 40_000})
SAMPLE_LOST = CASES["verify-worker-lost"]
HELD, MISSED, CUT = CASES["verify-confirmed"], CASES["verify-missed"], CASES["verify-interrupted"]


def held(connections: int, **changes: Any) -> VerifyReport:
    return replace(HELD, connections=connections, reached=connections, open=replace(HELD.open, failed=0), **changes)


def missed(connections: int) -> VerifyReport:
    return replace(MISSED, connections=connections, open=replace(MISSED.open, failed=7))


def search(
    monkeypatch: pytest.MonkeyPatch, burst: Callable[[int], VerifyReport], options: VerifyOptions | None = None
) -> tuple[VerifyReport, list[int]]:
    outcome, tried = searched(monkeypatch, lambda count: BurstFinished(burst(count)), options)
    assert isinstance(outcome, BurstFinished)
    return outcome.report, tried


def searched(
    monkeypatch: pytest.MonkeyPatch, burst: Callable[[int], Outcome], options: VerifyOptions | None = None
) -> tuple[Outcome, list[int]]:
    tried: list[int] = []

    def run(options: VerifyOptions, *_: object) -> Outcome:
        assert options.connections is not None
        tried.append(options.connections)
        return burst(options.connections)

    monkeypatch.setattr(module, "room_of", lambda _, options: SECURED_ROOM if options.target.security else ROOM)
    monkeypatch.setattr(module, "run", run)
    objective = Objective(upgrade_ms=1e9, canary_ms=1e9)
    return find_max(options or VerifyOptions(), objective, lambda _: None), tried


def test_the_most_that_held_between_what_held_and_what_broke(monkeypatch: pytest.MonkeyPatch) -> None:
    """Doubled until it breaks, then halved; the report is the best one's, the wall that of the least that broke."""
    report, tried = search(monkeypatch, lambda count: held(count) if count <= 5_300 else missed(count))
    assert tried[:4] == [1_000, 2_000, 4_000, 8_000]
    assert 5_100 < report.reached <= 5_300
    assert report.wall == MISSED.wall
    least = min(count for count in tried if count > 5_300)
    assert report.sentences[: len(tried)] == tuple(
        f"tried {count:,}: {'held' if count <= 5_300 else '7 failed, 0 lost'}" for count in tried
    )
    assert report.sentences[-1].startswith(
        f"the most that held: {report.reached:,} connections; at {least:,}: 7 failed"
    )
    assert MISSED.wall
    assert report.sentences[-1].endswith(f"the wall is {MISSED.wall.name} ({MISSED.wall.side})")


def test_n_is_the_most_that_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    """All held: no wall was met, and that is said."""
    report, tried = search(monkeypatch, held, VerifyOptions(connections=3_000))
    assert tried == [1_000, 2_000, 3_000]
    assert report.sentences[-1] == (
        "the most that held: 3,000 connections; the budget has room for no more than 3,000, so no wall was met"
    )


def test_the_budget_of_wss_is_smaller(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is tried at the most is what memory allows with TLS."""
    there = Target("wss://192.0.2.1/", "192.0.2.1", 443, security=Security())
    _, tried = search(monkeypatch, held, VerifyOptions(target=there))
    assert tried[-1] == 40_000


def test_not_even_the_first_held(monkeypatch: pytest.MonkeyPatch) -> None:
    """Then there is no best, and the reason is the error."""
    outcome, _ = searched(monkeypatch, lambda count: BurstFinished(missed(count)))
    assert isinstance(outcome, BurstRefused)
    assert isinstance(outcome.error, InconclusiveError)
    assert re.fullmatch(r"not even \d+ connections held: 7 failed, 0 lost", str(outcome.error))


def test_a_burst_that_is_refused_ends_the_search(monkeypatch: pytest.MonkeyPatch) -> None:
    """For whatever reason; it is what the search comes to."""
    refused = BurstRefused(UsageError("port 80 is in use"))
    outcome, tried = searched(monkeypatch, lambda _: refused)
    assert outcome is refused
    assert len(tried) == 1


def test_a_burst_that_was_lost_is_judged_by_its_report(monkeypatch: pytest.MonkeyPatch) -> None:
    """It did not hold, so the search goes on below it."""
    lost = replace(SAMPLE_LOST, connections=2_000)
    outcome, tried = searched(
        monkeypatch, lambda count: BurstFinished(held(count)) if count < 2_000 else BurstLost(lost)
    )
    assert isinstance(outcome, BurstFinished)
    assert outcome.report.reached < 2_000
    assert len(tried) > 2


def interrupted(connections: int) -> BurstInterrupted:
    return BurstInterrupted(replace(CUT, connections=connections), signal.SIGTERM)


def test_an_interrupted_search_ends_with_what_it_has(monkeypatch: pytest.MonkeyPatch) -> None:
    """A signal in the third burst: no fourth, and no answer, but what held until then."""
    tried: list[int] = []

    def burst(count: int) -> Outcome:
        tried.append(count)
        return BurstFinished(held(count)) if count <= 2_000 else interrupted(count)

    outcome, _ = searched(monkeypatch, burst)
    assert tried == [1_000, 2_000, 4_000]
    assert isinstance(outcome, BurstInterrupted)
    assert outcome.number == signal.SIGTERM
    report = outcome.report
    assert (report.verdict, report.interrupted, report.reached) == ("inconclusive", True, 2_000)
    assert report.wall == CUT.wall
    assert report.sentences[:3] == ("tried 1,000: held", "tried 2,000: held", "tried 4,000: interrupted")
    assert report.sentences[-1] == "interrupted; the most that held until then: 2,000 connections"


def test_interrupted_in_the_first_burst_nothing_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The report is that of the burst that was cut short, and says so."""
    outcome, _ = searched(monkeypatch, interrupted)
    assert isinstance(outcome, BurstInterrupted)
    assert outcome.report.sentences[-1] == "interrupted before any burst had held"


def test_the_highest_in_words() -> None:
    """Why the next one broke, and by which wall where one was found."""
    steps = [Step(1_000, ""), Step(2_000, "3 failed, 0 lost")]
    best = held(1_000)
    assert _highest(steps, best, replace(missed(2_000), wall=None), 9_000) == (
        "the most that held: 1,000 connections; at 2,000: 3 failed, 0 lost"
    )
