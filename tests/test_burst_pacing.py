"""Shares and processes: sums are kept, every process has room."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wstune.burst import pacing


@given(st.integers(0, 5_000_000), st.integers(1, 500))
def test_a_split_sums_to_the_total(total: int, parts: int) -> None:
    """Shares add up to the total and differ by one at most."""
    shares = pacing.split(total, parts)
    assert sum(shares) == total
    assert max(shares) - min(shares) <= 1


@given(st.integers(1, 5_000_000), st.integers(200, 1_000_000), st.integers(1, 64))
def test_every_process_has_room_for_its_share(connections: int, nofile: int, cpus: int) -> None:
    """Generators have a descriptor for each connection; servers for the mean and four standard deviations more."""
    generators = pacing.generators_needed(connections, nofile, cpus)
    assert max(pacing.split(connections, generators)) <= pacing.room(nofile)
    servers = pacing.servers_needed(connections, nofile, cpus)
    assert pacing.fits(connections / servers, pacing.room(nofile))


def test_a_hard_nofile_of_20000_takes_four_processes_for_61189() -> None:
    """The case that started it: four of each end."""
    assert pacing.servers_needed(61_189, 20_000, 2) == 4
    assert pacing.generators_needed(61_189, 20_000, 2) == 4


def test_no_room_is_an_error() -> None:
    """A limit below what a process needs for itself is said, not looped on."""
    for needed in (pacing.servers_needed, pacing.generators_needed):
        with pytest.raises(ValueError, match="nofile"):
            needed(10, 64, 2)
