"""From a report to where it goes: what check and verify do with their reports, in any format of the table."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import typer

from wstune import redaction
from wstune.cli.destinations import Destination, primary
from wstune.cli.output import wants_color, write_report
from wstune.errors import WstuneError
from wstune.report.formats import Look, ReportFormat, exit_code, write
from wstune.report.shown import shown

if TYPE_CHECKING:
    from wstune.model import CapacityReport, CheckReport
    from wstune.report.head import Head
    from wstune.verification import VerifyReport


def now() -> str:
    """This moment as a document's head has it: UTC, ISO 8601, to the second."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def command_line() -> tuple[str, ...]:
    """What was typed, as reports and the journal may have it: without secrets."""
    return redaction.argv(sys.argv[1:])


@contextmanager
def errors_for(where: Sequence[Destination]) -> Iterator[None]:
    """A monitoring system that meets an expected error wants to hear UNKNOWN (3), not a number that means CRITICAL."""
    try:
        yield
    except WstuneError as error:
        asked = [each.file for each in where if each.format is ReportFormat.NAGIOS]
        if not asked:
            raise
        from wstune.report.nagios import error as unknown

        for file in asked:
            write_report(unknown(str(error), error.tip), file)
        if primary(where) is not ReportFormat.NAGIOS:
            raise
        raise typer.Exit(3) from error


def write_all(report: CheckReport | VerifyReport, head: Head, where: Sequence[Destination], look: Look) -> None:
    """Write a report everywhere; on stdout its verdict where nothing else of it is there."""
    for each in where:
        text = write(each.format, report, head, replace(look, color=_color(each.file)))
        write_report(text, each.file)
    if not any(each.stdout for each in where) and report.sentences:
        write_report(shown(report.sentences[-1]), None)


def deliver(
    report: CheckReport | VerifyReport,
    where: Sequence[Destination],
    started: str,
    code: int,
    boot_id: str | None,
    look: Look | None = None,
) -> int:
    """Write a report of check or verify, and give the exit code."""
    from wstune.model import CheckReport

    code = exit_code(primary(where), report, code)
    head = _head("check" if isinstance(report, CheckReport) else "verify", started, boot_id, code)
    write_all(report, head, where, look or Look())
    return code


def deliver_capacity(report: CapacityReport, as_json: bool, output: str | None, started: str) -> int:
    """Write a report of capacity. Its exit code is 0: it says what is, and judges nothing."""
    if as_json:
        from wstune.report.json import dumps
        from wstune.report.json_capacity import capacity_report_document

        head = _head("capacity", started, report.host.boot_id if report.host is not None else None, 0)
        text = dumps(capacity_report_document(report, head))
    else:
        from wstune.report.terminal_capacity import capacity_text

        text = capacity_text(report, color=_color(output))
    write_report(text, output)
    return 0


def _head(command: str, started: str, boot_id: str | None, code: int) -> Head:
    from wstune.report.head import Head

    return Head(command, started, boot_id, command_line(), code)


def _color(output: str | None) -> bool:
    return output is None and wants_color(sys.stdout)
