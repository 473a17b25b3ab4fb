"""Scenarios: what their phases come to, and how they are compiled for the generators."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wstune.burst import pacing
from wstune.burst import scenario as s
from wstune.burst.script import read_programs

HERE = s.Place(("127.0.0.1", 80), "127.0.0.1:80", "/from-the-url")
RATES = st.floats(0.5, 10_000)
PHASES = st.lists(
    st.builds(s.Phase, RATES, RATES, st.integers(1, 2000), st.none() | st.floats(0.1, 100), st.booleans()),
    min_size=1,
    max_size=5,
)


@given(PHASES, st.integers(1, 9))
def test_shares_and_due_times_agree(phases: list[s.Phase], parts: int) -> None:
    """Each generator's share is as many as it has due times, over several phases too: nobody waits for ever."""
    total = sum(phase.arrivals(1 << 40) for phase in phases)
    if not total:
        return
    rows = s.timetable(tuple(phases), total)
    table = [tuple(row) for row in rows]
    shares = pacing.shares(table, parts)
    assert sum(shares) == total
    for part in range(parts):
        times = list(pacing.due_times(table, part, parts, lambda: 0.5))
        assert len(times) == shares[part]
        assert times == sorted(times) or any(phase.poisson for phase in phases)


def test_a_phase_is_over_after_its_count_or_its_time() -> None:
    """Whichever comes first; the next one begins when its time is over, not when its count is reached."""
    phases = (s.Phase(10, 10, 20, 60.0), s.Phase(100, 100, None, 1.0))
    assert [row[2:4] for row in s.timetable(phases, 120)] == [[20, 60.0], [100, 1.0]]
    with pytest.raises(ValueError, match="got phases of 120 connections, expected 121"):
        s.timetable(phases, 121)


def test_the_plain_flags_are_a_scenario() -> None:
    """No program, one route: the hot path of before."""
    made = s.compiled(s.plain(headers=("X: y",), origin="http://a", subprotocols=("v1",)), (HERE,), 100)
    assert made["programs"] == made["phases"] == []
    (route,) = made["routes"]
    assert route["path"] == "/from-the-url"
    assert route["headers"] == "X: y\r\nOrigin: http://a\r\nSec-WebSocket-Protocol: v1\r\n"


def test_sessions_and_places_are_routes() -> None:
    """Each kind of session goes to each place, with its weight shared between those."""
    sessions = (s.Session("a", 3.0, "/a/{number}"), s.Session("b", 1.0))
    made = s.compiled(s.Scenario(sessions), (HERE, HERE), 10)
    assert [(route["kind"], route["path"], route["weight"]) for route in made["routes"]] == [
        (0, "/a/\1", 1.5),
        (0, "/a/\1", 1.5),
        (1, "/from-the-url", 0.5),
        (1, "/from-the-url", 0.5),
    ]


def test_too_many_routes() -> None:
    """A byte says which route a connection takes."""
    sessions = tuple(s.Session(str(at)) for at in range(90))
    with pytest.raises(ValueError, match="expected 255"):
        s.compiled(s.Scenario(sessions), (HERE,) * 3, 10)


def test_a_program_goes_through_json() -> None:
    """Loops are counted jumps; texts are bytes, in parts around the connection's number."""
    steps = (
        s.Send("é"),
        s.Repeat(2, (s.Send("a {number} b", binary=True), s.Think("fixed", 1))),
        s.Expect("x", 2),
        s.Close(),
    )
    (program,) = read_programs(json.loads(json.dumps([s.program(steps)])))
    assert program == [
        ("send", 1, "é".encode()),
        ("loop", 0, 2),
        ("send", 2, [b"a ", b" b"]),
        ("think", "fixed", 1, 0.0),
        ("next", 0, 2),
        ("expect", b"x", 2),
        ("close", 1000),
    ]


def test_how_long_people_think() -> None:
    """Loops count as often as they are done, uniform times by their mean."""
    steps = (s.Think("fixed", 1), s.Repeat(10, (s.Think("uniform", 1, 3), s.Repeat(2, (s.Think("exponential", 5),)))))
    assert s.think_seconds(steps) == 1 + 10 * (2 + 10)
