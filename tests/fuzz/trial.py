"""One command line through wstune's own error boundary, and what is wrong with how it ended."""

from __future__ import annotations

import io
import re
import sys
import unicodedata
from collections.abc import Collection
from dataclasses import dataclass
from typing import TextIO, cast

from wstune.cli.main import DEFECT, run

CODES = frozenset({0, 1, 2, 3, 4, 5, 75, 77, 126, 127})
"""Those of `wstune --help` and docs/reference that something mutated may end with: no signal, no defect."""


_STEERING = frozenset({"Cc", "Cs", "Zl", "Zp"})
_TURNING = frozenset({"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"})


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a command line ended: its exit code, and what it wrote."""

    argv: tuple[str, ...]
    code: int
    out: str
    err: str


def call(*argv: str, typed: str = "") -> Outcome:
    """Carry out a command line as `wstune` does, but for the process; nobody is at the terminal."""
    out, err = (
        io.TextIOWrapper(io.BytesIO(), encoding="utf-8", errors="replace", write_through=True) for _ in range(2)
    )
    before = sys.stdin, sys.stdout, sys.stderr, sys.argv
    sys.stdin, sys.stdout, sys.stderr = cast("TextIO", io.StringIO(typed)), out, err
    sys.argv = ["wstune", *argv]
    try:
        code = run(argv)
    finally:
        sys.stdin, sys.stdout, sys.stderr, sys.argv = before
    return Outcome(argv, code, _written(out), _written(err))


def _written(stream: io.TextIOWrapper) -> str:
    return cast("io.BytesIO", stream.buffer).getvalue().decode(errors="replace")


def _is_meant(outcome: Outcome) -> bool:
    """Whether 2 needs no sentence: it is CRITICAL, or says that there is something to change."""
    return any("nagios" in word or word.startswith("--detailed") for word in outcome.argv)


def _steers(char: str) -> bool:
    """Whether a character does something to a terminal or to the order of reading, instead of being shown."""
    if char in "\n\t":
        return False
    return unicodedata.category(char) in _STEERING or unicodedata.bidirectional(char) in _TURNING or char == "\ufeff"


def complaints(outcome: Outcome, codes: Collection[int] = CODES) -> list[str]:
    """What must not be, in words; nothing when all is well."""
    found = []
    if outcome.code not in codes:
        words = "a defect" if outcome.code == DEFECT else f"exit code {outcome.code}"
        found.append(f"{words}: {outcome.err[:200]!r}")
    if "Traceback" in outcome.err + outcome.out:
        found.append(f"a traceback: {(outcome.err + outcome.out)[-600:]}")
    if outcome.code == 2 and not re.search("^(ERROR|Usage:) ", outcome.err, re.MULTILINE) and not _is_meant(outcome):
        found.append(f"exit code 2 without a sentence: {outcome.err[:200]!r}")
    for name, text in (("stdout", outcome.out), ("stderr", outcome.err)):
        control = next((char for char in text if _steers(char)), "")
        if control:
            at = text.index(control)
            found.append(f"{control!r} on {name}: {text[max(0, at - 80) : at + 20]!r}")
    return found
