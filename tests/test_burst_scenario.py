"""Scenarios: what their phases come to, and how they are compiled for the generators."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wstune.burst import pacing
from wstune.burst import scenario as s
from wstune.burst.engine import wire
from wstune.burst.engine.plan import Address, Plan, TimedPhase
from wstune.burst.engine.program import CloseStep, ExpectStep, LoopStep, NextStep, PingStep, SendStep, ThinkStep

HERE = s.Place(Address("127.0.0.1", 80), "127.0.0.1:80", "/from-the-url")
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
    table = s.timetable(tuple(phases), total)
    shares = pacing.shares(table, parts)
    assert sum(shares) == total
    for part in range(parts):
        times = list(pacing.due_times(table, part, parts, lambda: 0.5))
        assert len(times) == shares[part]
        assert times == sorted(times) or any(phase.poisson for phase in phases)


def test_a_phase_is_over_after_its_count_or_its_time() -> None:
    """Whichever comes first; the next one begins when its time is over, not when its count is reached."""
    phases = (s.Phase(10, 10, 20, 60.0), s.Phase(100, 100, None, 1.0, poisson=True))
    assert s.timetable(phases, 120) == (TimedPhase(10, 10, 20, 60.0), TimedPhase(100, 100, 100, 1.0, poisson=True))
    with pytest.raises(ValueError, match="got phases of 120 connections, expected 121"):
        s.timetable(phases, 121)


@pytest.mark.parametrize("rate", ["1e6", "1e-6", "1e-12", "5e-324"])
def test_a_rate_is_told_or_refused(rate: str) -> None:
    """However slow: none gets past the command line that a coordinator does not read."""
    try:
        phases = tuple(s.Phase(first, last) for first, last, _ in pacing.parse_rate(rate, 1000))
        made = s.compiled(s.plain(phases), (HERE,), 1000)
    except ValueError as refused:
        assert str(refused).startswith("got ")  # noqa: PT017
        return
    plan = Plan(HERE.server, (1000,), ())._replace(**made._asdict())
    assert wire.read_plan(wire.line_of(plan)) == plan


def test_the_plain_flags_are_a_scenario() -> None:
    """No program, one route: the hot path of before."""
    made = s.compiled(s.plain(headers=("X: y",), origin="http://a", subprotocols=("v1",)), (HERE,), 100)
    assert (made.programs, made.phases) == ((), ())
    (route,) = made.routes
    assert route.path == b"/from-the-url"
    assert route.headers == b"X: y\r\nOrigin: http://a\r\nSec-WebSocket-Protocol: v1\r\n"
    assert route.protocols == (b"v1",)
    assert (route.server, route.host) == (HERE.server, b"127.0.0.1:80")


def test_sessions_and_places_are_routes() -> None:
    """Each kind of session goes to each place, with its weight shared between those."""
    sessions = (s.Session("a", 3.0, "/a/{number}"), s.Session("b", 1.0))
    made = s.compiled(s.Scenario(sessions), (HERE, HERE), 10)
    assert [(route.kind, route.path, route.weight) for route in made.routes] == [
        (0, b"/a/\1", 1.5),
        (0, b"/a/\1", 1.5),
        (1, b"/from-the-url", 0.5),
        (1, b"/from-the-url", 0.5),
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
        s.Ping(),
        s.Close(),
    )
    made = s.compiled(s.Scenario((s.Session("a", steps=steps),)), (HERE,), 1)
    plan = wire.read_plan(wire.line_of(Plan(Address("127.0.0.1", 80), (1,), ())._replace(**made._asdict())))
    assert (plan.phases, plan.routes) == (made.phases, made.routes)
    (program,) = plan.programs
    expected = (
        SendStep(1, ("é".encode(),)),
        LoopStep(0, 2),
        SendStep(2, (b"a ", b" b")),
        ThinkStep("fixed", 1, 0.0),
        NextStep(0, 2),
        ExpectStep((b"x",), 2),
        PingStep(),
        CloseStep(1000),
    )
    assert program == s.program(steps) == expected
    assert [type(step) for step in program] == [type(step) for step in expected]


def test_how_long_people_think() -> None:
    """Loops count as often as they are done, uniform times by their mean."""
    steps = (s.Think("fixed", 1), s.Repeat(10, (s.Think("uniform", 1, 3), s.Repeat(2, (s.Think("exponential", 5),)))))
    assert s.think_seconds(steps) == 1 + 10 * (2 + 10)
