"""Network namespaces: which one this process is in, and how to get into another one."""

from __future__ import annotations

import os
import socket
import struct

_SO_NETNS_COOKIE = 71
"""include/uapi/asm-generic/socket.h, since 5.14: a number that no other network namespace of this boot ever has."""

_PINNED = ("/run/netns", "/run/docker/netns")
"""Where `ip netns` and Docker keep namespaces by name."""


def cookie() -> int | None:
    """The cookie of this process's network namespace; None before Linux 5.14."""
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            raw = probe.getsockopt(socket.SOL_SOCKET, _SO_NETNS_COOKIE, 8)
    except OSError:
        return None
    return int(struct.unpack("=Q", raw)[0])


def way_into(inode: int) -> str | None:
    """A command prefix that runs something in the network namespace with this inode, or None when nothing leads there.

    Looks for a name that pins it, then for a process in it.
    """
    for directory in _PINNED:
        try:
            names = sorted(os.listdir(directory))
        except OSError:
            continue
        for name in names:
            if _inode(f"{directory}/{name}") == inode:
                return f"nsenter --net={directory}/{name}"
    for name in sorted(filter(str.isdecimal, os.listdir("/proc")), key=int):
        if _inode(f"/proc/{name}/ns/net") == inode:
            return f"nsenter --net=/proc/{name}/ns/net"
    return None


def _inode(path: str) -> int | None:
    try:
        return os.stat(path).st_ino
    except OSError:
        return None
