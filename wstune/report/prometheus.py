"""Metrics in the text format 0.0.4 of Prometheus, for the textfile collector of node_exporter.

Names end in their base unit: seconds, bytes, connections. A figure that was not taken has no line.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from wstune import __version__
from wstune.model import Outcome, Severity
from wstune.tunables import CATALOGUE
from wstune.values import Kind, Value

if TYPE_CHECKING:
    from wstune.model import CapacityLimit, CheckReport
    from wstune.report.formats import Look
    from wstune.report.head import Head
    from wstune.verification import Canary, Fanout, Percentiles, VerifyReport

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
    memory = report.memory
    wall = report.wall
    latencies = [("connect", report.open.connect_ms), ("upgrade", report.open.upgrade_ms)]
    if report.canary is not None:
        canary = report.canary
        latencies += [
            ("canary_join", canary.join_ms),
            ("canary_echo", canary.rtt_ms),
            ("canary_leave", canary.leave_ms),
        ]
    errors: list[Sample] = [
        ({**own, "phase": e.phase, "errno": e.errno, "side": e.side, "limit": e.limit}, e.count) for e in report.errors
    ]
    return _text(
        *_head_families("wstune_verify", head, VERIFY_VERDICTS, report.verdict, own),
        ("wstune_verify_target_connections", "Connections that were asked for.", [(own, report.connections)]),
        ("wstune_verify_reached_connections", "The most open at once, each upgraded.", [(own, report.reached)]),
        ("wstune_verify_failed_connections", "Connections that did not open.", [(own, report.open.failed)]),
        ("wstune_verify_lost_connections", "Connections lost while they were held.", [(own, report.lost)]),
        (
            "wstune_verify_open_seconds",
            "Time of opening, with the start of the processes.",
            [(own, report.open.seconds)],
        ),
        ("wstune_verify_held_seconds", "How long they were held.", [(own, report.held_seconds)]),
        (
            "wstune_verify_processes",
            "Processes of each end.",
            [
                ({**own, "end": "server"}, report.processes.server),
                ({**own, "end": "generator"}, report.processes.generator),
            ],
        ),
        (
            "wstune_verify_latency_seconds",
            "Latencies by what was done; quantile 1 is the longest.",
            [sample for name, numbers in latencies for sample in _quantiles({**own, "of": name}, numbers)],
        ),
        *_canary_families(report.canary, own),
        *_fanout_families(report.fanout, own),
        (
            "wstune_verify_memory_bytes",
            "Memory of a connection, by what it is: see docs/reference/schemas/verify.json.",
            [
                ({**own, "of": "server"}, memory.server_user_bytes),
                ({**own, "of": "generator"}, memory.generator_user_bytes),
                ({**own, "of": "kernel_slab"}, memory.kernel_slab_bytes),
                ({**own, "of": "available"}, memory.available_bytes),
            ],
        ),
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


def _canary_families(canary: Canary | None, own: dict[str, str]) -> list[Family]:
    if canary is None:
        return []
    return [
        ("wstune_verify_canary_visits", "Visits of a stock client.", [(own, canary.attempts)]),
        ("wstune_verify_canary_failed", "Visits of a stock client that failed.", [(own, canary.failed)]),
    ]


def _fanout_families(fanout: Fanout | None, own: dict[str, str]) -> list[Family]:
    if fanout is None:
        return []
    return [
        ("wstune_verify_fanout_expected", "Messages to everybody that were due.", [(own, fanout.expected)]),
        ("wstune_verify_fanout_delivered", "Messages to everybody that came.", [(own, fanout.delivered)]),
        ("wstune_verify_fanout_seconds", "Until the last receiver had it.", [(own, fanout.seconds)]),
    ]


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
    pairs = {"0.5": numbers.p50, "0.9": numbers.p90, "0.99": numbers.p99, "0.999": numbers.p999, "1": numbers.max}
    return [({**labels, "quantile": quantile}, milliseconds / 1000) for quantile, milliseconds in pairs.items()]


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
