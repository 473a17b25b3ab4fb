"""`wstune history`: what was applied, and what became of it."""

from __future__ import annotations

import time

import typer

from wstune.cli import options
from wstune.cli.output import check_writable, write_report
from wstune.cli.reporting import command_line


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("history")(history)


def history(
    state_dir: options.StateDir = "/var/lib/wstune",
    format_: options.ReportFormat = options.Format.TERMINAL,
    output: options.Output = None,
) -> int:
    """List the transactions of apply, the newest first: when, for which profile, and whether it stands.

    Needs no root.
    """
    started = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    check_writable(output)
    from wstune.actions.history import run_history
    from wstune.host.host import Host

    found = run_history(state_dir)
    if format_ is options.Format.JSON:
        from wstune.actions.history import history_document
        from wstune.report.json import Head, dumps

        head = Head("history", started, Host().facts().boot_id, command_line(), 0)
        write_report(dumps(history_document(found, head)), output)
    else:
        from wstune.actions.history import history_text

        write_report(history_text(found), output)
    return 0
