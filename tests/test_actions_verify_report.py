"""From what a burst has shown to its report: counts, phases of what was lost, and what is evidence for a wall."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from wstune.actions import verify_report
from wstune.actions.verify_report import Shown, report_of
from wstune.actions.verify_target import HOST, Target
from wstune.burst import budget, tally
from wstune.verification import Machine

ROOM = budget.Room(cpus=2, nofile=20_000)


def shown(connections: int = 1_000, **changes: Any) -> Shown:
    made = Shown(budget.plan(connections, ROOM), ROOM, HOST)
    made.timeline = [(0.0, 0), (1.0, connections)]
    for name, value in changes.items():
        setattr(made, name, value)
    return made


def closed(**words: int) -> dict[str, Any]:
    """A `close` event with these words of the tally, and a server that is well."""
    return {
        "words": {str(getattr(tally, name)): word for name, word in words.items()},
        "wanted": 10,
        "graceful": 10,
        "lost": [],
        "stopped_by": "",
        "server": {"alive": 1, "accept_errors": 0, "errno": 0},
    }


def machine(
    name: str, share: int = 1_000, opened: int = 1_000, lost: int = 0, gone: str = "", failed: int = 0
) -> Machine:
    return Machine(name, "10.0.0.1", share, opened, failed, lost, 1.0, None, None, "", None, 0.0, 0.0, gone)


def test_a_burst_that_held() -> None:
    """The most open at once is what was reached; the rate is by the opening's own time."""
    report = report_of(shown(opened={"open": 1_000, "seconds": 0.5}, closed=closed(STARTED=1_000, OPEN=1_000)))
    assert (report.verdict, report.reached, report.lost) == ("confirmed", 1_000, 0)
    assert (report.open.seconds, report.open.rate) == (0.5, 2_000.0)
    assert report.open.lag_ms is None
    assert report.close is not None
    assert (report.close.sample, report.close.graceful) == (10, 10)


def test_a_share_that_was_lost_while_opening_is_no_loss_of_the_hold() -> None:
    """Lost before it had opened its share: phase open, with all that it was to open; later: hold, what it had open."""
    early, late = machine("gen1", 1_000, 600, 600, "silent", failed=50), machine("gen2", 1_000, 1_000, 1_000, "killed")
    found = shown(machines=(early, late, machine("gen3")), lost_opening=frozenset({"gen1"}), closed=closed())
    errors = verify_report._errors([0] * tally.LENGTH, found)
    assert errors == {("generator", "open", "MACHINE-LOST"): 950, ("generator", "hold", "MACHINE-LOST"): 1_000}
    found.machines_lost = {"gen1": "silent", "gen2": "killed"}
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
    found = shown(machines=(gone, machine("gen2")), lost_opening=frozenset({"gen1"}))
    assert verify_report._errors([0] * tally.LENGTH, found) == {("generator", "open", "MACHINE-LOST"): 1_000}


def test_what_the_server_counts_is_the_servers() -> None:
    """Its failed accepts, with the errno by name."""
    event = {**closed(), "server": {"alive": 1, "accept_errors": 3, "errno": 24}}
    assert verify_report._errors([0] * tally.LENGTH, shown(closed=event)) == {("server", "accept", "EMFILE"): 3}


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
    assert verify_report._cut_off(machines) == said


def test_who_closes_by_himself_is_not_missing() -> None:
    """Of a scenario whose sessions end, only what failed or never began is short of the target."""
    ending = shown(closes=True, timeline=[(0.0, 0), (1.0, 400)], closed=closed(STARTED=1_000, FAILED=0))
    words = [0] * tally.LENGTH
    words[tally.STARTED] = 1_000
    assert verify_report._evidence(ending, words).wanted == 400
    words[tally.FAILED] = 5
    assert verify_report._evidence(ending, words).wanted == 405
    words[tally.STARTED] = 900
    assert verify_report._evidence(ending, words).wanted == 505
    assert verify_report._evidence(shown(timeline=[(0.0, 0), (1.0, 400)], closed=closed()), words).wanted == 1_000


def test_processes_that_were_lost_are_counted_by_their_side() -> None:
    """The coordinator is the generator's."""
    event = {**closed(), "lost": [("server", 9), ("generator", 9), ("generator", 11)]}
    evidence = verify_report._evidence(shown(closed=event, lost_coordinator=True), [0] * tally.LENGTH)
    assert evidence.workers_lost == {"server": 1, "generator": 3}


def test_figures_that_need_something_to_have_happened() -> None:
    """No ping, no fan-out, no talk, no scenario: none of their figures; with them, their sums."""
    bare = report_of(shown())
    assert (bare.pings, bare.fanout, bare.talk, bare.scenario, bare.close) == (None, None, None, None, None)
    event = {"expected": 10, "delivered": 8, "seconds": 2.0, "first_ms": 1.0}
    full = report_of(
        shown(
            pings=[{"pings": 10, "pongs": 9}, {"pings": 10, "pongs": 10}],
            fanouts=[event, {**event, "seconds": 3.0}],
            talk={"talkers": 2, "listeners": 10, "seconds": 4.0},
            scripted=True,
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
    there = replace(shown(), target=Target("wss://chat.example/x", "192.0.2.1", 443))
    report = report_of(there)
    assert (report.url, report.processes.server) == ("wss://chat.example/x", 0)
