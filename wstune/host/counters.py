"""Kernel counters that say which limit was met: one snapshot before, one after, and what grew in between.

Keys are `FILE-SECTION.NAME`: `TcpExt.ListenOverflows`, `Tcp.PassiveOpens`, `sockstat.TCP.inuse`, `softnet.dropped`,
`conntrack.drop`, `file-nr.allocated`, `vmstat.oom_kill`, `cgroup.memory.max`. TcpExt, Tcp and conntrack belong to a
network namespace, cgroup to the control groups of one process; softnet, file-nr, vmstat and the sockstat fields
TCP.orphan, TCP.alloc, TCP.mem to the whole host (net/ipv4/proc.c sockstat_seq_show).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from wstune.host import cgroup
from wstune.host.files import Root, is_decimal
from wstune.model import Reading

_CONSTANT = ("Tcp.RtoAlgorithm", "Tcp.RtoMin", "Tcp.RtoMax", "Tcp.MaxConn")
"""In /proc/net/snmp beside the counters."""

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
    net = f"/proc/{pid}/net" if pid is not None else "/proc/net"
    counters: dict[str, int] = {}
    for path, parse in (
        (f"{net}/netstat", _named_pairs),
        (f"{net}/snmp", _named_pairs),
        (f"{net}/sockstat", _sockstat),
        (f"{net}/softnet_stat", _softnet),
        (f"{net}/stat/nf_conntrack", _conntrack),
        ("/proc/sys/fs/file-nr", _file_nr),
        ("/proc/vmstat", _vmstat),
    ):
        counters.update(_read(root, path, parse))
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
    return {key.removeprefix("sockstat."): value for key, value in _read(root, path, _sockstat).items()}


def _read(root: Root, path: str, parse: Callable[[str], Iterable[tuple[str, int]]]) -> dict[str, int]:
    try:
        return dict(parse(root.read_text(path)))
    except OSError:
        return {}


def _named_pairs(text: str) -> Iterable[tuple[str, int]]:
    """Lines in twos: `TcpExt: name name …`, `TcpExt: number number …`. Only the TCP sections."""
    lines = text.splitlines()
    for names, numbers in zip(lines[::2], lines[1::2], strict=False):
        section, _, rest = names.partition(":")
        if section not in ("TcpExt", "Tcp") or not numbers.startswith(f"{section}:"):
            continue
        for name, number in zip(rest.split(), numbers.partition(":")[2].split(), strict=False):
            key = f"{section}.{name}"
            if is_decimal(number) and key not in _CONSTANT:
                yield key, int(number)


def _sockstat(text: str) -> Iterable[tuple[str, int]]:
    """`TCP: inuse 1 orphan 0 tw 0 alloc 1 mem 216`."""
    for line in text.splitlines():
        section, _, rest = line.partition(":")
        fields = rest.split()
        for name, number in zip(fields[::2], fields[1::2], strict=False):
            if is_decimal(number):
                yield f"sockstat.{section}.{name}", int(number)


def _softnet(text: str) -> Iterable[tuple[str, int]]:
    """Hexadecimal, a line a CPU: processed, dropped (backlog full), time_squeeze (net/core/net-procfs.c)."""
    rows = [row for line in text.splitlines() if (row := _hexadecimal(line.split())) and len(row) >= 3]
    if rows:
        yield "softnet.dropped", sum(row[1] for row in rows)
        yield "softnet.time_squeeze", sum(row[2] for row in rows)


def _conntrack(text: str) -> Iterable[tuple[str, int]]:
    """A line of names, then hexadecimal, a line a CPU; `entries` is the same in each (nf_conntrack_standalone.c)."""
    names, *lines = text.splitlines() or [""]
    columns = names.split()
    rows = [row for line in lines if (row := _hexadecimal(line.split())) and len(row) == len(columns)]
    for index, name in enumerate(columns):
        if rows and name in ("insert_failed", "drop", "early_drop", "invalid", "clashres"):
            yield f"conntrack.{name}", sum(row[index] for row in rows)
        elif rows and name == "entries":
            yield "conntrack.entries", rows[0][index]


def _file_nr(text: str) -> Iterable[tuple[str, int]]:
    fields = text.split()
    if fields and is_decimal(fields[0]):
        yield "file-nr.allocated", int(fields[0])


def _vmstat(text: str) -> Iterable[tuple[str, int]]:
    for line in text.splitlines():
        name, _, number = line.partition(" ")
        if name == "oom_kill" and is_decimal(number):
            yield "vmstat.oom_kill", int(number)


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
            for event, count in _read(root, f"{level.path}/{file}", _words_and_numbers).items():
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


def _hexadecimal(fields: list[str]) -> list[int]:
    try:
        return [int(field, 16) for field in fields]
    except ValueError:
        return []
