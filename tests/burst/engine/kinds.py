"""The kinds that a field of a record may have, walked by their annotations: any value of one, and what is none."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from types import NoneType, UnionType
from typing import Annotated, Any, NamedTuple, Union, get_args, get_origin, get_type_hints

from hypothesis import strategies as st

from wstune.burst import tally
from wstune.burst.engine import events, wire
from wstune.burst.engine.records import MAX_ITEMS, MAX_TEXT, WireError

COUNTS = st.integers(0, (1 << 64) - 1)
NUMBERS = st.floats(-1e15, 1e15, exclude_min=True, exclude_max=True)
TEXTS = st.text(max_size=20) | st.just("é" * MAX_TEXT)
FIGURES = st.dictionaries(st.text(max_size=20), st.integers(1 - (1 << 64), (1 << 64) - 1), max_size=3)
_SIMPLE = {int: COUNTS, float: NUMBERS, bool: st.booleans(), str: TEXTS, bytes: st.text(max_size=20).map(str.encode)}


def dense(words: dict[int, int]) -> events.Counts:
    """Counts that hold these words, and 0 elsewhere."""
    return events.Counts(tuple(words.get(index, 0) for index in range(tally.LENGTH)))


TALLIES = st.dictionaries(st.integers(0, tally.LENGTH - 1), COUNTS, max_size=5).map(dense)


def fields(kind: Any) -> dict[str, Any]:
    """The annotations of a record, by the names of its fields."""
    return get_type_hints(kind, include_extras=True)


def members(kind: Any) -> tuple[Any, ...]:
    """The kinds of a union; of anything else itself."""
    return get_args(kind) if get_origin(kind) in (Union, UnionType) else (kind,)


def records(kind: Any) -> set[Any]:
    """All kinds of records that a value of this kind may hold, its own too."""
    if get_origin(kind):
        return {found for argument in get_args(kind) for found in records(argument)}
    if not hasattr(kind, "_fields"):
        return set()
    return {kind}.union(*(records(hint) for hint in fields(kind).values()))


def values(kind: Any) -> st.SearchStrategy[Any]:
    """Any value of a kind."""
    arguments = get_args(kind)
    if get_origin(kind) is Annotated:
        return st.integers(0, arguments[1] - 1)
    if len(members(kind)) > 1:
        return st.one_of(*(st.none() if member is NoneType else values(member) for member in members(kind)))
    if get_origin(kind) is tuple and arguments[-1] is ...:
        return st.lists(values(arguments[0]), max_size=3).map(tuple)
    if get_origin(kind) is tuple:
        return st.tuples(*map(values, arguments))
    if get_origin(kind) is dict:
        return FIGURES
    if kind is events.Counts:
        return TALLIES
    if kind in _SIMPLE:
        return _SIMPLE[kind]
    return st.builds(kind, **{name: values(of) for name, of in fields(kind).items()})


def same(one: object, other: object) -> bool:
    """Equal, and of the same kinds all the way down: as tuples, records of two kinds may be equal."""
    if type(one) is not type(other):
        return False
    if isinstance(one, tuple) and isinstance(other, tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return one == other


_SHOWN = 300


class Spoilt(NamedTuple):
    """A JSON text that is no value of a kind, and the place that its error has to name."""

    text: str
    place: str


_SAMPLES = {int: "1", float: "0.5", bool: "false", str: '"x"', bytes: '"x"'}
_NO_INTEGERS = ("null", "true", '"1"', "1.0", "NaN", "Infinity", "1e400", "[]", "{}")
_NO_NUMBERS = ("null", "true", '"1"', "NaN", "Infinity", "-Infinity", "1e400", "-1e400", "1e15", "1" * 400, "[]", "{}")
_NO_TEXTS = ("null", "true", "1", "[]", '{"x": "x"}')
_WRONG = {
    int: (*_NO_INTEGERS, "-1", str(1 << 64), "1" * 400),
    float: _NO_NUMBERS,
    bool: ("null", "0", "1", '"true"', "[]"),
    str: (*_NO_TEXTS, json.dumps("x" * (MAX_TEXT + 1)), json.dumps("é" * (MAX_TEXT + 1))),
    bytes: (*_NO_TEXTS, r'"\ud800"'),  # which UTF-8 does not have
}
_NO_OBJECTS = ("null", "true", "1", '"x"', "[]")
_NO_COUNTS = (
    *_NO_OBJECTS,
    *(
        f'{{"{name}": 1}}'
        for name in ("", "x", "-1", "+1", " 1", "1.0", "1_0", "²", "٣", tally.LENGTH, 1 << 64, "9" * 5000)
    ),
    *(f'{{"1": {word}}}' for word in ("null", "true", "-1", "1.0", "NaN", "1e400", '"1"', "[]", 1 << 64)),
)
_NO_FIGURES = ("null", "true", "1.0", "NaN", "1e400", '"1"', "[]", 1 << 64, -(1 << 64))


def sample(kind: Any) -> str:
    """A JSON text of a kind: one item in each list, nothing that may be absent is."""
    arguments = get_args(kind)
    if get_origin(kind) is Annotated:
        return "1"
    if len(members(kind)) > 1:
        return sample(arguments[0])
    if get_origin(kind) is tuple:
        items = arguments[:1] if arguments[-1] is ... else arguments
        return f"[{', '.join(map(sample, items))}]"
    if get_origin(kind) is dict or kind is events.Counts:
        return '{"1": 1}'
    if kind in _SAMPLES:
        return _SAMPLES[kind]
    return _record(kind.__name__, {name: sample(of) for name, of in fields(kind).items()})


def _record(name: str, texts: dict[str, str]) -> str:
    return "{" + ", ".join(f'"{key}": {text}' for key, text in {"type": f'"{name}"', **texts}.items()) + "}"


def spoilt(kind: Any, place: str = "") -> Iterator[Spoilt]:
    """Every way in which a sample of a kind is spoilt in one place: by all that is no value there."""
    arguments = get_args(kind)
    if kind in _WRONG:
        yield from (Spoilt(text, place) for text in _WRONG[kind])
    elif get_origin(kind) is Annotated:
        yield from (Spoilt(text, place) for text in (*_NO_INTEGERS, "-1", str(arguments[1])))
    elif NoneType in arguments:
        (inner,) = (argument for argument in arguments if argument is not NoneType)
        yield from (each for each in spoilt(inner, place) if each.text != "null")
    elif len(members(kind)) > 1:
        yield from _no_union(kind, place)
    elif get_origin(kind) is tuple:
        yield from _no_list(arguments, place)
    elif get_origin(kind) is dict:
        yield from (Spoilt(text, place) for text in _NO_OBJECTS)
        yield from (Spoilt(f'{{"x": {text}}}', f"{place}.x") for text in _NO_FIGURES)
        yield Spoilt("{" + ", ".join(f'"{at}": 1' for at in range(MAX_ITEMS + 1)) + "}", place)
    elif kind is events.Counts:
        yield from (Spoilt(text, place) for text in _NO_COUNTS)
    else:
        yield from _no_record(kind, place)


def _no_union(kind: Any, place: str) -> Iterator[Spoilt]:
    within = f"{place}." if place else ""
    yield from (Spoilt(text, place) for text in _NO_OBJECTS)
    yield Spoilt("{}", f"{within}type")
    yield from (Spoilt(f'{{"type": {name}}}', f"{within}type") for name in ("null", "1", "[]", "{}", '"Nobody"'))
    for member in members(kind):
        yield from (each for each in _no_record(member, place, known=True))


def _no_list(arguments: tuple[Any, ...], place: str) -> Iterator[Spoilt]:
    yield from (Spoilt(text, place) for text in ("null", "true", "1", '"x"', "{}"))
    if arguments[-1] is ...:
        yield Spoilt(f"[{', '.join(['null'] * (MAX_ITEMS + 1))}]", place)
        good = sample(arguments[0])
        yield from (Spoilt(f"[{good}, {text}]", inner) for text, inner in spoilt(arguments[0], f"{place}[1]"))
        return
    goods = [sample(argument) for argument in arguments]
    yield from (Spoilt(f"[{', '.join(row)}]", place) for row in ([], goods[1:], [*goods, goods[-1]]))
    for at, argument in enumerate(arguments):
        for text, inner in spoilt(argument, place):
            yield Spoilt(f"[{', '.join([*goods[:at], text, *goods[at + 1 :]])}]", inner)


def _no_record(kind: Any, place: str, *, known: bool = False) -> Iterator[Spoilt]:
    """`known`: its name and that it is an object are looked at elsewhere."""
    within = f"{place}." if place else ""
    goods = {name: sample(of) for name, of in fields(kind).items()}
    if not known:
        yield from (Spoilt(text, place) for text in _NO_OBJECTS)
        yield from (Spoilt(_record(name, goods), f"{within}type") for name in ("Nobody", kind.__name__.lower()))
        yield Spoilt(json.dumps({name: None for name in goods}), f"{within}type")
    yield Spoilt(_record(kind.__name__, {**goods, "wrong": "1"}), f"'wrong' is not a field of {kind.__name__}")
    for field, of in fields(kind).items():
        others = {name: text for name, text in goods.items() if name != field}
        yield Spoilt(_record(kind.__name__, others), f"{within}{field}")
        for text, inner in spoilt(of, within + field):
            yield Spoilt(_record(kind.__name__, {**goods, field: text}), inner)


def survives(read: Callable[[bytes], object], message: Any) -> None:
    """It goes through a line, and is the same at the other end."""
    line = wire.line_of(message)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert same(read(line), message)


def refuses(read: Callable[[bytes], object], kind: Any) -> None:
    """A sample is taken; each spoilt one is a WireError that begins with its place, and fits into a terminal."""
    read(sample(kind).encode())
    taken = []
    for text, place in spoilt(kind):
        try:
            read(text.encode())
        except WireError as error:
            words = str(error)
            assert words.startswith(f"{place or 'it'} is ") or words.endswith(place), text[:_SHOWN]
            assert words.isprintable(), text[:_SHOWN]
            assert len(words) < _SHOWN, text[:_SHOWN]
        else:
            taken.append((place, text[:_SHOWN]))
    assert taken == []
