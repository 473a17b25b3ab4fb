"""The table of formats: how the reports of check and verify are written. A new format is one file and one row here.

A row names functions rather than holding them, so that only the format that is asked for is imported.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, cast

from wstune.model import CheckReport
from wstune.report.shown import shown

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

    from wstune.report.head import Head
    from wstune.verification import VerifyReport

    Check = Callable[[CheckReport, Head, "Look"], str]
    Verify = Callable[[VerifyReport, Head, "Look"], str]


class ReportFormat(Enum):
    """How a report is written."""

    TERMINAL = "terminal"
    JSON = "json"
    HTML = "html"
    MARKDOWN = "markdown"
    JUNIT = "junit"
    PROMETHEUS = "prometheus"
    NAGIOS = "nagios"
    CSV = "csv"


@dataclass(frozen=True, slots=True)
class Look:
    """What a format may be given beside the report itself.

    Attributes:
        color: whether escape sequences of a terminal are wanted.
        check: how the host of a burst stands: a page shows its findings, its settings and its capacity.
        baseline: an earlier burst to compare with, and what it is called.
    """

    color: bool = False
    check: CheckReport | None = None
    baseline: tuple[str, VerifyReport] | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """One format.

    Attributes:
        module: in wstune.report, with the functions `check` and `verify`: (report, head, look) → text.
        ending: of the files that are in it where -o names no format.
        own_exit_code: whether the module's `exit_code(report)` replaces that of the verb.
        page: whether it shows the host of a burst beside it, so that `look.check` is worth its making.
    """

    module: str
    ending: str = ""
    own_exit_code: bool = False
    page: bool = False


FORMATS: dict[ReportFormat, Row] = {
    ReportFormat.TERMINAL: Row("plain", ".txt"),
    ReportFormat.JSON: Row("document", ".json"),
    ReportFormat.HTML: Row("html", ".html", page=True),
    ReportFormat.MARKDOWN: Row("markdown", ".md"),
    ReportFormat.JUNIT: Row("junit", ".xml"),
    ReportFormat.PROMETHEUS: Row("prometheus", ".prom"),
    ReportFormat.NAGIOS: Row("nagios", own_exit_code=True),
    ReportFormat.CSV: Row("csv", ".csv"),
}


def write(format_: ReportFormat, report: CheckReport | VerifyReport, head: Head, look: Look) -> str:
    """The text of a report of check or verify."""
    module, record = _module(format_), shown(report)
    if isinstance(record, CheckReport):
        return cast("Check", module.check)(record, shown(head), shown(look))
    return cast("Verify", module.verify)(record, shown(head), shown(look))


def exit_code(format_: ReportFormat, report: CheckReport | VerifyReport, usual: int) -> int:
    """The exit code of the verb: the usual one, but for a format whose reader takes another meaning from it."""
    if not FORMATS[format_].own_exit_code:
        return usual
    return cast("Callable[[CheckReport | VerifyReport], int]", _module(format_).exit_code)(report)


def _module(format_: ReportFormat) -> ModuleType:
    return importlib.import_module(f"wstune.report.{FORMATS[format_].module}")
