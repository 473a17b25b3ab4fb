"""The shapes of what another machine may say: what ours says has them, and nothing else gets through."""

from __future__ import annotations

import json
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.burst.engine.kinds import fields, same, values
from wstune import __version__
from wstune.burst import agent, answers, cluster_probe
from wstune.burst.answers import CLOCK, NotAnAnswerError, Probe, Record, cleaned, read_json, record
from wstune.burst.engine import events, wire
from wstune.burst.engine.records import WireError, read, to_json
from wstune.burst.shares import MachineRoom

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


def test_what_our_own_machines_say_has_the_shape() -> None:
    """The probe, the room and the clock of this machine."""
    assert read(Probe, cleaned(cluster_probe.probe())).wstune == __version__
    assert read(MachineRoom, cleaned(agent.check((), loopback=True))).limits
    assert CLOCK.fits(agent.clock())


@given(st.sampled_from((*get_args(events.Event), Probe, MachineRoom)), st.data())
@settings(max_examples=500, deadline=None)
def test_an_event_is_right_or_refused(kind: Any, data: st.DataObject) -> None:
    """Whatever stands in its fields, and in those of a room or a probe: it comes out with every field of its kind, or
    is no answer."""
    document: dict[str, Any] = {"type": kind.__name__}
    for field, of in fields(kind).items():
        document[field] = data.draw(values(of).map(to_json) | JSON)
    text = json.dumps(document)
    try:
        found: Any = read(kind, read_json(text))
    except WireError as error:
        found = str(error)
    if isinstance(found, str):
        assert found.isprintable()
        return
    assert type(found) is kind
    again = json.dumps(to_json(found))
    assert "\\u001b" not in again
    assert same(read(kind, read_json(again)), found)
    if kind in get_args(events.Event):
        assert same(wire.event_of(read_json(text)), found)


@given(st.text() | st.binary() | JSON.map(json.dumps))
@settings(max_examples=300, deadline=None)
def test_any_text_is_json_or_no_answer(text: str | bytes) -> None:
    """There is no third thing, and no control character in what there is."""
    try:
        found = read_json(text)
    except NotAnAnswerError:
        return
    assert "\x1b" not in str(found)
    json.dumps(found)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[" * 200_000, "nested"),
        ("[" * 40 + "]" * 40, "nested"),
        ('{"a":' * 5_000 + "1" + "}" * 5_000, "nested"),
        ("9" * 5_000, "5,000 digits"),
        ("-1e400", "not a number"),
        ("Infinity", "not a number"),
        ("\ufeff{}", "not JSON"),
        (b"\xff\xfe\xfd", "not JSON"),
    ],
)
def test_bombs_are_no_answer(text: str | bytes, why: str) -> None:
    """Deep, long, infinite, of another encoding."""
    with pytest.raises(NotAnAnswerError, match=why):
        read_json(text)


def test_text_is_printable_from_here_on() -> None:
    """Also in names, and in what an error shows of it."""
    assert read_json('{"a\\u001b": ["\\u009b2J", "\\ud800"]}') == {"a\\x1b": ["\\x9b2J", "\\ud800"]}
    with pytest.raises(NotAnAnswerError) as refused:
        record({"event": 5, "a": "\x1b"}, Record({"a": answers.INTEGER}))
    assert "\x1b" not in str(refused.value)
