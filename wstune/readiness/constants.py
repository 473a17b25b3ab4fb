"""The measured and agreed numbers behind capacity and advice, each with its source, in one place."""

from __future__ import annotations

SERVER_BYTES = 4150
"""Kernel memory of one established idle connection at the accepting end: tcp_sock 2520, sock_inode 862, filp 195,
dentry 195, epoll item and queue 208, LSM blobs 60 and rounding. Measured: slabs of Linux 6.18, 9,000 and 61,189
connections; 4.05 KB."""

CLIENT_BYTES = 4400
"""The same at the connecting end, with up to one bind bucket of 256 bytes more: 4.3 KB."""

CGROUP_V1_PAIR_BYTES = 5704
"""What a version 1 memory control group is charged for both ends of a loopback connection: 5.57 KB, measured, 6.18."""

RESERVE_BYTES = 128 * 2**20
"""Memory kept for the rest of the host: this much, or a tenth of what is available if that is more."""

OWN_FILES = 64
"""Descriptors of a worker that are not connections: standard streams, epoll, listeners, pipes, libraries (30 to 60)."""

NOFILE_RESERVE = 1024
"""Descriptors that profiles ask for beside the connections of a process, with room for the application's own files."""

NOFILE_MARGIN = (21, 20)
"""Share of a process over the even one (5 %) that profiles plan for: SO_REUSEPORT spreads by hash, not evenly."""


def processes_needed(connections: int, files_each: int) -> int | None:
    """Processes over which the connections fit when each may hold so many files; None when no number is enough.

    The least p with ceil(connections / p) × 1.05 + 1024 ≤ files_each, as the shipped profiles demand it of `nofile`.
    """
    up, down = NOFILE_MARGIN
    share = (files_each - NOFILE_RESERVE) * down // up
    return -(-connections // share) if share > 0 else None
