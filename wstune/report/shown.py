"""What is shown: a report, or any other of our records, with every text in it fit to be shown.

The border that texts of others cross once, whatever the format: the `why` of a profile, names of files, what a server
or another machine said, the contents of trees.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from enum import Enum
from functools import cache
from typing import Any, TypeVar, cast

from wstune.printable import printable
from wstune.values import Kind, Value

T = TypeVar("T")


def shown(what: T) -> T:
    """The same record, with its texts made printable: white space of every kind is a blank, controls are spelled out.

    Goes through dataclasses, tuples, lists and mappings; what needs no change is the same object.
    """
    return cast("T", _shown(what))


def _shown(what: Any) -> Any:
    match what:
        case str() if not isinstance(what, Enum):
            return what if what.isprintable() else printable(" ".join(what.split("\n")))
        case None | int() | float() | Enum():
            return what
        case Value() if what.kind is not Kind.TEXT:
            return what  # digits, blanks, tabs and commas
        case tuple():
            items = [_shown(item) for item in what]
            if all(map(_is, items, what)):
                return what
            return what._make(items) if hasattr(what, "_make") else tuple(items)
        case list():
            return [_shown(item) for item in what]
        case Mapping():
            return {_shown(key): _shown(value) for key, value in what.items()}
        case _ if dataclasses.is_dataclass(what) and not isinstance(what, type):
            changed = {}
            for name in _fields(type(what)):
                value = getattr(what, name)
                new = _shown(value)
                if new is not value:
                    changed[name] = new
            return dataclasses.replace(cast("Any", what), **changed) if changed else what
        case _:
            return what


def _is(one: object, other: object) -> bool:
    return one is other


@cache
def _fields(kind: type[Any]) -> tuple[str, ...]:
    return tuple(field.name for field in dataclasses.fields(kind) if field.init)
