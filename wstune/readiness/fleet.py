"""How many machines of a size a target takes, on paper: no host is read. Pure.

From the bytes of a connection and the ports of an address; the settings are those of the shipped profiles, worked out
for what each machine is given.
"""

from __future__ import annotations

from collections.abc import Callable

from wstune.model import Profile, Role, Severity
from wstune.readiness.compare import demand_words
from wstune.readiness.constants import FREE_SHARE, OPEN_RATE, PORT_SHARE, reserve
from wstune.readiness.costs import kernel_bytes, user_bytes
from wstune.service import Costs, Machine, Share
from wstune.tunables import CATALOGUE
from wstune.values import Kind

SERVER_PROFILE, GENERATOR_PROFILE = "high-conn", "load-generator"

Resolve = Callable[[str, int, int, Machine], Profile]
"""(profile's name, connections, processes, machine) → what it demands there."""

_PORTS = "net.ipv4.ip_local_port_range"


def room(machine: Machine, role: Role, costs: Costs) -> int:
    """Connections for which the memory of a machine has room, with the usual reserve left alone."""
    free = machine.ram_bytes * FREE_SHARE[0] // FREE_SHARE[1]
    return max(0, free - reserve(free)) // (kernel_bytes(role, costs) + user_bytes(role, costs))


def fleet(
    connections: int, server: Machine, generator: Machine, costs: Costs, resolve: Resolve
) -> tuple[Share, Share] | None:
    """What servers and generators of these sizes a target takes; None when a machine has no room for anything."""
    rooms = room(server, Role.SERVER, costs), room(generator, Role.GENERATOR, costs)
    if not all(rooms):
        return None
    servers = -(-connections // rooms[0])
    first = _share("server", connections, server, rooms[0], SERVER_PROFILE, resolve, Role.SERVER)
    second = _share("generator", connections, generator, rooms[1], GENERATOR_PROFILE, resolve, Role.GENERATOR)
    profile = resolve(GENERATOR_PROFILE, second.connections, second.processes, generator)
    return first, second._replace(sources=_sources(second.connections, servers, profile))


def _share(kind: str, connections: int, machine: Machine, holds: int, name: str, resolve: Resolve, role: Role) -> Share:
    machines = -(-connections // holds)
    each = -(-connections // machines)
    processes = min(machine.cpus, each)
    profile = resolve(name, each, processes, machine)
    seconds = each / (OPEN_RATE * machine.cpus)
    return Share(kind, machine, machines, holds, each, processes, 0, _settings(profile, role), seconds)


def _sources(connections: int, servers: int, profile: Profile) -> int:
    """Addresses so that each is used to a half towards every server: beyond it connect() slows."""
    low, high = next(
        each.operands[0].numbers for each in profile.requirements if CATALOGUE[each.tunable].kind is Kind.RANGE
    )
    return max(1, -(-connections // (servers * ((high - low + 1) * PORT_SHARE[0] // PORT_SHARE[1]))))


def _settings(profile: Profile, role: Role) -> tuple[tuple[str, str], ...]:
    """What connections fail without, and the port range; a machine's memory is no setting."""
    found: dict[str, str] = {}
    for each in profile.requirements:
        named = each.severity is Severity.ERROR or each.tunable == _PORTS
        if role in each.roles and named and each.tunable not in ("memory.total", "cgroup.memory.max"):
            found.setdefault(each.tunable, demand_words(each, CATALOGUE[each.tunable]))
    return tuple(found.items())
