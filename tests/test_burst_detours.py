"""By way of a proxy, of TLS, or both: what stands between connect() and the request, step by step."""

from __future__ import annotations

import os
import socket
import ssl
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.raw_server import head, server
from tests.selfsigned import pair
from wstune.burst import tally as t
from wstune.burst import tls
from wstune.burst.connections import BOARD_WORDS, Connections
from wstune.burst.detours import Detours
from wstune.burst.engine.plan import Address, Plan, Route
from wstune.burst.job import Job
from wstune.protocol import handshake

pytestmark = pytest.mark.live

COUNT = 3
TUNNEL = b"CONNECT chat.example:80 HTTP/1.1\r\nHost: chat.example:80\r\n\r\n"
ESTABLISHED = b"HTTP/1.1 200 Connection established\r\n\r\n"


def upgrade(client: socket.socket) -> None:
    client.sendall(handshake.build_response(handshake.accept_value(handshake.parse_request(head(client)).key)))


def burst(address: tuple[str, int], tunnel: bytes = b"", secured: tls.ClientTls | None = None) -> list[int]:
    """Open COUNT connections, close them again; the tally."""
    words = memoryview(bytearray(8 * t.LENGTH)).cast("Q")
    connections = Connections(words, memoryview(bytearray(8 * BOARD_WORDS)).cast("Q"), secured)
    route = Route(tunnel=tunnel, name="localhost")
    job = Job.of(Plan(Address(*address), (COUNT,), (route,), timeout=1.0), 0, address[1], 0.0)
    reader, writer = os.pipe()
    opening = Detours(job, connections, reader, lambda: None)
    opening.run()
    tally = list(words)
    assert opening.stages == {}
    connections.reset()
    connections.epoll.close()
    os.close(reader)
    os.close(writer)
    return tally


def test_through_a_proxy() -> None:
    """It is asked for the tunnel first; the request comes after its answer; both latencies are recorded."""
    asked: list[bytes] = []

    def proxy(client: socket.socket) -> None:
        asked.append(head(client))
        client.sendall(ESTABLISHED[:10])
        client.sendall(ESTABLISHED[10:])
        upgrade(client)

    with server(proxy) as address:
        tally = burst(address, TUNNEL)
    assert asked == [TUNNEL] * COUNT
    assert (tally[t.OPEN], tally[t.FAILED]) == (COUNT, 0)
    for histogram in (t.CONNECT_MS, t.UPGRADE_MS):
        found = t.percentiles(tally, histogram)
        assert found is not None
        assert found["count"] == COUNT


def says(data: bytes, *, leaves: bool = False) -> Callable[[socket.socket], None]:
    def proxy(client: socket.socket) -> None:
        head(client)
        client.sendall(data)
        if leaves:
            client.shutdown(socket.SHUT_RDWR)

    return proxy


@pytest.mark.parametrize(
    ("proxy", "error"),
    [
        (says(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n"), "HTTP-407"),
        (says(b"HTTP/1.1 502 Bad Gateway\r\nX: y\r\n\r\n"), "HTTP-502"),
        (says(b"SSH-2.0-OpenSSH_9.2\r\n\r\n"), "BAD-ANSWER"),
        (says(b"HTTP/1.1 yes\r\n\r\n"), "BAD-ANSWER"),
        (says(b"x" * 9_000), "BAD-ANSWER"),
        (says(b"HTTP/1.1 200", leaves=True), "EOF"),
        (says(b""), "TIMEOUT"),
    ],
    ids=["407", "502", "ssh", "no status", "endless", "leaves", "silent"],
)
def test_a_proxy_that_makes_no_tunnel(proxy: Callable[[socket.socket], None], error: str) -> None:
    """Each way is an error of its own, in the phase of the upgrade."""
    with server(proxy) as address:
        tally = burst(address, TUNNEL)
    assert t.errors(tally) == {("upgrade", error): COUNT}
    assert tally[t.OPEN] == 0


def test_nobody_listens() -> None:
    """Found out when epoll tells, as an error of connect()."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address: tuple[str, int] = listener.getsockname()
    for tunnel in (TUNNEL, b""):
        assert t.errors(burst(address, tunnel)) == {("connect", "ECONNREFUSED"): COUNT}


@pytest.mark.parametrize("tunnel", [b"", TUNNEL], ids=["direct", "through a proxy"])
def test_tls(tmp_path: Path, tunnel: bytes) -> None:
    """The tunnel comes first, then TLS with the server, then the request."""
    cert = pair(tmp_path)
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(*cert)
    kept: list[ssl.SSLSocket] = []

    def serve(client: socket.socket) -> None:
        if tunnel:
            head(client)
            client.sendall(ESTABLISHED)
        kept.append(made.wrap_socket(client.dup(), server_side=True))
        upgrade(kept[-1])

    with server(serve) as address:
        tally = burst(address, tunnel, tls.ClientTls(tls.context(cert[0])))
    assert (tally[t.OPEN], tally[t.FAILED]) == (COUNT, 0)
    for each in kept:
        each.close()


def test_tls_that_fails_is_of_phase_tls(tmp_path: Path) -> None:
    """A server that speaks plainly, one that leaves, one that says nothing."""
    for serve_one, error in ((lambda client: client.sendall(b"HTTP/1.1 400 Bad\r\n\r\n"), "NOT-TLS"),
                             (lambda client: client.shutdown(socket.SHUT_WR), "EOF"),
                             (lambda client: None, "TIMEOUT")):  # fmt: skip
        with server(serve_one) as address:
            tally = burst(address, b"", tls.ClientTls(tls.context()))
        assert t.errors(tally) == {("tls", error): COUNT}
