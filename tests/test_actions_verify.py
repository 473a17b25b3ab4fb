"""What `verify` remembers of a run."""

from __future__ import annotations

from wstune.actions.verify import remember


def test_a_hold_adds_nothing_to_the_timeline() -> None:
    """Of moments between which nothing changed the first and the last stay; each change has its moment."""
    timeline: list[tuple[float, int]] = []
    for second in range(1000):
        remember(timeline, (float(second), min(second, 3) - (second > 500)))
    assert timeline == [(0.0, 0), (1.0, 1), (2.0, 2), (3.0, 3), (500.0, 3), (501.0, 2), (999.0, 2)]
