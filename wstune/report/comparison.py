"""Two bursts side by side: what changed from the one to the other. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from wstune.report import figures
from wstune.report.figures import Unit
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
_UNITS = {
    Unit.CONNECTIONS: "connections",
    Unit.SECONDS: "s",
    Unit.MILLISECONDS: "ms",
    Unit.PER_SECOND: "/s",
    Unit.BYTES: "B/connection",
    Unit.COUNT: "",
}


def compare(before: VerifyReport, after: VerifyReport) -> tuple[Compared, ...]:
    """Every figure that either report has, in a fixed order."""
    rows = [
        (figure.compared, _UNITS[figure.unit], figure.value(before), figure.value(after), figure.better)
        for figure in figures.FIGURES
        if figure.compared
    ]
    rows += [
        (latency.compared, "ms", _p99(latency.value(before)), _p99(latency.value(after)), -1)
        for latency in figures.LATENCIES
        if latency.compared
    ]
    return tuple(
        Compared(name, unit, old, new, _change(old, new), _better(old, new, way))
        for name, unit, old, new, way in rows
        if old is not None or new is not None
    )


def comparison_text(before: VerifyReport, after: VerifyReport, *, width: int = 80) -> str:
    """A table of at most `width` columns, and what became of the verdict."""
    rows = compare(before, after)
    lines = [f"  {'':<18}{'before':>14}{'after':>14}{'change':>10}"]
    lines += [f"  {row.name:<18}{_number(row.before):>14}{_number(row.after):>14}{_marked(row):>10}" for row in rows]
    verdict = after.verdict if before.verdict == after.verdict else f"{before.verdict} before, {after.verdict} now"
    walls = [report.wall.name if report.wall else "no wall" for report in (before, after)]
    wall = walls[1] if walls[0] == walls[1] else f"{walls[0]} before, {walls[1]} now"
    return "\n".join(line.rstrip()[:width] for line in (*lines, f"  {verdict}; {wall}")) + "\n"


def _change(old: float | None, new: float | None) -> float | None:
    return (new - old) / old if old and new is not None else None


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


def _marked(row: Compared) -> str:
    if row.change is None:
        return ""
    mark = {True: " +", False: " !", None: ""}[row.better]
    return f"{row.change:+.0%}{mark}"
