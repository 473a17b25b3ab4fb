"""`python -m tests`: what runs beside others, what alone, and how it ends."""

from __future__ import annotations

import pytest

from tests.__main__ import exit_code, processes
from tests.conftest import ALONE, COMPANY, LONG, ROOT, Part


@pytest.mark.parametrize("place", [*ALONE, *COMPANY, *LONG])
def test_a_place_that_is_named_is_there(place: str) -> None:
    """A file that was renamed does not run beside others unseen."""
    assert (ROOT / place).exists()


def test_what_measures_has_one_process() -> None:
    """And so has everything where there is one processor."""
    assert processes(Part.ALONE, 8) == []
    assert processes(Part.COMPANY, 1) == []
    assert processes(Part.COMPANY, 2)[:2] == ["-n", "3"]


@pytest.mark.parametrize(
    ("codes", "ended"),
    [([0, 0], 0), ([1, 0], 1), ([0, 1], 1), ([0, 5], 0), ([5, 0], 0), ([5, 5], 5), ([1, 5], 1), ([5, 1], 1), ([4], 4)],
)
def test_a_part_without_tests_is_no_failure(codes: list[int], ended: int) -> None:
    """Unless both have none."""
    assert exit_code(codes) == ended
