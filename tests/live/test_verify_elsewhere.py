"""`wstune verify URL` for real: several servers, IPv6, a proxy, subprotocols, origins."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from websockets.sync.server import ServerConnection
from websockets.sync.server import serve as serve_websockets
from websockets.typing import Subprotocol

from tests.conftest import ROOT, need
from tests.live.chat import serve
from tests.live.elsewhere import errors, verify
from tests.selfsigned import pair

pytestmark = [pytest.mark.live, pytest.mark.slow]


@pytest.fixture(scope="module")
def cert(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """A certificate for localhost alone, signed by itself, and its key."""
    return pair(tmp_path_factory.mktemp("tls"))


def test_several_servers() -> None:
    """ws://A,B: each gets its half."""
    with serve("--workers", "1") as one, serve("--workers", "1") as other:
        report = verify(f"ws://127.0.0.1:{one.port},localhost:{other.port}/chat", "-n", "200", "--hold", "0")
        opened = one.total()["opened"], other.total()["opened"]
    assert report["verdict"] == "confirmed"
    assert opened == (100, 100)
    assert report["counters"]["server.opened"] == 200
    assert any("2 of 2 servers are wstune" in sentence for sentence in report["sentences"])


def test_ipv6() -> None:
    """ws://[::1], from ::1."""
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("this machine has not got IPv6")
    with serve("--bind", "::1", "--workers", "1") as server:
        report = verify(f"ws://[::1]:{server.port}/chat", "--source", "::1", "-n", "100", "--hold", "0")
    assert report["verdict"] == "confirmed", report["sentences"]


def test_a_server_elsewhere_gets_what_is_owed_and_asked_for() -> None:
    """Everybody is pinged and closed with the closing handshake, nobody is spoken to; unless it is told otherwise."""
    with serve("--workers", "1") as server:
        plain = verify(server.url(), "-n", "60", "--hold", "0")
        closed = server.until(lambda figures: figures["connections"] == 0)["closed"]
        told = verify(server.url(), "-n", "60", "--hold", "0", "--fanout", "2", "--close", "rst")
        reset = server.until(lambda figures: figures["connections"] == 0)["closed"]
    assert (plain["verdict"], plain["fanout"]) == ("confirmed", None)
    assert (plain["pings"]["answered"], plain["close"]["sample"], plain["close"]["graceful"]) == (60, 60, 60)
    assert (closed["closed"], closed["reset"]) == (60, 0)
    assert (told["fanout"]["messages"], told["fanout"]["delivered"]) == (2, 120)
    assert (reset["closed"], reset["reset"]) == (60, 60)


LINK = """
ip link set lo up
ip link add one type veth peer name two
ip link set two up
ip link set one up
ip addr add fe80::77/64 dev one nodad
exec "$@"
"""


@pytest.mark.netns
@pytest.mark.parametrize("bound", ["::", "fe80::77%one"])
def test_an_address_of_one_link(bound: str) -> None:
    """ws://[fe80::77%25one]: connected to on that interface, known as this host's, asked for its /stats there."""
    need("iproute2")
    program = (
        "import json, sys; from tests.live.chat import serve; from tests.live.elsewhere import verify\n"
        f"with serve('--bind', '{bound}', '--workers', '1', '--expose-metrics') as server:\n"
        "    where = f'ws://[fe80::77%25one]:{server.port}/chat'\n"
        "    json.dump(verify(where, '--source', 'fe80::77%one', '-n', '50', '--hold', '0'), sys.stdout)\n"
    )
    command = ["unshare", "-Urn", "sh", "-ec", LINK, "sh", sys.executable, "-c", program]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["verdict"] == "confirmed", report["sentences"]
    assert report["counters"]["server.opened"] == 50


@contextmanager
def proxy(leads_to: int, *, refuses: bool = False) -> Iterator[tuple[int, list[bytes]]]:
    """An HTTP proxy that knows one way, whatever it is asked for; its port, and what it was asked."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=200)
    asked: list[bytes] = []
    tunnels: list[threading.Thread] = []

    def pump(source: socket.socket, sink: socket.socket) -> None:
        try:
            while data := source.recv(65_536):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def tunnel(client: socket.socket) -> None:
        with client:
            head = b""
            while b"\r\n\r\n" not in head:
                head += client.recv(4096)
            asked.append(head)
            if refuses:
                client.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
                return
            with socket.create_connection(("127.0.0.1", leads_to)) as server:
                client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                back = threading.Thread(target=pump, args=(server, client))
                back.start()
                pump(client, server)
                back.join(10)

    def accept() -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            tunnels.append(threading.Thread(target=tunnel, args=(client,)))
            tunnels[-1].start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield listener.getsockname()[1], asked
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for each in tunnels:
            each.join(10)


def test_a_proxy_of_the_environment() -> None:
    """http_proxy is asked for a tunnel, with its user; the name is the proxy's to resolve; the rate is bounded."""
    with serve("--workers", "1") as server, proxy(server.port) as (port, asked):
        url = "ws://chat.invalid:8080/chat"
        report = verify(url, "--yes", "-n", "50", "--hold", "0", http_proxy=f"http://joe:pass%20word@127.0.0.1:{port}")
        assert server.total()["opened"] == 50
    assert report["verdict"] == "confirmed", report["sentences"]
    assert report["open"]["lag_ms"] is not None
    assert len(asked) == 50
    assert asked[0].startswith(b"CONNECT chat.invalid:8080 HTTP/1.1\r\nHost: chat.invalid:8080\r\n")
    assert b"\r\nProxy-Authorization: Basic am9lOnBhc3Mgd29yZA==\r\n" in asked[0]


def test_wss_through_a_proxy(cert: tuple[str, str]) -> None:
    """The tunnel comes first, then TLS with the server."""
    with serve("--cert", cert[0], "--key", cert[1]) as server, proxy(server.port) as (port, _):
        url = "wss://chat.invalid/chat"
        arguments = ("--yes", "-n", "20", "--hold", "0", "--ca", cert[0], "--server-name", "localhost")
        report = verify(url, *arguments, https_proxy=f"127.0.0.1:{port}")
    assert report["verdict"] == "confirmed", report["sentences"]


def test_a_proxy_that_refuses() -> None:
    """Its status is the error."""
    with proxy(1, refuses=True) as (port, _):
        report = verify("ws://chat.invalid/", "--yes", "-n", "5", "--hold", "0", http_proxy=f"http://127.0.0.1:{port}")
    assert errors(report) == {("upgrade", "HTTP-407"): 5}


def test_a_subprotocol_is_asked_for_and_checked() -> None:
    """A server that chooses one of them serves; one that does not is no connection."""

    def hear(connection: ServerConnection) -> None:
        for _ in connection:
            pass

    with serve_websockets(hear, "127.0.0.1", 0, subprotocols=[Subprotocol("v2")]) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        url = f"ws://127.0.0.1:{server.socket.getsockname()[1]}/"
        report = verify(url, "--subprotocol", "v1", "--subprotocol", "v2", "-n", "5", "--hold", "0")
        server.shutdown()
        thread.join(10)
    assert report["verdict"] == "confirmed", report["sentences"]
    with serve("--workers", "1") as ours:
        report = verify(ours.url(), "--subprotocol", "v1", "-n", "5", "--hold", "0")
    assert errors(report) == {("upgrade", "BAD-PROTOCOL"): 5}


def test_an_origin_is_sent() -> None:
    """Our server refuses pages of others, and lets in those of its own."""
    with serve("--workers", "1", "--origin", "https://ours.example") as server:
        theirs = verify(server.url(), "--origin", "https://theirs.example", "-n", "5", "--hold", "0")
        ours = verify(server.url(), "--origin", "https://ours.example", "-n", "5", "--hold", "0")
    assert errors(theirs) == {("upgrade", "HTTP-403"): 5}
    assert theirs["wall"]["name"] == "server-denies"
    assert ours["verdict"] == "confirmed"
