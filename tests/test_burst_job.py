"""What one generator opens: its way where there is no other, and when each connection is due."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wstune.burst.job import Job


@pytest.mark.parametrize(("address", "host"), [("192.0.2.1", b"192.0.2.1:80"), ("2001:db8::1", b"[2001:db8::1]:80")])
def test_the_host_of_a_request(address: str, host: bytes) -> None:
    """An IPv6 address stands in brackets (RFC 3986 section 3.2.2)."""
    job = Job(5, [], (address, 80))
    route = job.own_route()
    assert (route["server"], route["host"], route["path"], route["tunnel"]) == ((address, 80), host, b"/", b"")


def test_not_paced_is_never_due() -> None:
    """As fast as it goes."""
    assert Job(5, [], ("192.0.2.1", 80)).due_times() == []


def paced(parts: int, part: int, *, poisson: bool, seed: int = 1) -> list[float]:
    job = Job(0, [], ("192.0.2.1", 80))
    job.phases = [(10.0, 10.0, 100, 10.0, poisson)]
    job.part, job.parts, job.seed, job.start = part, parts, seed, 1_000.0
    return job.due_times()


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
