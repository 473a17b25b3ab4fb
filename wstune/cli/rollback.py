"""`wstune rollback`: take back what was applied."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from wstune.cli import options
from wstune.cli.output import check_writable, wants_color, write_outcome
from wstune.cli.reporting import command_line
from wstune.printable import printable_report

if TYPE_CHECKING:
    from wstune.host.host import Host
    from wstune.tuning.abandon import Abandoned
    from wstune.tuning.undo import Undone


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("rollback")(rollback)


def rollback(
    txn: Annotated[
        str | None, typer.Argument(metavar="[TXN]", help="The transaction's number; the last one unless given.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Also put back what somebody else has changed since.")] = False,
    abandon: Annotated[
        bool,
        typer.Option("--abandon", help="Close the record also of what cannot be taken back, and tell what is left."),
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="With --abandon: do not ask.")] = False,
    state_dir: options.StateDir = "/var/lib/wstune",
    format_: options.ReportFormat = options.Format.TERMINAL,
    output: options.Output = None,
) -> int:
    """Take back one transaction of apply: each value, limit and file as it was before.

    What somebody else has changed since is reported and kept. Exit codes: 0 taken back, or closed by --abandon; 5 when
    something is left, or the journal is damaged.
    """
    started = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    check_writable(output)
    from wstune.actions.rollback import run_abandon, run_rollback
    from wstune.errors import RollbackError, UsageError
    from wstune.host.host import Host
    from wstune.tuning.abandon import Abandoned

    if yes and not abandon:
        raise UsageError("--yes answers the question of --abandon, and a plain rollback asks none", "leave --yes out")
    host = Host()
    if abandon:
        found = run_abandon(host, _asking(yes), txn=txn, force=force, state_dir=state_dir)
    else:
        found = Abandoned(run_rollback(host, txn=txn, force=force, state_dir=state_dir), (), ())
    undone = found.undone
    complete = undone is None or undone.complete
    code = 0 if abandon or complete else RollbackError.exit_code
    _report(found, complete, abandon, Ending(started, code, format_, output), host)
    if undone is not None and not abandon:
        _tips(undone)
    return code


class Ending(NamedTuple):
    """How the report is to be written, and when and with which exit code the command ends."""

    started: str
    code: int
    format: options.Format
    output: str | None


def _report(found: Abandoned, complete: bool, abandon: bool, ending: Ending, host: Host) -> None:
    number = found.undone.txn if found.undone else None
    how = "taken back" if complete else "closed" if abandon else "taken back in part"
    outcome = f"transaction {number} was {how} all the same" if number else "the journal was closed all the same"
    parts = _parts(found.undone) if found.undone else {}
    if ending.format is options.Format.JSON:
        from wstune.report.json import Head, dumps
        from wstune.report.json_plan import rollback_document

        head = Head("rollback", ending.started, host.facts().boot_id, command_line(), ending.code)
        document = rollback_document(
            number,
            {heading: acts for (heading, _), acts in parts.items()},
            complete,
            head,
            abandoned=abandon and not (complete and not found.holes),
            by_hand=found.by_hand,
            unknown=found.holes,
        )
        write_outcome(dumps(document), ending.output, outcome)
        return
    from wstune.report.terminal_plan import rolled_back_text

    said = [(words, acts) for (_, words), acts in parts.items()]
    color = ending.output is None and wants_color(sys.stdout)
    closed = abandon and (not complete or bool(found.holes))
    text = rolled_back_text(number, said, complete, color=color, abandoned=closed)
    write_outcome(text, ending.output, outcome)


def _tips(undone: Undone) -> None:
    if undone.drifted:
        sys.stderr.write(f"TIP   wstune rollback {undone.txn} --force overwrites what somebody else has changed\n")
    elif undone.failed:
        sys.stderr.write(f"TIP   wstune rollback {undone.txn} --abandon closes it, and says what to do by hand\n")


def _asking(yes: bool) -> Callable[[Abandoned], None]:
    """Tells what is left and asks whether to close the record. Raises UsageError at once when nobody can be asked."""
    from wstune.errors import RollbackError, UsageError
    from wstune.report.terminal_plan import by_hand_text

    if not yes and not sys.stdin.isatty():
        raise UsageError("nobody is there to ask (no terminal); nothing was changed", "--yes closes it without asking")

    def agree(found: Abandoned) -> None:
        color = wants_color(sys.stderr)
        sys.stderr.write(printable_report(by_hand_text(found.by_hand, found.holes, color=color), color=color))
        if yes:
            return
        sys.stderr.write("Close the record all the same? [y/N] ")
        sys.stderr.flush()
        if sys.stdin.readline().strip().lower() not in ("y", "yes"):
            raise RollbackError("not closed; the record is kept", "wstune rollback takes back what it can, again")

    return agree


def _parts(undone: Undone) -> dict[tuple[str, str], list[tuple[str, str]]]:
    """(name in JSON, heading) and the acts, in the order in which people want to know."""
    return {
        ("restored", "restored"): undone.restored,
        ("unlinked", "still wanted"): undone.unlinked,
        ("left", "left"): undone.left,
        ("drifted", "changed since, and kept"): undone.drifted,
        ("failed", "failed"): undone.failed,
        ("unwritten", "not recorded"): undone.unwritten,
    }
