"""CSV (RFC 4180, lines end in LF): of verify the timeline, of check the findings, for a spreadsheet or a plot."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wstune.model import CheckReport, Requirement
    from wstune.report.formats import Look
    from wstune.report.head import Head
    from wstune.verification import VerifyReport

FINDINGS = (
    "tunable",
    "outcome",
    "severity",
    "live",
    "operator",
    "required",
    "persisted",
    "persisted_source",
    "survives_reboot",
    "effect",
    "why",
    "note",
    "fix",
)
_YES_NO = {True: "yes", False: "no", None: "unknown"}
TIMELINE = ("seconds", "open")


def check(report: CheckReport, head: Head, look: Look) -> str:
    """A line a finding, in the profile's order; `live` is empty where it could not be read, as is `persisted`."""
    return _text(
        FINDINGS,
        (
            (
                finding.tunable,
                finding.outcome.value,
                finding.severity.value,
                finding.live.value.raw if finding.live.value else "",
                finding.requirement.operator.value,
                _required(finding.requirement),
                finding.persisted.value.raw if finding.persisted else "",
                finding.persisted.source if finding.persisted else "",
                _YES_NO[finding.survives_reboot],
                finding.effect.value,
                finding.why,
                finding.note,
                finding.fix,
            )
            for finding in report.findings
        ),
    )


def verify(report: VerifyReport, head: Head, look: Look) -> str:
    """A line a moment: seconds since the start of opening, and the connections that were open then."""
    return _text(TIMELINE, report.timeline)


def _required(requirement: Requirement) -> str:
    """The demanded value; of a triple `*` where any number will do; the alternatives of one_of separated by `|`."""
    if any(number is None for number in requirement.fields):
        return " ".join("*" if number is None else str(number) for number in requirement.fields)
    return "|".join(map(str, requirement.operands))


def _text(titles: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(titles)
    writer.writerows([_cell(cell) for cell in row] for row in rows)
    return stream.getvalue()


def _cell(cell: object) -> object:
    """A text on one line; one that a spreadsheet would take for a formula is marked as text."""
    if not isinstance(cell, str):
        return cell
    text = " ".join(cell.split())
    return f"'{text}" if text.startswith(("=", "+", "-", "@")) else text
