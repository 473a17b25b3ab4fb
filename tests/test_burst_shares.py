"""Shares of a burst: they sum to the whole, keep to every budget, and run their phases side by side."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wstune.burst.shares import UNBOUND, Limit, Offer, allot, budgets, merged_counters, merged_words, phases_of
from wstune.burst.tally import FIRST_NS, LAG_NS, OPEN

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
    st.tuples(st.floats(1, 1e4), st.floats(1, 1e4), st.integers(0, 5_000), st.floats(0, 60), st.booleans()),
    min_size=1,
    max_size=6,
)


@given(rows, st.lists(st.integers(1, 50), min_size=1, max_size=6))
def test_phases_are_split_so_that_counts_and_rates_add_up(phases: list[tuple[float, ...]], weights: list[int]) -> None:
    """Each machine has every phase, in its length; their counts are the phase's, and each machine's its share."""
    total = sum(int(phase[2]) for phase in phases)
    if not total:
        return
    shares = [total * weight // sum(weights) for weight in weights]
    shares[0] += total - sum(shares)
    split = phases_of(phases, shares)
    assert [sum(int(row[2]) for row in rows) for rows in split] == shares
    for at, phase in enumerate(phases):
        assert sum(rows[at][2] for rows in split) == phase[2]
        assert {tuple(rows[at][3:]) for rows in split} == {tuple(phase[3:])}
        if phase[2]:
            assert sum(rows[at][0] for rows in split if rows[at][2]) == pytest.approx(phase[0])


def test_what_a_kernel_has_once_is_divided_between_its_namespaces() -> None:
    """Two namespaces of one kernel share its memory, but each has its own ports; another machine shares nothing."""
    limits = (Limit("memory", 50_000), Limit("net.ipv4.ip_local_port_range", 28_232))
    offers = [Offer("a", limits, "boot", 1), Offer("b", limits, "boot", 2), Offer("c", limits, "other", 1)]
    found = budgets(offers)
    assert [(limit.name, limit.connections) for limit in found] == [
        ("memory", 25_000),
        ("memory", 25_000),
        ("net.ipv4.ip_local_port_range", 28_232),
    ]
    assert budgets([Offer("d", ())]) == [UNBOUND]


def test_counters_of_one_kernel_are_added_once() -> None:
    """A namespace's counters add up, the whole kernel's do not: they were read twice."""
    growth = {"TcpExt.ListenOverflows": 3, "softnet.dropped": 7}
    assert merged_counters([("boot", 1, growth), ("boot", 2, growth), ("other", 1, growth)]) == {
        "TcpExt.ListenOverflows": 9,
        "softnet.dropped": 14,
    }


def test_sparse_tallies_are_merged_as_whole_ones() -> None:
    """Counts add up, the first moment is the least of them, the longest lag the most."""
    merged = merged_words([{str(OPEN): 2, str(FIRST_NS): 9, str(LAG_NS): 1}, {str(OPEN): 3, str(FIRST_NS): 4}])
    assert merged == {str(OPEN): 5, str(FIRST_NS): 4, str(LAG_NS): 1}
