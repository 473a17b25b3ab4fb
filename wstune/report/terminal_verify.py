"""`wstune verify` for people: the figures, the wall if one was met, what went wrong, and the verdict last."""

from __future__ import annotations

from wstune.report.terminal_machines import machines_lines
from wstune.report.words import BOLD, DIM, GREEN, RED, YELLOW, counted, paint, wrapped
from wstune.verification import (
    BurstError,
    Canary,
    Close,
    Fanout,
    Memory,
    OpenPhase,
    Percentiles,
    Processes,
    Steps,
    Talk,
    VerifyReport,
    Wall,
)

_LABEL = 12
_COLUMNS = (("p50", "p50"), ("p90", "p90"), ("p99", "p99"), ("p99.9", "p999"), ("max", "max"))

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
    lines += _line("reached", f"{report.reached:,} of {report.connections:,}", width)
    lines += _line("opened", _opened_text(report.open), width)
    lines += _line("held", _held_text(report), width)
    lines += _line("closed", _closed_text(report.close), width)
    lines += _line("processes", _processes_text(report.processes), width)
    lines += _line("memory", _memory_text(report.memory), width)
    lines += _line("fan-out", _fanout_text(report.fanout), width)
    if report.talk is not None:
        lines += _line("talk", _talk_text(report.talk), width)
    if report.scenario is not None:
        lines += _line("scenario", _steps_text(report.scenario), width)
    lines += _line("canary", _canary_text(report.canary), width)
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


def _line(label: str, text: str, width: int) -> list[str]:
    return wrapped(text, width, " " * (_LABEL + 2), f"  {label:<{_LABEL}}")


def _opened_text(opened: OpenPhase) -> str:
    failed = f"{opened.failed:,} failed" if opened.failed else "none failed"
    paced = "" if opened.lag_ms is None else f"; paced, at most {_milliseconds(opened.lag_ms)} ms late"
    return f"in {opened.seconds:.2f} s, {opened.rate:,.0f}/s, {failed}{paced}"


def _closed_text(close: Close | None) -> str:
    if close is None:
        return "not as planned: everything was ended at once"
    sample = f"{close.graceful:,} of a sample of {close.sample:,} with the closing handshake" if close.sample else ""
    return f"in {close.seconds:,.2f} s{', ' if sample else ''}{sample}"


def _held_text(report: VerifyReport) -> str:
    text = f"{report.held_seconds:,.3g} s, {report.lost:,} lost"
    if report.pings is None or not report.pings.sent:
        return text
    pings = report.pings
    answered = "all" if pings.answered == pings.sent else f"{pings.answered:,} of"
    return f"{text}; {answered} {pings.sent:,} PINGs answered, in {counted(pings.rounds, 'round')}"


def _processes_text(processes: Processes) -> str:
    server = f"{processes.server:,} server" if processes.server else "a server elsewhere"
    return (
        f"{server}, {processes.generator:,} generator; {processes.nofile_each:,} files each,"
        f" so {processes.single_process_limit:,} connections"
    )


def _memory_text(memory: Memory) -> str:
    figures = (
        (memory.server_user_bytes, "server"),
        (memory.generator_user_bytes, "generator"),
        (memory.kernel_slab_bytes, "socket slabs of the kernel"),
    )
    # Slabs and MemAvailable are the whole host's: below 0 when others gave back more meanwhile, which says nothing.
    parts = [f"{name} {value:,.0f} B" for value, name in figures if value is not None and value >= 0]
    if memory.available_bytes is not None and memory.available_bytes >= 0:
        parts.append(f"MemAvailable fell by {memory.available_bytes:,.0f} B (understates)")
    text = f"a connection: {', '.join(parts)}" if parts else "could not be read"
    if memory.projected_connections is None:
        return text
    return f"{text}; at that, this host's memory would hold {memory.projected_connections:,}"


def _fanout_text(fanout: Fanout | None) -> str:
    if fanout is None:
        return "not done"
    all_of_them = fanout.delivered == fanout.expected
    delivered = f"all {fanout.expected:,}" if all_of_them else f"{fanout.delivered:,} of {fanout.expected:,}"
    first = "" if fanout.first_ms is None else f"first {fanout.first_ms:,.1f} ms, "
    return (
        f"{counted(fanout.messages, 'message')} reached {delivered}:"
        f" {first}last {fanout.seconds:,.2f} s, {fanout.rate:,.0f}/s"
    )


def _talk_text(talk: Talk) -> str:
    delivered = "all" if talk.delivered == talk.expected else f"{talk.delivered:,} of"
    return (
        f"{counted(talk.talkers, 'talker')} said {counted(talk.messages, 'message')} in {talk.seconds:,.3g} s,"
        f" {delivered} {talk.expected:,} deliveries made, {talk.rate:,.0f}/s"
    )


def _steps_text(steps: Steps) -> str:
    left = f", {counted(steps.unfinished, 'session')} had not come to an end" if steps.unfinished else ""
    return (
        f"{counted(steps.said, 'message')} said, {steps.heard:,} of those expected were heard,"
        f" {counted(steps.ended, 'session')} closed{left}"
    )


def _canary_text(canary: Canary | None) -> str:
    if canary is None:
        return "not sent"
    text = f"a stock client visited {counted(canary.attempts, 'time')}, {canary.failed:,} failed"
    reasons = ", ".join(f"{reason} {count:,}" for reason, count in sorted(canary.reasons.items()))
    return f"{text}: {reasons}" if reasons else text


def _latencies(report: VerifyReport) -> list[str]:
    """A table of milliseconds; rows that were not measured are left out."""
    rows = [("connect", report.open.connect_ms), ("upgrade", report.open.upgrade_ms), ("since due", report.open.due_ms)]
    rows += [("fan-out", report.fanout.latency_ms)] if report.fanout else []
    rows += [("talk", report.talk.latency_ms)] if report.talk else []
    rows += [("answers", report.scenario.answer_ms)] if report.scenario else []
    if report.canary is not None:
        canary = report.canary
        rows += [("canary joins", canary.join_ms), ("canary echo", canary.rtt_ms), ("canary leaves", canary.leave_ms)]
        rows += [(f"  echo {name}", phase.rtt_ms) for name, phase in canary.phases.items() if len(canary.phases) > 1]
    measured = [(name, numbers) for name, numbers in rows if numbers is not None]
    if not measured:
        return []
    head = f"  {'milliseconds':<18}" + "".join(f"{title:>10}" for title, _ in _COLUMNS) + f"{'count':>10}"
    return ["", head, *(_row(name, numbers) for name, numbers in measured)]


def _row(name: str, numbers: Percentiles) -> str:
    cells = "".join(f"{_milliseconds(getattr(numbers, field)):>10}" for _, field in _COLUMNS)
    return f"  {name:<18}{cells}{numbers.count:>10,}"


def _milliseconds(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def _wall_lines(wall: Wall, color: bool, width: int) -> list[str]:
    lines = [paint(f"wall: {wall.name}", BOLD, color) + f" ({wall.side})"]
    lines += wrapped(wall.evidence, width, "  ")
    return lines + wrapped(wall.fix, width, "       ", "  fix: ")


def _error_lines(error: BurstError, with_fix: bool, width: int) -> list[str]:
    head = f"  {error.phase:<9} {error.errno:<14} {error.count:>10,}  {error.side:<10} {error.limit}"
    return [head, *wrapped(error.fix if with_fix else "", width, " " * 17, " " * 12 + "fix: ")]
