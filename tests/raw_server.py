"""A server on loopback that does with each connection what a test says: for clients that must bear anything."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


def head(client: socket.socket) -> bytes:
    """What came until the end of a request's head. Raises OSError."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = client.recv(4096)
        if not more:
            raise OSError("it left")
        data += more
    return data


@contextmanager
def server(serve_one: Callable[[socket.socket], None]) -> Iterator[tuple[str, int]]:
    """A server on loopback that serves one connection after the other so, and keeps them."""
    listener = socket.create_server(("127.0.0.1", 0))
    kept: list[socket.socket] = []

    def serve() -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            kept.append(client)
            try:
                serve_one(client)
            except OSError:
                continue

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(5)
        for client in kept:
            client.close()
