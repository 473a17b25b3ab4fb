"""The numbers behind capacity and advice."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from wstune.readiness.constants import NOFILE_MARGIN, NOFILE_RESERVE, processes_needed


def demanded(connections: int, processes: int) -> int:
    """What the shipped profiles ask of `nofile`."""
    share = -(-connections // processes)
    return -(-share * NOFILE_MARGIN[0] // NOFILE_MARGIN[1]) + NOFILE_RESERVE


def test_the_stock_machine() -> None:
    """With 20,000 files a process, 61,189 connections take four processes and a million 56."""
    assert processes_needed(61_189, 20_000) == 4
    assert processes_needed(100_000, 20_000) == 6
    assert processes_needed(1_000_000, 20_000) == 56
    assert processes_needed(100_000, 1024) is None


@given(st.integers(1, 10**8), st.integers(1, 2**31 - 1))
def test_least(connections: int, files: int) -> None:
    """It is the least number of processes for which the profiles' demand on `nofile` is met."""
    needed = processes_needed(connections, files)
    if needed is None:
        assert demanded(connections, connections) > files
        return
    assert demanded(connections, needed) <= files
    assert needed == 1 or demanded(connections, needed - 1) > files
