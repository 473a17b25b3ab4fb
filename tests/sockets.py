"""Counting TCP sockets exactly, without reading /proc/net/tcp: NETLINK_SOCK_DIAG (sock_diag(7)), filtered by state."""

from __future__ import annotations

import random
import socket
import struct

_SOCK_DIAG, _BY_FAMILY, _DUMP, _DONE, _ERROR = 4, 20, 0x301, 3, 2
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
    states = ANY if state is None else 1 << state
    request = struct.pack("=BBBBI48s", socket.AF_INET, socket.IPPROTO_TCP, 0, 0, states, b"")
    found: list[tuple[Endpoint, Endpoint]] = []
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _SOCK_DIAG) as netlink:
        netlink.settimeout(5)
        netlink.send(struct.pack("=IHHII", 16 + len(request), _BY_FAMILY, _DUMP, 1, 0) + request)
        while True:
            data = netlink.recv(1 << 20)
            while data:
                length, kind = struct.unpack_from("=IH", data)
                if kind == _DONE:
                    return found
                if kind == _ERROR:
                    raise OSError(-struct.unpack_from("=i", data, 16)[0], "sock_diag")
                # struct inet_diag_msg (include/uapi/linux/inet_diag.h): four bytes, two ports, two addresses
                local_port, remote_port, local, remote = struct.unpack_from("!HH4s12x4s", data, 16 + 4)
                found.append(((socket.inet_ntoa(local), local_port), (socket.inet_ntoa(remote), remote_port)))
                data = data[(length + 3) & ~3 :]


def count(end: Endpoint, state: int | None = None) -> int:
    """How many sockets have that endpoint at either end."""
    return sum(end in pair for pair in pairs(state))
