"""Saved JSON reports that the command line names: what they hold, or one sentence why not."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from wstune.errors import UsageError

if TYPE_CHECKING:
    from wstune.model import CheckReport
    from wstune.report.head import Head
    from wstune.verification import VerifyReport

MOST_BYTES = 64 << 20
"""One of a burst that held for a day has some megabytes of timeline."""
_TIP = "make one: wstune verify host -o FILE.json"


def saved_report(path: str, option: str = "") -> tuple[Head, CheckReport | VerifyReport]:
    """The report of check or verify in a file, and its head; `-` is standard input. Raises UsageError.

    `option`: the one that names it, for the message.
    """
    from wstune.report.json_read import load

    said = f"{option} {path}".lstrip()
    try:
        return load(_read(path))
    except OSError as error:
        raise UsageError(f"{said}: {(error.strerror or str(error)).lower()}", _TIP) from None
    except ValueError as error:
        raise UsageError(f"{said}: {error}", _TIP) from None


def saved_burst(path: str, option: str = "") -> VerifyReport:
    """The report of verify in a file. Raises UsageError."""
    from wstune.verification import VerifyReport

    head, report = saved_report(path, option)
    if not isinstance(report, VerifyReport):
        raise UsageError(f"{f'{option} {path}'.lstrip()}: got a report of {head.command}, expected one of verify", _TIP)
    return report


def _read(path: str) -> str:
    if path == "-":
        data = sys.stdin.buffer.read(MOST_BYTES + 1)
    else:
        with open(path, "rb") as stream:  # noqa: PTH123 - /dev/fd/N too
            data = stream.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        raise ValueError(f"got more than {MOST_BYTES >> 20} MiB, expected a report")
    return data.decode()
