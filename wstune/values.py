"""Kernel values: parsed as what they are, compared as numbers, written back as the kernel wants them.

Tabs and spaces are equal, 0 is a value, and `unlimited` is a number that is larger than every other (LONG_MAX, which is
also what fs.file-max holds under systemd).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

UNLIMITED = 2**63 - 1
"""LONG_MAX: how the kernel spells "no limit" in fs.file-max; `max` and `unlimited` parse to it."""

UNLIMITED_FROM = 2**62
"""cgroup v1 rounds LONG_MAX down to a page (9223372036854771712), so anything this large means no limit."""

_INTEGER = re.compile(r"[+-]?\d{1,20}", re.ASCII)
_COUNT = re.compile(r"(\d+(?:[_,]\d{3})*|\d+\.\d+)([kKM]?)", re.ASCII)
_MAX_DIGITS = 24
"""Of a number that a person writes: more than any count or size has."""

_SIZE = re.compile(r"(\d+(?:\.\d+)?)([KMGT]?)i?B?", re.IGNORECASE | re.ASCII)


class Kind(Enum):
    """How a value is written: what `parse` makes of a text."""

    INTEGER = "integer"
    TRIPLE = "triple"
    """Three numbers: minimum, default or pressure, maximum (tcp_rmem, tcp_mem)."""
    RANGE = "range"
    """Two numbers, low and high, both included (ip_local_port_range)."""
    PORTS = "ports"
    """A comma-separated list of ports and port ranges, perhaps empty (ip_local_reserved_ports)."""
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class Value:
    """A parsed kernel value.

    Attributes:
        kind: how it is written.
        raw: the text as it was read, stripped.
        numbers: INTEGER: one; TRIPLE: three; RANGE: low, high; PORTS: low, high of each merged range in order;
            TEXT: none.
    """

    kind: Kind
    raw: str
    numbers: tuple[int, ...]

    @property
    def unlimited(self) -> bool:
        """Whether it is an integer that means "no limit"."""
        return self.kind is Kind.INTEGER and self.numbers[0] >= UNLIMITED_FROM

    @property
    def number(self) -> int:
        """The number of an INTEGER."""
        if self.kind is not Kind.INTEGER:
            raise TypeError(f"{self.raw!r} is a {self.kind.value}, not an integer")
        return self.numbers[0]

    def same(self, other: Value) -> bool:
        """Whether both mean the same, however they were written."""
        if Kind.TEXT in (self.kind, other.kind):
            return self.raw.split() == other.raw.split()
        return self.numbers == other.numbers

    def __str__(self) -> str:
        return format_value(self)


def parse(kind: Kind, text: str) -> Value:
    """Parse a kernel text. Raises ValueError, worded `got X, expected Y`, when it is not of that kind."""
    raw = text.strip()
    match kind:
        case Kind.TEXT:
            numbers: tuple[int, ...] = ()
        case Kind.INTEGER:
            numbers = (UNLIMITED,) if raw in ("max", "unlimited", "infinity") else _integers(raw, 1, "one integer")
        case Kind.TRIPLE:
            numbers = _integers(raw, 3, "three integers")
        case Kind.RANGE:
            numbers = _integers(raw, 2, "two integers")
        case Kind.PORTS:
            numbers = _port_ranges(raw)
    return Value(kind, raw, numbers)


def make(kind: Kind, *numbers: int) -> Value:
    """The value of these numbers, with the text that the kernel would show."""
    value = Value(kind, "", merged(numbers) if kind is Kind.PORTS else numbers)
    return Value(kind, format_value(value), value.numbers)


def format_value(value: Value) -> str:
    """The canonical text: numbers separated by single spaces, port ranges as `8080,9000-9010`."""
    if value.kind is Kind.TEXT:
        return value.raw
    if value.kind is Kind.PORTS:
        pairs = zip(value.numbers[::2], value.numbers[1::2], strict=True)
        return ",".join(str(low) if low == high else f"{low}-{high}" for low, high in pairs)
    return " ".join(map(str, value.numbers))


def merged(numbers: tuple[int, ...]) -> tuple[int, ...]:
    """Port ranges (low, high, low, high, …) sorted, with overlapping and touching ones joined."""
    joined: list[int] = []
    for low, high in sorted(zip(numbers[::2], numbers[1::2], strict=True)):
        if joined and low <= joined[-1] + 1:
            joined[-1] = max(joined[-1], high)
        else:
            joined += (low, high)
    return tuple(joined)


def port_count(numbers: tuple[int, ...]) -> int:
    """How many ports the ranges (low, high, low, high, …) hold."""
    joined = merged(numbers)
    return sum(high - low + 1 for low, high in zip(joined[::2], joined[1::2], strict=True))


def overlap(numbers: tuple[int, ...], low: int, high: int) -> int:
    """How many ports of the ranges lie between low and high, both included."""
    joined = merged(numbers)
    return sum(max(0, min(b, high) - max(a, low) + 1) for a, b in zip(joined[::2], joined[1::2], strict=True))


def parse_count(text: str) -> int:
    """A count as people write it: `61189`, `100k`, `1.5M`, `1_000_000` (k and M are 10³ and 10⁶). Raises ValueError."""
    match = _COUNT.fullmatch(text.strip())
    if not match:
        raise ValueError(f"got {text[:60]!r}, expected a count such as 61189, 100k or 2M")
    return _scaled(re.sub("[_,]", "", match[1]), {"": 1, "k": 1_000, "K": 1_000, "M": 1_000_000}[match[2]], text)


def parse_size(text: str) -> int:
    """A size in bytes: `512M`, `64G`, `16K`, `4096` (powers of 1024). Raises ValueError."""
    match = _SIZE.fullmatch(text.strip())
    if not match:
        raise ValueError(f"got {text[:60]!r}, expected a size such as 16K, 512M or 64G")
    return _scaled(match[1], 1 << 10 * " KMGT".index(match[2].upper() or " "), text, whole=False)


def _scaled(digits: str, scale: int, text: str, *, whole: bool = True) -> int:
    """The decimal number times the scale. Raises ValueError when it is not whole but must be, or very large."""
    before, _, after = digits.partition(".")
    if len(digits) > _MAX_DIGITS:
        raise ValueError(f"got a number of {len(digits):,} digits, expected at most {_MAX_DIGITS}")
    ones: int = 10 ** len(after)
    number, rest = divmod(int(before + after) * scale, ones)
    if rest and whole:
        raise ValueError(f"got {text!r}, expected a whole number")
    return number + (2 * rest >= ones and rest > 0)


def _integers(raw: str, count: int, expected: str) -> tuple[int, ...]:
    parts = [part for part in raw.replace("\t", " ").split(" ") if part]
    if len(parts) != count or not all(_INTEGER.fullmatch(part) for part in parts):
        raise ValueError(f"got {raw[:60]!r}, expected {expected}")
    return tuple(map(int, parts))


def _port_ranges(raw: str) -> tuple[int, ...]:
    numbers: list[int] = []
    for part in filter(None, re.split(r"[, \t]+", raw)):
        low, dash, high = part.partition("-")
        if not (part.isascii() and low.isdecimal() and (high.isdecimal() if dash else True)):
            raise ValueError(f"got {raw[:60]!r}, expected ports such as 3000,8000-8010")
        first, last = int(low), int(high or low)
        if not 0 <= first <= last <= 65535:
            raise ValueError(f"got {part!r}, expected ports from 0 to 65535, low before high")
        numbers += (first, last)
    return merged(tuple(numbers))
