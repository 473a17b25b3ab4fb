"""Source addresses, so that no address runs out of ephemeral ports, or into the slow half of them. Pure."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

PER_SOURCE_SHARE = 0.25
"""How much of a source address's ports to use. Past a half connect() goes from 25 µs to over 700 µs, since the kernel
tries the ports of one parity first (net/ipv4/inet_hashtables.c:__inet_hash_connect); below, the scan is short."""

_FIRST = 0x7F010001  # 127.1.0.1: away from 127.0.0.1, whose ports the host itself uses
_HOSTS = 254


def sources_needed(connections: int, usable_ports: int) -> int:
    """How many source addresses a number of connections to one destination takes. Raises ValueError without ports."""
    if usable_ports < 1:
        raise ValueError("got no usable ephemeral port")
    return -(-connections // max(1, int(usable_ports * PER_SOURCE_SHARE)))


def loopback_sources(count: int, skip: int = 0) -> list[str]:
    """`count` addresses of 127.0.0.0/8 after the first `skip`: 127.1.0.1 … 127.1.0.254, 127.1.1.1 …

    All of 127.0.0.0/8 is local and bindable without configuration.
    """
    return [_loopback(number) for number in range(skip, skip + count)]


def _loopback(number: int) -> str:
    block, host = divmod(number, _HOSTS)
    address = _FIRST + (block << 8) + host
    return ".".join(str(address >> shift & 255) for shift in (24, 16, 8, 0))


def share(items: Sequence[str], parts: int, part: int) -> list[str]:
    """The addresses of one process out of `parts`: disjoint where there are enough, else shared round robin."""
    own = list(items[part::parts])
    return own or [items[part % len(items)]]
