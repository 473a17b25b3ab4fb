"""Addresses of this host: how they are bound to, and whether one is its own. Lean."""

from __future__ import annotations

import socket


def bindable(address: str, port: int = 0) -> tuple[str | int, ...]:
    """What bind() takes for an address and a port. Of fe80::1%eth0 or fe80::1%2 the interface has a place of its own,
    which Python fills with 0 otherwise; so has one that is not there, and bind() says EINVAL."""
    host, _, interface = address.partition("%")
    return (host, port, 0, _index(interface)) if interface else (host, port)


def _index(interface: str) -> int:
    if interface.isascii() and interface.isdecimal():
        return int(interface) & 0xFFFF_FFFF
    try:
        return socket.if_nametoindex(interface)
    except OSError:
        return 0


def is_ours(address: str) -> bool:
    """Whether an address is this host's own."""
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM) as trial:
        try:
            trial.bind(bindable(address))
        except OSError:
            return False
    return True
