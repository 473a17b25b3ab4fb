"""Metrics in the text format 0.0.4 of Prometheus, for the textfile collector of node_exporter.

Names end in their base unit: seconds, bytes, connections. A figure that was not taken has no line.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from wstune import __version__
from wstune.model import Outcome, Severity
from wstune.report import figures, machine_columns
from wstune.report.figures import Unit
from wstune.tunables import CATALOGUE
from wstune.values import Kind, Value

if TYPE_CHECKING:
    from wstune.model import CapacityLimit, CheckReport
    from wstune.report.formats import Look
    from wstune.report.head import Head
    from wstune.verification import Percentiles, VerifyReport

CHECK_VERDICTS = ("ready", "not-ready", "inconclusive")
VERIFY_VERDICTS = ("confirmed", "missed", "inconclusive")

Sample = tuple[dict[str, str], float | None]
Family = tuple[str, str, Sequence[Sample]]
"""Name, help and samples of a gauge; a sample of None is left out, and a family without samples too."""


def check(report: CheckReport, head: Head, look: Look) -> str:
    """Metrics `wstune_check_…`, each with the labels `profile` and `role`."""
    own = {"profile": report.profile, "role": report.role.value}
    counts = {
        (outcome, severity): sum(each.outcome is outcome and each.severity is severity for each in report.findings)
        for outcome in Outcome
        for severity in Severity
    }
    live = [
        ({**own, "tunable": name, "field": field}, number)
        for name, value in {each.tunable: each.live.value for each in report.findings}.items()
        if value is not None
        for field, number in _numbers(name, value)
    ]
    return _text(
        *_head_families("wstune_check", head, CHECK_VERDICTS, report.verdict, own),
        ("wstune_check_target_connections", "Connections that were asked for.", [(own, report.connections)]),
        ("wstune_check_processes", "Processes over which they are spread.", [(own, report.processes)]),
        (
            "wstune_check_findings",
            "Requirements by what judging them came to.",
            [({**own, "outcome": o.value, "severity": s.value}, n) for (o, s), n in counts.items()],
        ),
        (
            "wstune_check_met",
            "Whether a requirement is met; none where it could not be judged.",
            [({**own, "tunable": name, "operator": operator}, n) for (name, operator), n in _met(report).items()],
        ),
        ("wstune_check_live", "Live value of a limit; +Inf where there is none.", live),
        (
            "wstune_check_capacity_connections",
            "Connections that a limit allows this host as it is, by the end of the connection.",
            [
                (
                    {"profile": report.profile, "role": capacity.role.value, "limit": limit.name, "each": _each(limit)},
                    limit.connections,
                )
                for capacity in report.capacity
                for limit in capacity.limits
            ],
        ),
    )


def verify(report: VerifyReport, head: Head, look: Look) -> str:
    """Metrics `wstune_verify_…`, each with the label `target`: `host`, or the URL of a server elsewhere."""
    own = {"target": "host" if report.processes.server else report.url}
    wall = report.wall
    latencies = [
        sample
        for latency in figures.LATENCIES
        for sample in _quantiles({**own, "of": latency.metric}, latency.value(report))
    ]
    errors: list[Sample] = [
        ({**own, "phase": e.phase, "errno": e.errno, "side": e.side, "limit": e.limit}, e.count) for e in report.errors
    ]
    return _text(
        *_head_families("wstune_verify", head, VERIFY_VERDICTS, report.verdict, own),
        *_figure_families(report, own),
        ("wstune_verify_latency_seconds", "Latencies by what was done; quantile 1 is the longest.", latencies),
        *_machine_families(report, own),
        ("wstune_verify_errors", "Errors by kind.", errors),
        (
            "wstune_verify_wall",
            "What bound, if anything did.",
            [({**own, "wall": wall.name, "side": wall.side}, 1)] if wall else [],
        ),
        (
            "wstune_verify_counter_growth",
            "Growth of the kernel's counters over the run.",
            [({**own, "counter": name}, change) for name, change in sorted(report.counters.items())],
        ),
    )


_GROUPS = {
    "wstune_verify_processes": "Processes of each end.",
    "wstune_verify_memory_bytes": "Memory of a connection, by what it is: see docs/reference/schemas/verify.json.",
}
"""What families of several figures are."""


def _figure_families(report: VerifyReport, own: dict[str, str]) -> list[Family]:
    """One family for each name, in the order of the table."""
    found: dict[str, tuple[str, list[Sample]]] = {}
    for figure, value in figures.numbers(report):
        name = figure.metric_name
        words = _GROUPS.get(name) or f"{figure.words[0].upper()}{figure.words[1:]}."
        sample = {**own, **dict(figure.labels)}, value / 1000 if figure.unit is Unit.MILLISECONDS else value
        found.setdefault(name, (words, []))[1].append(sample)
    return [(name, words, samples) for name, (words, samples) in found.items()]


def _machine_families(report: VerifyReport, own: dict[str, str]) -> list[Family]:
    """What each load machine did, with the label `machine`."""
    families: list[Family] = [
        (
            f"wstune_verify_machine_{column.name}_{column.unit.value}",
            f"Of each load machine: {column.words}.",
            [({**own, "machine": machine.name}, getattr(machine, column.name)) for machine in report.machines],
        )
        for column in machine_columns.COLUMNS
    ]
    gone: list[Sample] = [({**own, "machine": machine.name}, float(bool(machine.gone))) for machine in report.machines]
    return [*families, ("wstune_verify_machine_gone", "1 for a load machine that was lost.", gone)]


def _head_families(prefix: str, head: Head, verdicts: Iterable[str], verdict: str, own: dict[str, str]) -> list[Family]:
    started = datetime.fromisoformat(head.started_at).timestamp()
    return [
        (f"{prefix}_info", "The version of wstune that wrote this.", [({**own, "version": __version__}, 1)]),
        (f"{prefix}_started_timestamp_seconds", "When it was started.", [(own, started)]),
        (f"{prefix}_exit_code", "Its exit code.", [(own, head.exit_code)]),
        (
            f"{prefix}_verdict",
            "1 for the verdict, 0 for the others.",
            [({**own, "verdict": name}, float(name == verdict)) for name in verdicts],
        ),
    ]


def _met(report: CheckReport) -> dict[tuple[str, str], float]:
    """1 or 0 by tunable and operator; two demands that differ in their number are met when both are."""
    met: dict[tuple[str, str], float] = {}
    for finding in report.findings:
        if finding.outcome in (Outcome.PASS, Outcome.FAIL, Outcome.WARN):
            key = finding.tunable, finding.requirement.operator.value
            met[key] = min(met.get(key, 1), float(finding.outcome is Outcome.PASS))
    return met


def _each(limit: CapacityLimit) -> str:
    """What the number is for, where more of them get round the limit."""
    return "process" if limit.per_process else "source" if limit.per_source else ""


def _numbers(tunable: str, value: Value) -> list[tuple[str, float]]:
    """Each number of a value with the name of its field; ports and texts have none."""
    if value.kind is Kind.INTEGER:
        return [("", float("inf") if value.unlimited else value.number)]
    if value.kind is Kind.RANGE:
        return list(zip(("low", "high"), value.numbers, strict=True))
    if value.kind is Kind.TRIPLE:
        return list(zip(CATALOGUE[tunable].fields, value.numbers, strict=False))
    return []


def _quantiles(labels: dict[str, str], numbers: Percentiles | None) -> list[Sample]:
    if numbers is None:
        return []
    return [
        ({**labels, "quantile": str(quantile)}, getattr(numbers, field) / 1000)
        for _, field, quantile in figures.QUANTILES
    ]


def _text(*families: Family) -> str:
    lines = []
    for name, words, samples in families:
        rows = [f"{name}{_labels(labels)} {_number(value)}" for labels, value in samples if value is not None]
        if rows:
            lines += [f"# HELP {name} {words}", f"# TYPE {name} gauge", *rows]
    return "\n".join(lines) + "\n"


def _labels(labels: Mapping[str, str]) -> str:
    return "{" + ",".join(f'{name}="{_escaped(text)}"' for name, text in labels.items() if text) + "}"


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def _number(value: float) -> str:
    if value == float("inf"):
        return "+Inf"
    return str(int(value)) if value == int(value) else repr(round(value, 9))
