"""What a burst watches while it runs: a few microseconds each, nothing but os (lean, design.md §5).

All raise OSError when the kernel does not tell.
"""

from __future__ import annotations

import os


def available_bytes() -> int:
    """MemAvailable of this host in bytes (fs/proc/meminfo.c, since 3.14)."""
    data = _read(b"/proc/meminfo")
    start = data.find(b"MemAvailable:")
    if start < 0:
        raise OSError("no MemAvailable in /proc/meminfo")
    return int(data[start + 13 : data.index(b"kB", start)]) * 1024


def file_nr() -> tuple[int, int]:
    """(allocated, fs.file-max) of the whole host. Allocated is a per-CPU counter, slightly stale."""
    fields = _read(b"/proc/sys/fs/file-nr").split()
    return int(fields[0]), int(fields[2])


def open_files(pid: int) -> int | None:
    """How many descriptors a process has open; None before Linux 6.2, which does not tell without listing them.

    The size of /proc/PID/fd is the count (fs/proc/fd.c proc_readfd_count). Listing it would leave an inode and a dentry
    behind for each descriptor, 0.9 KB, and take seconds at a million.
    """
    return os.stat(f"/proc/{pid}/fd").st_size or None


def processor_ticks() -> tuple[int, int]:
    """(used by programs, all that there were) of this host since its start, in clock ticks, of all processors together.

    Interrupts are nobody's (packets over loopback are handled in them), and what a hypervisor took was not ours to use.
    """
    # man 5 proc_stat: user nice system idle iowait irq softirq steal guest guest_nice; guests are in user already.
    fields = [int(field) for field in _read(b"/proc/stat").split(b"\n", 1)[0].split()[1:9]]
    return sum(fields[:3]), sum(fields)


def process_ticks(pids: list[int]) -> int:
    """Clock ticks that these processes have used; those that are gone count nothing."""
    total = 0
    for pid in pids:
        try:
            data = _read(b"/proc/%d/stat" % pid)
        except (FileNotFoundError, ProcessLookupError):
            continue
        fields = data[data.rindex(b")") + 2 :].split()  # a program's name may hold anything
        total += int(fields[11]) + int(fields[12])
    return total


def cgroup_room(levels: tuple[tuple[int, str, str], ...]) -> int | None:
    """Bytes left in the tightest of some memory cgroups; None when none of them has a limit.

    What can be dropped at once (inactive page cache) does not count as used, as in Kubernetes' working set.
    `levels`: limit, path of the usage file and of memory.stat of each, as `cgroup.guarded` gives them.
    """
    room = None
    for limit, usage_path, stat_path in levels:
        left = limit - int(_read(usage_path.encode())) + _inactive_file(_read(stat_path.encode()))
        room = left if room is None else min(room, left)
    return room


def _inactive_file(data: bytes) -> int:
    # v1 has the whole subtree's as total_inactive_file, and its own under the name that v2 has for the subtree's.
    for name in (b"total_inactive_file ", b"inactive_file "):
        start = data.find(name)
        if start >= 0:
            return int(data[start + len(name) :].split(None, 1)[0])
    return 0


def _read(path: bytes) -> bytes:
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(fd, 8192)
    finally:
        os.close(fd)


def anonymous_bytes() -> int:
    """Resident anonymous memory of this process, what it still shares with its parent included (proc(5) statm)."""
    fields = _read(b"/proc/self/statm").split()
    return (int(fields[1]) - int(fields[2])) * os.sysconf("SC_PAGE_SIZE")
