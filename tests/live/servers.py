"""A server with a fault, as a program of its own: `python -m tests.live.servers KIND` prints its port and serves.

Each fault is a wall that a burst may meet. Standard library only, one epoll loop: it takes thousands of connections.
"""

from __future__ import annotations

import os
import resource
import select
import socket
import struct
import sys
import time

from wstune.protocol import handshake

KINDS = (
    "good",
    "refuses",
    "resets",
    "says-200",
    "says-503",
    "says-nothing",
    "drops",
    "mute",
    "half-mute",
    "slow-accept",
    "few-files",
)
DROP_SECONDS = 1.0
FEW = 300
MUTE_EACH = 3
"""Of `half-mute`: every third descriptor is a connection that never answers."""


def main(kind: str) -> None:
    backlog = 10 if kind == "slow-accept" else 4096
    listener = socket.create_server(("127.0.0.1", 0), backlog=backlog)
    listener.setblocking(False)
    sys.stdout.write(f"{listener.getsockname()[1]}\n")
    sys.stdout.flush()
    if kind == "refuses":
        listener.close()
        time.sleep(60)
    soft = FEW if kind == "few-files" else resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, soft))
    serve(kind, listener)


def serve(kind: str, listener: socket.socket) -> None:
    epoll = select.epoll()
    epoll.register(listener, select.EPOLLIN)
    clients: dict[int, socket.socket] = {}
    since: dict[int, float] = {}
    while True:
        for fd, _ in epoll.poll(0.1, 512):
            if fd == listener.fileno():
                accept(kind, listener, epoll, clients)
                continue
            client = clients[fd]
            try:
                data = client.recv(4096)
            except OSError:
                data = b""
            if not data or answer(kind, client, data):
                clients.pop(fd).close()
            elif b"\r\n\r\n" in data:
                since.setdefault(fd, time.monotonic())
        if kind == "drops":
            for fd in [fd for fd, at in since.items() if time.monotonic() - at > DROP_SECONDS]:
                del since[fd]
                if fd in clients:
                    clients.pop(fd).close()


def accept(kind: str, listener: socket.socket, epoll: select.epoll, clients: dict[int, socket.socket]) -> None:
    for _ in range(1 if kind == "slow-accept" else 512):
        try:
            client, _ = listener.accept()
        except BlockingIOError:
            return
        except OSError:  # EMFILE: as a server that logs it and tries again
            time.sleep(0.05)
            return
        client.setblocking(False)
        clients[client.fileno()] = client
        epoll.register(client, select.EPOLLIN)
        if kind == "slow-accept":
            time.sleep(0.02)


def answer(kind: str, client: socket.socket, data: bytes) -> bool:
    """Answer a request; whether to close then."""
    if not data.startswith(b"GET"):
        if kind == "half-mute" and data[0] == 0x89 and client.fileno() % MUTE_EACH:
            length = data[1] & 0x7F
            mask, payload = data[2:6], data[6 : 6 + length]
            client.sendall(bytes((0x8A, length)) + bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload)))
        return False  # other frames: this server has nothing to say to them ("mute")
    match kind:
        case "resets":
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return True
        case "says-200":
            client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")
            return True
        case "says-503":
            client.sendall(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n")
            return True
        case "says-nothing":
            return False
        case _:
            pass
    request = handshake.parse_request(data[: data.index(b"\r\n\r\n") + 4])
    client.sendall(handshake.build_response(handshake.accept_value(request.key)))
    return False


if __name__ == "__main__":
    os.environ.pop("PYTHONSTARTUP", None)
    main(sys.argv[1])
