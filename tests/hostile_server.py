"""A WebSocket server that does as it is told, in a process of its own: a JSON object on its stdin.

`stats`: what it answers to each `GET /stats`, the last for all that follow. `begins`: whoever has upgraded gets a first
fragment of so many bytes, and never the rest. It answers PINGs and closing handshakes.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import json
import resource
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

from tests.conftest import ROOT

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


async def _serve(plan: dict[str, Any], reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError, asyncio.IncompleteReadError):
        head = await reader.readuntil(b"\r\n\r\n")
        if head.startswith(b"GET /stats"):
            answers = plan["stats"]
            body = (answers.pop(0) if len(answers) > 1 else answers[0]).encode() if answers else b""
            status = b"200 OK" if answers else b"404 Not Found"
            writer.write(
                b"HTTP/1.1 %b\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%b" % (status, len(body), body)
            )
        else:
            lines = head.split(b"\r\n")
            key = next(
                line.partition(b":")[2].strip() for line in lines if line.lower().startswith(b"sec-websocket-key")
            )
            accept = base64.b64encode(hashlib.sha1(key + _GUID).digest())  # noqa: S324  RFC 6455 wants it
            writer.write(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n")
            writer.write(b"Sec-WebSocket-Accept: %b\r\n\r\n" % accept)
            if plan["begins"]:
                writer.write(b"\x02\x7e" + plan["begins"].to_bytes(2, "big") + bytes(plan["begins"]))
            while True:
                first, length = await reader.readexactly(2)  # its frames are masked, and short
                masked = await reader.readexactly(4 + (length & 0x7F))
                payload = bytes(byte ^ masked[at % 4] for at, byte in enumerate(masked[4:]))
                if first == 0x89:
                    writer.write(bytes((0x8A, len(payload))) + payload)
                elif first == 0x88:
                    writer.write(bytes((0x88, len(payload))) + payload)
                    break
        await writer.drain()
    writer.close()


async def _listen(plan: dict[str, Any]) -> None:
    server = await asyncio.start_server(lambda *ends: _serve(plan, *ends), "127.0.0.1", 0, backlog=4_096)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.read)


@contextlib.contextmanager
def hostile_server(*, stats: tuple[str, ...] = (), begins: int = 0) -> Iterator[int]:
    """Its port."""
    plan = json.dumps({"stats": stats, "begins": begins})
    command = [sys.executable, "-m", "tests.hostile_server"]
    server = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdin is not None
        assert server.stdout is not None
        server.stdin.write(plan + "\n")
        server.stdin.flush()
        yield int(server.stdout.readline())
    finally:
        server.kill()
        server.communicate()


if __name__ == "__main__":
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    asyncio.run(_listen(json.loads(sys.stdin.readline())))
