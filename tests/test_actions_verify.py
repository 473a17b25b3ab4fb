"""How a burst is driven: what is asked of its coordinator in which order, and how it is closed."""

from __future__ import annotations

import re
import time
from typing import Any, TypeVar

import pytest

from tests.verify_runs import ROOM, run_of
from wstune.actions import verify as verify_module
from wstune.actions.verify import CLOSE_RATE, drive
from wstune.actions.verify_measure import baseline
from wstune.actions.verify_options import Progress, VerifyOptions
from wstune.actions.verify_state import Run
from wstune.actions.verify_target import Target
from wstune.burst import scenario
from wstune.burst.engine import events, wire
from wstune.errors import InconclusiveError, UsageError
from wstune.host.host import Host

Reply = TypeVar("Reply", bound=wire.Mergeable)
ELSEWHERE = Target("ws://192.0.2.1/", "192.0.2.1", 80)
OPENED = events.OpenEvent(0.5, events.Standing(open=10))


class Driver:
    """A burst that does what it is told, and remembers it; `fails` raises when that is asked for."""

    opened = OPENED

    def __init__(self, fails: str = "", error: BaseException | None = None, pending: int = 0) -> None:
        self.asked: list[object] = []
        self.ended = False
        self.pending = pending
        self._fails, self._error = fails, error

    def do(self, command: wire.Request[Reply]) -> Reply:
        self.asked.append(command)
        if verb(command) == self._fails and self._error:
            raise self._error
        self.pending -= isinstance(command, wire.StatusCommand)
        answers = (
            self.opened,
            events.StatusEvent(1.0, events.Standing(10, pending=max(0, self.pending))),
            events.PingEvent(10, 10),
            events.FanoutEvent(10, 10, 0.1, 1.0),
            events.TalkEvent(3, 10),
            events.CloseEvent(events.Counts(), 10, 10, 10),
            events.EndEvent(),
        )
        return next(answer for answer in answers if isinstance(answer, command.answer))

    def ready(self, seconds: float) -> events.ReadyEvent:
        if self._fails == "ready" and self._error:
            raise self._error
        return events.ReadyEvent(80)

    def watch(self, seconds: float) -> None:
        self.asked.append("watch")

    def end(self) -> None:
        self.ended = True

    @property
    def verbs(self) -> list[str]:
        return [verb(asked) for asked in self.asked]


def verb(asked: object) -> str:
    """`ping` of a PingCommand."""
    return asked if isinstance(asked, str) else re.sub("Command$", "", type(asked).__name__).lower()


def run(burst: Driver, **options: Any) -> Run:
    options.setdefault("hold", 0.0)
    chosen = VerifyOptions(target=options.pop("target", ELSEWHERE), **options)
    state = run_of(chosen, 10)
    state.before = baseline(Host())

    def begin(_: object, at: Run) -> None:
        at.opened = OPENED

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
        ("", wire.CloseCommand(100, CLOSE_RATE)),
        ("graceful", wire.CloseCommand(100, CLOSE_RATE)),
        ("rst", wire.CloseCommand(0)),
    ],
)
def test_how_it_is_closed(how: str, closing: wire.CloseCommand) -> None:
    """With the closing handshake and paced; by reset on demand."""
    burst = Driver()
    run(burst, close=how)
    assert closing in burst.asked


def test_fan_outs_and_talk_are_within_the_hold() -> None:
    """As many as are asked for; talking ends before the closing."""
    burst = Driver()
    run(burst, target=Target("ws://192.0.2.1/", "192.0.2.1", 80, fanout=True), fanouts=2, talkers=3)
    assert burst.verbs == ["ping", "fanout", "fanout", "talk", "talk", "close", "end"]
    assert [asked.talkers for asked in burst.asked if isinstance(asked, wire.TalkCommand)] == [3, 0]


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
    assert state.evidence.interrupted
    assert burst.verbs == said
    if fails == "ping":
        assert wire.CloseCommand(0) in burst.asked


def test_a_coordinator_that_is_lost_is_evidence() -> None:
    """The report says so; it is no error of the command."""
    assert run(Driver("ping", InconclusiveError("lost"))).lost


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
    state = run(Driver(verb, error))
    assert (state.opened, state.lost) == (OPENED, True)
    assert state.evidence.remarks[-1].startswith("the burst broke off: ")
    assert "\x1b" not in state.evidence.remarks[-1]


def test_before_the_first_connection_the_time_limit_is_an_error() -> None:
    """It counts from the start: there is nothing to report yet, and no process is left."""
    burst = Driver()
    with pytest.raises(InconclusiveError, match="was over before the first connection"):
        run(burst, time_limit=0.000_001)
    assert burst.ended
    assert burst.verbs == []


def test_cpu_time_is_a_share_of_the_time_in_which_it_was_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not of that until the last upgrade: those that wait in vain use it too, and it is never more than there was."""

    class Waits(Driver):
        def do(self, command: wire.Request[Reply]) -> Reply:
            answer = super().do(command)
            if isinstance(answer, events.OpenEvent):
                time.sleep(0.5)  # handshakes that nobody answers
            return answer

    monkeypatch.setattr(Driver, "opened", OPENED._replace(seconds=0.05))
    monkeypatch.setattr("wstune.host.processes.cpu_seconds", lambda pids: 0.2)
    state = run_of(VerifyOptions(target=ELSEWHERE), 10)
    state.before = baseline(Host())
    verify_module._open(Waits(), state)
    assert state.evidence.generator_cpu is not None
    assert state.evidence.generator_cpu <= 0.2 / 0.5 / ROOM.cpus
    assert state.cpu_share(99.0, 2) == 1.0


def test_progress_has_a_rate() -> None:
    """Connections since the last event by the time since; never below 0."""
    seen: list[Progress] = []
    state = run_of(VerifyOptions(), 10, on_progress=seen.append)
    for seconds, count in ((0.0, 0), (0.5, 100), (1.0, 90)):
        state.progress(events.ProgressEvent(seconds, events.Standing(open=count)))
    assert [progress.rate for progress in seen] == [0.0, 200.0, 0.0]
    assert state.evidence.timeline == [(0.0, 0), (0.5, 100), (1.0, 90)]
