"""`wstune report`: a saved JSON report of check or verify, written again in any format."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from wstune.cli import options
from wstune.cli.destinations import destinations
from wstune.cli.reporting import errors_for, write_all
from wstune.cli.saved_reports import saved_report
from wstune.errors import UsageError
from wstune.report.formats import Look

if TYPE_CHECKING:
    from wstune.model import CheckReport
    from wstune.report.head import Head
    from wstune.verification import VerifyReport


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("report")(report)


def report(
    files: Annotated[
        list[str], typer.Argument(metavar="FILE…", help="JSON reports of check or of verify; - is standard input.")
    ],
    format_: options.AnyFormat = None,
    output: options.Outputs = None,
) -> int:
    """Write a saved JSON report of check or verify again, in any format; of two reports of verify, compared.

    Exit codes: 0 written, 2 no such report. What the report itself came to is in it.
    """
    where = destinations(format_, output)
    if len(files) > 2:
        raise UsageError(f"{len(files)} reports: two can be compared", "name one, or an earlier and a later one")
    with errors_for(where):
        loaded = [saved_report(file) for file in files]
        head, last = loaded[-1]
        write_all(last, head, where, Look(baseline=_earlier(files, loaded)))
    return 0


def _earlier(
    files: list[str], loaded: list[tuple[Head, CheckReport | VerifyReport]]
) -> tuple[str, VerifyReport] | None:
    from wstune.verification import VerifyReport

    if len(loaded) < 2:
        return None
    (_, first), (_, second) = loaded
    if not isinstance(first, VerifyReport) or not isinstance(second, VerifyReport):
        raise UsageError("only reports of verify are compared", "name one report")
    return files[0], first
