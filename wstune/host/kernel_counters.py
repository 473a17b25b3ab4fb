"""The kernel's own counters, by name: those of /proc alone, which a chat server's workers tell too. Lean."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable

from wstune.host.files import Root, is_decimal

_CONSTANT = ("Tcp.RtoAlgorithm", "Tcp.RtoMin", "Tcp.RtoMax", "Tcp.MaxConn")
"""In /proc/net/snmp beside the counters."""


def snapshot(root: Root, net: str = "/proc/net") -> dict[str, int]:
    """All that can be read, in the network namespace whose files are in `net`; what cannot be read is left out."""
    counters: dict[str, int] = {}
    for path, parse in (
        (f"{net}/netstat", _named_pairs),
        (f"{net}/snmp", _named_pairs),
        (f"{net}/sockstat", sockstat),
        (f"{net}/softnet_stat", _softnet),
        (f"{net}/stat/nf_conntrack", _conntrack),
        ("/proc/sys/fs/file-nr", _file_nr),
        ("/proc/vmstat", _vmstat),
    ):
        counters.update(read(root, path, parse))
    return counters


def whose(root: Root) -> tuple[str, int]:
    """Whose counters these are: the boot of a kernel, and the network namespace; ("", 0) when it does not tell."""
    try:
        boot_id = root.read_text("/proc/sys/kernel/random/boot_id").strip()
        return boot_id, os.stat("/proc/self/ns/net").st_ino
    except OSError:
        return "", 0


def read(root: Root, path: str, parse: Callable[[str], Iterable[tuple[str, int]]]) -> dict[str, int]:
    """A file's names and numbers; none when it cannot be read."""
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


def sockstat(text: str) -> Iterable[tuple[str, int]]:
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


def _hexadecimal(fields: list[str]) -> list[int]:
    try:
        return [int(field, 16) for field in fields]
    except ValueError:
        return []
