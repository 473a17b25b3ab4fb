"""Fleets on paper."""

from __future__ import annotations

from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wstune.actions.profile import loader
from wstune.model import Profile, Role
from wstune.readiness.costs import costs
from wstune.readiness.fleet import fleet, room
from wstune.readiness.profiles import Target, resolve
from wstune.service import Machine

BIG = Machine(64 << 30, 16)
SMALL = Machine(16 << 30, 4)
LOAD = loader()


def demanded(name: str, connections: int, processes: int, machine: Machine) -> Profile:
    target = Target(connections, processes, {}, machine.ram_bytes, 4096, machine.cpus)
    return resolve(name, LOAD, target=target)


def test_ten_million() -> None:
    """10 million on 64 GB and 16 cores, 16 KB each for the application: four servers, and the settings on each."""
    found = fleet(10_000_000, BIG, SMALL, costs(), demanded)
    assert found is not None
    server, generator = found
    assert (server.machines, server.connections, server.processes) == (4, 2_500_000, 16)
    assert server.holds == room(BIG, Role.SERVER, costs())
    assert server.machines * server.connections >= 10_000_000
    assert generator.machines == 4
    settings = dict(server.settings)
    assert settings["nofile"] == f"≥ {ceil(ceil(2_500_000 / 16) * 21 / 20) + 1024}"
    assert settings["fs.file-max"] == "≥ 3065536"
    assert "net.ipv4.ip_local_port_range" not in settings
    assert dict(generator.settings)["net.ipv4.ip_local_port_range"] == "covers 10000-65535"


def test_addresses_of_a_generator() -> None:
    """One server with one port: a generator of 2 million needs 73 addresses, each used to a half."""
    found = fleet(2_000_000, Machine(512 << 30, 64), BIG, costs(0), demanded)
    assert found is not None
    assert (found[0].machines, found[1].sources) == (1, 73)


def test_no_room() -> None:
    """A machine of 100 MB is all reserve."""
    assert fleet(1, Machine(100 << 20, 1), BIG, costs(), demanded) is None
    assert fleet(1, BIG, Machine(100 << 20, 1), costs(), demanded) is None


@pytest.mark.parametrize("role", [Role.SERVER, Role.GENERATOR])
@given(st.integers(0, 2**42), st.integers(0, 2**40))
def test_more_memory_never_holds_less(role: Role, ram: int, more: int) -> None:
    """Room grows with memory."""
    assert room(Machine(ram, 1), role, costs()) <= room(Machine(ram + more, 1), role, costs())
