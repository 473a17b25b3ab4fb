"""What a profile needs where nothing can be compared: what a stock machine lacks, and nothing worse than it has."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests import exports
from wstune.export.stock import least, most
from wstune.model import Effect, Operator, Role
from wstune.readiness.compare import effect, satisfied
from wstune.tunables import CATALOGUE

_SIZES = st.integers(2**28, 2**43)
_ROLES = st.sampled_from(Role)


@pytest.mark.parametrize("profile", ["high-conn", "load-generator", "container"])
@given(connections=st.integers(1, 10**8), ram_bytes=_SIZES, role=_ROLES)
def test_a_stock_machine_is_ready_after_it(profile: str, connections: int, ram_bytes: int, role: Role) -> None:
    """Whatever the target, the size and the end: what is written, or what the machine has, meets every demand."""
    made = exports.export(profile, connections=connections, ram_bytes=ram_bytes, role=role)
    for wish in made.sysctls():
        value = wish.value or wish.default
        assert value is not None, wish.tunable.name
        assert all(satisfied(each, value) for each in wish.requirements), (wish.tunable.name, value, wish.words)


@pytest.mark.parametrize("profile", ["high-conn", "load-generator", "container"])
@given(connections=st.integers(1, 10**8), ram_bytes=_SIZES)
def test_nothing_that_is_written_lowers_a_stock_machine(profile: str, connections: int, ram_bytes: int) -> None:
    """Neither a machine with systemd nor one without gets less than it has by itself."""
    made = exports.export(profile, connections=connections, ram_bytes=ram_bytes)
    low, high = least(ram_bytes, 4096), most(ram_bytes, 4096)
    for wish in made.sysctls():
        floors = all(each.operator is not Operator.AT_MOST for each in wish.requirements)
        if wish.value is not None and floors and not wish.lowers:
            for had in (low, high):
                changed = effect(wish.tunable, had[wish.tunable.name], wish.value)
                assert changed in (Effect.NOTHING, Effect.RAISES, Effect.CHANGES), wish.tunable.name


def test_the_stock_defaults_are_what_their_kind_says() -> None:
    """Each default is a value of its tunable, and the larger machine has no less."""
    small, large = least(2**30, 4096), most(2**36, 4096)
    assert small.keys() == large.keys()
    for name, value in small.items():
        assert value.kind is CATALOGUE[name].kind, name
        assert all(a <= b for a, b in zip(value.numbers, large[name].numbers, strict=True)), name


def test_file_limits_follow_each_other() -> None:
    """A demand on the hard limit is one on the soft limit as well; a profile without one asks for none."""
    assert exports.export("high-conn", connections=100_000).files == (106_024, 106_024)
    assert exports.export("container").files is None


def test_wishes_are_in_the_order_of_apply() -> None:
    """Reserved ports come before the range that they are taken from, the ceiling of files before their limit."""
    names = [wish.tunable.name for wish in exports.export("load-generator").wishes]
    assert names.index("net.ipv4.ip_local_reserved_ports") < names.index("net.ipv4.ip_local_port_range")
    assert names.index("fs.nr_open") < names.index("nofile")
