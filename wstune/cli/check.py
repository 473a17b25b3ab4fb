"""`wstune check`: is this host ready, and how many connections does it hold as it is."""

from __future__ import annotations

from typing import Annotated

import typer

from wstune.cli import options
from wstune.cli.output import check_writable
from wstune.cli.reporting import deliver_check, errors_for, now
from wstune.report.formats import ReportFormat


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
    strict: Annotated[
        bool, typer.Option("--strict", help="Not ready, too, if it will not be so after a reboot.")
    ] = False,
    settings: options.Settings = None,
    profile_dir: options.ProfileDirs = None,
    state_dir: options.StateDir = "/var/lib/wstune",
    format_: options.AnyFormat = ReportFormat.TERMINAL,
    output: options.Output = None,
) -> int:
    """Judge this host's limits against a profile, and say how many connections it can hold as it is.

    Reads only; no root is needed. Exit codes: 0 ready, 1 not ready, 2 usage, 3 when what counts could not be read.
    """
    started = now()
    check_writable(output)
    from wstune.actions.check import exit_code, run_check
    from wstune.host.host import Host

    with errors_for(format_, output):
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
    return deliver_check(report, format_, output, started, exit_code(report, strict))
