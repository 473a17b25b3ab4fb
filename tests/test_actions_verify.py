"""How a burst is driven: what is asked of its coordinator in which order, and how it is closed."""

from __future__ import annotations

from typing import Any

import pytest

from wstune.actions.verify import CLOSE_RATE, Progress, Run, VerifyOptions, drive, remember
from wstune.actions.verify_measure import baseline
from wstune.actions.verify_report import Shown
from wstune.actions.verify_target import Target
from wstune.burst import budget, scenario
from wstune.errors import InconclusiveError, UsageError
from wstune.host.host import Host

ROOM = budget.Room(cpus=2, nofile=20_000)
ELSEWHERE = Target("ws://192.0.2.1/", "192.0.2.1", 80)
OPENED = {"open": 10, "failed": 0, "lost": 0, "seconds": 0.5, "pids": []}


class Driver:
    """A burst that does what it is told, and remembers it; `fails` raises when that is asked for."""

    def __init__(self, fails: str = "", error: BaseException | None = None, pending: int = 0) -> None:
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.ended = False
        self.pending = pending
        self._fails, self._error = fails, error

    def do(self, verb: str, **arguments: Any) -> dict[str, Any]:
        self.asked.append((verb, arguments))
        if verb == self._fails and self._error:
            raise self._error
        self.pending -= verb == "status"
        return {"pings": 10, "pongs": 10, "server": {"alive": 1}, "pending": max(0, self.pending), "listeners": 10}

    def wait_for(self, name: str, _: float | None = None) -> dict[str, Any]:
        if name == self._fails and self._error:
            raise self._error
        return {"event": name, "port": 80, "server_pids": []}

    def watch(self, seconds: float) -> None:
        self.asked.append(("watch", {}))

    def end(self) -> None:
        self.ended = True

    @property
    def verbs(self) -> list[str]:
        return [verb for verb, _ in self.asked]


def run(burst: Driver, **options: Any) -> Run:
    options.setdefault("hold", 0.0)
    chosen = VerifyOptions(target=options.pop("target", ELSEWHERE), **options)
    state = Run(chosen, Shown(budget.plan(10, ROOM), ROOM, chosen.target), lambda _: None, Host())
    state.baseline = baseline(Host())
    state.shown.closes = chosen.scenario is not None and chosen.scenario.closes

    def begin(_: object, at: Run) -> None:
        at.shown.opened = dict(OPENED)

    drive(state, burst, begin)
    assert burst.ended
    return state


def test_a_server_elsewhere_is_held_pinged_and_closed() -> None:
    """Nothing is said to it that was not asked for."""
    burst = Driver()
    run(burst)
    assert burst.verbs == ["ping", "close", "end"]


@pytest.mark.parametrize(
    ("how", "closing"),
    [
        ("", {"sample": 100, "rate": CLOSE_RATE}),
        ("graceful", {"sample": 100, "rate": CLOSE_RATE}),
        ("rst", {"sample": 0, "rate": 0.0}),
    ],
)
def test_how_it_is_closed(how: str, closing: dict[str, Any]) -> None:
    """With the closing handshake and paced; by reset on demand."""
    burst = Driver()
    run(burst, close=how)
    assert ("close", closing) in burst.asked


def test_fan_outs_and_talk_are_within_the_hold() -> None:
    """As many as are asked for; talking ends before the closing."""
    burst = Driver()
    run(burst, target=Target("ws://192.0.2.1/", "192.0.2.1", 80, fanout=True), fanouts=2, talkers=3)
    assert burst.verbs == ["ping", "fanout", "fanout", "talk", "talk", "close", "end"]
    assert [arguments["talkers"] for verb, arguments in burst.asked if verb == "talk"] == [3, 0]


def test_sessions_of_a_scenario_come_to_their_ends() -> None:
    """They are waited for; who may leave by himself is not pinged."""
    burst = Driver(pending=3)
    steps = scenario.Scenario((scenario.Session("s", steps=(scenario.Send("x"), scenario.Close())),))
    run(burst, scenario=steps)
    assert burst.verbs == ["status", "watch", "status", "watch", "status", "close", "end"]


@pytest.mark.parametrize(
    ("fails", "said"),
    [("ping", ["ping", "close", "end"]), ("close", ["ping", "close", "close"])],
    ids=["once", "twice"],
)
def test_interrupted_it_is_closed_at_once(fails: str, said: list[str]) -> None:
    """No sample and no pace then; a second time nothing is waited for."""
    burst = Driver(fails, KeyboardInterrupt())
    state = run(burst)
    assert state.shown.interrupted
    assert burst.verbs == said
    if fails == "ping":
        assert ("close", {"sample": 0, "rate": 0.0}) in burst.asked


def test_a_coordinator_that_is_lost_is_evidence() -> None:
    """The report says so; it is no error of the command."""
    assert run(Driver("ping", InconclusiveError("lost"))).shown.lost_coordinator


@pytest.mark.parametrize(
    ("number", "kind", "sentence"),
    [
        (98, UsageError, "port 80 is in use"),
        (13, UsageError, "needs a privilege"),
        (5, InconclusiveError, "could not start"),
    ],
)
def test_a_start_that_fails_is_one_sentence(number: int, kind: type[Exception], sentence: str) -> None:
    """A port that is taken or is not ours to take, or whatever else."""
    with pytest.raises(kind, match=sentence):
        run(Driver("ready", OSError(number, "no")), port=80)


@pytest.mark.parametrize("verb", ["ping", "close", "end"])
@pytest.mark.parametrize("error", [OSError(5, "no"), KeyError("words"), RecursionError(), UnicodeError("no\x1b")])
def test_what_has_been_opened_is_reported_whatever_fails_after_it(verb: str, error: Exception) -> None:
    """The burst is over then, its report says why, and it confirms nothing."""
    shown = run(Driver(verb, error)).shown
    assert (shown.opened, shown.lost_coordinator) == (OPENED, True)
    assert shown.remarks[-1].startswith("the burst broke off: ")
    assert "\x1b" not in shown.remarks[-1]


def test_before_the_first_connection_the_time_limit_is_an_error() -> None:
    """It counts from the start: there is nothing to report yet, and no process is left."""
    burst = Driver()
    with pytest.raises(InconclusiveError, match="was over before the first connection"):
        run(burst, time_limit=0.000_001)
    assert burst.ended
    assert burst.verbs == []


def test_progress_has_a_rate() -> None:
    """Connections since the last event by the time since; never below 0."""
    seen: list[Progress] = []
    state = Run(VerifyOptions(), Shown(budget.plan(10, ROOM), ROOM, ELSEWHERE), seen.append, Host())
    for seconds, count in ((0.0, 0), (0.5, 100), (1.0, 90)):
        state.event({"seconds": seconds, "open": count, "failed": 0, "lost": 0})
    assert [progress.rate for progress in seen] == [0.0, 200.0, 0.0]
    assert state.shown.timeline == [(0.0, 0), (0.5, 100), (1.0, 90)]


def test_a_hold_adds_nothing_to_the_timeline() -> None:
    """Of moments between which nothing changed the first and the last stay; each change has its moment."""
    timeline: list[tuple[float, int]] = []
    for second in range(1000):
        remember(timeline, (float(second), min(second, 3) - (second > 500)))
    assert timeline == [(0.0, 0), (1.0, 1), (2.0, 2), (3.0, 3), (500.0, 3), (501.0, 2), (999.0, 2)]
