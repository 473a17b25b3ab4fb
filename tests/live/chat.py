"""`wstune serve` in a process of its own, and a raw client, for tests that must send what no client would."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from tests.conftest import ROOT
from wstune.protocol import frames, handshake

TEXT, BINARY, CLOSE, PING, PONG = frames.TEXT, frames.BINARY, frames.CLOSE, frames.PING, frames.PONG
KEY = b"dGhlIHNhbXBsZSBub25jZQ=="
MASK = b"\x01\x02\x03\x04"
PATIENCE = 10.0
"""Seconds within which whatever is to happen must have happened, on a machine that is busy with other things."""


class Server:
    """A running `wstune serve`; `port`, `line` and `figures` (a port) are what it said when it was ready, `process` the
    supervisor."""

    def __init__(self, *arguments: str, stderr: int | IO[str] | None = None, env: dict[str, str] | None = None) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "wstune", "serve", "--port", "0", *arguments],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            env=env,
        )
        assert self.process.stdout is not None
        self.line = self.process.stdout.readline()
        assert self.line, "the server did not start"
        self.port = int(self.line.split("/")[2].rpartition(":")[2])
        said = self.process.stdout.readline()
        self.figures = 0 if "off" in said else int(said.split("/")[2].rpartition(":")[2])
        self.sockets: list[socket.socket] = []  # of clients, to be closed in the end

    @property
    def address(self) -> tuple[str, int]:
        return "127.0.0.1", self.port

    def url(self, path: str = "/chat") -> str:
        return f"ws://127.0.0.1:{self.port}{path}"

    def get(
        self, path: str, host: str = "", *lines: str, method: str = "GET", port: int = 0
    ) -> tuple[int, dict[str, str], bytes]:
        """Status, fields by lower-case name, body; of the public port unless it is told otherwise."""
        with socket.create_connection(("127.0.0.1", port or self.port), timeout=PATIENCE) as connection:
            head = [f"{method} {path} HTTP/1.1", f"Host: {host or f'127.0.0.1:{port or self.port}'}", *lines]
            connection.sendall("".join(f"{line}\r\n" for line in [*head, ""]).encode())
            return parse_answer(read_all(connection))

    def figure(self, path: str, host: str = "", *lines: str) -> tuple[int, dict[str, str], bytes]:
        """As `get`, of the listener of the figures."""
        return self.get(path, host, *lines, port=self.figures)

    def stats(self) -> dict[str, Any]:
        return dict(json.loads(self.figure("/stats")[2]))

    def total(self) -> dict[str, Any]:
        return dict(self.stats()["total"])

    def until(self, fact: Callable[[dict[str, Any]], object], seconds: float = PATIENCE) -> dict[str, Any]:
        """The figures, as soon as the fact is true of them; fails when it does not become true."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                figures = self.total()
            except (ConnectionError, EOFError):  # a worker that is just dying had this connection
                figures = {}
            if figures and fact(figures):
                return figures
            assert time.monotonic() < deadline, figures
            time.sleep(0.02)

    def workers(self) -> list[int]:
        path = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [int(pid) for pid in path.read_text().split()]

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)


@contextmanager
def serve(*arguments: str, stderr: int | IO[str] | None = None, env: dict[str, str] | None = None) -> Iterator[Server]:
    """A server that is gone afterwards, whatever happened."""
    server = Server(*arguments, stderr=stderr, env=env)
    try:
        yield server
    finally:
        for client in server.sockets:
            client.close()
        if server.process.poll() is None:
            server.process.terminate()
            try:
                server.process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                server.process.kill()
                server.process.wait()
        for stream in (server.process.stdout, server.process.stderr):
            if stream is not None:
                stream.close()


def request(path: str = "/chat", *lines: str, host: str = "127.0.0.1") -> bytes:
    """A handshake's request."""
    extra = "".join(line + "\r\n" for line in lines).encode()
    return handshake.build_request(host.encode(), path.encode(), KEY, extra)


def frame(opcode: int, payload: bytes = b"", *, fin: bool = True) -> bytes:
    return frames.encode(opcode, payload, fin, MASK)


class Client:
    """A member, byte by byte."""

    def __init__(
        self, server: Server, path: str = "/chat", *lines: str, receive_buffer: int = 0, first: bytes = b""
    ) -> None:
        self.socket = socket.socket()
        server.sockets.append(self.socket)
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(PATIENCE)
        self.socket.connect(server.address)
        self.socket.sendall(request(path, *lines) + first)
        self.head, self._rest = read_head(self.socket)
        self._receiver = frames.Receiver("client", 1 << 24)
        self._heard: list[tuple[int, bytes]] = []

    @property
    def status(self) -> int:
        return int(self.head[9:12])

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def say(self, text: str) -> None:
        self.send(frame(TEXT, text.encode()))

    def hear(self) -> tuple[int, bytes]:
        """The next message or control frame; EOFError when the connection ends, ConnectionResetError if by a reset."""
        while not self._heard:
            data, self._rest = self._rest, b""
            data = data or self.socket.recv(65536)
            if not data:
                raise EOFError
            self._heard += self._receiver.feed(data)
        return self._heard.pop(0)

    def farewell(self) -> tuple[int, str]:
        """Code and reason of the CLOSE that must come, whatever comes before it; then the end of the stream."""
        while True:
            opcode, payload = self.hear()
            if opcode == CLOSE:
                assert self.socket.recv(1) == b""
                return frames.close_code(payload)

    def silent(self, seconds: float = 0.2) -> bool:
        """Whether nothing comes for that long."""
        return not self._rest and not self._heard and not select.select([self.socket], [], [], seconds)[0]

    def reset(self) -> None:
        """Vanish by a RST."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def close(self) -> None:
        self.socket.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def read_head(connection: socket.socket) -> tuple[bytes, bytes]:
    """An answer's head, and what came behind it."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = connection.recv(65536)
        if not more:
            raise EOFError(data)
        data += more
    head, _, rest = data.partition(b"\r\n\r\n")
    return head + b"\r\n\r\n", rest


def read_all(connection: socket.socket) -> bytes:
    """Everything up to the end of the stream."""
    data = b""
    while more := connection.recv(65536):
        data += more
    return data


def parse_answer(data: bytes) -> tuple[int, dict[str, str], bytes]:
    head, _, body = data.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    fields = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:])}
    return int(lines[0].split()[1]), fields, body


def connect_many(server: Server, count: int, path: str = "/chat", at_once: int = 200) -> list[socket.socket]:
    """So many members, opened a window at a time; their answers are read."""
    opened: list[socket.socket] = []
    while len(opened) < count:
        batch = [socket.socket() for _ in range(min(at_once, count - len(opened)))]
        server.sockets += batch
        for one in batch:
            one.connect(server.address)
            one.sendall(request(path))
        for one in batch:
            one.settimeout(PATIENCE)
            head, rest = read_head(one)
            assert head.startswith(b"HTTP/1.1 101"), head
            assert not rest
        opened += batch
    return opened


def cpu_seconds(pid: int) -> float:
    """User and system time of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
