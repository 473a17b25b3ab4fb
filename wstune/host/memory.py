"""Memory: what the host has, what sockets take in the kernel, what processes take for themselves. All in bytes."""

from __future__ import annotations

import os
from collections.abc import Sequence

from wstune.host.files import Root, is_decimal

SOCKET_SLABS = (
    "TCP",
    "TCPv6",
    "sock_inode_cache",
    "filp",
    "eventpoll_epi",
    "eventpoll_pwq",
    "ep_head",
    "tcp_bind_bucket",
    "tcp_bind2_bucket",
    "lsm_file_cache",
)
"""What an open TCP socket in an epoll set takes: one object of each, and bind buckets on the client's side."""

_PER_SOCKET_INODE = ("dentry", "lsm_inode_cache")
"""One object for each socket inode, in slabs that hold those of every other file of the host too."""


def meminfo(root: Root) -> dict[str, int]:
    """/proc/meminfo: `MemTotal`, `MemAvailable`, `Slab`, `SUnreclaim` … in bytes (HugePages_* in pages, as they are).

    Raises OSError. A line that does not parse is left out.
    """
    values: dict[str, int] = {}
    for line in root.read_text("/proc/meminfo").splitlines():
        name, _, rest = line.partition(":")
        fields = rest.split()
        if fields and is_decimal(fields[0]):
            values[name] = int(fields[0]) * (1024 if fields[1:] == ["kB"] else 1)
    return values


def socket_slab_bytes(root: Root) -> int | None:
    """Bytes of the slabs that sockets live in, whole pages, free objects in them included; None when not readable.

    /proc/slabinfo is 0400. Freed slabs linger, so measure the way up, from a fresh baseline. Slabs that the allocator
    has merged under another name (eventpoll_pwq is shown as anon_vma_chain) are found by /sys/kernel/slab, and counted
    with whatever else they hold.
    """
    slabs = socket_slabs(root)
    return None if slabs is None else sum(slabs.values())


def socket_slabs(root: Root) -> dict[str, int] | None:
    """Bytes by slab, under the names of /proc/slabinfo; of dentry and lsm_inode_cache, one object for each socket."""
    try:
        table = _slabinfo(root.read_text("/proc/slabinfo"))
    except OSError:
        return None
    if "sock_inode_cache" not in table:
        return None
    page = page_size(root)
    sizes: dict[str, int] = {}
    for wanted in SOCKET_SLABS:
        shown = wanted if wanted in table else _merged_into(root, wanted, table)
        if shown is not None:
            sizes[shown] = table[shown].pages * page
    for shared in _PER_SOCKET_INODE:
        if shared in table:
            sizes[shared] = round(table["sock_inode_cache"].objects * table[shared].bytes_each(page))
    return sizes


class _Slab:
    """A row of /proc/slabinfo: objects that fit into its slabs, and the pages of those."""

    __slots__ = ("objects", "pages", "pages_per_object")

    def __init__(self, objects: int, per_slab: int, pages_per_slab: int, slabs: int) -> None:
        self.objects = objects
        self.pages = slabs * pages_per_slab
        self.pages_per_object = pages_per_slab / per_slab

    def bytes_each(self, page: int) -> float:
        return self.pages_per_object * page


def _slabinfo(text: str) -> dict[str, _Slab]:
    """name <active> <num_objs> <objsize> <objperslab> <pagesperslab> : tunables … : slabdata <active> <num> <shared>"""
    table = {}
    for line in text.splitlines():
        fields = line.split()
        if len(fields) < 15 or not all(map(is_decimal, (*fields[1:6], fields[14]))):
            continue
        objects, per_slab, pages_per_slab, slabs = (int(fields[i]) for i in (2, 4, 5, 14))
        if per_slab:
            table[fields[0]] = _Slab(objects, per_slab, pages_per_slab, slabs)
    return table


def _merged_into(root: Root, wanted: str, table: dict[str, _Slab]) -> str | None:
    """The name under which a merged slab is shown: both names are links to the same entry of /sys/kernel/slab."""
    target = _slab_link(root, wanted)
    if target is None:
        return None
    return next((name for name in table if _slab_link(root, name) == target), None)


def _slab_link(root: Root, name: str) -> str | None:
    if "/" in name:
        return None
    try:
        return root.readlink(f"/sys/kernel/slab/{name}")
    except OSError:
        return None


def private_bytes(pids: Sequence[int], root: Root | None = None) -> int:
    """Memory that only these processes have: Private_Clean + Private_Dirty (+ Private_Hugetlb) of smaps_rollup (4.14).

    A process that is gone has none. Raises PermissionError (OSError) for one that may not be looked at.
    """
    root = root or Root()
    total = 0
    for pid in pids:
        try:
            text = root.read_text(f"/proc/{pid}/smaps_rollup")
        except (FileNotFoundError, ProcessLookupError):
            continue
        for line in text.splitlines():
            fields = line.split()
            if line.startswith("Private_") and len(fields) > 1 and is_decimal(fields[1]):
                total += int(fields[1]) * 1024
    return total


def anonymous_bytes(root: Root, pid: int) -> int | None:
    """Anonymous memory of a process, resident or swapped (RssAnon, VmSwap of /proc/PID/status): what it keeps itself.

    Everybody may read it, and at once: smaps_rollup, which is exact, walks every page. None when it cannot be read.
    """
    try:
        lines = root.read_text(f"/proc/{pid}/status").splitlines()
    except OSError:
        return None
    found = [line.split() for line in lines if line.startswith(("RssAnon:", "VmSwap:"))]
    numbers = [int(fields[1]) for fields in found if len(fields) == 3 and is_decimal(fields[1])]
    return sum(numbers) * 1024 if numbers else None


def page_size(root: Root) -> int:
    """Bytes of a page; of a captured tree it is not known and taken as 4096."""
    return os.sysconf("SC_PAGESIZE") if root.live else 4096
