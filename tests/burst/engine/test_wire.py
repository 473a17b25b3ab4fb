"""What crosses a process border: each command and event survives its line, and nothing else is taken for one."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.burst.engine.kinds import COUNTS, dense, refuses, sample, survives, values
from wstune.burst import tally
from wstune.burst.coordinator import Coordinator
from wstune.burst.engine import events, wire
from wstune.burst.engine.plan import Address, Plan
from wstune.burst.engine.records import Json, WireError, parsed, read, to_json

COMMANDS, TOLD, PASSED_ON = map(get_args, (wire.Command, events.CoordinatorEvent, events.TaskEvent))


def event_of(line: bytes) -> events.Event:
    return wire.event_of(parsed(line))


Reader = Callable[[bytes], object]
READERS: list[tuple[Any, Reader]] = [
    *((kind, wire.read_command) for kind in COMMANDS),
    *((kind, wire.read_event) for kind in TOLD),
    *((kind, event_of) for kind in (*TOLD, *PASSED_ON)),
]
EACH = pytest.mark.parametrize(
    ("kind", "reader"), READERS, ids=[f"{kind.__name__} by {reader.__name__}" for kind, reader in READERS]
)


@EACH
@given(data=st.data())
def test_a_message_survives_its_line(kind: Any, reader: Reader, data: st.DataObject) -> None:
    """Whatever stands in its fields."""
    survives(reader, data.draw(values(kind)))


@EACH
def test_what_is_not_such_a_message_is_refused_by_its_place(kind: Any, reader: Reader) -> None:
    """Each field missing, unknown, or spoilt in each of the ways that its kind has."""
    refuses(reader, kind)


def test_every_message_has_a_name_of_its_own() -> None:
    """Since the name is all that tells what it is; and none that the module has is forgotten."""
    names = [kind.__name__ for kind in (*COMMANDS, *TOLD, *PASSED_ON)]
    assert len(set(names)) == len(names)
    assert set(get_args(events.Event)) == {*TOLD, *PASSED_ON}
    own = {name for name, kind in (*vars(wire).items(), *vars(events).items()) if hasattr(kind, "_fields")}
    assert set(names) == {name for name in own if name.endswith(("Command", "Event"))}


@pytest.mark.parametrize(
    ("kind", "changes", "place"),
    [
        (events.ReadyEvent, {"port": 65_536}, "port"),
        (events.ReadyEvent, {"port": -1}, "port"),
        (events.ReadyEvent, {"server_pids": [1, True]}, "server_pids[1]"),
        (events.OpenEvent, {"seconds": "1"}, "seconds"),
        (events.OpenEvent, {"standing": None}, "standing"),
        (events.StatusEvent, {"relayed": 0}, "relayed"),
        (events.PingEvent, {"pings": 1.5}, "pings"),
        (events.FanoutEvent, {"first_ms": float("nan")}, "first_ms"),
        (events.FanoutEvent, {"first_ms": float("inf")}, "first_ms"),
        (events.CloseEvent, {"lost": [{"type": "LostProcess", "side": "server"}]}, "lost[0].pid"),
        (events.CloseEvent, {"stopped_why": "x" * 4097}, "stopped_why"),
        (events.CloseEvent, {"counts": {"1": -1}}, "counts"),
        (events.ErrorEvent, {"message": None}, "message"),
        (events.MeasuredEvent, {"slab_bytes": -1}, "slab_bytes"),
        (events.CountersEvent, {"growth": {"x": 1.0}}, "growth.x"),
    ],
)
def test_the_fields_of_events_are_of_their_kinds(kind: Any, changes: dict[str, Json], place: str) -> None:
    """By hand, as the others are by their annotations."""
    document = parsed(sample(kind))
    assert isinstance(document, dict)
    with pytest.raises(WireError, match=rf"^{re.escape(place)} is "):
        wire.event_of({**document, **changes})


def test_each_reader_takes_its_own_messages_only() -> None:
    """A coordinator neither obeys an event, nor says what a task says; a plan is no command."""
    for kind in (*TOLD, *PASSED_ON, Plan):
        with pytest.raises(WireError, match=rf"^type is '{kind.__name__}' instead of a message that is known here$"):
            wire.read_command(sample(kind))
    for kind in (*COMMANDS, *PASSED_ON, Plan):
        with pytest.raises(WireError, match=rf"^type is '{kind.__name__}' instead of a message that is known here$"):
            wire.read_event(sample(kind).encode())
    for kind in (*COMMANDS, *TOLD, *PASSED_ON):
        with pytest.raises(WireError, match=r"^\w+ is missing$"):
            wire.read_plan(sample(kind))


@pytest.mark.parametrize("kind", COMMANDS)
def test_every_command_has_an_answer(kind: Any) -> None:
    """An event of a coordinator's, and no other command's."""
    answers = [wire.read_command(sample(command)).answer for command in COMMANDS]
    answer = wire.read_command(sample(kind)).answer
    assert answer in TOLD
    assert answers.count(answer) == 1


@pytest.mark.parametrize("kind", COMMANDS)
def test_every_command_is_obeyed_and_answered(kind: Any, capfd: pytest.CaptureFixture[str]) -> None:
    """By a coordinator that has no processes: the last that it tells is the answer."""
    coordinator = Coordinator(Plan(Address("127.0.0.1", 1), shares=(), routes=()))
    command = wire.read_command(sample(kind))
    coordinator.obey(command)
    told = [wire.read_event(line.encode()) for line in capfd.readouterr().out.splitlines()]
    assert type(told[-1]) is command.answer
    assert {type(event) for event in told[:-1]} <= {events.ProgressEvent}


# Counts.

WORDS = st.dictionaries(st.integers(0, tally.LENGTH - 1), COUNTS, max_size=20)


@given(WORDS)
def test_counts_are_sparse_on_the_way(words: dict[int, int]) -> None:
    """Words that are 0 are not sent, and are there again at the other end."""
    counts = dense(words)
    sent = to_json(counts)
    assert sent == {str(index): word for index, word in sorted(words.items()) if word}
    assert read(events.Counts, sent) == counts
    assert len(read(events.Counts, sent).words) == tally.LENGTH


def test_nothing_counted_is_nothing_sent() -> None:
    """All words are 0 by default."""
    assert to_json(events.Counts()) == {}
    assert read(events.Counts, {}) == events.Counts()
    assert not any(events.Counts().words)


def test_the_last_word_is_taken_and_the_next_is_not() -> None:
    """An index outside of the tally is refused, as is one that is no plain number."""
    assert read(events.Counts, {str(tally.LENGTH - 1): 5}).words[-1] == 5
    for name in (str(tally.LENGTH), "-1", str(1 << 70), "", "x", "²"):
        with pytest.raises(WireError, match=r"^close\.counts is an object instead of a tally$"):
            read(events.Counts, {"0": 1, name: 1}, "close.counts")
