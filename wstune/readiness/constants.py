"""The measured and agreed numbers behind capacity, budget and advice, each with its source, in one place."""

from __future__ import annotations

SERVER_BYTES = 4150
"""Kernel memory of one established idle connection at the accepting end: tcp_sock 2520, sock_inode 862, filp 195,
dentry 195, epoll item and queue 208, LSM blobs 60 and rounding. Measured: slabs of Linux 6.18, 9,000 and 61,189
connections; 4.05 KB."""

CLIENT_BYTES = 4400
"""The same at the connecting end, with up to one bind bucket of 256 bytes more: 4.3 KB."""

KERNEL_SOURCE = "slabs of Linux 6.18, measured with 61,189 connections"

PAIR_BYTES = SERVER_BYTES + CLIENT_BYTES
"""Both ends of a loopback connection."""

CHARGED_SERVER_BYTES = 1500
"""What a memory control group is charged for an accepted socket where the kernel does not charge its tcp_sock: version
1, and version 2 before 6.12 (kmem_cache_charge in accept). Measured on a version 1 group, 6.18, 9,000 connections:
memory.kmem.usage_in_bytes grew by 1,488."""

CHARGED_CLIENT_BYTES = 4020
"""The same for a connecting socket, which is charged whole but for what is charged to nobody: 4,009."""

FULL_CHARGE_SINCE = (6, 12)
"""Kernel from which version 2 charges accepted sockets whole (kmem_cache_charge, called by inet_csk_accept)."""

CHAT_BYTES = 300
"""User memory of wstune's own server for a connection, interpreter included; a bound that a benchmark holds."""

GENERATOR_BYTES = 300
"""The same of its load generator."""

APP_BYTES = 16 * 2**10
"""What an application is taken to keep for a connection unless told or measured: an assumption, and shown as one. An
object of a connection in Go, Java or asyncio with its buffers is 5 to 50 KB."""

APP_NEEDS_FILES = 1_000
"""Open files from which a running process's memory can be divided by them; below, its own base outweighs them."""

TLS_BYTES = 15 * 2**10
"""User memory of one TLS 1.3 session at the serving end, OpenSSL 3.0 with released buffers: 14.9 KB, measured on 1,500
connections of Python's ssl."""

TLS_GENERATOR_BYTES = 38_000
"""The same at wstune's load generator, which keeps both of OpenSSL's buffers: 36.8 KB, measured on 2,000."""

RESERVE_BYTES = 128 * 2**20
"""Memory kept for the rest of the host: this much, or a tenth of what is available if that is more."""

GROUP_RESERVE_BYTES = 32 * 2**20
"""The same for a memory control group, which has no rest of a host in it."""

FILES_RESERVE, PIDS_RESERVE = 8_192, 256
"""Open files and processes that a burst leaves to the rest of the host when it is planned; while it opens, it stops
where less than half of the files are left."""

FREE_SHARE = (93, 100)
"""Share of a machine's memory that is available after boot: what the kernel and a small system leave of it."""

OPEN_RATE = 13_700
"""Connections a second that one core opens where both ends are wstune's own and share it: 27,400 on two cores, with
random keys, full header checks and latency records (docs: measured against a pair in C, which opens 31,000)."""

PORT_SHARE = (1, 2)
"""Share of a source address's ports to plan with: past a half connect() goes from 25 µs to over 700 µs, since the
kernel tries the ports of one parity first (net/ipv4/inet_hashtables.c __inet_hash_connect). A burst over loopback,
whose addresses cost nothing, keeps to a quarter (burst.ports.PER_SOURCE_SHARE)."""

OWN_FILES = 64
"""Descriptors of a worker that are not connections: standard streams, epoll, listeners, pipes, libraries (30 to 60)."""

NOFILE_RESERVE = 1024
"""Descriptors that profiles ask for beside the connections of a process, with room for the application's own files."""

NOFILE_MARGIN = (21, 20)
"""Share of a process over the even one (5 %) that profiles plan for: SO_REUSEPORT spreads by hash, not evenly."""


def reserve(room: int, *, group: bool = False) -> int:
    """Bytes of what is available, or of a group's headroom, that are left alone."""
    return max(GROUP_RESERVE_BYTES if group else RESERVE_BYTES, room // 10)


def processes_needed(connections: int, files_each: int) -> int | None:
    """Processes over which the connections fit when each may hold so many files; None when no number is enough.

    The least p with ceil(connections / p) × 1.05 + 1024 ≤ files_each, as the shipped profiles demand it of `nofile`.
    """
    up, down = NOFILE_MARGIN
    share = (files_each - NOFILE_RESERVE) * down // up
    return -(-connections // share) if share > 0 else None
