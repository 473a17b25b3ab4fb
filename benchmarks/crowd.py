"""Many members of a chat in one process, for benchmarks: opened a window at a time, then only counted, by raw epoll."""

from __future__ import annotations

import os
import select
import socket
import time
from collections.abc import Callable, Sequence

from wstune.burst.ports import loopback_sources
from wstune.protocol import handshake

_WINDOW = 200
_KEY = b"dGhlIHNhbXBsZSBub25jZQ=="
_PER_SOURCE = 5000
_BIND_ADDRESS_NO_PORT = 24  # linux/in.h IP_BIND_ADDRESS_NO_PORT


class Crowd:
    """`sockets`, blocking; `close()` resets them all."""

    def __init__(self, address: tuple[str, int], count: int, path: str, *, receive_buffer: int = 0) -> None:
        self.sockets: list[socket.socket] = []
        self._address, self._buffer = address, receive_buffer
        sources = loopback_sources(-(-count // _PER_SOURCE), skip=os.getpid() % 20_000)
        request = handshake.build_request(b"127.0.0.1", path.encode(), _KEY)
        while len(self.sockets) < count:
            batch = [
                self._connect(sources[(len(self.sockets) + at) // _PER_SOURCE])
                for at in range(min(_WINDOW, count - len(self.sockets)))
            ]
            for one in batch:
                one.sendall(request)
            for one in batch:
                head = one.recv(4096)
                if not head.startswith(b"HTTP/1.1 101") or not head.endswith(b"\r\n\r\n"):
                    raise ConnectionError(head)
            self.sockets += batch

    def _connect(self, source: str) -> socket.socket:
        one = socket.socket()
        one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
        one.setsockopt(socket.IPPROTO_IP, _BIND_ADDRESS_NO_PORT, 1)
        if self._buffer:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self._buffer)
        one.bind((source, 0))
        one.settimeout(20)
        one.connect(self._address)
        return one

    def hear(self, expected: int, act: Callable[[], object], patience: float = 60.0) -> float:
        """Seconds from `act()` until so many bytes have come to each. Raises TimeoutError and ConnectionError."""
        poller = select.epoll()
        left = {one.fileno(): expected for one in self.sockets}
        for one in self.sockets:
            one.setblocking(False)
            poller.register(one.fileno(), select.EPOLLIN)
        waiting = len(left)
        began = time.monotonic()
        act()
        while waiting:
            events = poller.poll(1, 1024)
            if not events and time.monotonic() - began > patience:
                raise TimeoutError(f"{waiting} members have not heard everything")
            for fd, _ in events:
                data = os.read(fd, 65_536)
                if not data:
                    raise ConnectionError("a member was dropped")
                left[fd] -= len(data)
                if left[fd] <= 0:
                    waiting -= 1
        seconds = time.monotonic() - began
        poller.close()
        return seconds

    def close(self) -> None:
        for one in self.sockets:
            one.close()
        self.sockets = []


def frames_of(messages: Sequence[bytes]) -> int:
    """Bytes that a server sends for these, each under 126 bytes."""
    return sum(2 + len(message) for message in messages)
