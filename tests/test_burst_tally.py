"""The tally: percentiles as HdrHistogram has them, merging in any order, errors by name."""

from __future__ import annotations

import random

from hdrh.histogram import HdrHistogram
from hypothesis import given
from hypothesis import strategies as st

from wstune.burst import tally as t

LATENCIES = st.lists(st.integers(0, 60_000_000), min_size=1, max_size=200)


def recorded(latencies: list[int]) -> list[int]:
    words = [0] * t.LENGTH
    for latency in latencies:
        words[t.CONNECT_MS + t.bucket(latency)] += 1
    return words


@given(LATENCIES)
def test_percentiles_are_those_of_hdrhistogram(latencies: list[int]) -> None:
    """Every percentile is within 2 % of what the hdrhistogram package says."""
    reference = HdrHistogram(1, 60_000_000, 3)
    for latency in latencies:
        reference.record_value(max(latency, 1))
    found = t.percentiles(recorded(latencies), t.CONNECT_MS)
    assert found is not None
    for name, percent in (("p50", 50), ("p90", 90), ("p99", 99), ("max", 100)):
        expected = reference.get_value_at_percentile(percent) / 1000
        assert abs(found[name] - expected) <= 0.02 * expected + 0.001


@given(st.integers(0, 2**40))
def test_a_bucket_holds_what_it_says(microseconds: int) -> None:
    """A latency and the middle of its bucket differ by 1 % at most, up to the last bucket."""
    index = t.bucket(microseconds)
    assert 0 <= index < t.BUCKETS
    if index < t.BUCKETS - 1:
        assert abs(t.bucket_microseconds(index) - microseconds) <= 0.01 * microseconds


def test_nothing_recorded_is_no_percentile() -> None:
    """An empty histogram gives None, not zeros."""
    assert t.percentiles([0] * t.LENGTH, t.UPGRADE_MS) is None


@given(st.lists(LATENCIES, min_size=1, max_size=5), st.randoms())
def test_merging_is_order_free(parts: list[list[int]], dice: random.Random) -> None:
    """Tallies merged in any order are the tally of everything."""
    tallies = [recorded(part) for part in parts]
    shuffled = tallies[:]
    dice.shuffle(shuffled)
    assert t.merge(tallies) == t.merge(shuffled)
    assert t.merge(tallies) == recorded([latency for part in parts for latency in part])


def test_the_first_is_the_earliest_and_the_last_the_latest() -> None:
    """Times merge by smallest and largest; a worker that saw nothing has no part in the first."""
    early, late, idle = ([0] * t.LENGTH for _ in range(3))
    early[t.FIRST_NS], early[t.LAST_NS] = 5, 6
    late[t.FIRST_NS], late[t.LAST_NS] = 7, 9
    total = t.merge([idle, late, early])
    assert (total[t.FIRST_NS], total[t.LAST_NS]) == (5, 9)


def test_errors_have_names() -> None:
    """An errno, a word of ours and an HTTP status are told apart."""
    words = [0] * t.LENGTH
    words[t.ERRORS + t.SOCKET * t.CODES + 24] = 3
    words[t.ERRORS + t.UPGRADE * t.CODES + t.TIMEOUT] = 2
    words[t.ERRORS + t.UPGRADE * t.CODES + t.HTTP + 503] = 1
    assert t.errors(words) == {("socket", "EMFILE"): 3, ("upgrade", "TIMEOUT"): 2, ("upgrade", "HTTP-503"): 1}
