"""Counting TCP sockets exactly, without reading /proc/net/tcp: NETLINK_SOCK_DIAG (sock_diag(7)), filtered by state."""

from __future__ import annotations

import random
import socket
import struct
from collections.abc import Iterator

_SOCK_DIAG, _BY_FAMILY, _REQUEST_DUMP, _DONE, _ERROR = 4, 20, 0x301, 3, 2
_INFO = 2
"""INET_DIAG_INFO."""
ESTABLISHED, TIME_WAIT, LISTEN = 1, 6, 10
"""include/net/tcp_states.h"""
ANY = 0xFFF


Endpoint = tuple[str, int]
"""IPv4 address and port."""


def own_address() -> str:
    """An address of 127.0.0.0/8 that nobody else has.

    A port of 127.0.0.1 alone is not enough to count by: it may be the other end of somebody else's connection, or have
    been a minute ago (TIME_WAIT).
    """
    return f"127.{random.randrange(1, 255)}.{random.randrange(256)}.{random.randrange(1, 255)}"


def pairs(state: int | None = None) -> list[tuple[Endpoint, Endpoint]]:
    """Both ends of every IPv4 TCP socket of this network namespace, in that state if one is given."""
    return [_ends(message) for message in _dump(state)]


def count(end: Endpoint, state: int | None = None) -> int:
    """How many sockets have that endpoint at either end."""
    return sum(end in pair for pair in pairs(state))


def answered(source: str) -> int:
    """How many connections from addresses that start so have had an answer, and read all of it.

    A socket may be there, and so may its peer in the queue of a listener, before anything was said between them.
    """
    clients = (message for message in _dump(ESTABLISHED, 1 << (_INFO - 1)) if _ends(message)[0][0].startswith(source))
    return sum(_unread(message) == 0 and _received(message) > 0 for message in clients)


def _dump(state: int | None, extensions: int = 0) -> Iterator[bytes]:
    """struct inet_diag_msg (include/uapi/linux/inet_diag.h), and its attributes, of each socket."""
    states = ANY if state is None else 1 << state
    request = struct.pack("=BBBBI48s", socket.AF_INET, socket.IPPROTO_TCP, extensions, 0, states, b"")
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _SOCK_DIAG) as netlink:
        netlink.settimeout(5)
        netlink.send(struct.pack("=IHHII", 16 + len(request), _BY_FAMILY, _REQUEST_DUMP, 1, 0) + request)
        while True:
            data = netlink.recv(1 << 20)
            while data:
                length, kind = struct.unpack_from("=IH", data)
                if kind == _DONE:
                    return
                if kind == _ERROR:
                    raise OSError(-struct.unpack_from("=i", data, 16)[0], "sock_diag")
                yield data[16:length]
                data = data[(length + 3) & ~3 :]


def _ends(message: bytes) -> tuple[Endpoint, Endpoint]:
    local_port, remote_port, local, remote = struct.unpack_from("!HH4s12x4s", message, 4)
    return (socket.inet_ntoa(local), local_port), (socket.inet_ntoa(remote), remote_port)


def _unread(message: bytes) -> int:
    """Bytes that wait to be read: idiag_rqueue."""
    return int(struct.unpack_from("=I", message, 56)[0])


def _received(message: bytes) -> int:
    """tcpi_bytes_received of struct tcp_info (include/uapi/linux/tcp.h)."""
    attributes = message[72:]
    while attributes:
        length, kind = struct.unpack_from("=HH", attributes)
        if kind == _INFO:
            return int(struct.unpack_from("=Q", attributes, 4 + 128)[0])
        attributes = attributes[(length + 3) & ~3 :]
    raise AssertionError("the kernel gave no tcp_info")
