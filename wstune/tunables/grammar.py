"""Whether a value is one that its tunable can have at all: asked wherever a value is read that may be written."""

from __future__ import annotations

import re

from wstune.printable import printable
from wstune.tunable import Tunable
from wstune.values import Kind, Value

_INT = (-(2**31), 2**31 - 1)
"""What a C int holds: the bounds of a number that has none of its own."""


def objection(tunable: Tunable, value: Value) -> str:
    """Why it is not a value of that tunable, worded to follow its name; empty when it is one."""
    if tunable.kind is Kind.TEXT:
        if re.fullmatch(tunable.grammar, value.raw, re.ASCII):
            return ""
        shown = printable(value.raw[:40]) + ("…" if len(value.raw) > 40 else "")
        return f"= '{shown}' is not a {tunable.unit} ({tunable.grammar})"
    return next(filter(None, (outside(tunable, number) for number in value.numbers)), "")


def outside(tunable: Tunable, number: int) -> str:
    """Why the number is not within the tunable's bounds, worded to follow its name; empty when it is."""
    low, high = _INT if tunable.kind is not Kind.PORTS else (0, 65535)
    low = low if tunable.minimum is None else tunable.minimum
    high = high if tunable.maximum is None else tunable.maximum
    return "" if low <= number <= high else f"= {_short(number)} is outside what the kernel accepts ({low} to {high})"


def _short(number: int) -> str:
    """The number, or about how large it is: Python refuses to write 5,000 digits."""
    return str(number) if number.bit_length() <= 128 else f"a number of {number.bit_length()} bits"
