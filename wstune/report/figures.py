"""The table of figures: what a burst showed, each number once. Every format renders this table, so that a figure that
is added here is in all of them; what a format leaves out is in `LEFT_OUT`, with the reason. Pure.

A row says where a number stands in the report and in its JSON document, what it is called, and how it is said in the
lines that people read; `FIGURES` are single numbers, `LATENCIES` percentiles. The columns of the table of load machines
are in report.machine_columns.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum

from wstune.report.words import counted
from wstune.verification import Percentiles, VerifyReport


class Unit(Enum):
    """What a number counts, and the suffix of its metric (prometheus.io, metric and label naming)."""

    CONNECTIONS = "connections"
    SECONDS = "seconds"
    MILLISECONDS = "ms"
    PER_SECOND = "per_second"
    BYTES = "bytes"
    COUNT = ""


@dataclass(frozen=True, slots=True)
class Figure:
    """One number of a burst.

    Attributes:
        name: its path in the JSON document, and what it is called where figures have names.
        words: what it is, as a noun phrase.
        line: the line of figures, one of LINES, that says it; text: how: a function of the report, or a format of
            `{value}`, beginning with what sets it off from what stands before it; zero: the same where the value is 0.
        source: its path in VerifyReport, where that is not `name`.
        metric: of Prometheus, after `wstune_verify_`, where it is not made of `name` and `unit`; labels: of it.
        datum: what Nagios calls it, where that is not made of `name`.
        compared: what a comparison calls it; empty: it is not compared. better: 1 more, -1 less, 0 neither.
    """

    name: str
    unit: Unit
    words: str
    line: str
    text: str | Callable[[VerifyReport], str]
    zero: str | None = None
    source: str = ""
    metric: str = ""
    labels: tuple[tuple[str, str], ...] = ()
    datum: str = ""
    compared: str = ""
    better: int = 0

    def value(self, report: VerifyReport) -> float | None:
        """The number; None where it was not taken."""
        found = at(report, self.source or self.name)
        return found if isinstance(found, int | float) else None

    def said(self, report: VerifyReport) -> str:
        """How its line says it; empty where it was not taken."""
        value = self.value(report)
        if value is None:
            return ""
        if self.zero is not None and not value:
            return self.zero
        return self.text(report) if callable(self.text) else self.text.format(value=value)

    @property
    def metric_name(self) -> str:
        """`wstune_verify_close_seconds`."""
        if self.metric:
            return f"wstune_verify_{self.metric}"
        name = self.name.removeprefix("figures.").replace(".", "_").removesuffix("_ms")
        suffix = "seconds" if self.unit is Unit.MILLISECONDS else self.unit.value
        return f"wstune_verify_{name}" + (f"_{suffix}" if suffix and not name.endswith(suffix) else "")

    @property
    def datum_name(self) -> str:
        """`talk_messages`."""
        return self.datum or self.name.removeprefix("figures.").replace(".", "_")


@dataclass(frozen=True, slots=True)
class Latency:
    """Percentiles of something that was timed, in milliseconds.

    Attributes:
        name: its path in the JSON document, and in VerifyReport. words: what was timed. metric: the label `of`.
        compared: what a comparison calls its p99; empty: it is not compared.
    """

    name: str
    words: str
    metric: str
    compared: str = ""

    def value(self, report: VerifyReport) -> Percentiles | None:
        """The percentiles; None where nothing was timed."""
        found = at(report, self.name)
        return found if isinstance(found, Percentiles) else None


def at(report: VerifyReport, path: str) -> object:
    """What stands at a path of attributes and keys; None where something on the way is not there."""
    found: object = report
    for name in path.split("."):
        found = found.get(name) if isinstance(found, Mapping) else getattr(found, name, None)
    return found


LINES: dict[str, str | None] = {
    "reached": "",
    "opened": "",
    "held": "",
    "closed": "not as planned: everything was ended at once",
    "processes": "",
    "memory": "could not be read",
    "fan-out": "not done",
    "talk": None,
    "scenario": None,
    "canary": "not sent",
}
"""The lines that people read, in order, and what stands there when none of their figures was taken; None: no line."""


def _closed(report: VerifyReport) -> str:
    close = report.close
    if close is None or not close.sample:
        return ""
    return f", {close.graceful:,} of a sample of {close.sample:,} with the closing handshake"


def _pings(report: VerifyReport) -> str:
    pings = report.pings
    if pings is None or not pings.sent:
        return ""
    answered = "all" if pings.answered == pings.sent else f"{pings.answered:,} of"
    return f"; {answered} {pings.sent:,} PINGs answered"


def _rounds(report: VerifyReport) -> str:
    pings = report.pings
    return f", in {counted(pings.rounds, 'round')}" if pings and pings.sent else ""


def _servers(report: VerifyReport) -> str:
    return f"{report.processes.server:,} server" if report.processes.server else "a server elsewhere"


def _delivered(report: VerifyReport) -> str:
    fanout = report.fanout
    if fanout is None:
        return ""
    whole = fanout.delivered == fanout.expected
    return f" reached {f'all {fanout.expected:,}' if whole else f'{fanout.delivered:,} of {fanout.expected:,}'}:"


def _talk_delivered(report: VerifyReport) -> str:
    talk = report.talk
    if talk is None:
        return ""
    return (
        f", {'all' if talk.delivered == talk.expected else f'{talk.delivered:,} of'} {talk.expected:,} deliveries made"
    )


def _failed_visits(report: VerifyReport) -> str:
    canary = report.canary
    if canary is None:
        return ""
    reasons = ", ".join(f"{reason} {number:,}" for reason, number in sorted(canary.reasons.items()))
    return f", {canary.failed:,} failed" + (f": {reasons}" if reasons else "")


def _bytes(name: str, source: str) -> Callable[[VerifyReport], str]:
    # Slabs and MemAvailable are the whole host's: below 0 when others gave back more meanwhile, which says nothing.
    def said(report: VerifyReport) -> str:
        value = getattr(report.memory, source)
        return f", {name} {value:,.0f} B" if value is not None and value >= 0 else ""

    return said


def _available(report: VerifyReport) -> str:
    fell = report.memory.available_bytes
    return "" if fell is None or fell < 0 else f", MemAvailable fell by {fell:,.0f} B (understates)"


def _silent(report: VerifyReport) -> str:
    """What another figure of the line says with its own."""
    return ""


C, S, MS, R, B, N = Unit.CONNECTIONS, Unit.SECONDS, Unit.MILLISECONDS, Unit.PER_SECOND, Unit.BYTES, Unit.COUNT
FIGURES: tuple[Figure, ...] = (
    Figure("reached", C, "most connections open at once, each upgraded", "reached", "{value:,}",
           metric="reached_connections", compared="reached", better=1),
    Figure("target.connections", C, "connections that were asked for", "reached", " of {value:,}", source="connections",
           metric="target_connections", datum="wanted"),
    Figure("open.seconds", S, "time of opening, with the start of the processes", "opened", "in {value:.2f} s",
           datum="open_time"),
    Figure("open.rate", R, "connections opened a second", "opened", ", {value:,.0f}/s", compared="open rate", better=1),
    Figure("open.failed", C, "connections that did not open", "opened", ", {value:,} failed", ", none failed",
           metric="failed_connections", datum="failed", compared="failed", better=-1),
    Figure("open.lag_ms", MS, "most that a paced connection was started late", "opened",
           lambda report: f"; paced, at most {milliseconds(report.open.lag_ms or 0.0)} ms late"),
    Figure("held.seconds", S, "how long they were held", "held", "{value:,.3g} s", source="held_seconds",
           datum="held_time"),
    Figure("held.lost", C, "connections lost while they were held", "held", ", {value:,} lost", source="lost",
           metric="lost_connections", datum="lost", compared="lost", better=-1),
    Figure("pings.sent", N, "PINGs sent", "held", _silent),
    Figure("pings.answered", N, "PINGs answered", "held", _pings),
    Figure("pings.rounds", N, "rounds of PINGs", "held", _rounds),
    Figure("figures.unexpected", N, "messages that nobody expected", "held",
           lambda report: f"; {counted(int(report.figures['unexpected']), 'message')} that nobody expected", zero=""),
    Figure("close.seconds", S, "time of closing, to the last process and socket", "closed", "in {value:,.2f} s"),
    Figure("close.sample", N, "connections closed with the closing handshake", "closed", _silent),
    Figure("close.graceful", N, "of these, those that the server answered", "closed", _closed),
    Figure("processes.server", N, "server processes", "processes", _servers, metric="processes",
           labels=(("end", "server"),), compared="server processes"),
    Figure("processes.generator", N, "generator processes", "processes", ", {value:,} generator", metric="processes",
           labels=(("end", "generator"),)),
    Figure("processes.nofile_each", N, "files that each process may open", "processes", "; {value:,} files each"),
    Figure("processes.single_process_limit", C, "connections that one process here holds", "processes",
           ", so {value:,} connections"),
    Figure("memory.server_user_bytes", B, "memory of a connection in the server's processes", "memory",
           _bytes("server", "server_user_bytes"), metric="memory_bytes", labels=(("of", "server"),),
           compared="server memory", better=-1),
    Figure("memory.generator_user_bytes", B, "memory of a connection in the generator's processes", "memory",
           _bytes("generator", "generator_user_bytes"), metric="memory_bytes", labels=(("of", "generator"),)),
    Figure("memory.kernel_slab_bytes", B, "memory of a connection in the kernel's socket slabs", "memory",
           _bytes("socket slabs of the kernel", "kernel_slab_bytes"), metric="memory_bytes",
           labels=(("of", "kernel_slab"),), compared="kernel memory", better=-1),
    Figure("memory.available_bytes", B, "fall of MemAvailable a connection, which understates", "memory", _available,
           metric="memory_bytes", labels=(("of", "available"),)),
    Figure("memory.projected_connections", C, "connections that this host's memory would hold", "memory",
           "; at that, this host's memory would hold {value:,}"),
    Figure("fanout.messages", N, "messages to everybody", "fan-out",
           lambda report: counted(report.fanout.messages, "message") if report.fanout else ""),
    Figure("fanout.expected", N, "deliveries of them that were due", "fan-out", _silent),
    Figure("fanout.delivered", N, "deliveries of them that came", "fan-out", _delivered),
    Figure("fanout.first_ms", MS, "from the last of them to its first receiver", "fan-out", " first {value:,.1f} ms,"),
    Figure("fanout.seconds", S, "from the last of them to its last receiver", "fan-out", " last {value:,.2f} s",
           datum="fanout_time"),
    Figure("fanout.rate", R, "deliveries of them a second", "fan-out", ", {value:,.0f}/s", compared="fan-out rate",
           better=1),
    Figure("talk.talkers", N, "connections that talked", "talk",
           lambda report: counted(report.talk.talkers, "talker") if report.talk else ""),
    Figure("talk.messages", N, "messages that they said", "talk",
           lambda report: f" said {counted(report.talk.messages, 'message')}" if report.talk else ""),
    Figure("talk.seconds", S, "how long they talked", "talk", " in {value:,.3g} s"),
    Figure("talk.expected", N, "deliveries of these that were due", "talk", _silent),
    Figure("talk.delivered", N, "deliveries of these that came", "talk", _talk_delivered),
    Figure("talk.rate", R, "deliveries of these a second", "talk", ", {value:,.0f}/s", compared="talk rate", better=1),
    Figure("scenario.said", N, "messages that sessions sent", "scenario",
           lambda report: f"{counted(report.scenario.said, 'message')} said" if report.scenario else ""),
    Figure("scenario.heard", N, "messages that they expected and heard", "scenario",
           ", {value:,} of those expected were heard"),
    Figure("scenario.ended", N, "sessions that closed by themselves", "scenario",
           lambda report: f", {counted(report.scenario.ended, 'session')} closed" if report.scenario else ""),
    Figure("scenario.unfinished", N, "sessions that had steps left", "scenario",
           lambda report: f", {counted(report.scenario.unfinished, 'session')} had not come to an end"
           if report.scenario and report.scenario.unfinished else ""),
    Figure("canary.attempts", N, "visits of a stock client", "canary",
           lambda report: f"a stock client visited {counted(report.canary.attempts, 'time')}" if report.canary else "",
           metric="canary_visits"),
    Figure("canary.failed", N, "visits of a stock client that failed", "canary", _failed_visits,
           compared="canary failed", better=-1),
)  # fmt: skip

LATENCIES: tuple[Latency, ...] = (
    Latency("open.connect_ms", "connect", "connect", "connect p99"),
    Latency("open.upgrade_ms", "upgrade", "upgrade", "upgrade p99"),
    Latency("open.due_ms", "since due", "due", "since due p99"),
    Latency("fanout.latency_ms", "fan-out", "fanout"),
    Latency("talk.latency_ms", "talk", "talk", "talk p99"),
    Latency("scenario.answer_ms", "answers", "answer", "answers p99"),
    Latency("canary.join_ms", "canary joins", "canary_join"),
    Latency("canary.rtt_ms", "canary echo", "canary_echo", "canary echo p99"),
    Latency("canary.leave_ms", "canary leaves", "canary_leave"),
)

QUANTILES = (
    ("p50", "p50", 0.5),
    ("p90", "p90", 0.9),
    ("p99", "p99", 0.99),
    ("p99.9", "p999", 0.999),
    ("max", "max", 1),
)
"""Of a latency: title, field of Percentiles, and quantile."""

LEFT_OUT: dict[tuple[str, str], str] = {
    ("csv", "figures"): "one table a file: the timeline",
    ("csv", "latencies"): "one table a file: the timeline",
    ("csv", "machines"): "one table a file: the timeline",
    ("junit", "machines"): "a machine that was lost is a case that fails; its numbers are no promise",
    ("nagios", "machines"): "performance data are of one service",
}
"""What a format does not show: (format, group of figures) → why. Of latencies, junit and nagios show the p99."""


def lines(report: VerifyReport) -> Iterator[tuple[str, str]]:
    """The lines of figures that people read: label and text."""
    for label, missing in LINES.items():
        said = "".join(figure.said(report) for figure in FIGURES if figure.line == label).lstrip(",; ")
        if said:
            yield label, f"a connection: {said}" if label == "memory" else said
        elif missing:
            yield label, missing


def numbers(report: VerifyReport) -> Iterator[tuple[Figure, float]]:
    """The figures that were taken."""
    for figure in FIGURES:
        value = figure.value(report)
        if value is not None:
            yield figure, value


def latencies(report: VerifyReport) -> Iterator[tuple[str, Percentiles]]:
    """What was timed, in words, with the canary's echo in each part of the burst."""
    for latency in LATENCIES:
        value = latency.value(report)
        if value is not None:
            yield latency.words, value
    phases = report.canary.phases if report.canary else {}
    for name, phase in phases.items():
        if phase.rtt_ms is not None and len(phases) > 1:
            yield f"  echo {name}", phase.rtt_ms


def milliseconds(value: float) -> str:
    """With two digits after the point below 10, with one below 1,000."""
    return f"{value:,.0f}" if value >= 1000 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"
