"""A coordinator as whoever started it sees it: lines, events, its errors, and that nothing of it stays."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from wstune.burst import process
from wstune.burst.process import Burst
from wstune.errors import InconclusiveError

PROGRAM = """
import json, sys, time
plan = json.loads(sys.stdin.readline())
def tell(**event): print(json.dumps(event), flush=True)
tell(event="progress", open=1)
tell(event="ready", told=plan)
for line in sys.stdin:
    command = json.loads(line)
    match command["do"]:
        case "status": tell(event="status")
        case "fail": tell(event="error", errno=98, what="Address already in use")
        case "leave": sys.exit()
        case "stay":
            tell(event="stay")
            time.sleep(60)
        case verb: tell(event=verb, **{name: value for name, value in command.items() if name != "do"})
tell(event="open", open=7)
"""
"""Stands in for a coordinator."""


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    monkeypatch.setattr(process, "command_line", lambda _: [sys.executable, "-IS", "-c", PROGRAM])
    return []


def started(heard: list[dict[str, Any]]) -> Burst:
    return Burst({"shares": [1]}, heard.append)


def test_commands_go_in_and_events_come_out(heard: list[dict[str, Any]]) -> None:
    """The plan is the first line; progress is passed on meanwhile; what is told after the end of stdin counts too."""
    burst = started(heard)
    assert burst.wait_for("ready")["told"] == {"shares": [1]}
    assert heard == [{"event": "progress", "open": 1}]
    assert burst.do("ping", seconds=5) == {"event": "ping", "seconds": 5}
    burst.watch(0.01)
    assert burst.next_event(0.01) is None
    burst.end()
    assert heard[-1] == {"event": "open", "open": 7}
    assert burst._process.returncode == 0


def test_an_error_is_an_oserror(heard: list[dict[str, Any]]) -> None:
    """With its errno, so that it can be worded by what was meant."""
    burst = started(heard)
    with pytest.raises(OSError, match="already in use") as raised:
        burst.do("fail")
    assert raised.value.errno == 98
    burst.end()


def test_a_coordinator_that_is_lost_is_said(heard: list[dict[str, Any]]) -> None:
    """Whether it is waited for or spoken to."""
    burst = started(heard)
    with pytest.raises(InconclusiveError, match="the burst's coordinator was lost"):
        burst.do("leave")
    burst._process.wait(10)  # only then is its end of the pipe surely closed
    with pytest.raises(InconclusiveError, match="the burst's coordinator was lost"):
        burst.send({"do": "status"})
    burst.end()


def test_one_that_does_not_end_is_killed(heard: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch) -> None:
    """After its time, with all of its session."""
    monkeypatch.setattr(process, "_END_SECONDS", 0.1)
    burst = started(heard)
    burst.do("stay")
    burst.end()
    assert burst._process.returncode == -9
