"""The search for the most that holds: it ends, and it ends at the wall."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from wstune.burst.search import PRECISION, Objective, Step, broken, next_try


@given(st.integers(1, 3_000_000), st.integers(1, 3_000_000))
def test_the_search_ends_just_below_the_wall(wall: int, most: int) -> None:
    """Whatever the wall, the answer is within the precision below it, or all that there is room for."""
    steps: list[Step] = []
    while (connections := next_try(steps, most)) is not None:
        assert 1 <= connections <= most
        assert connections not in [step.connections for step in steps]
        steps.append(Step(connections, "" if connections <= wall else "lost"))
        assert len(steps) < 60
    held = max((step.connections for step in steps if not step.broke), default=0)
    expected = min(wall, most)
    assert held <= expected
    assert expected - held <= max(2, 2 * PRECISION * held + 2) or held == most


def test_what_breaks_is_said() -> None:
    """Failures, latencies and verdicts each break the objective, in words."""
    good = {"verdict": "confirmed", "failed": 0, "lost": 0, "upgrade_p99": 10.0, "canary_p99": 5.0}
    assert broken(Objective(), **good) == ""  # type: ignore[arg-type]
    for change, words in (
        ({"failed": 3}, "3 failed"),
        ({"lost": 2}, "2 lost"),
        ({"upgrade_p99": 2000.0}, "upgrade"),
        ({"canary_p99": 2000.0}, "canary"),
        ({"verdict": "missed"}, "missed"),
    ):
        assert words in broken(Objective(), **{**good, **change})  # type: ignore[arg-type]
