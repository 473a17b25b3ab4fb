"""Source addresses: valid, distinct, enough."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wstune.burst import ports


@given(st.integers(1, 2000), st.integers(0, 60_000))
def test_loopback_sources_are_distinct_addresses_of_127_8(count: int, skip: int) -> None:
    """Every address is in 127.0.0.0/8, none is a network's first or last, none comes twice."""
    sources = ports.loopback_sources(count, skip)
    assert len(set(sources)) == count
    for source in sources:
        assert IPv4Address(source) in IPv4Network("127.0.0.0/8")
        assert int(source.rpartition(".")[2]) not in (0, 255)


@given(st.integers(1, 3_000_000), st.integers(4, 60_000))
def test_no_source_uses_half_of_its_ports(connections: int, usable: int) -> None:
    """The connections of a source stay below half of its ports, where connect() is fast."""
    needed = ports.sources_needed(connections, usable)
    assert -(-connections // needed) <= usable / 2


def test_no_ports_at_all_is_said() -> None:
    """A range without ports is an error, not a division by zero."""
    with pytest.raises(ValueError, match="no usable"):
        ports.sources_needed(1, 0)


@given(st.integers(1, 50), st.integers(1, 50))
def test_shares_cover_every_address(count: int, parts: int) -> None:
    """Together the processes use every address, and each has at least one."""
    items = ports.loopback_sources(count)
    shares = [ports.share(items, parts, part) for part in range(parts)]
    assert all(shares)
    assert {source for share in shares for source in share} == set(items)
