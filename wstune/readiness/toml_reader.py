"""TOML that others wrote, bounded in work and not only in bytes: the one reader of profiles and of scenarios.

tomllib takes time and memory by the square of a dotted key's parts (40 KB of `a.a.a…` take 1.5 GB), lets integers be of
any size though TOML has 64 bits, and answers some texts with errors that are not its own.
"""

from __future__ import annotations

import re
from typing import Any

MAX_CHARACTERS = 1 << 20
MAX_PARTS = 16
"""Parts of a dotted key or of a table's name."""

MAX_DEPTH = 32
"""Arrays and inline tables within each other."""

_AT_LINE = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)$")
_TOKEN = re.compile(
    r'"""(?:[^\\"]++|\\.|"{1,2}(?!"))*+(?:"{3,5}|\\?\Z)'  # possessive: a text is gone through once
    r"|'''(?:[^']++|'{1,2}(?!'))*+(?:'{3,5}|\Z)"
    r'|"(?:\\.|[^"\\\n])*+"?'
    r"|'[^'\n]*+'?"
    r"|\#[^\n]*+"
    r"|[\[\]{}\n.=,]",
    re.DOTALL,
)


class TomlError(ValueError):
    """A text that is not taken: ``str(error)`` follows the file's name, ``line`` counts from 1."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line


def read_toml(text: str) -> dict[str, Any]:
    """What the text says. Raises TomlError, in time that grows with its length alone."""
    if len(text) > MAX_CHARACTERS:
        raise TomlError(1, f"has {len(text):,} characters, at most {MAX_CHARACTERS:,} are taken")
    _check_shape(text)
    import tomllib  # 20 ms: only who reads TOML pays for it

    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = _AT_LINE.search(str(error))
        line = int(found[1]) if found and found[1] else text.count("\n") + (not text.endswith("\n"))
        message = _AT_LINE.sub("", str(error))
        raise TomlError(line, f"is not TOML: {message[:1].lower()}{message[1:]}") from None
    except RecursionError:
        raise TomlError(1, "is nested too deeply") from None
    except (ValueError, OverflowError):  # Python reads no integer of more than 4,300 digits, and no year 0
        raise TomlError(_long_number(text), "has a number or a date that is out of range") from None
    _check_numbers(document, text)
    return document


def _check_shape(text: str) -> None:
    """Refuse long dotted keys and deep nesting before tomllib sees them."""
    line, dots, depth = 1, 0, 0
    for token in _TOKEN.finditer(text):
        match token[0]:
            case ".":
                dots += 1
                if dots >= MAX_PARTS:
                    raise TomlError(line, f"has a key of more than {MAX_PARTS} parts")
            case "[" | "{":
                depth, dots = depth + 1, 0
                if depth > MAX_DEPTH:
                    raise TomlError(line, "is nested too deeply")
            case "]" | "}":
                depth, dots = max(0, depth - 1), 0
            case "\n":
                line, dots = line + 1, 0
            case "=" | ",":
                dots = 0
            case other:
                line += other.count("\n")


def _check_numbers(document: dict[str, Any], text: str) -> None:
    """Refuse integers that are none of TOML's, which have 64 bits: written as hexadecimal they may have millions."""
    left: list[Any] = [document]
    while left:
        match left.pop():
            case dict() as table:
                left.extend(table.values())
            case list() as items:
                left.extend(items)
            case int(number) if not -(2**63) <= number < 2**63:
                raise TomlError(_long_number(text), "has an integer of more than 64 bits")


def _long_number(text: str) -> int:
    """The line of the first number of at least 17 digits, which is the least that 64 bits may not hold."""
    found = re.search(r"[=\[,:{\s][+-]?(?:0x[0-9a-fA-F_]{17}|0o[0-7_]{22}|0b[01_]{65}|[0-9_]{19})", text)
    return 1 if found is None else text.count("\n", 0, found.start() + 1) + 1
