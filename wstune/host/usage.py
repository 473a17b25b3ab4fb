"""What a host carries at present: what capacity subtracts. From totals that the kernel keeps, never by counting."""

from __future__ import annotations

from typing import NamedTuple

from wstune.host.counters import sockstat
from wstune.host.files import Root, is_decimal

CONNTRACK_COUNT = "/proc/sys/net/netfilter/nf_conntrack_count"


class Usage(NamedTuple):  # a fifth of a dataclass's start-up
    """Present load; None where it could not be read.

    Attributes:
        files_allocated: open files of the whole host (fs.file-nr, first number).
        sockets_allocated: TCP sockets of the whole host, all namespaces (sockstat `alloc`).
        sockets_used: sockets of any family in this network namespace.
        tcp_in_use: TCP sockets in this network namespace, listeners and the opening and closing ones included, without
            TIME_WAIT (sockstat `inuse`).
        time_wait: TIME_WAIT in this network namespace.
        orphans: closing sockets that no process holds, whole host; up to 100 ms old.
        tcp_mem_pages: pages of queued TCP data, whole host; jitters by 256 pages a CPU.
        conntrack_count: entries in this network namespace; None where the module is not loaded.
        threads: threads of the whole host, or of its pid namespace (/proc/loadavg).
        open_files: descriptors of the process asked about; None before Linux 6.2, or when no process was given.
    """

    files_allocated: int | None = None
    sockets_allocated: int | None = None
    sockets_used: int | None = None
    tcp_in_use: int | None = None
    time_wait: int | None = None
    orphans: int | None = None
    tcp_mem_pages: int | None = None
    conntrack_count: int | None = None
    threads: int | None = None
    open_files: int | None = None


def read_usage(root: Root, pid: int | None = None) -> Usage:
    """The present load, seen from the network namespace of `pid` if given."""
    sockets = sockstat(root, pid)
    return Usage(
        files_allocated=_number(root, "/proc/sys/fs/file-nr"),
        sockets_allocated=sockets.get("TCP.alloc"),
        sockets_used=sockets.get("sockets.used"),
        tcp_in_use=sockets.get("TCP.inuse"),
        time_wait=sockets.get("TCP.tw"),
        orphans=sockets.get("TCP.orphan"),
        tcp_mem_pages=sockets.get("TCP.mem"),
        conntrack_count=_number(root, CONNTRACK_COUNT),
        threads=_threads(root),
        open_files=_open_files(root, pid),
    )


def _number(root: Root, path: str) -> int | None:
    try:
        return first_number(root.read_text(path))
    except OSError:
        return None


def first_number(text: str) -> int | None:
    """The first field of a text, when that is a number."""
    fields = text.split()
    return int(fields[0]) if fields and is_decimal(fields[0]) else None


def _threads(root: Root) -> int | None:
    """`0.20 0.18 0.12 1/80 11206`: the number after the slash counts threads (proc(5))."""
    try:
        fields = root.read_text("/proc/loadavg").split()
    except OSError:
        return None
    total = fields[3].partition("/")[2] if len(fields) > 3 else ""
    return int(total) if is_decimal(total) else None


def _open_files(root: Root, pid: int | None) -> int | None:
    """The size of /proc/PID/fd is the count since 6.2 (fs/proc/fd.c); before, and in a captured tree, it is noise."""
    if pid is None or not root.live:
        return None
    try:
        return root.stat(f"/proc/{pid}/fd").st_size or None
    except OSError:
        return None


_FIRST_DESCRIPTORS = 256
"""A server opens its listeners before its connections, and gets the least number that is free."""


def first_sockets(root: Root, pid: int) -> frozenset[int]:
    """Inodes of the sockets among the first descriptors of a process; those that may not be looked at are left out.

    Each is asked for by its number: nothing is listed, so that a process with a million costs the same.
    """
    found = set()
    for number in range(_FIRST_DESCRIPTORS):
        try:
            target = root.readlink(f"/proc/{pid}/fd/{number}")
        except FileNotFoundError:
            continue
        except OSError:
            break
        inode = target.removeprefix("socket:[").removesuffix("]")
        if inode != target and is_decimal(inode):
            found.add(int(inode))
    return frozenset(found)
