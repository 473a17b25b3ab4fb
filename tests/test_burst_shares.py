"""Shares of a burst: they sum to the whole, keep to every budget, and run their phases side by side."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wstune.burst.engine.plan import TimedPhase
from wstune.burst.shares import UNBOUND, Limit, MachineRoom, allot, budgets, merged_counters, phases_of

budget_lists = st.lists(st.integers(0, 100_000), min_size=1, max_size=12)


@given(budget_lists, st.integers(0, 400_000))
def test_shares_sum_to_the_whole_and_keep_to_the_budgets(room: list[int], wanted: int) -> None:
    """Either all is allotted and nobody has more than its room, or it is said that it does not fit."""
    if sum(room) < wanted:
        with pytest.raises(ValueError, match="got room for"):
            allot(wanted, room)
        return
    shares = allot(wanted, room)
    assert sum(shares) == wanted
    assert all(0 <= share <= most for share, most in zip(shares, room, strict=True))


@given(budget_lists, st.integers(1, 400_000))
def test_whoever_has_room_left_has_no_less_than_the_others(room: list[int], wanted: int) -> None:
    """As even as can be: a share is below the largest by more than one only where the budget is used up."""
    if sum(room) >= wanted:
        shares = allot(wanted, room)
        for share, most in zip(shares, room, strict=True):
            assert share == most or share >= max(shares) - 1


rows = st.lists(
    st.builds(TimedPhase, st.floats(1, 1e4), st.floats(1, 1e4), st.integers(0, 5_000), st.floats(0, 60), st.booleans()),
    min_size=1,
    max_size=6,
)


@given(rows, st.lists(st.integers(1, 50), min_size=1, max_size=6))
def test_phases_are_split_so_that_counts_and_rates_add_up(phases: list[TimedPhase], weights: list[int]) -> None:
    """Each machine has every phase, in its length; their counts are the phase's, and each machine's its share."""
    total = sum(phase.arrivals for phase in phases)
    if not total:
        return
    shares = [total * weight // sum(weights) for weight in weights]
    shares[0] += total - sum(shares)
    split = phases_of(phases, shares)
    assert [sum(row.arrivals for row in rows) for rows in split] == shares
    for at, phase in enumerate(phases):
        assert sum(rows[at].arrivals for rows in split) == phase.arrivals
        assert {(rows[at].seconds, rows[at].poisson) for rows in split} == {(phase.seconds, phase.poisson)}
        if phase.arrivals:
            taking = [rows[at] for rows in split if rows[at].arrivals]
            assert sum(row.first_rate for row in taking) == pytest.approx(phase.first_rate)
            assert sum(row.last_rate for row in taking) == pytest.approx(phase.last_rate)


def test_what_a_kernel_has_once_is_divided_between_its_namespaces() -> None:
    """Two namespaces of one kernel share its memory, but each has its own ports; another machine shares nothing."""
    limits = (Limit("memory", 50_000), Limit("net.ipv4.ip_local_port_range", 28_232))
    offers = [MachineRoom(limits, "boot", 1), MachineRoom(limits, "boot", 2), MachineRoom(limits, "other", 1)]
    found = budgets(offers)
    assert [(limit.name, limit.connections) for limit in found] == [
        ("memory", 25_000),
        ("memory", 25_000),
        ("net.ipv4.ip_local_port_range", 28_232),
    ]
    assert budgets([MachineRoom(())]) == [UNBOUND]


def test_counters_of_one_kernel_are_added_once() -> None:
    """A namespace's counters add up, the whole kernel's do not: they were read twice."""
    growth = {"TcpExt.ListenOverflows": 3, "softnet.dropped": 7}
    assert merged_counters([("boot", 1, growth), ("boot", 2, growth), ("other", 1, growth)]) == {
        "TcpExt.ListenOverflows": 9,
        "softnet.dropped": 14,
    }
