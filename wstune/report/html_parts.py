"""What the pages of the HTML report show, as texts and widths: the templates only lay it out."""

from __future__ import annotations

from typing import Any

from wstune.model import Capacity, CheckReport, Confidence, HostFacts, Outcome, Severity
from wstune.report import figures, machine_columns
from wstune.report.comparison import compare
from wstune.report.words import count, demand_text, reading_text, size, value_text
from wstune.verification import Canary, VerifyReport

_OUTCOMES = {
    Outcome.FAIL: ("not met", "bad"),
    Outcome.UNKNOWN: ("not readable", "doubt"),
    Outcome.WARN: ("could be better", "doubt"),
    Outcome.PASS: ("met", "good"),
    Outcome.NOT_APPLICABLE: ("not here", "none"),
}
"""In the order in which they are shown: words and look."""

Row = tuple[str, ...]


def findings(report: CheckReport) -> list[dict[str, str]]:
    """What fails first, the graver first, else in the profile's order."""
    order, severities = list(_OUTCOMES), list(Severity)
    every = (*report.findings, *report.invariants)
    found = sorted(every, key=lambda each: (order.index(each.outcome), severities.index(each.severity)))
    return [
        {
            "outcome": _OUTCOMES[each.outcome][0],
            "look": _OUTCOMES[each.outcome][1],
            "name": each.tunable,
            "have": reading_text(each.live),
            "need": demand_text(each.requirement),
            "why": each.why,
            "note": each.note,
            "boot": f"at boot: {value_text(each.persisted.value)}, from {each.persisted.source}"
            if each.persisted
            else "",
            "fix": each.fix,
        }
        for each in found
    ]


def hits(report: CheckReport) -> list[Row]:
    """Limits that this host has met already since boot, with the counters that tell."""
    return [(hit.name, hit.said, f"{hit.counter} {hit.count:,}", hit.fix) for hit in report.hits]


def capacity(found: Capacity, target: int) -> dict[str, Any]:
    """Bars of all limits that bind, on a scale that ends at twice the target, or a little past the bottleneck."""
    binding = [(limit, limit.connections) for limit in found.limits if limit.connections is not None]
    first = binding[0][1] if binding else 0
    end = max(2 * target, first * 5 // 4, 1)
    bars = [
        {
            "name": limit.name,
            "why": limit.why,
            "width": f"{min(100.0, 100 * number / end):.1f}",
            "more": number > end,
            "short": number < target,
            "words": ("about " if limit.confidence is Confidence.ESTIMATE else "")
            + count(number)
            + (" a process" if limit.per_process else " a source address" if limit.per_source else ""),
        }
        for limit, number in binding
    ]
    unbound = ", ".join(limit.name for limit in found.limits if limit.connections is None)
    words = "no limit that could be read binds"
    if bars:
        words = f"{bars[0]['words']}, bound by {bars[0]['name']}"
        if len(bars) > 1:
            words += f"; behind it {bars[1]['words']} ({bars[1]['name']})"
    return {
        "role": found.role.value,
        "bars": bars,
        "mark": f"{100 * target / end:.1f}",
        "unbound": unbound,
        "words": words,
    }


def facts(host: HostFacts) -> list[Row]:
    """What is known of a machine, and what is not."""

    def known(value: object) -> str:
        return "unknown" if value is None else str(value)

    memory = "unknown" if host.ram_bytes is None else size(host.ram_bytes)
    if host.available_bytes is not None:
        memory += f", {size(host.available_bytes)} available"
    namespace = {True: "the initial one", False: "one of its own", None: "unknown"}[host.initial_netns]
    headroom = host.cgroup_memory_headroom
    return [
        ("kernel", known(host.kernel)),
        ("host", known(host.hostname)),
        ("memory", memory),
        ("CPUs", known(host.cpus)),
        ("container", host.container or "none that is known"),
        ("network namespace", namespace),
        (
            "privileges",
            f"{'root' if host.euid == 0 else 'not root'}; {', '.join(host.capabilities) or 'no capability'}",
        ),
        (
            "control group",
            "no memory limit" if headroom is None else f"{size(headroom)} left in the nearest memory limit",
        ),
        *(("note", note) for note in host.notes),
    ]


def tiles(report: VerifyReport) -> list[dict[str, str]]:
    """The figures at a glance."""
    upgrade = report.open.upgrade_ms
    canary, memory = report.canary, report.memory
    parts = (memory.server_user_bytes, memory.generator_user_bytes, memory.kernel_slab_bytes)
    known = [part for part in parts if part is not None]
    rows = [
        ("open at once", f"{report.reached:,}", f"of {report.connections:,}"),
        (
            "opened",
            f"{report.open.rate:,.0f}/s",
            f"in {report.open.seconds:,.2f} s; {report.open.failed:,} failed",
        ),
        ("held", f"{report.held_seconds:,.3g} s", f"{report.lost:,} lost"),
        ("upgrade, p99", "-" if upgrade is None else _ms(upgrade.p99), "from connect() to the checked 101"),
        (
            "canary",
            "-" if canary is None else f"{canary.attempts - canary.failed:,} of {canary.attempts:,}",
            "not sent" if canary is None else "visits of a stock client that worked",
        ),
        (
            "memory of a connection",
            size(sum(known)) if known else "-",
            "both ends and kernel" if len(known) == 3 else "",
        ),
        (
            "processes",
            f"{report.processes.server:,} + {report.processes.generator:,}",
            f"server + generator, {report.processes.nofile_each:,} files each",
        ),
    ]
    return [{"name": name, "value": value, "more": more} for name, value, more in rows]


def phases(report: VerifyReport) -> str:
    """When what happened, in a sentence."""
    opened = report.open.seconds
    words = [
        f"Opening took {opened:,.2f} s, from before the first generator process was started to the last checked 101"
    ]
    if report.held_seconds:
        words.append(f"they were held for {report.held_seconds:,.3g} s")
    if report.close is not None:
        words.append(f"closing took {report.close.seconds:,.2f} s")
    if report.interrupted:
        words.append("the run was cut")
    return "; ".join(words) + "."


def latencies(report: VerifyReport) -> list[Row]:
    """A row for everything that was timed."""
    return [
        (
            name.strip(),
            *(figures.milliseconds(getattr(numbers, field)) for _, field, _ in figures.QUANTILES),
            f"{numbers.count:,}",
        )
        for name, numbers in figures.latencies(report)
    ]


def machines(report: VerifyReport) -> list[Row]:
    """A row for each load machine."""
    return [
        (
            machine.name,
            *(column.cell(machine) for column in machine_columns.COLUMNS),
            machine_columns.p99(machine),
            machine_columns.room(machine),
            machine.gone,
        )
        for machine in report.machines
    ]


def visits(canary: Canary | None) -> list[Row]:
    """The canary's visits, all and by part of the run."""
    if canary is None:
        return []
    rows: list[Row] = [("all", f"{canary.attempts:,}", f"{canary.failed:,}")]
    return rows + [(name, f"{phase.attempts:,}", f"{phase.failed:,}") for name, phase in canary.phases.items()]


def memory(report: VerifyReport) -> dict[str, Any] | None:
    """The parts of a connection's memory; None when none could be read."""
    found = report.memory
    named = (
        ("server process", found.server_user_bytes),
        ("generator process", found.generator_user_bytes),
        ("socket slabs of the kernel, both ends", found.kernel_slab_bytes),
    )
    known = [(name, max(0.0, value)) for name, value in named if value is not None]
    total = sum(value for _, value in known)
    if not total:
        return None
    return {
        "words": size(round(total)),
        "parts": [
            {"name": name, "value": f"{value:,.0f} B", "width": f"{100 * value / total:.1f}"} for name, value in known
        ],
    }


def compared(before: VerifyReport, after: VerifyReport) -> list[Row]:
    """Every figure of two bursts side by side."""
    marks = {True: "better", False: "worse", None: ""}
    rows = [
        (
            f"{row.name}{f' ({row.unit})' if row.unit else ''}",
            _figure(row.before),
            _figure(row.after),
            "" if row.change is None else f"{row.change:+.1%}",
            marks[row.better],
        )
        for row in compare(before, after)
    ]
    walls = [report.wall.name if report.wall else "none" for report in (before, after)]
    return [
        ("verdict", before.verdict, after.verdict, "", ""),
        ("wall", *walls, "", ""),
        *rows,
    ]


def _figure(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:,.2f}"


def _ms(value: float) -> str:
    return f"{figures.milliseconds(value)} ms"
