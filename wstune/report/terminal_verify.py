"""`wstune verify` for people: the figures, the wall if one was met, what went wrong, and the verdict last."""

from __future__ import annotations

from wstune.report import figures
from wstune.report.terminal_machines import machines_lines
from wstune.report.words import BOLD, DIM, GREEN, RED, YELLOW, counted, paint, wrapped
from wstune.verification import BurstError, Percentiles, VerifyReport, Wall

_LABEL = 12

TELLING = frozenset(
    [f"conntrack.{name}" for name in ("drop", "early_drop", "insert_failed")]
    + ["softnet.dropped", "Tcp.AttemptFails", "Tcp.RetransSegs"]
    + [
        f"TcpExt.{name}"
        for name in (
            "ListenOverflows",
            "ListenDrops",
            "PruneCalled",
            "RcvPruned",
            "SyncookiesFailed",
            "SyncookiesSent",
            "TCPAbortOnMemory",
            "TCPAbortOnTimeout",
            "TCPBacklogDrop",
            "TCPMemoryPressures",
            "TCPRcvQDrop",
            "TCPReqQFullDoCookies",
            "TCPReqQFullDrop",
            "TCPSynRetrans",
            "TCPTimeWaitOverflow",
        )
    ]
)
"""Counters that stand still in a burst in which all goes well; the others are in the JSON document."""


def verify_text(report: VerifyReport, *, color: bool, width: int = 80) -> str:
    """The whole report, ending in a newline. `width` is kept except for names and commands that are longer."""
    title = f"{counted(report.connections, 'connection')} to {report.url}"
    lines = [*(paint(line, BOLD, color) for line in wrapped(title, width, "  ", "")), ""]
    for label, text in figures.lines(report):
        lines += wrapped(text, width, " " * (_LABEL + 2), f"  {label:<{_LABEL}}")
    lines += _latencies(report)
    lines += machines_lines(report.machines, color=color, width=width)
    if report.wall is not None:
        lines += ["", *_wall_lines(report.wall, color, width)]
    if report.errors:
        lines += ["", paint("errors", BOLD, color)]
        told = {report.wall.fix} if report.wall else set()
        for error in report.errors:
            lines += _error_lines(error, error.fix not in told, width)
            told.add(error.fix)
    moved = [f"{name} {change:+,}" for name, change in sorted(report.counters.items()) if name in TELLING]
    if moved:
        lines += ["", paint("kernel counters that tell of trouble", BOLD, color)]
        lines += [paint(line, DIM, color) for line in wrapped(", ".join(moved), width, "  ")]
    if report.sentences:
        lines.append("")
    for sentence in report.sentences[:-1]:
        lines += wrapped(sentence, width, "")
    code = {"confirmed": GREEN, "missed": RED}.get(report.verdict, YELLOW)
    lines += [paint(line, code, color) for sentence in report.sentences[-1:] for line in wrapped(sentence, width, "")]
    return "\n".join(lines) + "\n"


def _latencies(report: VerifyReport) -> list[str]:
    """A table of milliseconds; rows that were not measured are left out."""
    rows = [_row(name, numbers) for name, numbers in figures.latencies(report)]
    titles = "".join(f"{title:>10}" for title, _, _ in figures.QUANTILES)
    return ["", f"  {'milliseconds':<18}{titles}{'count':>10}", *rows] if rows else []


def _row(name: str, numbers: Percentiles) -> str:
    values = (getattr(numbers, field) for _, field, _ in figures.QUANTILES)
    cells = "".join(f"{figures.milliseconds(value):>10}" for value in values)
    return f"  {name:<18}{cells}{numbers.count:>10,}"


def _wall_lines(wall: Wall, color: bool, width: int) -> list[str]:
    lines = [paint(f"wall: {wall.name}", BOLD, color) + f" ({wall.side})"]
    lines += wrapped(wall.evidence, width, "  ")
    return lines + wrapped(wall.fix, width, "       ", "  fix: ")


def _error_lines(error: BurstError, with_fix: bool, width: int) -> list[str]:
    head = f"  {error.phase:<9} {error.errno:<14} {error.count:>10,}  {error.side:<10} {error.limit}"
    return [head, *wrapped(error.fix if with_fix else "", width, " " * 17, " " * 12 + "fix: ")]
