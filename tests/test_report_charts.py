"""Charts: at most 600 points, no dip lost, nothing to draw is no chart."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from tests.samples_verify import CASES
from wstune.report import charts
from wstune.verification import Percentiles

_points = st.lists(st.tuples(st.floats(0, 1e6), st.floats(0, 1e6)), min_size=1, max_size=3000).map(sorted)


@given(_points, st.integers(4, 600))
def test_thinning_keeps_extremes_and_ends(points: list[charts.Point], most: int) -> None:
    """No more points than asked for, each one of the given, in order, with the highest, the lowest and both ends."""
    kept = charts.thin(points, most)
    assert len(kept) <= max(most, 4)
    assert kept == sorted(kept)
    assert set(kept) <= set(points)
    assert kept[0] == points[0]
    assert kept[-1] == points[-1]
    assert max(value for _, value in kept) == max(value for _, value in points)
    assert min(value for _, value in kept) == min(value for _, value in points)


def test_a_chart_is_sound_xml_without_scripts() -> None:
    """It parses, scales with the page and has a name for screen readers."""
    svg = charts.timeline(CASES["verify-missed"], ("before", CASES["verify-confirmed"]))
    root = ET.fromstring(svg)  # noqa: S314  our own
    assert root.get("role") == "img"
    assert root.get("viewBox") == f"0 0 {charts.WIDTH} {charts.HEIGHT}"
    assert {node.tag.rpartition("}")[2] for node in root.iter()} <= {"svg", "g", "rect", "line", "text", "path"}
    assert {"open", "open, before", "target", "opening ended", "holding ended"} <= {node.text for node in root.iter()}
    assert not re.search(r"\d\.\d{3}", svg)


def test_nothing_to_draw_is_no_chart() -> None:
    """One moment is no line, and what was not measured has no curve."""
    assert charts.timeline(replace(CASES["verify-missed"], timeline=((0.0, 0),)), None) == ""
    assert charts.latencies([("connect", None)]) == ""
    assert charts.latencies([("connect", Percentiles(0, 0, 0, 0, 0, 0))]) == ""


def test_few_measurements_have_no_high_percentile() -> None:
    """Of ten visits the curve goes from the 90th percentile to the longest; of ten thousand it has all."""
    few = charts.latencies([("join", Percentiles(10, 1, 2, 3, 3, 3))])
    many = charts.latencies([("join", Percentiles(10_000, 1, 2, 3, 4, 5))])
    assert "99 %" not in few
    assert "99.9 %" in many


def test_extreme_figures_are_drawn() -> None:
    """All zero, all the same, very large and very small make a chart and no error."""
    for value in (0.0, 1e-6, 1.0, 1e9):
        numbers = Percentiles(1000, value, value, value, value, value)
        assert charts.latencies([("connect", numbers)]).startswith("<svg ")
    for count in (0, 1, 10**9):
        report = replace(CASES["verify-confirmed"], connections=max(count, 1), timeline=((0.0, 0), (1e-3, count)))
        assert charts.timeline(report, None).startswith("<svg ")
