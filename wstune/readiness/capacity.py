"""How many connections a host holds as it is: what each limit allows, in one role, and which limit binds first.

What a limit allows is in its entry of the catalogue. A number is hard when the kernel counts to it, an estimate when it
rests on measured bytes or on what is not known.
"""

from __future__ import annotations

from collections.abc import Mapping

from wstune.model import Capacity, HostFacts, Reading, Role, Store
from wstune.readiness.view import View
from wstune.service import Costs
from wstune.tunable import Usage
from wstune.tunables import CATALOGUE

NEEDS = tuple(
    dict.fromkeys(
        name
        for row in CATALOGUE.values()
        if row.allows
        for name in (row.name, *row.needs)
        if CATALOGUE[name].store in (Store.SYSCTL, Store.RLIMIT)
    )
)
"""Tunables that `capacity` looks at; memory and control groups are among the facts of a host."""


def capacity(
    role: Role,
    readings: Mapping[str, Reading],
    facts: HostFacts,
    usage: Usage,
    costs: Costs,
    *,
    processes: int | None = None,
    sources: int = 1,
    upstreams: int = 1,
    pid: int | None = None,
    listening: tuple[int, ...] | None = None,
    reserve: int | None = None,
    spares: Mapping[str, int] | None = None,
) -> Capacity:
    """The connections that each limit allows beside the present load, the fewest first.

    Args:
        readings: at least of NEEDS.
        costs: bytes of a connection.
        processes: over how many the connections are spread; None is one, and a number for each.
        sources: source addresses that a generator or proxy connects from. Both ends on one host have 127.0.0.0/8.
        upstreams: server addresses and ports that it connects to.
        pid, listening, reserve, spares: as in View.
    """
    view = View(
        role, readings, facts, usage, costs, processes or 1, sources * upstreams, pid, listening, reserve, spares or {}
    )
    limits = [limit for row in CATALOGUE.values() if row.allows for limit in row.allows(view)]
    limits.sort(key=lambda limit: (limit.connections is None, limit.connections or 0))
    return Capacity(role, tuple(limits))
