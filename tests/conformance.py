"""What the conformance suites stand on: raw frames, what a server answered, and servers to talk to.

A conversation is bytes to a server and the bytes of its answer, up to the end of the connection. It is held with
`Pure`, a server made of nothing but wstune.protocol, and over TCP with the built-in chat server, or with any other
echoing server that WSTUNE_CONFORMANCE_SERVER=HOST:PORT names.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol, TypeVar

from tests.conformance_rules import RULES
from wstune.protocol import frames, handshake

CONT, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
MASK = b"\x37\xfa\x21\x3d"
KEY = b"dGhlIHNhbXBsZSBub25jZQ=="
ACCEPT = b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
PATIENCE = 5.0
"""Seconds of silence after which a server that should have spoken is taken not to."""

Test = TypeVar("Test", bound=Callable[..., object])


def shows(*rules: str) -> Callable[[Test], Test]:
    """Says which rules a test shows; the reference page is made from it."""

    def mark(test: Test) -> Test:
        assert rules
        assert not (unknown := set(rules) - RULES.keys()), f"no such rules: {unknown}"
        test.shows = rules  # type: ignore[attr-defined]
        return test

    return mark


def frame(
    opcode: int,
    payload: bytes = b"",
    *,
    fin: bool = True,
    rsv: int = 0,
    mask: bytes | None = MASK,
    form: int | None = None,
    length: int | None = None,
) -> bytes:
    """Any frame, also a wrong one: `rsv` 0 to 7, `form` of the length 7, 16 or 64 bits, `length` if it is a lie."""
    n = len(payload) if length is None else length
    if form is None:
        form = 7 if n < 126 else 16 if n < 65536 else 64
    head = bytes((fin << 7 | rsv << 4 | opcode,))
    bit = 0 if mask is None else 0x80
    head += bytes((bit | {7: n & 127, 16: 126, 64: 127}[form],))
    if form > 7:
        head += n.to_bytes(form // 8, "big")
    if mask is None:
        return head + payload
    return head + mask + bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload))


def octets(data: bytes) -> list[bytes]:
    return [data[at : at + 1] for at in range(len(data))]


def upgrade(path: bytes = b"/chat", *lines: bytes, host: bytes = b"server.example", key: bytes = KEY) -> bytes:
    """A request for an upgrade, with more header lines."""
    return b"\r\n".join(
        [
            b"GET " + path + b" HTTP/1.1",
            b"Host: " + host,
            b"Upgrade: websocket",
            b"Connection: Upgrade",
            b"Sec-WebSocket-Key: " + key,
            b"Sec-WebSocket-Version: 13",
            *lines,
            b"",
            b"",
        ]
    )


@dataclass(frozen=True)
class Answer:
    """What a server said, and how the connection ended: `eof`, `reset` or `silence` (it did not end)."""

    data: bytes
    end: str

    @property
    def status(self) -> int:
        assert self.data.startswith(b"HTTP/1.1 "), self
        return int(self.data[9:12])

    @property
    def head(self) -> dict[str, list[str]]:
        """Header fields by lower-case name, of an answer that is well-formed."""
        head, end, _ = self.data.partition(b"\r\n\r\n")
        assert end, self
        fields: dict[str, list[str]] = {}
        for line in head.decode("ascii").split("\r\n")[1:]:
            name, colon, value = line.partition(":")
            assert colon
            assert name
            assert name.strip() == name
            fields.setdefault(name.lower(), []).append(value.strip())
        return fields

    @property
    def frames(self) -> list[tuple[int, bytes]]:
        """Opcode and payload of each frame behind the head, which must be right in all that binds a server."""
        data = self.data.partition(b"\r\n\r\n")[2]
        found: list[tuple[int, bytes]] = []
        while data:
            first, second = data[0], data[1]
            assert first & 0x70 == 0, "a reserved bit"
            assert first & 0x80, "a server of small messages has no reason to fragment"
            assert second < 0x80, "a server masked"
            form = {126: 2, 127: 8}.get(second, 0)
            length = int.from_bytes(data[2 : 2 + form], "big") if form else second
            assert form == (0 if length < 126 else 2 if length < 65536 else 8), "not the shortest form"
            opcode, payload = first & 15, data[2 + form : 2 + form + length]
            assert opcode in (TEXT, BINARY, CLOSE, PING, PONG)
            assert len(payload) == length, "cut off"
            assert opcode < CLOSE or length < 126
            assert not found or found[-1][0] != CLOSE, "something after CLOSE"
            found.append((opcode, payload))
            data = data[2 + form + length :]
        return found

    @property
    def close_code(self) -> int:
        """Of the CLOSE at the end: 1005 if it has none, 0 if there is no CLOSE."""
        opcode, payload = self.frames[-1] if self.frames else (0, b"")
        if opcode != CLOSE:
            return 0
        assert len(payload) != 1
        payload[2:].decode()
        return int.from_bytes(payload[:2], "big") if payload else 1005


class Server(Protocol):
    name: str

    def talk(self, chunks: Iterable[bytes]) -> Answer:
        """Send each chunk by itself, then listen until the server ends the connection."""
        ...

    def path(self) -> bytes:
        """A path on which nobody else is, so that what we say comes back to us alone."""
        ...


class Pure:
    """An echoing server of wstune.protocol alone: what the chat server does for one connection, without a socket."""

    name = "pure"

    def path(self) -> bytes:
        return b"/rooms/x"

    def talk(self, chunks: Iterable[bytes]) -> Answer:
        out = bytearray()
        ended = self._serve(chunks, out)
        return Answer(bytes(out), "eof" if ended else "silence")

    def _serve(self, chunks: Iterable[bytes], out: bytearray) -> bool:
        buffer, receiver = bytearray(), None
        for chunk in chunks:
            try:
                if receiver is None:
                    seen = len(buffer)
                    buffer += chunk
                    length = handshake.head_length(buffer, seen)
                    if not length:
                        continue
                    out += self._accept(bytes(buffer[:length]))
                    receiver, chunk = frames.Receiver("server"), bytes(buffer[length:])
                if self._echo(receiver.feed(chunk), out):
                    return True
            except handshake.HandshakeError as error:
                out += handshake.build_error(error)
                return True
            except frames.ProtocolError as error:
                self._echo(error.frames, out)
                out += frames.encode(CLOSE, frames.close_payload(error.code, error.reason.encode()))
                return True
        return False

    @staticmethod
    def _accept(head: bytes) -> bytes:
        request = handshake.parse_request(head)
        if not request.target.startswith((b"/chat", b"/rooms/")):
            raise handshake.HandshakeError(404, "no such room")
        if not request.is_upgrade:
            raise handshake.upgrade_required("this is for WebSocket")
        handshake.check_origin(request)
        return handshake.build_response(handshake.accept_value(request.key))

    @staticmethod
    def _echo(heard: list[tuple[int, bytes]], out: bytearray) -> bool:
        for opcode, payload in heard:
            if opcode == CLOSE:
                out += frames.encode(CLOSE, payload)
                return True
            if opcode != PONG:
                out += frames.encode(PONG if opcode == PING else opcode, payload)
        return False


class Live:
    """A server at an address."""

    name = "live"
    _numbers = itertools.count()

    def __init__(self, host: str, port: int) -> None:
        self.address = (host, port)

    def path(self) -> bytes:
        return b"/rooms/conformance-%d-%d" % (os.getpid(), next(self._numbers))

    def talk(self, chunks: Iterable[bytes]) -> Answer:
        out = bytearray()
        with socket.create_connection(self.address, timeout=PATIENCE) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            end = ""
            try:
                for chunk in chunks:
                    connection.sendall(chunk)
                    while b"\r\n\r\n" in chunk and b"\r\n\r\n" not in out and not end:
                        end = self._listen(connection, out)  # a client waits for the answer to its handshake (§4.1)
            except (BrokenPipeError, ConnectionResetError):
                pass  # it has closed already; what it said is still to be read
            while not end:
                end = self._listen(connection, out)
        return Answer(bytes(out), end)

    @staticmethod
    def _listen(connection: socket.socket, out: bytearray) -> str:
        """Hear something, or how the connection ended."""
        try:
            data = connection.recv(65536)
        except TimeoutError:
            return "silence"
        except ConnectionResetError:
            return "reset"
        out += data
        return "" if data else "eof"


_SERVE = """
import sys, threading
from wstune.chat.server import Options
from wstune.chat.workers import Supervisor

server = Supervisor("127.0.0.1", 0, 1, 128, Options())
server.start()
print(server.port, flush=True)
ended = threading.Event()
threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
while not ended.is_set():
    server.poll(0.05)
server.kill()
"""


@contextlib.contextmanager
def chat_server() -> Iterator[Live]:
    """The built-in chat server in processes of its own, or the one that WSTUNE_CONFORMANCE_SERVER names."""
    if elsewhere := os.environ.get("WSTUNE_CONFORMANCE_SERVER"):
        host, _, port = elsewhere.rpartition(":")
        yield Live(host, int(port))
        return
    with subprocess.Popen([sys.executable, "-c", _SERVE], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        try:
            line = process.stdout.readline()
            assert line, "the chat server did not start"
            yield Live("127.0.0.1", int(line))
        finally:
            process.stdin.close()  # a server whose reader is gone ends, whatever became of us
            process.wait(PATIENCE)
