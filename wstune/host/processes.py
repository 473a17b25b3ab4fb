"""What some processes have used, by the kernel's own accounts."""

from __future__ import annotations

import os

from wstune.host.files import Root


def cpu_seconds(pids: list[int] | tuple[int, ...], root: Root | None = None) -> float:
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
