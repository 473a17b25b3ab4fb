"""What another machine may say, by its shape: size, depth and types are checked before anything is made of it. Pure.

Text comes out of here without control characters.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple, NoReturn

from wstune.burst.engine.records import WireError
from wstune.printable import printable

DEPTH = 32
_DIGITS = 20
_TEXT = 4096
_ITEMS = 100_000
_SHOWN = 40


class NotAnAnswerError(WireError):
    """What was sent is nothing that wstune says; its text tells where it differs."""


@dataclass(frozen=True, slots=True)
class Kind:
    """What a value has to be: in words, and whether one is."""

    words: str
    fits: Callable[[Any], bool]


@dataclass(frozen=True, slots=True)
class Record:
    """An object with these keys; others may come with them, and are not looked at."""

    required: dict[str, Kind | Record] = field(default_factory=dict)
    optional: dict[str, Kind | Record] = field(default_factory=dict)


def _pair(value: Any, first: Kind, second: Kind) -> bool:
    return type(value) in (list, tuple) and len(value) == 2 and first.fits(value[0]) and second.fits(value[1])


def maybe(kind: Kind) -> Kind:
    """It, or null."""
    return Kind(f"{kind.words} or null", lambda value: value is None or kind.fits(value))


INTEGER = Kind("an integer", lambda value: type(value) is int and abs(value) < 1 << 64)
NUMBER = Kind("a number", lambda value: type(value) in (int, float) and abs(value) < 1e15)  # NaN is not below it
TEXT = Kind("a text", lambda value: type(value) is str and len(value) <= _TEXT)


class Probe(NamedTuple):
    """What burst.cluster_probe and the probe by SSH find; None of what is not installed."""

    python: str
    executable: str
    euid: int
    hostname: str
    wstune: str | None
    distributed: str | None


CLOCK = Kind("two times", lambda value: _pair(value, NUMBER, NUMBER))
"""What burst.agent.clock gives."""

_HELD = Record({}, {"connections": maybe(INTEGER), "bottleneck": maybe(TEXT)})
_ROLE = Kind("a role's capacity", lambda value: value is None or _is(value, _HELD))
_FINDING = Record({"tunable": TEXT, "outcome": TEXT, "severity": TEXT, "fix": maybe(TEXT)})
CHECKED = Record(
    {
        "verdict": Kind("a verdict", lambda value: value in ("ready", "not-ready", "inconclusive")),
        "role": TEXT,
        "capacity": Record({}, {"server": _ROLE, "generator": _ROLE}),
        "findings": Kind(
            "a list of findings",
            lambda value: type(value) is list and len(value) <= _ITEMS and all(_is(each, _FINDING) for each in value),
        ),
    }
)
"""What the reports show of another machine's document of `check`."""


def read_json(text: str | bytes) -> Any:
    """A JSON text without its control characters. Raises NotAnAnswerError: broken, too deep, not a number."""
    try:
        return cleaned(json.loads(text, parse_int=_integer, parse_float=_real, parse_constant=_no_number))
    except NotAnAnswerError:
        raise
    except RecursionError:
        raise NotAnAnswerError(f"it is nested more than {DEPTH} deep") from None
    except ValueError as error:
        raise NotAnAnswerError(f"it is not JSON: {error}") from None


def cleaned(value: Any, depth: int = 0) -> Any:
    """The same with every text printable. Raises NotAnAnswerError for what is nested too deep."""
    if depth > DEPTH:
        raise NotAnAnswerError(f"it is nested more than {DEPTH} deep")
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, dict):
        return {cleaned(name, depth + 1): cleaned(each, depth + 1) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [cleaned(each, depth + 1) for each in value]
    return value


def record(value: Any, shape: Record, where: str = "") -> dict[str, Any]:
    """The value, if it has this shape. Raises NotAnAnswerError that names the first place where it has not."""
    if type(value) is not dict:
        raise NotAnAnswerError(f"{where or 'it'} is {_brief(value)} instead of an object")
    for name, kind in (*shape.required.items(), *shape.optional.items()):
        place = f"{where}.{name}" if where else name
        if name not in value:
            if name in shape.required:
                raise NotAnAnswerError(f"{place} is missing")
        elif isinstance(kind, Record):
            record(value[name], kind, place)
        elif not kind.fits(value[name]):
            raise NotAnAnswerError(f"{place} is {_brief(value[name])} instead of {kind.words}")
    return value


def _is(value: Any, shape: Record) -> bool:
    try:
        record(value, shape)
    except NotAnAnswerError:
        return False
    return True


def _integer(text: str) -> int:
    if len(text) > _DIGITS:
        raise NotAnAnswerError(f"a number has {len(text):,} digits")
    return int(text)


def _real(text: str) -> float:
    value = float(text)
    if not abs(value) < 1e300:
        _no_number(text)
    return value


def _no_number(text: str) -> NoReturn:
    raise NotAnAnswerError(f"{_brief(text)} is not a number")


def _brief(value: Any) -> str:
    if isinstance(value, dict | list | tuple):
        return "an object" if isinstance(value, dict) else "a list"
    words = ascii(value)
    return words if len(words) <= _SHOWN else f"{words[:_SHOWN]}…"
