"""Counting TCP sockets exactly, without reading /proc/net/tcp: NETLINK_SOCK_DIAG (sock_diag(7)), filtered by state."""

from __future__ import annotations

import socket
import struct

_SOCK_DIAG, _BY_FAMILY, _DUMP, _DONE, _ERROR = 4, 20, 0x301, 3, 2
ESTABLISHED, TIME_WAIT, LISTEN = 1, 6, 10
"""include/net/tcp_states.h"""
ANY = 0xFFF


def ports(state: int | None = None) -> list[tuple[int, int]]:
    """(local port, remote port) of every IPv4 TCP socket of this network namespace, in that state if one is given."""
    states = ANY if state is None else 1 << state
    request = struct.pack("=BBBBI48s", socket.AF_INET, socket.IPPROTO_TCP, 0, 0, states, b"")
    found: list[tuple[int, int]] = []
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
                found.append(struct.unpack_from("!HH", data, 16 + 4))
                data = data[(length + 3) & ~3 :]


def count(port: int, state: int | None = None) -> int:
    """How many sockets have that port at either end."""
    return sum(port in pair for pair in ports(state))
