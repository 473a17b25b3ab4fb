"""Two bursts side by side: what changed from the one to the other. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from wstune.verification import Percentiles, VerifyReport


@dataclass(frozen=True, slots=True)
class Compared:
    """One figure of both reports. `change`: share of the earlier value, None where that was 0 or either is unknown.
    `better`: whether the later is better, None where it is the same or there is no better."""

    name: str
    unit: str
    before: float | None
    after: float | None
    change: float | None
    better: bool | None


_SAME = 0.02
"""Changes below this are noise."""

_FIGURES: tuple[tuple[str, str, int, Callable[[VerifyReport], float | None]], ...] = (
    ("reached", "connections", 1, lambda report: report.reached),
    ("lost", "connections", -1, lambda report: report.lost),
    ("failed", "connections", -1, lambda report: report.open.failed),
    ("open rate", "/s", 1, lambda report: report.open.rate),
    ("connect p99", "ms", -1, lambda report: _p99(report.open.connect_ms)),
    ("upgrade p99", "ms", -1, lambda report: _p99(report.open.upgrade_ms)),
    ("canary echo p99", "ms", -1, lambda report: _p99(report.canary.rtt_ms) if report.canary else None),
    ("canary failed", "visits", -1, lambda report: report.canary.failed if report.canary else None),
    ("fan-out rate", "/s", 1, lambda report: report.fanout.rate if report.fanout else None),
    ("server memory", "B/connection", -1, lambda report: report.memory.server_user_bytes),
    ("kernel memory", "B/connection", -1, lambda report: report.memory.kernel_slab_bytes),
    ("server processes", "", 0, lambda report: report.processes.server),
)
"""Name, unit, which way is better (1 more, -1 less, 0 neither), and where it is found."""


def compare(before: VerifyReport, after: VerifyReport) -> tuple[Compared, ...]:
    """Every figure that either report has, in a fixed order."""
    rows = []
    for name, unit, way, figure in _FIGURES:
        old, new = figure(before), figure(after)
        if old is None and new is None:
            continue
        change = (new - old) / old if old and new is not None else None
        rows.append(Compared(name, unit, old, new, change, _better(old, new, way)))
    return tuple(rows)


def comparison_text(before: VerifyReport, after: VerifyReport, *, width: int = 80) -> str:
    """A table of at most `width` columns, and what became of the verdict."""
    rows = compare(before, after)
    lines = [f"  {'':<18}{'before':>14}{'after':>14}{'change':>10}"]
    lines += [f"  {row.name:<18}{_number(row.before):>14}{_number(row.after):>14}{_change(row):>10}" for row in rows]
    verdict = after.verdict if before.verdict == after.verdict else f"{before.verdict} before, {after.verdict} now"
    walls = [report.wall.name if report.wall else "no wall" for report in (before, after)]
    wall = walls[1] if walls[0] == walls[1] else f"{walls[0]} before, {walls[1]} now"
    return "\n".join(line.rstrip()[:width] for line in (*lines, f"  {verdict}; {wall}")) + "\n"


def _better(old: float | None, new: float | None, way: int) -> bool | None:
    if old is None or new is None or not way or abs(new - old) <= _SAME * abs(old):
        return None
    return (new - old) * way > 0


def _p99(percentiles: Percentiles | None) -> float | None:
    return percentiles.p99 if percentiles else None


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:,.2f}"


def _change(row: Compared) -> str:
    if row.change is None:
        return ""
    mark = {True: " +", False: " !", None: ""}[row.better]
    return f"{row.change:+.0%}{mark}"
