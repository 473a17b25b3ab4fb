"""Kernel counters that say which limit was met: one snapshot before, one after, and what grew in between.

Keys are `FILE-SECTION.NAME`: `TcpExt.ListenOverflows`, `Tcp.PassiveOpens`, `sockstat.TCP.inuse`, `softnet.dropped`,
`conntrack.drop`, `file-nr.allocated`. TcpExt, Tcp and conntrack belong to a network namespace; softnet, file-nr and the
sockstat fields TCP.orphan, TCP.alloc, TCP.mem to the whole host (net/ipv4/proc.c sockstat_seq_show).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from wstune.host.files import Root, is_decimal

_CONSTANT = ("Tcp.RtoAlgorithm", "Tcp.RtoMin", "Tcp.RtoMax", "Tcp.MaxConn")
"""In /proc/net/snmp beside the counters."""


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
    ):
        counters.update(_read(root, path, parse))
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


def _hexadecimal(fields: list[str]) -> list[int]:
    try:
        return [int(field, 16) for field in fields]
    except ValueError:
        return []
