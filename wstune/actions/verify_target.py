"""What a burst is aimed at: the built-in server on this host, or a server by its URL."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

from wstune.errors import UsageError


@dataclass(frozen=True, slots=True)
class Target:
    """Where the connections go.

    Attributes:
        name: as it was given: `host`, or the URL.
        address, port: resolved once; port 0 is a free one, for our own server.
        path, host_header: of the request; an empty host_header is address:port.
        ours: the built-in server, started for the run. fanout: whether everybody hears what one says.
    """

    name: str
    address: str
    port: int = 0
    path: str = "/"
    host_header: str = ""
    ours: bool = False
    fanout: bool = False

    @property
    def loopback(self) -> bool:
        return self.address.startswith("127.")


HOST = Target("host", "127.0.0.1", ours=True, fanout=True)


def target_of(text: str, *, fanout: bool = False) -> Target:
    """The target that a TARGET argument means. Resolves a name once. Raises UsageError, with what was expected."""
    if text == "host":
        return HOST
    usage = "wstune verify host, or wstune verify ws://HOST:PORT/PATH"
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise UsageError(f"{text!r} is not a URL: {error}", usage) from None
    if parts.scheme == "wss":
        raise UsageError("wss:// cannot be verified yet, only ws://", usage)
    if parts.scheme != "ws" or not parts.hostname:
        raise UsageError(f"there is no target {text!r}", usage)
    if parts.username or parts.fragment:
        raise UsageError(
            f"{text!r} has a user or a fragment, which a WebSocket URL has not (RFC 6455 section 3)", usage
        )
    address = _resolve(parts.hostname, port or 80)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(text, address, port or 80, path, parts.netloc, fanout=fanout)


def is_here(address: str) -> bool:
    """Whether an address is this host's own: then load on it harms nobody else."""
    if ip_address(address).is_loopback:
        return True
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as trial:
        try:
            trial.bind((address, 0))
        except OSError:
            return False
    return True


def _resolve(host: str, port: int) -> str:
    try:
        return str(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][4][0])
    except (OSError, UnicodeError) as error:
        raise UsageError(f"{host} cannot be resolved: {error}", "give an address, or see: getent hosts") from None
