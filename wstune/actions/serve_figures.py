"""The listener of `wstune serve` for its own figures: where it is bound, and who may ask there."""

from __future__ import annotations

import errno
import ipaddress
import os
import socket
from typing import NamedTuple

from wstune.errors import PrivilegeError, UsageError
from wstune.host.addresses import bindable
from wstune.host.token_file import read_token

_BACKLOG = 128
_TIP = "--metrics 127.0.0.1:9100; port 0 takes one that is free; off: none"


class Figures(NamedTuple):
    """A socket that is bound for /stats and /metrics; `local`: to loopback. `announcement`: the line that says so."""

    fd: int
    local: bool
    announcement: str


def token_of(text: str | None) -> str:
    """The token that --metrics-token @FILE means; empty when there is none. Raises UsageError."""
    return read_token("--metrics-token", text) if text is not None else ""


def in_memory(token: str) -> int:
    """A file in memory with the token, for the program that this one becomes: arguments and environment are seen."""
    fd = os.memfd_create("token", 0)
    os.write(fd, token.encode())
    os.lseek(fd, 0, os.SEEK_SET)
    return fd


def bind(text: str, *, protected: bool, tls: bool) -> Figures | None:
    """The socket that --metrics means, bound; None: off. Raises UsageError, PrivilegeError.

    Args:
        protected: a token is asked for, or everybody may see the figures.
        tls: the server has a certificate: beyond loopback the figures are shown over TLS too.
    """
    if text == "off":
        return None
    address, port = _parsed(text)
    local = address.is_loopback
    if not local and not protected:
        raise UsageError(
            f"--metrics {text}: whoever reaches {address} could read the server's figures",
            "--metrics-token @FILE asks for a token, --expose-metrics lets all see them; or an address of loopback",
        )
    held = socket.socket(socket.AF_INET6 if address.version == 6 else socket.AF_INET, socket.SOCK_STREAM)
    try:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind(bindable(str(address), port))
        held.listen(_BACKLOG)  # now, so that nobody else can; the workers will accept
    except OSError as error:
        held.close()
        raise _failed(error, text) from error
    where = f"[{address}]" if address.version == 6 else str(address)
    scheme = "https" if tls and not local else "http"
    held.set_inheritable(True)
    url = f"{scheme}://{where}:{held.getsockname()[1]}"
    return Figures(held.detach(), local, f"figures: {url}/stats, {url}/metrics")


def _parsed(text: str) -> tuple[ipaddress.IPv4Address | ipaddress.IPv6Address, int]:
    host, colon, port = text.rpartition(":")
    bare = host[1:-1] if host[:1] == "[" and host[-1:] == "]" else host
    try:
        address = ipaddress.ip_address("127.0.0.1" if bare == "localhost" else bare)
    except ValueError:
        raise UsageError(f"--metrics {text}: expected ADDRESS:PORT, or off", _TIP) from None
    ambiguous = address.version == 6 and bare == host  # ::1:9100 is an address, too
    number = int(port) if port.isascii() and port.isdecimal() and len(port) <= 5 else -1
    if not colon or ambiguous or not 0 <= number <= 65_535:
        raise UsageError(f"--metrics {text}: expected ADDRESS:PORT, or off", _TIP)
    return address, number


def _failed(error: OSError, text: str) -> UsageError | PrivilegeError:
    if error.errno == errno.EACCES:
        return PrivilegeError(f"--metrics {text}: the port needs a privilege that is missing", _TIP)
    words = {
        errno.EADDRINUSE: "the port is taken",
        errno.EADDRNOTAVAIL: "that is no address of this host",
        errno.EAFNOSUPPORT: "this host has no IPv6",
    }.get(error.errno or 0, os.strerror(error.errno or 0).lower())
    return UsageError(f"--metrics {text}: {words}", _TIP)
