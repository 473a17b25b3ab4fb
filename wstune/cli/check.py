"""`wstune check`: is this host ready, and how many connections does it hold as it is."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from wstune.cli import options
from wstune.cli.output import check_writable, wants_color, write_report

if TYPE_CHECKING:
    from wstune.model import CheckReport


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("check")(check)


def check(
    profile: options.Profile = "high-conn",
    connections: options.Connections = None,
    role: options.RoleOption = None,
    processes: options.Processes = None,
    app_bytes: options.AppBytes = None,
    pid: options.Pid = None,
    root: Annotated[str, typer.Option(metavar="DIR", help="Judge the host whose files were captured there.")] = "/",
    settings: options.Settings = None,
    profile_dir: options.ProfileDirs = None,
    state_dir: options.StateDir = "/var/lib/wstune",
    format_: options.ReportFormat = options.Format.TERMINAL,
    output: options.Output = None,
) -> int:
    """Judge this host's limits against a profile, and say how many connections it can hold as it is.

    Reads only; no root is needed. Exit codes: 0 ready, 1 not ready, 2 usage, 3 when what counts could not be read.
    """
    started = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    check_writable(output)
    from wstune.actions.check import EXIT_CODES, run_check
    from wstune.host.host import Host

    report = run_check(
        profile,
        Host(root, pid),
        connections=connections,
        processes=processes,
        role=role,
        app_bytes=app_bytes or 0,
        settings=options.settings(settings or ()),
        profile_dirs=tuple(profile_dir or ()),
        state_dir=state_dir if root == "/" else None,
    )
    code = EXIT_CODES[report.verdict]
    write_report(FORMATS[format_](report, started, code, output), output)
    return code


def _terminal(report: CheckReport, started: str, code: int, output: str | None) -> str:
    from wstune.report.terminal import check_text

    return check_text(report, color=output is None and wants_color(sys.stdout))


def _json(report: CheckReport, started: str, code: int, output: str | None) -> str:
    from wstune.report.json import Head, check_document, dumps

    return dumps(check_document(report, Head("check", started, report.host.boot_id, tuple(sys.argv[1:]), code)))


FORMATS: dict[options.Format, Callable[[CheckReport, str, int, str | None], str]] = {
    options.Format.TERMINAL: _terminal,
    options.Format.JSON: _json,
}
"""Each format's function from the report, when it was started, the exit code and the file it goes to, to its text."""
