"""What a session does, as instructions: each survives its line, and nothing else is taken for one."""

from __future__ import annotations

import json
from typing import Any, NamedTuple, get_args

import pytest
from hypothesis import given

from tests.burst.engine.kinds import refuses, same, values
from wstune.burst import scenario as s
from wstune.burst.engine.program import Entry, FrameStep, Instruction, PingStep, Program
from wstune.burst.engine.records import WireError, parsed, read, to_json

KINDS = get_args(Instruction)


class Session(NamedTuple):
    """A program as a field."""

    program: Program


def session(line: bytes | str) -> Session:
    return read(Session, parsed(line))


@given(values(Session))
def test_a_program_survives_its_line(made: Session) -> None:
    """Whatever its instructions are, in their order."""
    assert same(session(json.dumps(to_json(made))), made)


def test_what_is_no_program_is_refused_by_its_place() -> None:
    """Each field of each instruction: missing, unknown, or spoilt in each of the ways that its kind has."""
    refuses(session, Session)


def test_scenarios_are_made_of_all_instructions() -> None:
    """There is none that nobody says, and none more is said."""
    steps = (
        s.Send("a"),
        s.Expect("b"),
        s.Think("fixed", 1.0),
        s.Repeat(2, (s.Ping(),)),
        s.Close(),
    )
    assert {type(step) for step in s.program(steps)} == set(KINDS)


def test_a_frame_is_made_and_not_told() -> None:
    """It is what a generator makes of a message; a plan has none."""
    with pytest.raises(WireError, match=r"^program\[0\]\.type is 'FrameStep' instead of a message that is known here$"):
        read(Session, {"type": "Session", "program": [to_json(FrameStep(b"x"))]})


@pytest.mark.parametrize("program", [(), (PingStep(),)])
def test_a_session_begins_at_its_first_step(program: tuple[Any, ...]) -> None:
    """It waits for nothing, and has nothing left to send."""
    entry, other = Entry(7, program), Entry(8, program)
    assert (entry.number, entry.program, entry.index) == (7, program, 0)
    assert (entry.serial, entry.since, entry.needle, entry.rest, entry.loops) == (0, 0, b"", b"", {})
    assert entry.loops is not other.loops
