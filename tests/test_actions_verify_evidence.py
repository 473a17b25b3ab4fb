"""From what a burst has shown to its report: counts, phases of what was lost, and what is evidence for a wall."""

from __future__ import annotations

from typing import Any

import pytest

from tests.verify_runs import run_of
from wstune.actions import verify_evidence
from wstune.actions.verify_evidence import complete, outcome
from wstune.actions.verify_options import VerifyOptions
from wstune.actions.verify_outcome import BurstFinished, BurstInterrupted, BurstLost
from wstune.actions.verify_state import Run
from wstune.actions.verify_target import Target
from wstune.burst import scenario, tally
from wstune.burst.engine import events
from wstune.readiness.evidence import Evidence
from wstune.verification import Machine, VerifyReport

STEPS = scenario.Scenario((scenario.Session("s", steps=(scenario.Send("x"),)),))
ENDS = scenario.Scenario((scenario.Session("s", steps=(scenario.Close(),)),))


def burst(connections: int = 1_000, reached: int | None = None, **changes: Any) -> Run:
    """A burst that has opened its connections within a second; `changes` are attributes of the Run, or of its
    evidence."""
    made = run_of(VerifyOptions(**changes.pop("options", {})), connections)
    made.evidence.remember(0.0, 0)
    made.evidence.remember(1.0, connections if reached is None else reached)
    for name, value in changes.items():
        setattr(made if hasattr(made, name) else made.evidence, name, value)
    return made


def report_of(run: Run) -> VerifyReport:
    ended = outcome(run)
    assert isinstance(ended, BurstFinished)
    return ended.report


def completed(run: Run) -> Evidence:
    complete(run)
    return run.evidence


def closed(**words: int) -> events.CloseEvent:
    """A close with these words of the tally, and a server that is well."""
    counts = [0] * tally.LENGTH
    for name, word in words.items():
        counts[getattr(tally, name)] = word
    return events.CloseEvent(events.Counts(tuple(counts)), 10, 10, 10, server=events.ServerState(1))


def machine(
    name: str, share: int = 1_000, opened: int = 1_000, lost: int = 0, gone: str = "", failed: int = 0
) -> Machine:
    return Machine(name, "10.0.0.1", share, opened, failed, lost, 1.0, None, None, "", None, 0.0, 0.0, gone)


def test_a_burst_that_held() -> None:
    """The most open at once is what was reached; the rate is by the opening's own time."""
    report = report_of(
        burst(opened=events.OpenEvent(0.5, events.Standing(1_000)), closed=closed(STARTED=1_000, OPEN=1_000))
    )
    assert (report.verdict, report.reached, report.lost) == ("confirmed", 1_000, 0)
    assert (report.open.seconds, report.open.rate) == (0.5, 2_000.0)
    assert report.open.lag_ms is None
    assert report.close is not None
    assert (report.close.sample, report.close.graceful) == (10, 10)


def test_a_share_that_was_lost_while_opening_is_no_loss_of_the_hold() -> None:
    """Lost before it had opened its share: phase open, with all that it was to open; later: hold, what it had open."""
    early, late = machine("gen1", 1_000, 600, 600, "silent", failed=50), machine("gen2", 1_000, 1_000, 1_000, "killed")
    found = burst(machines=(early, late, machine("gen3")), lost_opening=frozenset({"gen1"}), closed=closed())
    errors = completed(found).errors
    assert errors == {("generator", "open", "MACHINE-LOST"): 950, ("generator", "hold", "MACHINE-LOST"): 1_000}
    found.evidence.machines_lost = {"gen1": "silent", "gen2": "killed"}
    report = report_of(found)
    assert (report.verdict, report.lost) == ("inconclusive", 1_600)
    assert {(error.phase, error.count, error.side) for error in report.errors} == {
        ("open", 950, "generator"),
        ("hold", 1_000, "generator"),
    }
    assert report.wall is not None
    assert (report.wall.name, report.wall.side) == ("machine-lost", "generator")


def test_a_machine_that_never_started_is_told_too() -> None:
    """It had nothing open, and its whole share is missing."""
    gone = machine("gen1", 1_000, 0, 0, "its task failed there")
    found = burst(machines=(gone, machine("gen2")), lost_opening=frozenset({"gen1"}))
    assert completed(found).errors == {("generator", "open", "MACHINE-LOST"): 1_000}


def test_what_the_server_counts_is_the_servers() -> None:
    """Its failed accepts, with the errno by name."""
    event = closed()._replace(server=events.ServerState(1, 3, 24))
    assert completed(burst(closed=event)).errors == {("server", "accept", "EMFILE"): 3}


@pytest.mark.parametrize(
    ("machines", "said"),
    [
        ((), ""),
        ((machine("gen1", lost=1_000),), ""),
        ((machine("gen1", lost=1_000), machine("gen2")), "gen1 lost 1,000 of its 1,000, the others none"),
        ((machine("gen1", lost=900), machine("gen2")), "gen1 lost 900 of its 1,000, the others none"),
        ((machine("gen1", lost=899), machine("gen2")), ""),
        ((machine("gen1", lost=1_000), machine("gen2", lost=1)), ""),
        ((machine("gen1"), machine("gen2")), ""),
    ],
    ids=["none", "alone", "one of two", "nearly all", "too few", "both", "nobody"],
)
def test_one_machine_that_loses_alone_is_cut_off(machines: tuple[Machine, ...], said: str) -> None:
    """Where others keep theirs it is not the server that drops them."""
    assert verify_evidence._cut_off(machines) == said


def test_who_closes_by_himself_is_not_missing() -> None:
    """Of a scenario whose sessions end, only what failed or never began is short of the target."""

    def wanted(scenario: scenario.Scenario | None = ENDS, **words: int) -> int:
        return completed(burst(reached=400, options={"scenario": scenario}, closed=closed(**words))).wanted

    assert wanted(STARTED=1_000) == 400
    assert wanted(STARTED=1_000, FAILED=5) == 405
    assert wanted(STARTED=900, FAILED=5) == 505
    assert wanted(None, STARTED=900, FAILED=5) == 1_000
    report = report_of(burst(reached=400, options={"scenario": ENDS}, closed=closed(STARTED=1_000)))
    assert (report.connections, report.verdict) == (1_000, "confirmed")


def test_processes_that_were_lost_are_counted_by_their_side() -> None:
    """The coordinator is the generator's."""
    lost = [events.LostProcess(side, pid) for side, pid in (("server", 9), ("generator", 9), ("generator", 11))]
    evidence = completed(burst(closed=closed()._replace(lost=tuple(lost)), lost=True))
    assert evidence.workers_lost == {"server": 1, "generator": 3}


def test_figures_that_need_something_to_have_happened() -> None:
    """No ping, no fan-out, no talk, no scenario: none of their figures; with them, their sums."""
    bare = report_of(burst())
    assert (bare.pings, bare.fanout, bare.talk, bare.scenario, bare.close) == (None, None, None, None, None)
    said = events.FanoutEvent(10, 8, 2.0, 1.0)
    full = report_of(
        burst(
            pings=[events.PingEvent(10, 9), events.PingEvent(10, 10)],
            fanouts=[said, said._replace(seconds=3.0)],
            talk=events.TalkEvent(2, 10),
            talk_seconds=4.0,
            options={"scenario": STEPS},
            closed=closed(TALK_SAID=3, TALK_HEARD=28, SCRIPT_SAID=4, SCRIPT_HEARD=5, ENDED=6, PENDING=7),
        )
    )
    assert full.pings is not None
    assert (full.pings.rounds, full.pings.sent, full.pings.answered) == (2, 20, 19)
    assert full.fanout is not None
    assert (full.fanout.messages, full.fanout.expected, full.fanout.delivered, full.fanout.rate) == (2, 20, 16, 16 / 5)
    assert full.talk is not None
    assert (full.talk.expected, full.talk.delivered, full.talk.rate) == (30, 28, 7.0)
    assert full.scenario is not None
    assert (full.scenario.said, full.scenario.heard, full.scenario.ended, full.scenario.unfinished) == (4, 5, 6, 7)


def test_a_server_elsewhere_has_its_url_and_none_of_our_processes() -> None:
    """As it was given."""
    report = report_of(burst(options={"target": Target("wss://chat.example/x", "192.0.2.1", 443)}))
    assert (report.url, report.processes.server) == ("wss://chat.example/x", 0)


def test_how_a_burst_ended() -> None:
    """Each end is a type of its own; an interruption comes before a coordinator that was lost by it."""
    assert isinstance(outcome(burst()), BurstFinished)
    assert isinstance(outcome(burst(lost=True)), BurstLost)
    ended = outcome(burst(lost=True, interrupted=15))
    assert isinstance(ended, BurstInterrupted)
    assert (ended.number, ended.report.interrupted) == (15, True)
    assert ended.saying("a", "b").report.sentences[-3:-1] == ("a", "b")
    assert ended.saying("a").report.sentences[-1] == ended.report.sentences[-1]


def test_a_hold_adds_nothing_to_the_timeline() -> None:
    """Of moments between which nothing changed the first and the last stay; each change has its moment."""
    evidence = Evidence(10)
    for second in range(1000):
        evidence.remember(float(second), min(second, 3) - (second > 500))
    assert evidence.timeline == [(0.0, 0), (1.0, 1), (2.0, 2), (3.0, 3), (500.0, 3), (501.0, 2), (999.0, 2)]
    assert evidence.reached == 3


def test_the_timeline_is_in_order_whenever_a_moment_is_told() -> None:
    """The end of opening, 0.142 s, is told after the look at 0.143 s that came before it was known."""
    evidence = Evidence(5_000)
    for seconds, count in ((0.034, 900), (0.143, 5_000), (0.142, 5_000), (1.0, 5_000), (2.0, 5_000)):
        evidence.remember(seconds, count)
    assert evidence.timeline == [(0.034, 900), (0.142, 5_000), (2.0, 5_000)]
    assert evidence.reached == 5_000
