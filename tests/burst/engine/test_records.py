"""Records as JSON and back: what each kind of field may be, and that everything else is an error with its place."""

from __future__ import annotations

import json
from typing import Annotated, Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.burst.engine.kinds import refuses, same, sample, values
from wstune.burst.engine.records import MAX_ITEMS, MAX_TEXT, Json, WireError, brief, parsed, read, to_json, wrong


class One(NamedTuple):
    """A part of the others."""

    amount: int


class Other(NamedTuple):
    """Equal to the first as a tuple, and something else."""

    amount: int


class Nothing(NamedTuple):
    """Without fields."""


class Every(NamedTuple):
    """A field of each kind."""

    amount: int
    port: Annotated[int, 1 << 16]
    number: float
    flag: bool
    text: str
    data: bytes
    maybe: float | None
    part: One
    either: One | Other | Nothing
    many: tuple[One, ...]
    lists: tuple[tuple[bytes, ...], ...]
    row: tuple[int, str, float]
    figures: dict[str, int]


class Own(NamedTuple):
    """Brings its own form."""

    text: str

    def to_json(self) -> Json:
        return self.text.upper()

    @classmethod
    def of_json(cls, value: Json, place: str) -> Own:
        if not isinstance(value, str):
            raise wrong(value, place, "something loud")
        return cls(value.lower())


class Holder(NamedTuple):
    """Of one that brings its own."""

    own: Own


def every(line: bytes) -> Every:
    return read(Every, parsed(line))


def taken(**changes: Json) -> Every:
    """What is read of a sample with these fields instead."""
    fields = json.loads(sample(Every)) | changes
    return read(Every, fields)


@given(values(Every))
def test_a_record_is_the_same_when_it_has_been_json(record: Every) -> None:
    """Whatever stands in its fields."""
    assert same(every(json.dumps(to_json(record)).encode()), record)


def test_what_no_field_may_be_is_refused_by_its_place() -> None:
    """Each kind of field, spoilt in each of the ways that it has."""
    refuses(every, Every)


def test_the_form_is_an_object_with_the_name_of_its_kind() -> None:
    """Fields by name, parts within, bytes as text, tuples as lists."""
    record = Every(
        1, 2, 0.5, True, "é", "ü".encode(), None, One(3), Nothing(), (One(4),), ((b"a",), ()), (5, "b", 6.0), {"c": -7}
    )
    assert to_json(record) == {
        "type": "Every",
        "amount": 1,
        "port": 2,
        "number": 0.5,
        "flag": True,
        "text": "é",
        "data": "ü",
        "maybe": None,
        "part": {"type": "One", "amount": 3},
        "either": {"type": "Nothing"},
        "many": [{"type": "One", "amount": 4}],
        "lists": [["a"], []],
        "row": [5, "b", 6.0],
        "figures": {"c": -7},
    }


@pytest.mark.parametrize("kind", [One, Other, Nothing])
def test_a_union_is_the_one_that_is_named(kind: type[Any]) -> None:
    """Not the first that would fit."""
    assert type(taken(either=json.loads(sample(kind))).either) is kind


def test_the_bounds_are_taken() -> None:
    """The largest count, port, text and list; a text of bytes may be longer; numbers and figures may be negative."""
    record = taken(
        amount=(1 << 64) - 1,
        port=65_535,
        number=-5,
        text="é" * MAX_TEXT,
        data="é" * (MAX_TEXT + 1),
        lists=[["a"] * MAX_ITEMS],
        figures={"a": 1 - (1 << 64)},
    )
    assert record.amount == (1 << 64) - 1
    assert record.port == 65_535
    assert record.number == -5
    assert len(record.text) == MAX_TEXT
    assert record.data.decode() == "é" * (MAX_TEXT + 1)
    assert record.lists == ((b"a",) * MAX_ITEMS,)
    assert record.figures == {"a": 1 - (1 << 64)}


def test_whoever_brings_its_own_form_is_asked() -> None:
    """Both ways, and for what is wrong."""
    assert to_json(Holder(Own("loud"))) == {"type": "Holder", "own": "LOUD"}
    assert read(Holder, {"type": "Holder", "own": "LOUD"}) == Holder(Own("loud"))
    with pytest.raises(WireError, match="own is 5 instead of something loud"):
        read(Holder, {"type": "Holder", "own": 5})


@pytest.mark.parametrize("value", [[1], {1, 2}, object(), 1j], ids=["list", "set", "object", "complex"])
def test_what_is_no_part_of_a_record_is_a_type_error(value: object) -> None:
    """It is a bug of ours, and is not written."""
    with pytest.raises(TypeError, match=f"got {type(value).__name__}, expected a record or a part of one"):
        to_json((One(1), value))


@pytest.mark.parametrize(
    "line",
    [b"", b"{", b'{"type": "One", "amount": 1} 2', b"\xff", b"[" * 100_000, b"1" * 5_000, b"'x'"],
    ids=["nothing", "broken", "more than one", "no UTF-8", "deep", "too many digits", "another language"],
)
def test_what_is_not_json_is_a_wire_error(line: bytes) -> None:
    """However it is broken."""
    with pytest.raises(WireError, match=r"^it is not JSON: "):
        parsed(line)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(st.characters()), inner, max_size=4),
    max_leaves=20,
)


def refusal(document: Json) -> str:
    """What is said of a document that is no record; nothing of one that is."""
    try:
        assert to_json(every(json.dumps(document).encode())) == document
    except WireError as error:
        return str(error)
    return ""


@given(st.dictionaries(st.sampled_from(("type", "wrong", *Every._fields)), JSON, max_size=2) | JSON)
def test_any_json_is_a_record_or_a_wire_error(value: Json) -> None:
    """Also where most of it is right: there is no third thing, and the error is short and can be printed."""
    words = refusal(json.loads(sample(Every)) | value if isinstance(value, dict) else value)
    assert words.isprintable()
    assert len(words) < 200


@pytest.mark.parametrize("name", ["\x1b[2J", "\ud800", "x" * 100_000], ids=["escape", "surrogate", "long"])
def test_the_place_of_a_figure_is_printable_and_short(name: str) -> None:
    """Its name is the other's own."""
    words = refusal(json.loads(sample(Every)) | {"figures": {name: "x"}})
    assert "figures" in words
    assert words.isprintable()
    assert len(words) < 200


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "None"),
        ("é\x1b\u202e", r"'\xe9\x1b\u202e'"),
        ("x" * 100, "'" + "x" * 39 + "…"),
        ({"x": "\x1b"}, "an object"),
        (["\x1b"], "a list"),
    ],
    ids=["null", "controls", "long", "object", "list"],
)
def test_a_value_in_a_message_is_printable_and_short(value: Json, words: str) -> None:
    """It may be another machine's."""
    assert brief(value) == words
