"""TCP sockets of one state, by NETLINK_SOCK_DIAG: the kernel is asked for that state only.

For listeners it walks the table of listeners alone, 0.1 ms, so that a million connections cost nothing; /proc/net/tcp
would be read whole. Sockets that are bound and neither listen nor connect (TCP_BOUND_INACTIVE, since 6.8) are left out:
to find them it would walk every bucket of the bound ports, 150 ms here (net/ipv4/inet_diag.c inet_diag_dump_icsk).
"""

from __future__ import annotations

import _socket  # without the enums of socket, which cost check 5 ms
import os
import struct

from wstune.service import Listener

_NETLINK, _SOCK_DIAG = 16, 4
_SOCK_DIAG_BY_FAMILY = 20
_REQUEST, _DUMP = 0x001, 0x300
_ERROR, _DONE = 2, 3
_INET, _INET6, _TCP = 2, 10, 6
_FIN_WAIT1, _LISTEN = 4, 10
"""include/net/tcp_states.h."""
_MESSAGE = struct.Struct("=IHHII")
_REQUEST_BODY = struct.Struct("=BBBxI48x")
_SECONDS = 1.0
_MOST = 65_536
"""Sockets that are looked at: a host with more listeners than ports has other worries."""


def listeners(pid: int | None = None) -> tuple[Listener, ...]:
    """Listening sockets of this network namespace, or of that of `pid`.

    Raises OSError: a kernel without the module (ENOENT), a sandbox that has no netlink (EPROTONOSUPPORT, EPERM), a
    namespace that may not be entered.
    """
    if pid is None:
        return tuple(_listeners(_INET) + _listeners(_INET6))
    from wstune.host.child import run
    from wstune.host.inside import enter

    def inside() -> list[tuple[object, ...]]:
        enter(pid)
        return [tuple(found) for family in (_INET, _INET6) for found in _listeners(family)]

    return tuple(Listener(*fields) for fields in run(inside, 2 * _SECONDS))


def with_unanswered_fin(port: int) -> int:
    """How many sockets of this network namespace have sent their FIN to that port and not had the answer (FIN_WAIT1).

    Raises OSError. The kernel walks the table of established sockets for it.
    """
    messages = _of_family(_INET, _FIN_WAIT1) + _of_family(_INET6, _FIN_WAIT1)
    return sum(int.from_bytes(message[6:8], "big") == port for message in messages)


def _listeners(family: int) -> list[Listener]:
    return [_listener(message) for message in _of_family(family, _LISTEN)]


def _of_family(family: int, state: int) -> list[bytes]:
    """struct inet_diag_msg of each socket in that state."""
    found: list[bytes] = []
    diag = _socket.socket(_NETLINK, _socket.SOCK_RAW | _socket.SOCK_CLOEXEC, _SOCK_DIAG)
    try:
        diag.settimeout(_SECONDS)
        diag.bind((0, 0))
        body = _REQUEST_BODY.pack(family, _TCP, 0, 1 << state)
        diag.send(_MESSAGE.pack(_MESSAGE.size + len(body), _SOCK_DIAG_BY_FAMILY, _REQUEST | _DUMP, 1, 0) + body)
        while len(found) < _MOST:
            if _take(diag.recv(1 << 17), found):
                break
    finally:
        diag.close()
    return found


def _take(data: bytes, found: list[bytes]) -> bool:
    """Add what one datagram holds; whether it was the last. Raises OSError for the kernel's error."""
    at = 0
    while at + _MESSAGE.size <= len(data):
        length, kind, _, _, _ = _MESSAGE.unpack_from(data, at)
        if length < _MESSAGE.size:
            break
        if kind == _DONE:
            return True
        if kind == _ERROR:
            number = -struct.unpack_from("=i", data, at + _MESSAGE.size)[0]
            raise OSError(number, os.strerror(number))
        found.append(data[at + _MESSAGE.size : at + length])
        at += (length + 3) & ~3
    return not data


def _listener(message: bytes) -> Listener:
    """struct inet_diag_msg (uapi/linux/inet_diag.h): of a listener rqueue is what waits, wqueue the backlog."""
    family = message[0]
    port = int.from_bytes(message[4:6], "big")
    raw = message[8:12] if family == _INET else message[8:24]
    address = _socket.inet_ntop(family, raw)
    waiting, backlog, uid, inode = struct.unpack_from("=IIII", message, 56)
    return Listener(port, address, backlog, waiting, uid, inode)
