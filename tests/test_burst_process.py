"""A coordinator as whoever started it sees it: lines, events, its errors, and that nothing of it stays."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from wstune.burst import process
from wstune.burst.engine import events, wire
from wstune.burst.engine.plan import Address, Plan, Route
from wstune.burst.engine.records import WireError
from wstune.burst.process import Burst
from wstune.errors import InconclusiveError

PROGRAM = """
import json, sys, time
heard = open(sys.argv[1], "w")
def tell(**event): print(json.dumps(event), flush=True)
def take(line): print(line, end="", file=heard, flush=True)
server = {"type": "ServerState", "alive": 2, "accept_errors": 0, "errno": 0}
def standing(opened): return {"type": "Standing", "open": opened, "failed": 0, "lost": 0, "pending": 0, "ended": 0}
def fanout(): tell(type="FanoutEvent", expected=1, delivered=1, seconds=0.5, first_ms=None)
take(sys.stdin.readline())
tell(type="ProgressEvent", seconds=0.25, standing=standing(1))
tell(type="ReadyEvent", port=4, server_pids=[5, 6])
for line in sys.stdin:
    take(line)
    command = json.loads(line)
    match command["type"], command.get("text"):
        case "StatusCommand", _:
            tell(type="StatusEvent", seconds=0.0, standing=standing(1), server=server, relayed=command["relayed"])
        case "PingCommand", _: tell(type="PingEvent", pings=9, pongs=8)
        case _, "fail": tell(type="ErrorEvent", errno=98, message="Address already in use")
        case _, "leave": sys.exit()
        case _, "babble": tell(type="FanoutEvent", expected=-1, delivered=1, seconds=0.5, first_ms=None)
        case _, "stay":
            fanout()
            time.sleep(60)
tell(type="OpenEvent", seconds=1.5, standing=standing(7), pids=[])
"""
"""Stands in for a coordinator: takes down the lines that come, and does what a fan-out's text says."""

PLAN = Plan(Address("192.0.2.1", 80), (1,), (Route(host="bücher.example".encode()),))


class Told:
    """What a burst has heard of its progress, and what the program of its lines."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.progress: list[events.ProgressEvent] = []

    def lines(self) -> list[str]:
        return self.place.read_text().splitlines()


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Told:
    place = tmp_path / "heard"
    monkeypatch.setattr(process, "command_line", lambda _: [sys.executable, "-IS", "-c", PROGRAM, str(place)])
    return Told(place)


def started(told: Told) -> Burst:
    return Burst(PLAN, told.progress.append)


def asked(text: str) -> wire.FanoutCommand:
    return wire.FanoutCommand(text, seconds=1.0)


def test_commands_go_in_and_events_come_out(told: Told) -> None:
    """The plan is the first line; progress is passed on meanwhile; what is told after the end of stdin counts too."""
    burst = started(told)
    assert burst.wait_for(events.ReadyEvent) == events.ReadyEvent(port=4, server_pids=(5, 6))
    assert [wire.read_plan(line) for line in told.lines()] == [PLAN]
    assert told.progress == [events.ProgressEvent(0.25, events.Standing(open=1))]
    answer = burst.do(wire.PingCommand(seconds=5))
    assert isinstance(answer, events.PingEvent)
    assert answer == events.PingEvent(pings=9, pongs=8)
    assert repr(wire.read_command(told.lines()[-1])) == repr(wire.PingCommand(seconds=5))
    burst.watch(0.01)
    assert repr(wire.read_command(told.lines()[-1])) == repr(wire.StatusCommand(relayed=False))
    assert burst.next_event(0.01) is None
    burst.end()
    assert told.progress[1:] == [events.ProgressEvent(1.5, events.Standing(open=7))]
    assert isinstance(told.progress[-1], events.ProgressEvent)
    assert burst._process.returncode == 0


def test_a_line_comes_as_it_is(told: Told) -> None:
    """For whoever passes it on."""
    burst = started(told)
    burst.wait_for(events.ReadyEvent)
    burst.send(wire.PingCommand(seconds=1.0))
    assert burst.next_line(10) == b'{"type": "PingEvent", "pings": 9, "pongs": 8}'
    assert burst.next_line(0.01) is None
    burst.end()


def test_an_error_is_an_oserror(told: Told) -> None:
    """With its errno, so that it can be worded by what was meant."""
    burst = started(told)
    with pytest.raises(OSError, match="already in use") as raised:
        burst.do(asked("fail"))
    assert raised.value.errno == 98
    burst.end()


def test_what_is_no_event_is_a_wire_error(told: Told) -> None:
    """It is not taken for one, and the burst still ends."""
    burst = started(told)
    with pytest.raises(WireError, match="expected is -1 instead of a count"):
        burst.do(asked("babble"))
    burst.end()
    assert burst._process.returncode == 0


def test_who_does_not_answer_in_time_is_said(told: Told) -> None:
    """After so many seconds without the event that is waited for."""
    burst = started(told)
    burst.wait_for(events.ReadyEvent)
    with pytest.raises(InconclusiveError, match="the burst's coordinator did not answer within 0 s"):
        burst.wait_for(events.TalkEvent, seconds=0.05)
    burst.end()


def test_a_coordinator_that_is_lost_is_said(told: Told) -> None:
    """Whether it is waited for or spoken to."""
    burst = started(told)
    with pytest.raises(InconclusiveError, match="the burst's coordinator was lost"):
        burst.do(asked("leave"))
    burst._process.wait(10)  # only then is its end of the pipe surely closed
    with pytest.raises(InconclusiveError, match="the burst's coordinator was lost"):
        burst.send(wire.StatusCommand())
    burst.end()


def test_one_that_does_not_end_is_killed(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    """After its time, with all of its session."""
    monkeypatch.setattr(process, "_END_SECONDS", 0.1)
    burst = started(told)
    burst.do(asked("stay"))
    burst.end()
    assert burst._process.returncode == -9


def test_one_that_cannot_be_started_is_a_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Whatever the system's reason; its pipes are closed."""
    monkeypatch.setattr(process, "command_line", lambda _: [str(tmp_path / "none")])
    before = descriptors()
    with pytest.raises(InconclusiveError, match=r"^the burst's coordinator could not be started: No such file") as told:
        Burst(PLAN, lambda _: None)
    assert "wstune capacity" in (told.value.tip or "")
    assert descriptors() == before


def descriptors() -> set[str]:
    return {path.name for path in Path("/proc/self/fd").iterdir()}
