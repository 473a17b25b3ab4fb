"""`wstune status`: is what was applied still so."""

from __future__ import annotations

import time

import typer

from wstune.cli import options
from wstune.cli.output import check_writable, write_report
from wstune.cli.reporting import command_line


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("status")(status)


def status(
    state_dir: options.StateDir = "/var/lib/wstune",
    etc_root: options.EtcRoot = "/",
    format_: options.ReportFormat = options.Format.TERMINAL,
    output: options.Output = None,
) -> int:
    """Say what has drifted: what was applied, what is now, what the next boot will make of it, and who else sets it.

    Exit codes: 0 all is as applied, 1 something has changed, was cut short or has aged, or is lost at the next
    boot; 5 the journal is damaged, and what was applied is not wholly known.
    """
    started = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    check_writable(output)
    from wstune.actions.status import run_status, status_document, status_text
    from wstune.host.host import Host

    host = Host()
    found = run_status(host, state_dir, etc_root)
    code = found.exit_code
    if format_ is options.Format.JSON:
        from wstune.report.json import Head, dumps

        head = Head("status", started, host.facts().boot_id, command_line(), code)
        write_report(dumps(status_document(found, head)), output)
    else:
        write_report(status_text(found), output)
    return code
