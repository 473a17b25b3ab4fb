"""GitHub-flavoured Markdown, to post under a pull request: the verdict, what is amiss, and the rest folded away."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from wstune.model import Capacity, Confidence, Finding, Outcome
from wstune.report import figures, machine_columns
from wstune.report.words import count, counted, demand_text, host_text, reading_text, role_text

if TYPE_CHECKING:
    from wstune.model import CheckReport
    from wstune.report.formats import Look
    from wstune.report.head import Head
    from wstune.verification import Machine, Percentiles, VerifyReport

_MARKS = {
    "ready": "✅",
    "confirmed": "✅",
    "not-ready": "❌",
    "missed": "❌",
    Outcome.FAIL: "❌",
    Outcome.WARN: "⚠️",
    Outcome.UNKNOWN: "❔",
    Outcome.PASS: "✅",
    Outcome.NOT_APPLICABLE: "➖",
}
_AMISS = (Outcome.FAIL, Outcome.UNKNOWN, Outcome.WARN)
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~&!])")
_BEGINS = re.compile(r"([-+=]|\d{1,9}(?=[.)]))")
"""What at the beginning of a line makes it a list, or a heading of the one before."""


def check(report: CheckReport, head: Head, look: Look) -> str:
    """The verdict, a table of what is amiss, the capacity, and the requirements that are met in a fold."""
    lines = _title(
        report.verdict,
        report.sentences,
        f"{report.profile}, {counted(report.connections, 'connection')}, {role_text(report.role)}, "
        f"{counted(report.processes, 'process')}; {host_text(report.host)}",
    )
    amiss = [each for outcome in _AMISS for each in report.findings if each.outcome is outcome]
    if amiss:
        lines += _table(("", "limit", "here", "needed", "why, and what to do"), map(_amiss, amiss))
    if any(capacity.limits for capacity in report.capacity):
        rows = [row for capacity in report.capacity for row in _capacity(capacity)]
        lines += _table(("as it is, as", "connections", "bound by"), rows)
    rest = [each for each in report.findings if each.outcome not in _AMISS]
    if rest:
        body = _table(("", "limit", "here", "needed"), map(_met, rest))
        lines += _fold(f"{counted(len(rest), 'requirement')} met, or not here to judge", body)
    return _text(lines, head)


def verify(report: VerifyReport, head: Head, look: Look) -> str:
    """The verdict, the figures, the wall, the errors; latencies and counters in folds."""
    lines = _title(report.verdict, report.sentences, f"{counted(report.connections, 'connection')} to {report.url}")
    lines += _table(("", "figure"), [(label, _plain(text)) for label, text in figures.lines(report)])
    if report.wall is not None:
        wall = report.wall
        lines += [
            f"**Wall: {_code(wall.name)}** ({_plain(wall.side)}). {_plain(wall.evidence)}. Fix: {_plain(wall.fix)}.",
            "",
        ]
    if report.errors:
        rows = [
            (_plain(e.phase), _code(e.errno), f"{e.count:,}", _plain(e.side), _code(e.limit), _plain(e.fix))
            for e in report.errors
        ]
        lines += _table(("phase", "error", "times", "side", "limit", "fix"), rows)
    if report.machines:
        titles = (
            "load machine",
            *(column.title for column in machine_columns.COLUMNS),
            "p99 ms",
            "room, by what",
            "lost",
        )
        lines += _table(titles, [_machine(machine) for machine in report.machines])
    latencies = [_percentiles(name, numbers) for name, numbers in figures.latencies(report)]
    if latencies:
        titles = ("milliseconds", *(title for title, _, _ in figures.QUANTILES), "count")
        lines += _fold("Latencies", _table(titles, latencies))
    if report.counters:
        moved = [(_code(name), f"{change:+,}") for name, change in sorted(report.counters.items())]
        lines += _fold("Kernel counters that moved", _table(("counter", "growth"), moved))
    return _text(lines, head)


def _title(verdict: str, sentences: Sequence[str], about: str) -> list[str]:
    *remarks, last = sentences or (verdict,)
    lines = [f"## {_MARKS.get(verdict, '❔')} wstune: {_plain(last)}", "", _line(about), ""]
    for remark in remarks:
        lines += [f"> {_line(remark)}", ""]
    return lines


def _amiss(finding: Finding) -> tuple[str, ...]:
    said = [_plain(text) for text in (finding.why, finding.note) if text]
    if finding.fix:
        said.append(_code(finding.fix))
    return (*_met(finding), "<br>".join(said))


def _met(finding: Finding) -> tuple[str, ...]:
    have, need = reading_text(finding.live), demand_text(finding.requirement)
    return _MARKS[finding.outcome], f"`{finding.tunable}`", _plain(have), _plain(need)


def _capacity(capacity: Capacity) -> list[tuple[str, ...]]:
    bottleneck = capacity.bottleneck
    if bottleneck is None or bottleneck.connections is None:
        return [(capacity.role.value, "no limit that could be read binds", "")]
    about = "about " if bottleneck.confidence is Confidence.ESTIMATE else ""
    each = " a process" if bottleneck.per_process else " a source address" if bottleneck.per_source else ""
    return [(capacity.role.value, f"{about}{count(bottleneck.connections)}{each}", _code(bottleneck.name))]


def _machine(machine: Machine) -> tuple[str, ...]:
    cells = (column.cell(machine) for column in machine_columns.COLUMNS)
    room = _plain(machine_columns.room(machine))
    return _code(machine.name), *cells, machine_columns.p99(machine), room, _plain(machine.gone)


def _percentiles(name: str, numbers: Percentiles) -> tuple[str, ...]:
    values = (getattr(numbers, field) for _, field, _ in figures.QUANTILES)
    return (name.strip(), *(f"{value:.2f}" for value in values), f"{numbers.count:,}")


def _table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    return [
        f"| {' | '.join(titles)} |",
        f"|{' --- |' * len(titles)}",
        *(f"| {' | '.join(row)} |" for row in rows),
        "",
    ]


def _fold(title: str, body: list[str]) -> list[str]:
    return [f"<details><summary>{title}</summary>", "", *body, "</details>", ""]


def _plain(text: str) -> str:
    """On one line, meaning itself."""
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))


def _line(text: str) -> str:
    """As `_plain`, at the beginning of a line; a number there is one of a list by the point after it."""
    text = _plain(text)
    found = _BEGINS.match(text)
    if found is None:
        return text
    first = found[0]
    return (f"&#{ord(first[0])};" if first.isdigit() else f"\\{first[0]}") + text[1:]


def _code(text: str) -> str:
    """A span of code within a cell: a bar would end the cell, and as many ticks as it begins with the span."""
    text = " ".join(text.split()).replace("|", r"\|")
    ticks = "`" * (1 + max(map(len, re.findall("`+", text)), default=0))
    pad = " " if text[:1] == "`" or text[-1:] == "`" else ""
    return f"{ticks}{pad}{text}{pad}{ticks}" if text else ""


def _text(lines: list[str], head: Head) -> str:
    command = _code(" ".join(("wstune", *head.argv)))
    return "\n".join([*lines, f"<sub>{command}, started {head.started_at}</sub>"]) + "\n"
