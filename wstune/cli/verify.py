"""`wstune verify`: the burst, its progress on a terminal, and its report."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from wstune.cli import options
from wstune.cli.output import check_writable
from wstune.cli.reporting import deliver_verify, errors_for, now
from wstune.errors import UsageError
from wstune.report.formats import FORMATS, ReportFormat

if TYPE_CHECKING:
    from rich.progress import Progress as Bars
    from rich.progress import TaskID

    from wstune.actions.verify import Progress

_TARGETS = "wstune verify host runs the burst against a built-in server on this host"
_LONGEST_HOLD = 7 * 24 * 3600.0


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("verify")(verify)


def hold(text: str) -> float:
    """The seconds behind --hold: `30`, `1.5`, `30s`, `10m`, `2h`. Raises UsageError."""
    number, scale = text.strip(), 1
    if number[-1:] in ("s", "m", "h"):
        number, scale = number[:-1], {"s": 1, "m": 60, "h": 3600}[number[-1]]
    if not number.replace(".", "", 1).isdecimal() or not number.isascii():
        raise UsageError(f"--hold {text}: expected a time such as 30, 90s, 10m or 2h", "a bare number is seconds")
    seconds = float(number) * scale
    if seconds > _LONGEST_HOLD:
        raise UsageError(f"--hold {text}: that is more than a week", "give at most 168h")
    return seconds


def port(text: str) -> int:
    """The number behind --port. Raises UsageError."""
    if not (text.isdecimal() and text.isascii() and 1 <= int(text) <= 65_535):
        raise UsageError(f"--port {text}: expected a port from 1 to 65535", "leave it out for one that is free")
    return int(text)


def check_target(text: str) -> None:
    """Raise UsageError unless TARGET is one that this version can take."""
    if text == "host":
        return
    if text.startswith(("ws://", "wss://")):
        raise UsageError(f"a server elsewhere ({text}) cannot be verified yet, only this host", _TARGETS)
    raise UsageError(f"there is no target {text!r}", f"{_TARGETS}; a server elsewhere will be ws://HOST:PORT/PATH")


def verify(
    target: Annotated[str, typer.Argument(metavar="TARGET", help="host: server and generator on this host.")],
    connections: options.Connections = None,
    profile: Annotated[
        str, typer.Option(metavar="NAME", help="Take the number of connections from this profile.")
    ] = "high-conn",
    processes: Annotated[
        int | None,
        typer.Option(parser=options.processes, metavar="P", help="Server processes; unless given, as few as do."),
    ] = None,
    hold: Annotated[
        float, typer.Option(parser=hold, metavar="TIME", help="How long to hold them: 30, 90s, 10m.")
    ] = "5",  # type: ignore[assignment]  # typer parses it as it does what is typed
    port: Annotated[
        int | None,
        typer.Option(parser=port, metavar="PORT", help="Where the server listens; unless given, a free port."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Open even what the budget says does not fit.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress on the terminal.")] = False,
    profile_dir: options.ProfileDirs = None,
    format_: options.AnyFormat = ReportFormat.TERMINAL,
    output: options.Output = None,
) -> int:
    """Open a burst of real WebSocket connections, hold and use them, and say what that proves.

    Exit codes: 0 confirmed; 1 missed: the server side is the limit; 3 inconclusive: the generator was, or a limit that
    both ends share here, or it was interrupted.
    """
    started = now()
    check_target(target)
    check_writable(output)
    from wstune.actions.verify import VerifyOptions, run

    chosen = VerifyOptions(
        connections=connections,
        profile=profile,
        processes=processes,
        hold=hold,
        port=port,
        profile_dirs=tuple(profile_dir or ()),
        force=force,
    )
    with errors_for(format_, output), _progress(quiet) as on_progress:
        report = run(chosen, on_progress)
    from wstune.host.host import Host
    from wstune.verification import EXIT_CODES

    host = Host()
    checked = None
    if target == "host" and FORMATS[format_].page:
        from wstune.actions.check import run_check

        checked = run_check(profile, host, connections=report.connections, profile_dirs=chosen.profile_dirs)
    code = EXIT_CODES[report.verdict]
    return deliver_verify(report, format_, output, started, code, host.facts().boot_id, check=checked)


@contextmanager
def _progress(quiet: bool) -> Iterator[Callable[[Progress], None]]:
    """What to call with each Progress: a line that moves on a terminal, nothing elsewhere."""
    if quiet or not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn
    from rich.progress import Progress as Bars

    bars = Bars(
        TextColumn("{task.description:<8}"),
        BarColumn(24),
        TextColumn("{task.fields[figures]}"),
        console=Console(stderr=True),
        transient=True,
        auto_refresh=False,  # no thread: this process forks
    )
    task = bars.add_task("start", figures="")
    with bars:
        yield lambda progress: _show(bars, task, progress)


def _show(bars: Bars, task: TaskID, progress: Progress) -> None:
    bars.update(
        task,
        description=progress.phase,
        total=progress.target,
        completed=progress.open,
        figures=figures(progress),
        refresh=True,
    )


def figures(progress: Progress) -> str:
    """The line beside the bar: at most 46 columns for a million connections."""
    parts = [f"{progress.open:,}/{progress.target:,}"]
    if progress.phase == "open":
        parts.append(f"{progress.rate:,.0f}/s")
    if progress.failed:
        parts.append(f"{progress.failed:,} failed")
    if progress.lost:
        parts.append(f"{progress.lost:,} lost")
    if progress.available_bytes is not None:
        parts.append(f"{progress.available_bytes / 2**30:.1f}G free")
    return " ".join(parts)
