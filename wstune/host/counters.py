"""Kernel counters that say which limit was met: one snapshot before, one after, and what grew in between.

Keys are `FILE-SECTION.NAME`: `TcpExt.ListenOverflows`, `Tcp.PassiveOpens`, `sockstat.TCP.inuse`, `softnet.dropped`,
`conntrack.drop`, `file-nr.allocated`, `vmstat.oom_kill`, `cgroup.memory.max`. TcpExt, Tcp and conntrack belong to a
network namespace, cgroup to the control groups of one process; softnet, file-nr, vmstat and the sockstat fields
TCP.orphan, TCP.alloc, TCP.mem to the whole host (net/ipv4/proc.c sockstat_seq_show).
"""

from __future__ import annotations

from collections.abc import Iterable

from wstune.host import cgroup, kernel_counters
from wstune.host.files import Root, is_decimal
from wstune.host.kernel_counters import read
from wstune.model import Reading

GROUP_EVENTS = {
    (cgroup.MEMORY, 2): (("memory.events", {"max": "max", "oom": "oom", "oom_kill": "oom_kill"}),),
    (cgroup.MEMORY, 1): (("memory.failcnt", {"": "max"}), ("memory.oom_control", {"oom_kill": "oom_kill"})),
    (cgroup.PIDS, 2): (("pids.events", {"max": "max"}),),
    (cgroup.PIDS, 1): (("pids.events", {"max": "max"}),),
}
"""Files of a group by controller and version, each with its events and what we call them. v1 counts how often a limit
was hit in memory.failcnt, a number alone (Documentation/admin-guide/cgroup-v1/memory.rst)."""


def snapshot(root: Root, pid: int | None = None) -> dict[str, int]:
    """All counters that can be read, those of `pid`'s network namespace if given; what cannot be read is left out."""
    counters = kernel_counters.snapshot(root, f"/proc/{pid}/net" if pid is not None else "/proc/net")
    for controller in (cgroup.MEMORY, cgroup.PIDS):
        counters.update(_group_events(root, controller, pid))
    return counters


def growth(before: dict[str, int], after: dict[str, int]) -> dict[str, int]:
    """What moved, and by how much; a key that is only in `after` started from 0. Gauges may have fallen."""
    changes = {key: value - before.get(key, 0) for key, value in after.items()}
    return {key: change for key, change in changes.items() if change}


def sockstat(root: Root, pid: int | None = None) -> dict[str, int]:
    """`TCP.inuse`, `TCP.tw`, `TCP.orphan`, `TCP.alloc`, `TCP.mem` (pages), `sockets.used` …; empty when unreadable."""
    path = f"/proc/{pid}/net/sockstat" if pid is not None else "/proc/net/sockstat"
    return {key.removeprefix("sockstat."): value for key, value in read(root, path, kernel_counters.sockstat).items()}


def _group_events(root: Root, controller: str, pid: int | None) -> dict[str, int]:
    """Of its own group and of each above it that has a limit, the one with the most: a group's own hits are counted in
    those above it too, but those of a group above it only there.
    """
    chain = cgroup.chain(root, controller, pid)
    if isinstance(chain, Reading):
        return {}
    counters: dict[str, int] = {}
    for level in (level for level in chain.levels if level.limit is not None or level is chain.levels[0]):
        for file, names in GROUP_EVENTS[controller, chain.version]:
            for event, count in read(root, f"{level.path}/{file}", _words_and_numbers).items():
                if event in names:
                    key = f"cgroup.{controller}.{names[event]}"
                    counters[key] = max(count, counters.get(key, 0))
    return counters


def _words_and_numbers(text: str) -> Iterable[tuple[str, int]]:
    """`oom_kill 3`, a line each; a number alone has the name ''."""
    for line in text.splitlines():
        *words, number = line.split() or [""]
        if is_decimal(number) and len(words) < 2:
            yield "".join(words), int(number)
