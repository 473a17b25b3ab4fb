"""What a burst is aimed at: the built-in server on this host, or servers by their URLs."""

from __future__ import annotations

import socket
from base64 import b64encode
from dataclasses import dataclass
from ipaddress import ip_address
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any
from urllib.parse import SplitResult, unquote

from wstune import redaction
from wstune.burst.engine.plan import Address
from wstune.burst.host_name import is_host
from wstune.burst.scenario import Place
from wstune.errors import UsageError
from wstune.host.addresses import is_ours
from wstune.urls import split, split_servers

USAGE = "wstune verify host, or wstune verify ws://HOST:PORT/PATH (or wss://)"
_PORTS = {"ws": 80, "wss": 443}
_TRIAL_SECONDS = 3.0
RESOLVE_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Security:
    """How TLS is checked: `ca`, a PEM file of authorities (empty: the system's); `insecure`: not at all; `name`: the
    certificate's, where it is not the URL's host (empty)."""

    ca: str = ""
    insecure: bool = False
    name: str = ""


@dataclass(frozen=True, slots=True)
class Target:
    """Where the connections go.

    Attributes:
        name: as it was given: `host`, or the URL, as it may be shown (see redaction).
        address, port: of the first place, resolved once; port 0 is a free one, for our own server. An address that
            means something on one interface only has it behind it: fe80::1%2.
        path, host_header: of the request; an empty host_header is address:port.
        ours: the built-in server, started for the run. fanout: whether everybody hears what one says.
        places: every address to connect to, one after the other; empty for our own server.
        security: of wss; None: ws. proxy: `HOST:PORT` of an HTTP proxy on the way; empty: none.
        here: whether all of it is this host, so that its kernel counters are the server's too.
    """

    name: str
    address: str
    port: int = 0
    path: str = "/"
    host_header: str = ""
    ours: bool = False
    fanout: bool = False
    places: tuple[Place, ...] = ()
    security: Security | None = None
    proxy: str = ""
    here: bool = True

    @property
    def loopback(self) -> bool:
        return self.address.startswith("127.")

    @property
    def addresses(self) -> tuple[str, ...]:
        """Of all places, each once."""
        return tuple(dict.fromkeys(address_of(place.server) for place in self.places))


HOST = Target("host", "127.0.0.1", ours=True, fanout=True)


def target_of(text: str, *, fanout: bool = False, security: Security | None = None, proxies: bool = True) -> Target:
    """The target that a TARGET argument means. Resolves each name once. Raises UsageError, with what was expected.

    `ws://A:P,B:Q/PATH` are several servers; a name that has several addresses is so, too. With `proxies`, http_proxy,
    https_proxy and no_proxy of the environment count.
    """
    security = security or Security()
    shown = redaction.url(text)
    if text == "host":
        if security != Security():
            raise UsageError("the built-in server of `verify host` speaks no TLS", "wstune serve --cert, and wss://")
        return HOST
    scheme, urls, path = _split(text)
    proxy = _proxy(scheme, urls) if proxies else None
    places: list[Place] = []
    for url in urls:
        port = url.port or _PORTS[scheme]
        host, interface = _host_of(url)
        # The interface is our own affair: neither Host nor the certificate has it (RFC 6874 section 4).
        header = f"[{host}]{url.netloc.rpartition(']')[2]}" if interface else url.netloc
        name = security.name or host
        if proxy is None:
            places += [Place(server, header, path, name) for server in _resolve(host, port, interface)]
            if bare := next((place.server.host for place in places if _needs_interface(place.server)), ""):
                raise UsageError(
                    f"{bare} is good on one link only, and which is not said", "ws://[fe80::1%25eth0]:PORT/PATH"
                )
        elif interface:
            raise UsageError(f"{shown!r} names an interface of this host, and goes by way of a proxy", "--no-proxy")
        else:
            between, link = _host_of(proxy)
            through = _resolve(between, proxy.port or 8080, link)[:1]
            places += [Place(server, header, path, name, _tunnel(host, port, proxy)) for server in through]
    if len({":" in place.server.host for place in places}) > 1:
        raise UsageError("some of these servers have IPv4 addresses, and some IPv6", "one burst for each")
    first = places[0]
    return Target(
        shown,
        address_of(first.server),
        first.server.port,
        path,
        first.host,
        fanout=fanout,
        places=tuple(places),
        security=_checked(security, scheme),
        proxy=f"{proxy.hostname}:{proxy.port or 8080}" if proxy else "",
        here=proxy is None and all(is_here(address_of(place.server)) for place in places),
    )


def _split(text: str) -> tuple[str, list[SplitResult], str]:
    """Scheme, a URL for each server, and the path with its query."""
    shown = redaction.url(text)
    if "://" not in text:
        raise UsageError(f"there is no target {shown!r}", USAGE)
    try:
        urls, parts = split_servers(text)
    except ValueError as error:
        why = "" if "@" in text else f": {error}"  # which may quote a password
        raise UsageError(f"{shown!r} is not a URL{why}", USAGE) from None
    if parts.scheme not in _PORTS or not all(url.hostname for url in urls):
        raise UsageError(f"there is no target {shown!r}", USAGE)
    if odd := next((url.hostname or "" for url in urls if not is_host(_host_of(url)[0])), ""):
        raise UsageError(f"{shown!r}: {odd!r} is not a host name", USAGE)
    if any(url.username is not None for url in urls) or parts.fragment:
        raise UsageError(
            f"{shown!r} has a user or a fragment, which a WebSocket URL has not (RFC 6455 section 3)", USAGE
        )
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    written = path + "".join(url.netloc for url in urls)
    if not written.isascii() or not written.isprintable() or " " in written:
        raise UsageError(f"{shown!r} has characters that belong percent-encoded into a URL", USAGE)
    return parts.scheme, urls, path


def _checked(security: Security, scheme: str) -> Security | None:
    """None for ws. Raises UsageError for a file of authorities that does not serve, or has nothing to do."""
    if scheme == "ws":
        if security != Security():
            raise UsageError("--ca, --insecure and --server-name are for wss://", "wss://HOST:PORT/PATH")
        return None
    from wstune.burst.tls import context

    try:
        context(security.ca, insecure=security.insecure)
    except OSError as error:
        why = error.strerror or str(error)
        raise UsageError(f"--ca {security.ca}: {why}", "give a PEM file of the certificate's authority") from None
    return security


def address_of(server: Address) -> str:
    """Its address, with the number of the interface where it needs one."""
    return f"{server.host}%{server.scope}" if server.scope else server.host


def _needs_interface(server: Address) -> bool:
    return ":" in server.host and not server.scope and ip_address(server.host).is_link_local


def _host_of(url: SplitResult) -> tuple[str, str]:
    """The host of a URL, and the interface that is named with it: `[fe80::1%25eth0]`, as RFC 6874 has it, or %eth0."""
    host, _, interface = (url.hostname or "").partition("%")
    return host, interface.removeprefix("25") or interface


def is_here(address: str) -> bool:
    """Whether an address is this host's own: then load on it harms nobody else."""
    if ip_address(address.partition("%")[0]).is_loopback:
        return True
    return is_ours(address)


def _resolve(host: str, port: int, interface: str = "") -> list[Address]:
    """Every address of a name, of one family: of several that which answers, else the resolver's first choice."""
    try:
        found = _looked_up(f"{host}%{interface}" if interface else host, port)
    except (OSError, UnicodeError) as error:
        raise UsageError(f"{host} cannot be resolved: {error}", "give an address, or see: getent hosts") from None
    families: dict[int, list[Address]] = {}
    for family, *_, address in found:
        name, *numbers = address
        server = Address(str(name).partition("%")[0], *(int(number) for number in numbers))
        families.setdefault(family, []).append(server)
    chosen = next(iter(families))
    if len(families) > 1:
        chosen = next((family for family, servers in families.items() if _answers(family, servers[0])), chosen)
    return list(dict.fromkeys(families[chosen]))


def _looked_up(host: str, port: int) -> list[tuple[Any, ...]]:
    """getaddrinfo(3), which waits for its servers as long as resolv.conf says, and hears no signal meanwhile.

    Raises OSError, TimeoutError too, and UnicodeError.
    """
    answers: SimpleQueue[list[tuple[Any, ...]] | OSError | UnicodeError] = SimpleQueue()

    def ask() -> None:
        try:
            answers.put([*socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)])
        except (OSError, UnicodeError) as error:
            answers.put(error)

    Thread(target=ask, name="resolver", daemon=True).start()
    try:
        found = answers.get(timeout=RESOLVE_SECONDS)
    except Empty:
        raise TimeoutError(f"no answer within {RESOLVE_SECONDS:.0f} s") from None
    if isinstance(found, Exception):
        raise found
    return found


def _answers(family: int, server: Address) -> bool:
    with socket.socket(family, socket.SOCK_STREAM) as trial:
        trial.settimeout(_TRIAL_SECONDS)
        try:
            trial.connect(server.sockaddr)
        except OSError:
            return False
    return True


def _proxy(scheme: str, urls: list[SplitResult]) -> SplitResult | None:
    """The proxy that the environment names for these servers: https_proxy for wss, http_proxy for ws."""
    from urllib.request import getproxies_environment, proxy_bypass

    named = getproxies_environment()
    text = named.get("https" if scheme == "wss" else "http")
    if not text or any(_is_local(url) or proxy_bypass(url.netloc, named) for url in urls):
        return None
    try:
        proxy = split(text if "://" in text else f"http://{text}")
    except ValueError as error:
        why = "" if "@" in text else f": {error}"
        raise UsageError(f"the environment's proxy {redaction.url(text)!r} is not a URL{why}", "--no-proxy") from None
    if proxy.scheme != "http" or not proxy.hostname:
        raise UsageError(
            f"the environment's proxy is {redaction.url(text)!r}, and only http:// ones are asked for a tunnel",
            "--no-proxy",
        )
    return proxy


def _is_local(url: SplitResult) -> bool:
    host = (url.hostname or "").lower()
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _tunnel(host: str, port: int, proxy: SplitResult) -> str:
    """The request for a tunnel, RFC 9110 section 9.3.6."""
    whole = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    lines = f"CONNECT {whole} HTTP/1.1\r\nHost: {whole}\r\n"
    if proxy.username is not None:
        word = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}"
        lines += f"Proxy-Authorization: Basic {b64encode(word.encode()).decode()}\r\n"
    return lines + "\r\n"
