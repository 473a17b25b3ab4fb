"""`wstune apply`: show what would be changed, ask, change it, check again."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from wstune import signals
from wstune.cli import options
from wstune.cli.output import check_writable, print_error, wants_color, write_outcome, write_report
from wstune.cli.reporting import command_line
from wstune.model import Role
from wstune.printable import printable_report

if TYPE_CHECKING:
    from wstune.actions.apply import ApplyOptions, Prepared
    from wstune.model import CheckReport
    from wstune.tuning.apply import Applied

CHANGES = 2
"""Exit code of --detailed-exitcode when there is something to change, as terraform's."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("apply")(apply)


def apply(
    profile: Annotated[str, typer.Argument(metavar="PROFILE", help="A profile's name, or the path of its file.")],
    connections: options.Connections = None,
    role: Annotated[
        Role | None, typer.Option(help="The end of the connection to get ready. Unless given, the profile says.")
    ] = None,
    processes: options.Processes = None,
    settings: options.Settings = None,
    pid: Annotated[
        int | None, typer.Option(parser=options.pid, metavar="PID", help="Raise the file limit of this process.")
    ] = None,
    unit: Annotated[
        str | None, typer.Option(metavar="UNIT", help="Raise the file limit of this service, by a drop-in.")
    ] = None,
    user: Annotated[
        str | None, typer.Option(metavar="USER", help="Raise the file limit of this user's logins, in limits.d.")
    ] = None,
    restart_: Annotated[bool, typer.Option("--restart", help="Restart the service of --unit when done.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show the plan.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    runtime_only: Annotated[bool, typer.Option("--runtime-only", help="Write no file: until the next boot.")] = False,
    persist: Annotated[
        bool, typer.Option("--persist", help="Write files in a container or a network namespace too.")
    ] = False,
    allow_lower: Annotated[bool, typer.Option("--allow-lower", help="Also lower values.")] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Replace a file of wstune's that somebody has edited.")
    ] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit 1 when something is still not met, or will be overridden at boot.")
    ] = False,
    detailed_exitcode: Annotated[
        bool, typer.Option("--detailed-exitcode", help="Exit 2 when there is something to change, 0 when there is not.")
    ] = False,
    profile_dir: options.ProfileDirs = None,
    state_dir: options.StateDir = "/var/lib/wstune",
    etc_root: options.EtcRoot = "/",
    format_: options.ReportFormat = options.Format.TERMINAL,
    output: options.Output = None,
) -> int:
    """Change this host so that it meets a profile, in a way that can be taken back.

    Shows the plan and asks. Nothing is lowered unless --allow-lower is given; each change is in the journal before
    it is made, and if one that matters fails all are taken back. A whole fleet is changed by what configures it
    already: `wstune export PROFILE --format ansible`.

    Exit codes: 0 applied, or nothing to do; 1 applied, but the service of --restart did not start; 4 failed or
    interrupted, and all was put back; 5 not all could be put back.
    """
    started = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    check_writable(output)
    from wstune.actions.apply import ApplyOptions, carry_out, check_again, prepare, restart
    from wstune.actions.apply_possible import require_possible, require_settable
    from wstune.host.host import Host

    chosen = ApplyOptions(
        profile=profile,
        connections=connections,
        processes=processes,
        role=role,
        settings=options.settings(settings or ()),
        profile_dirs=tuple(profile_dir or ()),
        allow_lower=allow_lower,
        runtime_only=runtime_only,
        persist=persist,
        pid=pid,
        unit=unit,
        user=user,
        restart=restart_,
        force=force,
        state_dir=state_dir,
        etc_root=etc_root,
    )
    host = Host(pid=pid)
    prepared = prepare(chosen, host)
    shown = _Shown(prepared, format_, output, started, _check_command(chosen))
    if prepared.plan.empty and not dry_run:
        require_settable(prepared)
    if dry_run or prepared.plan.empty:
        code = CHANGES if detailed_exitcode and not prepared.plan.empty else 0
        shown.finish(code, dry_run=dry_run)
        return _strict(code, strict, prepared, prepared.report)
    shown.plan()
    require_possible(prepared, chosen)
    if not yes:
        shown.before_asking()
        ask()
    with signals.held():  # one that comes too late for apply to be undone waits until its number can be told
        applied = carry_out(prepared, chosen, host, command_line())
        with _standing(applied), signals.heard():
            failed = restart(chosen, applied)
            after = check_again(chosen, host)
    code = _strict(CHANGES if detailed_exitcode and applied.txn else 0, strict, prepared, after)
    code = 1 if failed else code
    shown.finish(code, applied=applied, after=after, not_restarted=failed)
    if failed:
        tip = f"it stands, for the next start of {unit}; wstune rollback {applied.txn} takes it back"
        print_error(f"applied, but {unit} could not be restarted: {failed}", tip)
    return code


@contextmanager
def _standing(applied: Applied) -> Iterator[None]:
    """Whatever ends the check after an apply: which transaction stands is said, and how to take it back."""
    try:
        yield
    except BaseException:
        if applied.txn:
            said = f"transaction {applied.txn} is applied, and was not checked again"
            print_error(said, f"wstune rollback {applied.txn} takes it back")
        raise


def _strict(code: int, strict: bool, prepared: Prepared, after: CheckReport) -> int:
    from wstune.actions.apply import remaining

    short = remaining(after) or any(file.overridden for file in prepared.plan.files)
    return 1 if strict and short and code == 0 else code


def _check_command(chosen: ApplyOptions) -> str:
    """The check that says what is still not met, and why."""
    words = ["wstune", "check", chosen.profile]
    pairs: tuple[tuple[str, object], ...] = (
        ("-n", chosen.connections),
        ("--processes", chosen.processes),
        ("--role", chosen.role),
    )
    pairs += (("--pid", chosen.pid), ("--unit", chosen.unit), ("--user", chosen.user))
    for name, value in pairs:
        words += [] if value is None else [name, str(value.value if isinstance(value, Role) else value)]
    return " ".join(words)


def ask() -> None:
    """Raise UsageError unless somebody at the terminal agrees."""
    from wstune.errors import UsageError

    if not sys.stdin.isatty():
        raise UsageError("nobody is there to ask (no terminal); nothing was changed", "--yes applies without asking")
    try:
        sys.stderr.write("Apply this? [y/N] ")
        sys.stderr.flush()
        answer = sys.stdin.readline()
    except KeyboardInterrupt:
        sys.stderr.write("\nnothing was changed\n")
        raise
    if answer.strip().lower() not in ("y", "yes"):
        raise UsageError("not applied; nothing was changed")


class _Shown:
    """What has been shown so far: to people the plan before it is carried out, to programs one document at the end."""

    def __init__(self, prepared: Prepared, style: options.Format, output: str | None, started: str, check: str) -> None:
        self._prepared, self._format, self._output, self._started = prepared, style, output, started
        self._check = check
        self._color = output is None and wants_color(sys.stdout)
        self._text = ""

    def plan(self) -> None:
        """Show the plan."""
        if self._format is options.Format.TERMINAL:
            from wstune.report.terminal_plan import plan_text

            text = plan_text(self._prepared.plan, color=self._color)
            if self._output is None:
                write_report(text, None)
            else:
                self._text = text

    def before_asking(self) -> None:
        """Show the plan to whoever is asked, where the report goes elsewhere or is none for people."""
        if self._format is not options.Format.TERMINAL or self._output is not None:
            from wstune.report.terminal_plan import plan_text

            color = wants_color(sys.stderr)
            sys.stderr.write(printable_report(plan_text(self._prepared.plan, color=color), color=color))

    def finish(
        self,
        code: int,
        *,
        dry_run: bool = False,
        applied: Applied | None = None,
        after: CheckReport | None = None,
        not_restarted: str = "",
    ) -> None:
        """Show what came of it. `not_restarted`: why the service was not, where it should have been."""
        if self._format is options.Format.JSON:
            text = self._json(code, dry_run, applied, after, not_restarted)
        else:
            text = self._terminal(dry_run, applied, after)
        if applied is not None and applied.txn:
            write_outcome(text, self._output, f"transaction {applied.txn} was applied all the same")
        else:
            write_report(text, self._output)

    def _terminal(self, dry_run: bool, applied: Applied | None, after: CheckReport | None) -> str:
        from wstune.actions.apply import remaining
        from wstune.report.terminal_plan import applied_text, plan_text

        if applied is None:
            ending = "this was a dry run: nothing was changed\n" if dry_run else ""
            return plan_text(self._prepared.plan, color=self._color) + ending
        files = sum(file.before != file.after for file in self._prepared.plan.files)
        text = self._text + applied_text(applied.txn, applied.done, applied.skipped, files=files, color=self._color)
        unmet = remaining(after) if after else ()
        if unmet:
            return text + f"still not met: {', '.join(unmet)} ({self._check} says why)\n"
        return text + "checked again: all that must be met is met\n"

    def _json(
        self, code: int, dry_run: bool, applied: Applied | None, after: CheckReport | None, not_restarted: str
    ) -> str:
        from wstune.actions.apply import remaining
        from wstune.report.json import Head, dumps
        from wstune.report.json_plan import apply_document

        report = after or self._prepared.report
        head = Head("apply", self._started, report.host.boot_id, command_line(), code)
        return dumps(
            apply_document(
                self._prepared.plan,
                head,
                dry_run=dry_run,
                txn=applied.txn if applied else "",
                skipped=applied.skipped if applied else (),
                verdict=after.verdict if after else None,
                unmet=remaining(after) if after else (),
                not_restarted=not_restarted,
            )
        )
