"""TLS of the load generator: each way in which a handshake fails has its own code."""

from __future__ import annotations

import os
import select
import socket
import ssl
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.selfsigned import pair
from wstune.burst import tally as t
from wstune.burst import tls

pytestmark = pytest.mark.live


def connected() -> tuple[socket.socket, socket.socket]:
    """Both ends of a TCP connection."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = socket.create_connection(listener.getsockname())
        server, _ = listener.accept()
    return client, server


def server_context(cert: tuple[str, str]) -> ssl.SSLContext:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(*cert)
    return made


def shake(
    answer: Callable[[socket.socket], object], ca: str = "", name: str = "localhost", *, insecure: bool = False
) -> int:
    """The code of a handshake with a server that answers so whenever it is its turn; 0 when it succeeds."""
    client, server = connected()
    secured = tls.ClientTls(tls.context(ca, insecure=insecure))
    fd = client.detach()
    try:
        secured.begin(fd, name)
        while secured.handshake(fd):
            answer(server)
            select.select([fd], [], [], 5)
    except OSError as error:
        return tls.code(error)
    finally:
        secured.forget(fd)
        os.close(fd)
        server.close()
    return 0


class Speaker:
    """The server's side of TLS, moved a step at a time."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.side = context.wrap_bio(self.incoming, self.outgoing, server_side=True)

    def __call__(self, server: socket.socket) -> None:
        self.incoming.write(server.recv(65_536))
        try:
            self.side.do_handshake()
        except ssl.SSLError:
            pass  # it wants more, or has an alert to send
        server.sendall(self.outgoing.read())


def test_a_certificate_that_is_trusted(tmp_path: Path) -> None:
    """By the authority that is named, for the name that is asked for; by nobody with --insecure."""
    cert = pair(tmp_path)
    assert shake(Speaker(server_context(cert)), cert[0]) == 0
    assert shake(Speaker(server_context(cert)), name="elsewhere.example", insecure=True) == 0


@pytest.mark.parametrize(
    ("begins", "ends", "trusted", "name", "code"),
    [
        (-9, -2, True, "localhost", t.CERT_EXPIRED),
        (2, 9, True, "localhost", t.CERT_EXPIRED),
        (-1, 2, True, "elsewhere.example", t.CERT_NAME),
        (-1, 2, True, "127.0.0.1", t.CERT_NAME),
        (-1, 2, False, "localhost", t.CERT_UNTRUSTED),
    ],
    ids=["expired", "not yet valid", "another name", "an address", "untrusted"],
)
def test_a_certificate_that_does_not_serve(
    tmp_path: Path, begins: int, ends: int, trusted: bool, name: str, code: int
) -> None:
    """Its time, its name, or whoever signed it."""
    cert = pair(tmp_path, begins=begins, ends=ends)
    assert shake(Speaker(server_context(cert)), cert[0] if trusted else "", name) == code


def test_an_address_that_the_certificate_has(tmp_path: Path) -> None:
    """As a server without a name is reached."""
    cert = pair(tmp_path, "::1")
    assert shake(Speaker(server_context(cert)), cert[0], "::1") == 0


def test_who_does_not_speak_tls(tmp_path: Path) -> None:
    """Plain HTTP, an end, a reset by silence: each its own."""
    plain = b"HTTP/1.1 400 Bad Request\r\n\r\n"
    assert shake(lambda server: server.sendall(plain)) == t.NOT_TLS
    assert shake(lambda server: server.shutdown(socket.SHUT_WR)) == t.EOF


def test_versions_and_alerts(tmp_path: Path) -> None:
    """A server that has no version in common, and one that breaks off with an alert."""
    cert = pair(tmp_path)
    old = server_context(cert)
    fatal = b"\x15\x03\x03\x00\x02\x02\x28"  # an alert record: fatal, handshake_failure
    assert shake(lambda server: server.sendall(fatal), cert[0]) == t.TLS_ALERT
    version = b"\x15\x03\x03\x00\x02\x02\x46"  # protocol_version
    assert shake(lambda server: server.sendall(version), cert[0]) == t.TLS_VERSION
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    assert shake(Speaker(old), cert[0]) == 0


def _read(secured: tls.ClientTls, fd: int) -> bytes:
    while True:
        try:
            return secured.read(fd, 100)
        except BlockingIOError:  # what is no application data, as TLS 1.3's tickets
            select.select([fd], [], [], 5)


def test_what_breaks_tls_later_is_one_errno(tmp_path: Path) -> None:
    """EPROTO, not the number that OpenSSL has for it; a descriptor that is forgotten is the caller's again."""
    cert = pair(tmp_path)
    client, server = connected()
    speaker = Speaker(server_context(cert))
    secured = tls.ClientTls(tls.context(cert[0]))
    fd = client.detach()
    secured.begin(fd, "localhost")
    while secured.handshake(fd):
        speaker(server)
        select.select([fd], [], [], 5)
    assert secured.write(fd, b"hello") == 5
    server.sendall(b"this is no record" * 3)
    select.select([fd], [], [], 5)
    with pytest.raises(OSError, match="TLS"):
        _read(secured, fd)
    secured.forget(fd)
    secured.forget(fd)
    os.close(fd)
    server.close()
