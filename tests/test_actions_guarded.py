"""A step after the burst may fail in any way: the report is made all the same, and says what failed."""

from __future__ import annotations

import signal

import pytest

from wstune.actions.guarded import attempt
from wstune.readiness.evidence import Evidence


def test_what_works_says_nothing() -> None:
    """Its result is the result."""
    found = Evidence(100)
    assert attempt(found, "it", lambda: 5, 0) == 5
    assert (found.remarks, found.interrupted) == ([], 0)


@pytest.mark.parametrize(
    ("error", "remark"),
    [
        (OSError(5, "Input/output error"), "it: Input/output error"),
        (ValueError("no\x1b[2J"), "it: ValueError: no\\x1b[2J"),
        (RecursionError(), "it: RecursionError"),
        (OverflowError("cannot convert float infinity to integer"), "it: OverflowError: cannot convert float infinity"),
        (UnicodeDecodeError("utf-8", b"\xff", 0, 1, "bad"), "it: UnicodeDecodeError"),
        (MemoryError(), "it: MemoryError"),
    ],
)
def test_what_fails_is_a_remark(error: Exception, remark: str) -> None:
    """In one line that steers no terminal; what was wanted is what was given for that case."""
    found = Evidence(100)

    def fails() -> int:
        raise error

    assert attempt(found, "it", fails, 7) == 7
    assert found.remarks[0].startswith(remark)


def test_an_interruption_ends_the_step_alone() -> None:
    """The report says that there was one."""
    found = Evidence(100)

    def interrupted() -> int:
        raise KeyboardInterrupt

    assert attempt(found, "it", interrupted, 7) == 7
    assert (found.remarks, found.interrupted) == (["it: interrupted"], signal.SIGINT)
