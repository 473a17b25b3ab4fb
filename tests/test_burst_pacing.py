"""Shares and processes: sums are kept, every process has room."""

from __future__ import annotations

import random
from itertools import pairwise
from math import log
from statistics import fmean, pstdev

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wstune.burst import pacing
from wstune.burst.engine.plan import TimedPhase


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


RATES = st.floats(1, 100_000)


def phase(first: float, last: float, count: int, *, poisson: bool = False) -> TimedPhase:
    """As long as its count takes."""
    return TimedPhase(first, last, count, pacing.duration(first, last, count), poisson)


@given(RATES, RATES, st.integers(1, 2000), st.integers(1, 7))
def test_even_arrivals_are_in_order_and_complete(first: float, last: float, count: int, parts: int) -> None:
    """Each process's arrivals rise; together they are as many as wanted, the last due when the phase ends."""
    all_times: list[float] = []
    for part in range(parts):
        times = list(pacing.due_times([phase(first, last, count)], part, parts))
        assert times == sorted(times)
        all_times += times
    assert len(all_times) == count
    assert max(all_times) <= pacing.duration(first, last, count) + 1e-6


def test_a_constant_rate_is_evenly_spaced() -> None:
    """At 100 a second, connection 7 is due after 0.07 s, whoever opens it."""
    times = sorted(t for part in range(3) for t in pacing.due_times([phase(100, 100, 30)], part, 3))
    assert times == pytest.approx([at / 100 for at in range(30)])


def test_a_ramp_has_the_count_of_its_area() -> None:
    """From 0.001 to 200 a second over 10 s: a quarter of the connections in the first half."""
    times = list(pacing.due_times([phase(0.001, 200, 1000)], 0, 1))
    assert sum(t < 5 for t in times) == pytest.approx(250, abs=2)


def test_poisson_arrivals_have_exponential_gaps() -> None:
    """Mean and variance of the gaps are those of an exponential distribution, also over several processes."""
    dice = [random.Random(part) for part in range(4)]
    phases = [phase(50, 50, 20_000, poisson=True)]
    times = sorted(t for part in range(4) for t in pacing.due_times(phases, part, 4, dice[part].random))
    gaps = [later - earlier for earlier, later in pairwise(times[:19_000])]
    assert fmean(gaps) == pytest.approx(0.02, rel=0.05)
    assert pstdev(gaps) == pytest.approx(0.02, rel=0.05)


def test_a_phase_begins_when_the_one_before_is_over() -> None:
    """After its seconds, whether its count takes as long or not; of two, each is at random or even by itself."""
    phases = [TimedPhase(10, 10, 5, 2.0), TimedPhase(10, 10, 5, 0.5, poisson=True)]
    times = list(pacing.due_times(phases, 0, 1, lambda: 0.5))
    assert times[:5] == pytest.approx([0.0, 0.1, 0.2, 0.3, 0.4])
    assert times[5:] == pytest.approx([2.0 + log(2) / 10 * (at + 1) for at in range(5)])
    assert list(pacing.due_times(phases, 0, 1))[5:] == pytest.approx([2.0, 2.1, 2.2, 2.3, 2.4])


def test_rates_are_read_as_phases() -> None:
    """A number, a ramp, and phases of which the last takes the rest."""
    assert pacing.parse_rate("1000", 500) == [(1000, 1000, 500)]
    assert pacing.parse_rate("100..300:10,300", 5000) == [(100, 300, 2000), (300, 300, 3000)]
    assert pacing.parse_rate("100:10s,5", 1000) == [(100, 100, 1000)]


@pytest.mark.parametrize("text", ["", "0", "-5", "a", "100:0", "100,200", "100:1", "1..b", "nan", "1e9"])
def test_a_rate_that_makes_no_sense_is_refused(text: str) -> None:
    """Zero, negative, text, an open end before another phase, phases that end too early."""
    with pytest.raises(ValueError, match="got"):
        pacing.parse_rate(text, 1000)


@given(st.integers(1, 200), st.integers(1, 64))
def test_as_many_handshakes_are_in_flight_however_many_open_them(generators: int, cpus: int) -> None:
    """256 a processor, but for what division leaves; no more openers than generators, and two a processor at most."""
    openers, window = pacing.at_once(generators, cpus)
    assert 1 <= openers <= min(generators, 2 * cpus)
    assert 256 * cpus - openers < openers * window <= 256 * cpus
