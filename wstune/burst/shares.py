"""What each machine of a cluster takes of a burst. Pure: what the machines offer is handed in."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from wstune.burst.engine.plan import TimedPhase
from wstune.model import Scope
from wstune.tunables import CATALOGUE

_WHOLE_KERNEL_COUNTERS = ("softnet.", "file-nr.", "vmstat.", "sockstat.TCP.orphan", "sockstat.TCP.alloc", "cgroup.")


class Limit(NamedTuple):
    """Connections that one limit of a machine allows, and the way to more."""

    name: str
    connections: int
    fix: str = ""


class MachineRoom(NamedTuple):
    """What a machine has room for, and what a plan needs to know of it. Machines of one `boot_id` are one kernel; of
    one `netns` too, one set of ports. `sources`: the addresses to come from that are its own."""

    limits: tuple[Limit, ...]
    boot_id: str = ""
    netns: int = 0
    cpus: int = 1
    nofile: int = 0
    ram_bytes: int | None = None
    sources: tuple[str, ...] = ()


class MachineStanding(NamedTuple):
    """Where a load machine stands: connections open, of its share; why it was lost, empty while it is not."""

    name: str
    open: int
    share: int
    lost: str


def budgets(offers: Sequence[MachineRoom]) -> list[Limit]:
    """What binds each of the machines first, with what several of them share divided between them.

    A machine of which nothing is known to bind has a budget of `UNBOUND`.
    """
    boots = Counter(offer.boot_id for offer in offers)
    spaces = Counter((offer.boot_id, offer.netns) for offer in offers)
    found = []
    for offer in offers:
        among_kernel, among_space = boots[offer.boot_id], spaces[offer.boot_id, offer.netns]
        own = []
        for limit in offer.limits:
            among = among_kernel if whole_kernel(limit.name) else among_space
            own.append(Limit(limit.name, limit.connections // among, limit.fix))
        found.append(min(own, key=lambda limit: limit.connections, default=UNBOUND))
    return found


def whole_kernel(name: str) -> bool:
    """Whether network namespaces of one kernel share what is counted against a limit, memory among them; of the others
    each namespace has its own."""
    row = CATALOGUE.get(name)
    return row is None or (row.counted_by or row.scope) not in (Scope.NETNS, Scope.PROCESS)


UNBOUND = Limit("", 1 << 40)


def allot(wanted: int, budget: Sequence[int]) -> list[int]:
    """`wanted` in shares as even as the budgets allow: whoever has less room takes what it has, the others more.

    Raises ValueError, worded `got X, expected Y`, when all budgets together are below `wanted`.
    """
    if sum(budget) < wanted:
        raise ValueError(f"got room for {sum(budget):,}, expected {wanted:,}")
    shares, left = [0] * len(budget), wanted
    ascending = sorted(range(len(budget)), key=lambda at: budget[at])
    for behind, at in zip(range(len(budget), 0, -1), ascending, strict=True):
        shares[at] = min(budget[at], -(-left // behind))
        left -= shares[at]
    return shares


def phases_of(phases: Sequence[TimedPhase], shares: Sequence[int]) -> list[tuple[TimedPhase, ...]]:
    """The phases of each machine: all run for as long as the whole, at its share of the rates."""
    wanted, done, passed = sum(shares), [0] * len(shares), 0
    found: list[list[TimedPhase]] = [[] for _ in shares]
    for phase in phases:
        count = phase.arrivals
        passed += count
        exact = [passed * share / wanted - had for share, had in zip(shares, done, strict=True)]
        own = [max(0, int(part)) for part in exact]
        for at in sorted(range(len(shares)), key=lambda at: own[at] - exact[at])[: count - sum(own)]:
            own[at] += 1
        for at, part in enumerate(own):
            done[at] += part
            scale = part / count if part else 1.0
            rates = phase.first_rate * scale, phase.last_rate * scale
            found[at].append(TimedPhase(*rates, part, phase.seconds, phase.poisson))
    return [tuple(own) for own in found]


def merged_counters(growths: Sequence[tuple[str, int, dict[str, int]]]) -> dict[str, int]:
    """Growth of kernel counters on all machines: (boot_id, netns, growth) of each; what is one is added once."""
    total: dict[str, int] = {}
    kernels: dict[tuple[str, str], int] = {}
    for (boot_id, _), growth in {(boot_id, netns): growth for boot_id, netns, growth in growths}.items():
        for name, more in growth.items():
            if name.startswith(_WHOLE_KERNEL_COUNTERS):
                kernels[boot_id, name] = max(more, kernels.get((boot_id, name), more))
            else:
                total[name] = total.get(name, 0) + more
    for (_, name), more in kernels.items():
        total[name] = total.get(name, 0) + more
    return total
