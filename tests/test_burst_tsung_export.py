"""Scenarios as Tsung files: what comes back by the importer is what was meant, and what Tsung cannot do is said."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import TESTS
from wstune.burst import scenario as s
from wstune.burst import tsung
from wstune.burst.tsung_export import to_tsung

SERVERS = (("ws", "127.0.0.1", 3000),)


def back(text: str) -> s.Scenario:
    return tsung.convert(text.encode(), "x.xml")[0]


def test_there_and_back() -> None:
    """Messages, loops, think times, weights, subprotocols: all of it survives."""
    steps = (
        s.Send("hello {number} <&> \u263a"),
        s.Send("awaited", binary=True),
        s.Expect("", 600.0),
        s.Repeat(3, (s.Think("fixed", 1.5), s.Send("again"))),
        s.Think("uniform", 1, 4),
        s.Think("exponential", 2.5),
        s.Close(),
    )
    talks = s.Session("talks", 3.0, "/rooms/{number}", ("v1", "v2"), "https://a.example", steps=steps)
    listens = s.Session("listens", 1.0, "/chat", steps=(s.Think("fixed", 5), s.Close()))
    scenario = s.Scenario((talks, listens), (s.Phase(20, 20, 100, 10.0, True),))
    found = back(to_tsung(scenario, SERVERS, connections=100))
    assert found.sessions == scenario.sessions
    assert found.phases == scenario.phases
    assert found.servers == ("ws://127.0.0.1:3000/",)


def test_the_hold_is_think_time() -> None:
    """Sessions without an end hold until the last has come, and for the scenario's hold then."""
    scenario = s.Scenario((s.Session("s"),), (s.Phase(100, 100, 500, 5.0, True),), hold=30.0)
    found = back(to_tsung(scenario, SERVERS, connections=500))
    assert found.hold == 35.0
    assert found.sessions[0].steps == ()


def test_the_first_phase_is_a_second_longer() -> None:
    """Tsung counts it from up to a second before its first arrival; without that second its last users are lost.

    A phase of so many seconds is what was asked for, and stays so.
    """
    phases = (s.Phase(100, 100, 100, None, True), s.Phase(100, 100, 100, None, True))
    text = to_tsung(s.Scenario((s.Session("s"),), phases), SERVERS, connections=200)
    assert re.findall(r'<arrivalphase .*duration="(\d+)" unit="(\w+)"', text) == [
        ("2500", "millisecond"),
        ("1500", "millisecond"),
    ]
    timed = to_tsung(s.Scenario((s.Session("s"),), (s.Phase(100, 100, 500, 5.0, True),)), SERVERS, connections=500)
    assert 'duration="5" unit="second"' in timed


def test_what_tsung_cannot_do_is_said() -> None:
    """Even gaps, PINGs, expected texts, ramps, headers: in the file's comments."""
    steps = (s.Ping(), s.Send("a"), s.Expect("b"), s.Close())
    scenario = s.Scenario((s.Session("s", headers=("A: b",), steps=steps),), (s.Phase(10, 100, 550),))
    text = to_tsung(scenario, SERVERS, connections=550)
    assert text.count("<!--") == 5
    for words in ("at even gaps", "a PING", "which message is expected", "a ramp", "headers"):
        assert words in text


@given(st.text(max_size=60), st.text(max_size=60))
def test_any_text_makes_a_file_that_can_be_read(name: str, message: str) -> None:
    """Names and messages of any characters: what XML cannot hold is replaced, and said."""
    scenario = s.Scenario((s.Session(name, steps=(s.Send(message), s.Close())),), (s.Phase(1, 1, 1, 1.0, True),))
    text = to_tsung(scenario, SERVERS, connections=1)
    (session,) = back(text).sessions
    (sent, _) = session.steps
    assert isinstance(sent, s.Send)
    assert sent.text == message.strip() or "<!--" in text


@pytest.mark.parametrize("case", sorted(path.stem for path in (TESTS / "cases/tsung").glob("*.xml")))
def test_the_corpus_goes_back_and_is_valid(case: str) -> None:
    """What was imported and is exported again can be imported again."""
    scenario, _ = tsung.convert((TESTS / f"cases/tsung/{case}.xml").read_bytes(), case)
    text = to_tsung(scenario, SERVERS, connections=scenario.connections or 1)
    assert back(text).connections == scenario.connections
    assert [one.path for one in back(text).sessions] == [one.path for one in scenario.sessions]
