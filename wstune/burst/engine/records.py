"""Records (NamedTuples) as JSON and back, by the types of their fields. Pure, and lean: a coordinator imports it.

A record is an object with its fields by name and its class's name as `type`. What is missing, unknown, or not what the
field's type says, is an error where it is read. An int is a count, from 0; what a text may be long is MAX_TEXT; bytes
are a text of any length, in UTF-8; `Annotated[int, N]` is below N; a tuple is a list; X | None is X or null; a union of
records is the one that `type` names; a record may bring its own `to_json` and `of_json`.
"""

from __future__ import annotations

import json
from functools import cache
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Annotated, Protocol, TypeVar, Union, get_args, get_origin, get_type_hints

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Self

Json = Union[None, bool, int, float, str, list["Json"], dict[str, "Json"]]  # noqa: UP007
"""What a JSON text holds."""
Value = TypeVar("Value")

MAX_ITEMS = 100_000
MAX_TEXT = 4096
_MOST = 1 << 64
_SHOWN = 40


class WireError(ValueError):
    """A message that is not what it has to be; the text says where it differs."""


class Record(Protocol):
    """A NamedTuple."""

    @classmethod
    def _make(cls, iterable: Iterable[object]) -> Self: ...


def to_json(value: object) -> Json:
    """A record, or a part of one, as JSON. Raises TypeError for what no field may be."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, bytes):
        return value.decode()
    if hasattr(value, "to_json"):
        made: Json = value.to_json()
        return made
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        fields: dict[str, Json] = {name: to_json(item) for name, item in zip(value._fields, value, strict=True)}
        return {"type": type(value).__name__, **fields}
    if isinstance(value, tuple):
        return [to_json(item) for item in value]
    if isinstance(value, dict):
        return {str(name): to_json(item) for name, item in value.items()}
    raise TypeError(f"got {type(value).__name__}, expected a record or a part of one")


def parsed(line: bytes | str) -> Json:
    """A JSON text of a process of ours. Raises WireError."""
    try:
        value: Json = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise WireError(f"it is not JSON: {error}") from None
    return value


def read(kind: type[Value] | UnionType, value: Json, place: str = "") -> Value:
    """A record of this kind, or of one of these. Raises WireError."""
    reader: Callable[[Json, str], Value] = _reader(kind)  # type: ignore[arg-type]
    return reader(value, place)


def brief(value: Json) -> str:
    """A value in a message to the user: printable, and short."""
    if isinstance(value, dict | list):
        return "an object" if isinstance(value, dict) else "a list"
    words = ascii(value)
    return words if len(words) <= _SHOWN else f"{words[:_SHOWN]}…"


def wrong(value: Json, place: str, expected: str) -> WireError:
    """The error for a value that is something else than expected."""
    return WireError(f"{place or 'it'} is {brief(value)} instead of {expected}")


@cache
def _reader(kind):  # type: ignore[no-untyped-def]  # whatever may be written as a type
    """What reads a value of this type: a function of the value and its place."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return _below(arguments[1])
    if origin in (Union, UnionType):
        kinds = [argument for argument in arguments if argument is not NoneType]
        inner = _reader(kinds[0]) if len(kinds) == 1 else _one_of(tuple(kinds))
        return inner if len(kinds) == len(arguments) else lambda value, at: None if value is None else inner(value, at)
    if origin is tuple:
        return _many(_reader(arguments[0])) if arguments[-1] is ... else _row([_reader(item) for item in arguments])
    if origin is dict:
        return _integers
    if hasattr(kind, "of_json"):
        return kind.of_json
    return _SIMPLE[kind] if kind in _SIMPLE else _record(kind)


def _record(kind: type[Record]) -> Callable[[Json, str], Record]:
    readers = {name: _reader(hint) for name, hint in get_type_hints(kind, include_extras=True).items()}

    def read_record(value: Json, place: str) -> Record:
        if not isinstance(value, dict):
            raise wrong(value, place, "an object")
        within = f"{place}." if place else ""
        for name in ("type", *readers):
            if name not in value:
                raise WireError(f"{within}{name} is missing")
        if value["type"] != kind.__name__:
            raise wrong(value["type"], f"{within}type", kind.__name__)
        for name in value:
            if name not in readers and name != "type":
                raise WireError(f"{place}{': ' * bool(place)}{brief(name)} is not a field of {kind.__name__}")
        return kind._make(reader(value[name], within + name) for name, reader in readers.items())

    return read_record


def _one_of(kinds: tuple[type[Record], ...]) -> Callable[[Json, str], Record]:
    readers = {kind.__name__: _reader(kind) for kind in kinds}

    def read_one(value: Json, place: str) -> Record:
        if not isinstance(value, dict):
            raise wrong(value, place, "an object")
        name = value.get("type")
        if not isinstance(name, str) or name not in readers:
            raise wrong(name, f"{place}.type" if place else "type", "a message that is known here")
        made: Record = readers[name](value, place)
        return made

    return read_one


def _many(reader: Callable[[Json, str], Value]) -> Callable[[Json, str], tuple[Value, ...]]:
    def read_list(value: Json, place: str) -> tuple[Value, ...]:
        if not isinstance(value, list) or len(value) > MAX_ITEMS:
            raise wrong(value, place, f"a list of at most {MAX_ITEMS:,}")
        return tuple(reader(item, f"{place}[{index}]") for index, item in enumerate(value))

    return read_list


def _row(readers: list[Callable[[Json, str], Value]]) -> Callable[[Json, str], tuple[Value, ...]]:
    def read_row(value: Json, place: str) -> tuple[Value, ...]:
        if not isinstance(value, list) or len(value) != len(readers):
            raise wrong(value, place, f"a list of {len(readers)}")
        return tuple(reader(item, place) for reader, item in zip(readers, value, strict=True))

    return read_row


def _below(most: int) -> Callable[[Json, str], int]:
    def read_count(value: Json, place: str) -> int:
        if type(value) is int and 0 <= value < most:
            return value
        raise wrong(value, place, "a count" if most == _MOST else f"a number from 0 to {most - 1:,}")

    return read_count


def _number(value: Json, place: str) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e15:  # NaN is not below it
        return value
    raise wrong(value, place, "a number")


def _flag(value: Json, place: str) -> bool:
    if isinstance(value, bool):
        return value
    raise wrong(value, place, "true or false")


def _text(value: Json, place: str) -> str:
    if isinstance(value, str) and len(value) <= MAX_TEXT:
        return value
    raise wrong(value, place, "a text")


def _bytes(value: Json, place: str) -> bytes:
    if isinstance(value, str):
        try:
            return value.encode()
        except UnicodeEncodeError:
            pass  # half of a surrogate pair
    raise wrong(value, place, "a text")


def _integers(value: Json, place: str) -> dict[str, int]:
    if not isinstance(value, dict) or len(value) > MAX_ITEMS:
        raise wrong(value, place, "an object")
    for name, item in value.items():
        if len(name) > MAX_TEXT:
            raise wrong(name, place, "a name")
        if type(item) is not int or abs(item) >= _MOST:
            raise wrong(item, f"{place}.{brief(name)[1:-1]}", "an integer")
    return {name: item for name, item in value.items() if isinstance(item, int)}


_SIMPLE = {int: _below(_MOST), float: _number, bool: _flag, str: _text, bytes: _bytes}
