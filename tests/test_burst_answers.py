"""The shapes of what another machine may say: what ours says has them, and nothing else gets through."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wstune.burst import agent, answers, cluster_probe
from wstune.burst.answers import CLOCK, EVENTS, PROBE, ROOM, NotAnAnswerError, Record, cleaned, event, read_json, record

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


def test_what_our_own_machines_say_has_the_shape() -> None:
    """The probe, the room and the clock of this machine."""
    assert record(cluster_probe.probe(), PROBE)
    assert record(cleaned(agent.check((), loopback=True)), ROOM)
    assert CLOCK.fits(agent.clock())


@given(st.sampled_from(sorted(EVENTS)), st.data())
@settings(max_examples=300, deadline=None)
def test_an_event_is_right_or_refused(name: str, data: st.DataObject) -> None:
    """Whatever stands in its fields: it comes out with every field of its kind, or is no answer."""
    fields: dict[str, Any] = {"event": name}
    for field in (*EVENTS[name].required, *EVENTS[name].optional):
        fields[field] = data.draw(JSON)
    try:
        found = event(json.dumps(fields))
    except NotAnAnswerError:
        return
    for field, kind in EVENTS[name].required.items():
        assert isinstance(kind, Record) or kind.fits(found[field])


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
        record({"event": 5, "a": "\x1b"}, Record({"a": answers.COUNT}))
    assert "\x1b" not in str(refused.value)
