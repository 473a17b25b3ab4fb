"""Charts as SVG, by leather: at most 600 points a series, no script; their colours are those of the page's CSS.

leather writes colours and fonts as attributes, which CSS overrides; so light, dark and print are the page's business.
"""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Sequence

import leather

from wstune.report.words import count
from wstune.verification import Percentiles, VerifyReport

MOST_POINTS = 600
WIDTH, HEIGHT = 760, 280

Point = tuple[float, float]

leather.theme.margin = 0.02
BLUE, ORANGE, GREEN, GREY = "#0b62c4", "#b84a00", "#0a7a3c", "#6b7280"
"""Readable on white; page/style.css has what they become in the dark."""

_LONG_NUMBER = re.compile(r"(\d+\.\d)\d+")
_NINES = ((0.5, "50 %"), (0.9, "90 %"), (0.99, "99 %"), (0.999, "99.9 %"))


def thin(points: Sequence[Point], most: int = MOST_POINTS) -> list[Point]:
    """At most so many points, in which every dip and every peak is still to be seen: of each stretch the lowest and the
    highest, in their order; the first and the last point stay."""
    if len(points) <= most:
        return list(points)
    inner = points[1:-1]
    stretches = (most - 2) // 2
    kept = [points[0]]
    for number in range(stretches):
        stretch = inner[len(inner) * number // stretches : len(inner) * (number + 1) // stretches]
        low, high = min(stretch, key=lambda point: point[1]), max(stretch, key=lambda point: point[1])
        kept += sorted({low, high})
    return [*kept, points[-1]]


def timeline(report: VerifyReport, before: tuple[str, VerifyReport] | None) -> str:
    """Open connections over time: the target as a line across, the end of opening and of holding as lines upright.

    Empty when there is nothing to draw.
    """
    if len(report.timeline) < 2:
        return ""
    points = thin(_held(report))
    top = max(report.connections, *(number for _, number in points), 1)
    end = max(points[-1][0], report.open.seconds + report.held_seconds, 0.001)
    chart = leather.Chart()
    chart.add_line(points, name="open", stroke_color=BLUE)
    if before is not None and len(before[1].timeline) > 1:
        earlier = thin(before[1].timeline)
        end = max(end, earlier[-1][0])
        chart.add_line(earlier, name="open, before", stroke_color=ORANGE, stroke_dasharray="6 3")
        top = max(top, *(number for _, number in earlier))
    target = [(0, report.connections), (end, report.connections)]
    chart.add_line(target, name="target", stroke_color=GREEN, stroke_dasharray="2 4")
    for seconds, name in phases(report):
        chart.add_line([(seconds, 0), (seconds, top)], name=name, stroke_color=GREY, stroke_dasharray="5 5")
    chart.add_x_scale(0, end)
    chart.add_y_scale(0, top * 1.05)
    chart.add_x_axis(ticks=_ticks(end), tick_formatter=_seconds, name="seconds since the start of opening")
    chart.add_y_axis(ticks=_ticks(top * 1.05), tick_formatter=_count)
    return _svg(chart, "Open connections over time")


def _held(report: VerifyReport) -> list[Point]:
    """The timeline, to the end of the hold where it stops before: what was open then is what was not lost."""
    points: list[Point] = list(report.timeline)
    end = report.open.seconds + report.held_seconds
    if points and report.held_seconds > 0 and points[-1][0] < end:
        points.append((end, max(0, min(points[-1][1], report.reached - report.lost))))
    return points


def phases(report: VerifyReport) -> list[tuple[float, str]]:
    """When the phases of the burst ended, and what ended then."""
    found = []
    if report.open.seconds > 0:
        found.append((report.open.seconds, "opening ended"))
    if report.held_seconds > 0:
        found.append((report.open.seconds + report.held_seconds, "holding ended"))
    return found


def latencies(series: Sequence[tuple[str, Percentiles | None]]) -> str:
    """Percentile curves on an axis that gives each further nine the same room; empty when nothing was measured."""
    measured = [(name, numbers) for name, numbers in series if numbers is not None and numbers.count]
    if not measured:
        return ""
    chart = leather.Chart()
    most = max(_nines(0.9), *(_nines(1 - 1 / max(2, min(numbers.count, _MOST_COUNTED))) for _, numbers in measured))
    top = 0.001
    for color, (name, numbers) in zip((BLUE, ORANGE, GREEN), measured, strict=False):
        values = (numbers.p50, numbers.p90, numbers.p99, numbers.p999)
        # Of ten visits there is no 99th percentile: it would be the longest again.
        told = [
            (share, value) for (share, _), value in zip(_NINES, values, strict=True) if numbers.count * (1 - share) >= 1
        ]
        points = [(_nines(share), value) for share, value in told]
        chart.add_line([*points, (most, numbers.max)], name=name, stroke_color=color)
        top = max(top, numbers.max, *values)
    chart.add_x_scale(_nines(0.5), most)
    chart.add_y_scale(0, top * 1.05)
    names = {_nines(share): text for share, text in _NINES if _nines(share) < most - 0.2} | {most: "max"}
    chart.add_x_axis(ticks=list(names), tick_formatter=lambda value, index, total: names[value], name="percentile")
    chart.add_y_axis(ticks=_ticks(top * 1.05), tick_formatter=_milliseconds)
    return _svg(chart, "Latency by percentile")


_MOST_COUNTED = 10**12
"""1 - 1 / count is below 1."""


def _nines(share: float) -> float:
    return -math.log10(1 - share)


def _ticks(top: float) -> list[float]:
    """Round numbers from 0 to at most `top`, four to eight of them."""
    step = 10 ** math.floor(math.log10(top / 4))
    step *= next(factor for factor in (1, 2, 2.5, 5, 10) if top / (step * factor) <= 7)
    return [step * number for number in range(int(top / step) + 1)]


def _count(value: float, index: int, total: int) -> str:
    return count(int(value)) if value == int(value) else f"{value:g}"


def _seconds(value: float, index: int, total: int) -> str:
    return f"{value:g}"


def _milliseconds(value: float, index: int, total: int) -> str:
    return f"{value:,g} ms"


def _svg(chart: leather.Chart, title: str) -> str:
    """The chart, with a name for those who do not see it, and without digits that nobody sees."""
    with warnings.catch_warnings():  # of values outside the axes, which a spoilt report may have
        warnings.simplefilter("ignore", UserWarning)
        text: str = chart.to_svg(width=WIDTH, height=HEIGHT)
    head = f'<svg class="chart" role="img" aria-label="{title}" viewBox="0 0 {WIDTH} {HEIGHT}" '
    text = text.replace("<svg ", head, 1).replace(f'width="{WIDTH}" height="{HEIGHT}" version', "version", 1)
    return _LONG_NUMBER.sub(r"\1", text)
