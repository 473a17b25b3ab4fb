"""`wstune rollback`: take back what was applied."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Annotated

import typer

from wstune.cli import options
from wstune.cli.output import check_writable, wants_color, write_outcome
from wstune.cli.reporting import command_line

if TYPE_CHECKING:
    from wstune.tuning.undo import Undone


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("rollback")(rollback)


def rollback(
    txn: Annotated[
        str | None, typer.Argument(metavar="[TXN]", help="The transaction's number; the last one unless given.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Also put back what somebody else has changed since.")] = False,
    state_dir: options.StateDir = "/var/lib/wstune",
    format_: options.ReportFormat = options.Format.TERMINAL,
    output: options.Output = None,
) -> int:
    """Take back one transaction of apply: each value, limit and file as it was before.

    What somebody else has changed since is reported and kept. Exit codes: 0 taken back, 5 when something is left.
    """
    started = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    check_writable(output)
    from wstune.actions.rollback import run_rollback
    from wstune.errors import RollbackError
    from wstune.host.host import Host

    host = Host()
    undone = run_rollback(host, txn=txn, force=force, state_dir=state_dir)
    outcome = f"transaction {undone.txn} was {'taken back' if undone.complete else 'taken back in part'} all the same"
    code = 0 if undone.complete else RollbackError.exit_code
    if format_ is options.Format.JSON:
        from wstune.report.json import Head, dumps
        from wstune.report.json_plan import rollback_document

        head = Head("rollback", started, host.facts().boot_id, command_line(), code)
        outcomes = {heading: acts for (heading, _), acts in _parts(undone).items()}
        write_outcome(dumps(rollback_document(undone.txn, outcomes, undone.complete, head)), output, outcome)
        return code
    from wstune.report.terminal_plan import rolled_back_text

    parts = [(words, acts) for (_, words), acts in _parts(undone).items()]
    color = output is None and wants_color(sys.stdout)
    write_outcome(rolled_back_text(undone.txn, parts, undone.complete, color=color), output, outcome)
    if undone.drifted:
        sys.stderr.write(f"TIP   wstune rollback {undone.txn} --force overwrites what somebody else has changed\n")
    return code


def _parts(undone: Undone) -> dict[tuple[str, str], list[tuple[str, str]]]:
    """(name in JSON, heading) and the acts, in the order in which people want to know."""
    return {
        ("restored", "restored"): undone.restored,
        ("unlinked", "still wanted"): undone.unlinked,
        ("left", "left"): undone.left,
        ("drifted", "changed since, and kept"): undone.drifted,
        ("failed", "failed"): undone.failed,
    }
