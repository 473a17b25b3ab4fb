"""What one generator opens: its part of a plan, its ways to go, and when each connection is due."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wstune.burst import pacing
from wstune.burst.engine.plan import Address, Plan, Route, TimedPhase
from wstune.burst.job import Job
from wstune.burst.ports import loopback_sources

SERVER = Address("192.0.2.1", 80)


@pytest.mark.parametrize(("address", "host"), [("192.0.2.1", b"192.0.2.1:81"), ("2001:db8::1", b"[2001:db8::1]:81")])
def test_the_host_of_a_request(address: str, host: bytes) -> None:
    """The address and the port that the server listens on; IPv6 stands in brackets (RFC 3986 section 3.2.2)."""
    job = Job.of(Plan(Address(address, 0), (5,), (Route(),)), 0, 81, 0.0)
    (route,) = job.routes
    assert (route.server, route.host, route.path, route.tunnel) == (Address(address, 81), host, b"/", b"")


def test_a_route_of_its_own_stays_as_it_is() -> None:
    """Only what it leaves open is the target's."""
    elsewhere = Route(server=Address("192.0.2.9", 90), host=b"chat.example", path=b"/x", weight=3.0, kind=1)
    named = Route(host=b"other.example")
    job = Job.of(Plan(SERVER, (5,), (elsewhere, named)), 0, 81, 0.0)
    assert job.routes == (elsewhere, named._replace(server=SERVER._replace(port=81)))


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=9), st.integers(1, 30), st.integers(0, 1 << 40))
def test_each_has_its_part_of_the_plan(shares: list[int], count: int, buffers: int) -> None:
    """Connections, addresses and room: together what the plan has of them; each has an address, and room if any has."""
    plan = Plan(SERVER, tuple(shares), (Route(),), sources=tuple(loopback_sources(count)), buffers=buffers)
    jobs = [Job.of(plan, part, 80, 0.0) for part in range(len(shares))]
    assert {job.parts for job in jobs} == {len(shares)}
    assert [job.share for job in jobs] == shares
    assert {source for job in jobs for source in job.sources} == set(plan.sources)
    assert all(job.sources for job in jobs)
    (room,) = {job.buffers for job in jobs}
    assert bool(room) == bool(buffers)
    assert room * len(jobs) <= max(buffers, len(jobs))


def test_nothing_asked_for_is_nothing() -> None:
    """No addresses: the kernel chooses; no bound of unfinished messages."""
    job = Job.of(Plan(SERVER, (5,), (Route(),)), 0, 80, 0.0)
    assert (job.sources, job.buffers) == ([], 0)


def test_not_paced_is_never_due() -> None:
    """As fast as it goes."""
    assert Job.of(Plan(SERVER, (5,), (Route(),)), 0, 80, 0.0).due_times() == []


def paced(parts: int, part: int, *, poisson: bool, seed: int = 1) -> list[float]:
    phases = (TimedPhase(10.0, 10.0, 100, 10.0, poisson),)
    plan = Plan(SERVER, tuple(pacing.shares(phases, parts)), (Route(),), phases=phases, seed=seed)
    return Job.of(plan, part, 80, 1_000.0).due_times()


def test_due_from_the_common_start_the_last_first() -> None:
    """They are taken from the end, one after the other."""
    dues = paced(1, 0, poisson=False)
    assert len(dues) == 100
    assert dues == sorted(dues, reverse=True)
    assert 1_000.0 <= dues[-1] <= dues[0] <= 1_010.0


@given(st.integers(1, 7), st.booleans())
def test_parts_are_the_whole(parts: int, poisson: bool) -> None:
    """All generators together start as many as one alone would."""
    assert sum(len(paced(parts, part, poisson=poisson)) for part in range(parts)) == 100


def test_chance_is_by_seed_and_part() -> None:
    """The same burst can be made again; two generators do not start in step."""
    assert paced(2, 0, poisson=True) == paced(2, 0, poisson=True)
    assert paced(2, 0, poisson=True) != paced(2, 0, poisson=True, seed=2)
    assert paced(2, 0, poisson=True) != paced(2, 1, poisson=True)
