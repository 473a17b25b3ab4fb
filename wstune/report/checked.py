"""Whether a record that was made of somebody's JSON holds what the types of its fields say. Pure."""

from __future__ import annotations

from dataclasses import is_dataclass
from functools import cache
from types import NoneType, UnionType
from typing import TypeVar, Union, get_args, get_origin, get_type_hints

_Kind = TypeVar("_Kind")
_WORDS: dict[object, str] = {int: "a whole number", float: "a number", str: "a text", bool: "true or false"}
_MOST = 1 << 64
"""Numbers are below it: a float of them is finite, and their digits fit on a line."""


def checked(record: _Kind) -> _Kind:
    """The record itself. Raises ValueError: worded `got X, expected Y`, at the first value of another type."""
    _check(type(record), record, "")
    return record


@cache
def _hints(kind: type) -> dict[str, object]:
    return get_type_hints(kind)


def _check(hint: object, value: object, place: str) -> None:
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        inner = next(argument for argument in arguments if argument is not NoneType)
        if value is not None:
            _check(inner, value, place)
    elif origin is tuple and isinstance(value, tuple):
        if arguments[-1] is ...:
            hints = [arguments[0]] * len(value)
        elif len(arguments) == len(value):
            hints = list(arguments)
        else:
            raise ValueError(f"got {len(value)} values in {place}, expected {len(arguments)}")
        for index, (each, item) in enumerate(zip(hints, value, strict=True)):
            _check(each, item, f"{place}[{index}]")
    elif origin is dict and isinstance(value, dict):
        for name, item in value.items():
            _check(arguments[0], name, f"the names of {place}")
            _check(arguments[1], item, f"{place}.{name}")
    elif isinstance(hint, type) and isinstance(value, hint) and (is_dataclass(hint) or hasattr(hint, "_fields")):
        for name, each in _hints(hint).items():
            _check(each, getattr(value, name), f"{place}.{name}".lstrip("."))
    elif not _simple(hint, value):
        expected = _WORDS.get(hint) or (hint.__name__ if isinstance(hint, type) else hint)
        raise ValueError(f"got {value!r:.60} in {place}, expected {expected}")


def _simple(hint: object, value: object) -> bool:
    if hint is int or hint is float:
        kinds = int if hint is int else (int, float)
        return isinstance(value, kinds) and not isinstance(value, bool) and abs(value) < _MOST  # NaN is not below it
    return isinstance(hint, type) and isinstance(value, hint)
