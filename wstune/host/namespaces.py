"""Network namespaces: which one this process is in, and how to get into another one."""

from __future__ import annotations

import os
import socket
import struct

from wstune.host.child import CLONE_NEWNET, run, setns

_SO_NETNS_COOKIE = 71
"""include/uapi/asm-generic/socket.h, since 5.14: a number that no other network namespace of this boot ever has."""

_PINNED = ("/run/netns", "/run/docker/netns")
"""Where `ip netns` and Docker keep namespaces by name."""

_SECONDS = 2.0


def cookie() -> int | None:
    """The cookie of this process's network namespace; None before Linux 5.14."""
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            raw = probe.getsockopt(socket.SOL_SOCKET, _SO_NETNS_COOKIE, 8)
    except OSError:
        return None
    return int(struct.unpack("=Q", raw)[0])


def way_into(inode: int, cookie: int | None = None) -> str | None:
    """A command prefix that runs something in the network namespace with this inode, or None when nothing leads there.

    Looks for a name that pins it, then for a process in it. With its cookie, one that only has the same number, which
    the kernel gives away again as soon as it is free, is not taken for it.
    """
    path = _path_to(inode)
    if path is None or (cookie is not None and _cookie_in(path) not in (None, cookie)):
        return None
    return f"nsenter --net={path}"


def _path_to(inode: int) -> str | None:
    for directory in _PINNED:
        try:
            names = sorted(os.listdir(directory))
        except OSError:
            continue
        for name in names:
            if _inode(f"{directory}/{name}") == inode:
                return f"{directory}/{name}"
    for name in sorted(filter(str.isdecimal, os.listdir("/proc")), key=int):
        if _inode(f"/proc/{name}/ns/net") == inode:
            return f"/proc/{name}/ns/net"
    return None


def _cookie_in(path: str) -> int | None:
    """The cookie of the namespace at this path, as a forked child that enters it reads it; None where it may not."""

    def read() -> int | None:
        with open(path, "rb") as namespace:
            setns(namespace.fileno(), CLONE_NEWNET)
        return cookie()

    try:
        found: int | None = run(read, _SECONDS)
    except OSError:
        return None
    return found


def _inode(path: str) -> int | None:
    try:
        return os.stat(path).st_ino
    except OSError:
        return None
