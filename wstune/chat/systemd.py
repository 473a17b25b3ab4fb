"""The two lines of systemd's protocol that a service speaks: sockets handed over, and "I am ready". Lean."""

from __future__ import annotations

import os
import socket

_FIRST = 3  # sd_listen_fds(3): SD_LISTEN_FDS_START


def listen_fds() -> list[int]:
    """Descriptors of listening sockets that systemd has handed to this process; they are taken only once."""
    pid, count = os.environ.pop("LISTEN_PID", ""), os.environ.pop("LISTEN_FDS", "")
    os.environ.pop("LISTEN_FDNAMES", None)
    if pid != str(os.getpid()) or not count.isdecimal():
        return []
    return list(range(_FIRST, _FIRST + int(count)))


def notify(state: str) -> None:
    """Tell the service manager, if there is one (sd_notify(3)): `READY=1`, `STOPPING=1`. Never fails."""
    path = os.environ.get("NOTIFY_SOCKET", "")
    if not path.startswith(("/", "@")):
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as manager:
        try:
            manager.sendto(state.encode(), "\0" + path[1:] if path[0] == "@" else path)
        except OSError:
            pass
