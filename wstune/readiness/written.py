"""What a kernel makes of a text that is written to a sysctl, which is not what it shows when it is read. Pure.

Of kernel/sysctl.c proc_get_long and do_proc_dointvec, and tried in a network namespace of Linux 6.18: numbers may be
octal (`010` is 8) or hexadecimal, a number needs white space or the end after it (`9M`, `4096,` and `+5` are EINVAL),
what comes after the last number that fits is left unread (`4096 # comment` is 4096), and a vector may be cut short. No
blank may stand in a list of ports.
"""

from __future__ import annotations

import re

from wstune.tunable import Tunable
from wstune.values import Kind, Value, make, parse

_NUMBER = re.compile(r"\s*(-?)(0[xX][0-9a-fA-F]{1,16}|0[0-7]{0,22}|[1-9][0-9]{0,19})(?=\s|$)", re.ASCII)
_ARITY = {Kind.INTEGER: 1, Kind.RANGE: 2, Kind.TRIPLE: 3}


def taken(tunable: Tunable, text: str) -> Value | None:
    """The value after the text is written; None when the kernel answers EINVAL and leaves the old one.

    A vector that is cut short leaves its other numbers as they are: the value is then of kind TEXT, and not known.
    """
    kind = tunable.kind
    if kind is Kind.TEXT:
        return parse(kind, text) if text.strip() and text.strip().isprintable() else None
    if kind is Kind.PORTS:
        try:
            return parse(kind, text) if len(text.split()) < 2 else None
        except ValueError:
            return None
    numbers: list[int] = []
    at = 0
    while len(numbers) < _ARITY[kind] and text[at:].strip():
        match = _NUMBER.match(text, at)
        if match is None:
            return None
        numbers.append(_number(match[1], match[2]))
        at = match.end()
    if not numbers or not all(_within(tunable, number) for number in numbers):
        return None
    if kind is Kind.RANGE and len(numbers) == 2 and numbers[0] > numbers[1]:
        return None
    return make(kind, *numbers) if len(numbers) == _ARITY[kind] else Value(Kind.TEXT, " ".join(map(str, numbers)), ())


def _number(sign: str, digits: str) -> int:
    base = 16 if digits[:2] in ("0x", "0X") else 8 if digits[0] == "0" else 10
    return int(sign + digits, base)


def _within(tunable: Tunable, number: int) -> bool:
    least, most = tunable.minimum, tunable.maximum
    return (least is None or number >= least) and (most is None or number <= most)
