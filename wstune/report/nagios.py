"""One line for Nagios, Icinga and their kin, with performance data, and the exit code that they read.

Monitoring Plugins Development Guidelines: OK 0, WARNING 1, CRITICAL 2, UNKNOWN 3; perfdata is
`'label'=value[UOM];[warn];[crit];[min];[max]`, and a range `N:` alerts below N. Further lines are long output.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wstune.model import CheckReport, Finding, Operator, Outcome, Severity
from wstune.printable import printable
from wstune.report import figures
from wstune.report.figures import Figure, Unit
from wstune.report.words import demand_text, reading_text
from wstune.values import Kind

if TYPE_CHECKING:
    from wstune.report.formats import Look
    from wstune.report.head import Head
    from wstune.verification import VerifyReport

STATES = ("OK", "WARNING", "CRITICAL", "UNKNOWN")
"""By exit code."""

_CODES = {"confirmed": 0, "missed": 2, "not-ready": 2, "inconclusive": 3}


def exit_code(report: CheckReport | VerifyReport) -> int:
    """0 OK, 1 WARNING (ready, but something should be better), 2 CRITICAL, 3 UNKNOWN."""
    if isinstance(report, CheckReport) and report.verdict == "ready":
        return int(any(finding.outcome is Outcome.WARN for finding in report.findings))
    return _CODES.get(report.verdict, 3)


def check(report: CheckReport, head: Head, look: Look) -> str:
    """The verdict, the numbers of integer limits and of the capacity; then a line for each thing that is amiss."""
    data = list(dict.fromkeys(text for finding in report.findings if (text := _limit(finding))))
    for capacity in report.capacity:
        bottleneck = capacity.bottleneck
        if bottleneck is not None and bottleneck.connections is not None:
            each = "_per_process" if bottleneck.per_process else "_per_source" if bottleneck.per_source else ""
            data.append(_datum(f"{capacity.role.value}_capacity{each}", bottleneck.connections, minimum=0))
    amiss = (Outcome.FAIL, Outcome.UNKNOWN, Outcome.WARN)
    lines = [_said(finding) for outcome in amiss for finding in report.findings if finding.outcome is outcome]
    return _text(exit_code(report), report.sentences, data, lines)


def verify(report: VerifyReport, head: Head, look: Look) -> str:
    """The verdict and the figures of the burst; then the wall, if there was one."""
    data = [_figure(report, figure, value) for figure, value in figures.numbers(report)]
    data += [
        _datum(f"{latency.metric}_p99", round(value.p99, 3), "ms", minimum=0)
        for latency in figures.LATENCIES
        if (value := latency.value(report)) is not None
    ]
    lines = []
    if report.wall is not None:
        lines = [f"wall: {report.wall.name} ({report.wall.side}): {report.wall.evidence}", f"fix: {report.wall.fix}"]
    return _text(exit_code(report), report.sentences, data, lines)


_UOM = {Unit.SECONDS: "s", Unit.MILLISECONDS: "ms", Unit.BYTES: "B"}
"""Units of performance data."""


def _figure(report: VerifyReport, figure: Figure, value: float) -> str:
    """The datum of a figure, with the threshold at which it alerts."""
    name, unit = figure.datum_name, _UOM.get(figure.unit, "")
    value = round(value, 3)
    match figure.name:
        case "reached":
            return _datum(name, value, critical=f"{report.connections}:", minimum=0, maximum=report.connections)
        case "held.lost":
            return _datum(name, value, critical="0", minimum=0)
        case "canary.failed" if report.canary:
            return _datum(name, value, minimum=0, maximum=report.canary.attempts)
        case _:
            return _datum(name, value, unit, minimum=0)


def error(message: str, tip: str) -> str:
    """What is said when there is no report: UNKNOWN, exit code 3."""
    return _text(3, (message,), (), [tip] if tip else [])


def _limit(finding: Finding) -> str:
    """The datum of an integer limit, with the threshold at which it alerts."""
    value = finding.live.value
    if value is None or value.kind is not Kind.INTEGER or value.unlimited:
        return ""
    operator, demanded = finding.requirement.operator, finding.requirement.operands[0]
    range_ = {Operator.AT_LEAST: f"{demanded}:", Operator.AT_MOST: str(demanded)}.get(operator, "")
    label = f"{finding.tunable}_at_most" if operator is Operator.AT_MOST else finding.tunable
    grave = finding.severity is Severity.ERROR
    return _datum(label, value.number, warning="" if grave else range_, critical=range_ if grave else "")


def _said(finding: Finding) -> str:
    have, need = reading_text(finding.live), demand_text(finding.requirement)
    fix = f"; {finding.fix}" if finding.fix else ""
    return f"{finding.outcome.value} {finding.tunable}: have {have}, need {need}{fix}"


def _datum(
    label: str,
    value: float,
    unit: str = "",
    *,
    warning: str = "",
    critical: str = "",
    minimum: int | None = None,
    maximum: int | None = None,
) -> str:
    fields = (warning, critical, "" if minimum is None else str(minimum), "" if maximum is None else str(maximum))
    return f"'{label}'={value}{unit};{';'.join(fields)}".rstrip(";")


def _text(code: int, sentences: tuple[str, ...], data: list[str] | tuple[()], lines: list[str]) -> str:
    said = _clean(sentences[-1]) if sentences else "nothing was shown"
    first = f"WSTUNE {STATES[code]} - {said}" + (f" | {' '.join(data)}" if data else "")
    return "\n".join([first, *map(_clean, lines)]) + "\n"


def _clean(text: str) -> str:
    """On one line, and without the bar at which performance data begin."""
    return printable(" ".join(text.split())).replace("|", "/")
