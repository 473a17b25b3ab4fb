"""`wstune serve --cert`: the same chat over TLS, by the standard library's ssl at either end."""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import websocket

from tests.live.chat import Server, frame, parse_answer, read_all, request, serve
from wstune.protocol import frames

pytestmark = pytest.mark.live


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1, and its key."""
    if shutil.which("openssl") is None:
        pytest.skip("this machine has not got the openssl command")
    folder = tmp_path_factory.mktemp("tls")
    cert, key = folder / "cert.pem", folder / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(cert)],
        check=True,
        capture_output=True,
    )  # fmt: skip
    return cert, key


@pytest.fixture
def server(pair: tuple[Path, Path]) -> Iterator[Server]:
    with serve("--workers", "1", "--cert", str(pair[0]), "--key", str(pair[1]), "--handshake-deadline", "2") as running:
        yield running


def secured(server: Server, pair: tuple[Path, Path]) -> ssl.SSLSocket:
    made = ssl.create_default_context(cafile=str(pair[0]))
    plain = socket.create_connection(server.address, timeout=10)
    wrapped = made.wrap_socket(plain, server_hostname="127.0.0.1")
    server.sockets.append(wrapped)
    return wrapped


def test_a_stock_client_talks_over_tls(server: Server, pair: tuple[Path, Path]) -> None:
    """wss with a checked certificate: messages larger than a TLS record, ping, a clean end."""
    client = websocket.create_connection(
        f"wss://127.0.0.1:{server.port}/chat", sslopt={"ca_certs": str(pair[0])}, timeout=10
    )
    for size in (5, 16_384, 60_000):
        client.send("x" * size)
        assert client.recv() == "x" * size
    client.ping("y")
    assert client.recv_data_frame(control_frame=True)[1].data == b"y"
    client.close(timeout=5)


def test_the_page_over_tls(server: Server, pair: tuple[Path, Path]) -> None:
    """Plain requests are answered too, and the end is a TLS end: nothing is cut off."""
    client = secured(server, pair)
    client.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
    status, fields, body = parse_answer(read_all(client))
    assert status == 200
    assert len(body) == int(fields["content-length"])


def test_it_says_what_tls_costs_and_that_is_so(server: Server, pair: tuple[Path, Path]) -> None:
    """An idle TLS connection costs no more than the line at the start says, and more than nothing."""
    said = int(server.line.rpartition(" B of memory")[0].rpartition(" ")[2].replace(",", ""))
    time.sleep(1.2)
    for _ in range(300):
        client = secured(server, pair)
        client.sendall(request())
        assert client.recv(1000).startswith(b"HTTP/1.1 101")
    time.sleep(1.5)
    total = server.total()  # on loopback, without TLS
    assert said / 2 < total["memory"]["per_connection"] < said


def test_hostile_tls(server: Server, pair: tuple[Path, Path]) -> None:
    """Plain text, half a hello, silence and a reset within TLS end that connection, and the others live."""
    member = secured(server, pair)
    member.sendall(request())
    assert member.recv(1000).startswith(b"HTTP/1.1 101")
    for noise in (request(), b"\x16\x03\x01\x02\x00\x01\x00\x01", b"", b"\xff" * 5000):
        plain = socket.create_connection(server.address, timeout=10)
        server.sockets.append(plain)
        plain.sendall(noise)
        try:
            while plain.recv(1000):
                pass
        except ConnectionResetError:
            pass
    member.sendall(frame(frames.TEXT, b"still here"))
    assert member.recv(1000) == frames.encode(frames.TEXT, b"still here")


def test_slow_readers_over_tls_are_bounded(server: Server, pair: tuple[Path, Path]) -> None:
    """Partial writes of TLS: a reader that lags gets every byte in order when it reads on."""
    member = secured(server, pair)
    member.sendall(request())
    assert member.recv(1000).startswith(b"HTTP/1.1 101")
    expected = b""
    for number in range(20):
        payload = bytes([number]) * 10_000
        member.sendall(frame(frames.BINARY, payload))
        expected += frames.encode(frames.BINARY, payload)
    time.sleep(0.5)
    heard = b""
    while len(heard) < len(expected):
        heard += member.recv(65_536)
    assert heard == expected
