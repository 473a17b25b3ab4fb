"""What some processes have used, by the kernel's own accounts."""

from __future__ import annotations

import os
from collections.abc import Sequence

from wstune.host.files import Root


def cpu_seconds(pids: Sequence[int], root: Root | None = None) -> float:
    """CPU time, user and system, of these processes so far (/proc/PID/stat, proc(5)); one that is gone has none."""
    root = root or Root()
    ticks = 0
    for pid in pids:
        try:
            fields = root.read_text(f"/proc/{pid}/stat").rpartition(")")[2].split()
        except OSError:
            continue
        ticks += int(fields[11]) + int(fields[12])  # utime, stime: fields 14 and 15
    return ticks / os.sysconf("SC_CLK_TCK")


def holds_lock(pid: int, inode: int, root: Root | None = None) -> bool:
    """Whether that process holds an flock(2) on the file of that inode (/proc/locks, proc_locks(5)).

    The device is not compared: of btrfs and overlay the kernel names another there than stat(2) does.
    """
    try:
        lines = (root or Root()).read_text("/proc/locks", limit=1 << 24).splitlines()
    except OSError:
        return False
    fields = [line.split() for line in lines if " FLOCK " in line and "->" not in line]
    return any(each[4:5] == [str(pid)] and each[5].rpartition(":")[2] == str(inode) for each in fields if len(each) > 5)
