"""What each machine of a cluster takes of a burst. Pure: what the machines offer is handed in."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from wstune.burst import tally as t

WHOLE_KERNEL = frozenset(
    (
        "memory",
        "cgroup.memory.max",
        "cgroup.pids.max",
        "fs.epoll.max_user_watches",
        "fs.file-max",
        "kernel.pid_max",
        "kernel.threads-max",
        "nproc",
    )
)
"""Limits that network namespaces of one kernel share; the others are each namespace's own."""
_WHOLE_KERNEL_COUNTERS = ("softnet.", "file-nr.", "vmstat.", "sockstat.TCP.orphan", "sockstat.TCP.alloc", "cgroup.")


@dataclass(frozen=True, slots=True)
class Limit:
    """Connections that one limit of a machine allows, and the way to more."""

    name: str
    connections: int
    fix: str = ""


@dataclass(frozen=True, slots=True)
class Offer:
    """What a machine has room for. Machines of one `boot_id` are one kernel; of one `netns` too, one set of ports."""

    name: str
    limits: tuple[Limit, ...]
    boot_id: str = ""
    netns: int = 0


def budgets(offers: Sequence[Offer]) -> list[Limit]:
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
            among = among_kernel if limit.name in WHOLE_KERNEL else among_space
            own.append(Limit(limit.name, limit.connections // among, limit.fix))
        found.append(min(own, key=lambda limit: limit.connections, default=UNBOUND))
    return found


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


def phases_of(phases: Sequence[Sequence[float]], shares: Sequence[int]) -> list[list[list[float]]]:
    """The phases of each machine: all run for as long as the whole, at its share of the rates.

    A phase is as `burst.scenario.timetable` makes it: rate, rate at the end, count, seconds, whether at random.
    """
    wanted, done, passed = sum(shares), [0] * len(shares), 0
    found: list[list[list[float]]] = [[] for _ in shares]
    for first, last, counted, *more in phases:
        count = int(counted)
        passed += count
        exact = [passed * share / wanted - had for share, had in zip(shares, done, strict=True)]
        own = [max(0, int(part)) for part in exact]
        for at in sorted(range(len(shares)), key=lambda at: own[at] - exact[at])[: count - sum(own)]:
            own[at] += 1
        for at, part in enumerate(own):
            done[at] += part
            scale = part / count if part else 1.0
            found[at].append([first * scale, last * scale, part, *more])
    return found


def merged_words(tallies: Sequence[dict[str, int]]) -> dict[str, int]:
    """The sum of sparse tallies, as a coordinator's `close` tells them: index of the word → count."""
    dense = []
    for sparse in tallies:
        words = [0] * t.LENGTH
        for at, word in sparse.items():
            words[int(at)] = word
        dense.append(words)
    return {str(at): word for at, word in enumerate(t.merge(dense)) if word}


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
