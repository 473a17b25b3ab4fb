"""Others' use of the processors stops a burst; its own never does."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wstune.burst.load_guard import SECONDS, SHARE, LoadGuard

TICKS = 200
"""Of two processors, a second."""


def looks(*shares: tuple[float, float]) -> list[str]:
    """What the guard says each second: shares of the processors that others and the burst use."""
    guard, others, own = LoadGuard(SHARE), 1000.0, 0.0
    said = [guard.look(0.0, 1000, 50_000, 0)]
    for at, (theirs, ours) in enumerate(shares, 1):
        others, own = others + theirs * TICKS, own + ours * TICKS
        said.append(guard.look(float(at), round(others + own), 50_000 + at * TICKS, round(own)))
    return said


def test_a_busy_host_stops_it_after_ten_seconds() -> None:
    """Not before, and what was seen is said."""
    said = looks(*[(0.6, 0.4)] * 12)
    assert said[: int(SECONDS)] == [""] * int(SECONDS)
    assert said[int(SECONDS)] == "other programs used 60% of the processors' time for 10 s"


@given(st.lists(st.floats(0, 1), min_size=1, max_size=60))
def test_the_burst_itself_is_no_reason(own: list[float]) -> None:
    """However busy it keeps the host, and however long."""
    assert not any(looks(*[(0.0, share) for share in own]))


def test_a_short_peak_is_no_reason() -> None:
    """Four busy seconds in ten are less than half; the window moves on and forgets them."""
    assert not any(looks(*[(0.2, 0.8)] * 20, *[(0.9, 0.1)] * 4, *[(0.2, 0.8)] * 20))
    assert any(looks(*[(0.0, 0.5)] * 30, *[(0.9, 0.1)] * 6))


@pytest.mark.parametrize(("now", "due"), [(5.4, False), (6.0, True)])
def test_it_looks_once_a_second(now: float, due: bool) -> None:
    """Reading the times of two hundred processes ten times a second would be work that grows with the burst."""
    guard = LoadGuard(SHARE)
    assert guard.is_due(0.0)
    guard.look(5.0, 0, 100, 0)
    assert guard.is_due(now) is due
