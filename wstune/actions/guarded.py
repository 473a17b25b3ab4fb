"""What follows a burst that was made: each step may fail, and its report is written all the same, with what failed."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from wstune import signals
from wstune.printable import printable
from wstune.readiness.evidence import Evidence

Result = TypeVar("Result")
_LONGEST = 300


def attempt(evidence: Evidence, what: str, step: Callable[[], Result], otherwise: Result) -> Result:
    """The step's result; when it fails, `otherwise`, and the remark `WHAT: REASON`. Ctrl-C ends this step alone.

    It catches whatever there is, a defect of ours too: what the burst showed is worth more than how this was to end.
    """
    try:
        return step()
    except KeyboardInterrupt as error:
        evidence.interrupted = evidence.interrupted or signals.number_of(error)
        evidence.remarks.append(f"{what}: interrupted")
    except Exception as error:
        evidence.remarks.append(f"{what}: {reason(error)}")
    return otherwise


def reason(error: BaseException) -> str:
    """An error in one line that can be shown."""
    text = getattr(error, "strerror", None) or str(error)
    kind = "" if isinstance(error, OSError) and text else type(error).__name__
    return printable(": ".join(part for part in (kind, text) if part))[:_LONGEST]
