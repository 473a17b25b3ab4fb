"""Whom `verify` asks for the figures of the servers that it bursts against.

Those that --stats names; else the listener of the figures of a `wstune serve` of this host, found through its process;
else the target itself, which answers to a token, or to all under --expose-metrics. Nobody else.
"""

from __future__ import annotations

import re
import socket
from dataclasses import dataclass
from ipaddress import ip_address

from wstune.actions.verify_target import Security, Target, address_of, is_here
from wstune.burst.scenario import Place
from wstune.errors import UsageError
from wstune.host.beside import listeners_beside

_URL = re.compile(
    r"(?P<scheme>https?)://(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::(?P<port>\d{1,5}))?(?P<path>/[!-~]*)?"
)
_TIP = "--stats http://HOST:PORT of the server's --metrics"
_MOST_LISTENERS = 4
_UNSAID = Security()


@dataclass(frozen=True, slots=True)
class Source:
    """Where /stats is asked for; `host`: for the request; `name`: the certificate's, empty without TLS."""

    address: str
    port: int
    host: str
    path: str = "/stats"
    name: str = ""
    security: Security = _UNSAID


@dataclass(frozen=True, slots=True)
class StatsOptions:
    """--stats, and what --stats-token holds; the token goes to none but the servers and what --stats names."""

    sources: tuple[Source, ...] = ()
    token: str = ""


NO_STATS = StatsOptions()


def source_of(url: str, security: Security | None = None) -> Source:
    """What --stats URL means. Resolves its name once. Raises UsageError."""
    parts = _URL.fullmatch(url)
    port = int(parts["port"] or (443 if parts["scheme"] == "https" else 80)) if parts else 0
    if parts is None or not 0 < port <= 65_535:
        raise UsageError(f"--stats {url!r}: expected http://HOST:PORT or https://HOST:PORT", _TIP)
    name = parts["host"].strip("[]")
    try:
        address = str(socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)[0][4][0])
    except (OSError, UnicodeError) as error:
        raise UsageError(
            f"--stats: {name} cannot be resolved: {error}", "give an address, or see: getent hosts"
        ) from None
    path = parts["path"] if parts["path"] and parts["path"] != "/" else "/stats"
    tls = parts["scheme"] == "https"
    return Source(address, port, f"{parts['host']}:{port}", path, name if tls else "", security or _UNSAID)


def asked(target: Target, stats: StatsOptions) -> list[tuple[Source, ...]]:
    """Where each server may be asked: the first that tells something counts. None of our own; what is behind a proxy is
    asked only where --stats says. Of more servers than --stats names, the others are asked nowhere."""
    if stats.sources:
        named: list[tuple[Source, ...]] = [(source,) for source in stats.sources]
        return [*named, *[()] * (len(ports(target, stats)) - len(named))]
    return [(*_beside(place, target), _itself(place, target)) for place in _reached(target)]


def ports(target: Target, stats: StatsOptions) -> list[int]:
    """The port of each server that is asked, in the same order; 0: it is not known which that is."""
    reached = _reached(target)
    if not stats.sources:
        return [place.server.port for place in reached]
    return [*(source.port for source in stats.sources), *[0] * (len(reached) - len(stats.sources))]


def _reached(target: Target) -> list[Place]:
    return [] if target.ours or target.proxy else servers(target)


def servers(target: Target) -> list[Place]:
    """Each address and port once."""
    return list({place.server: place for place in target.places}.values())


def _beside(place: Place, target: Target) -> list[Source]:
    """The other listeners of the server's process, if it is a `wstune serve` of this host: those on loopback first."""
    address = address_of(place.server)
    if not is_here(address):
        return []
    found = listeners_beside(address, place.server.port)
    near_first = sorted(found, key=lambda each: not ip_address(each.address).is_loopback)
    return [_source(each.address, each.port, place, target) for each in near_first[:_MOST_LISTENERS]]


def _source(bound: str, port: int, place: Place, target: Target) -> Source:
    """On loopback the figures are shown without TLS; beyond it with the server's certificate."""
    address = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(bound, bound)  # noqa: S104
    host = f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
    if target.security is None or ip_address(bound).is_loopback:
        return Source(address, port, host)
    return Source(address, port, host, name=place.name, security=target.security)


def _itself(place: Place, target: Target) -> Source:
    security = target.security
    address, port = address_of(place.server), place.server.port
    if security is None:
        return Source(address, port, place.host)
    return Source(address, port, place.host, name=place.name, security=security)
