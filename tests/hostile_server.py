"""A WebSocket server that does as its arguments say, in a process of its own: `hostile_server.py PLAN`, a JSON object.

`stats`: what it answers to each `GET /stats`, the last for all that follow. `begins`: so many bytes of a message of
65,535 it sends to whoever has upgraded, and never the rest.
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
                writer.write(b"\x82\x7e\xff\xff" + bytes(plan["begins"]))
            while data := await reader.read(4_096):
                if data[0] == 0x88:
                    writer.write(b"\x88\x02\x03\xe8")
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
    command = [sys.executable, "-m", "tests.hostile_server", plan]
    server = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        yield int(server.stdout.readline())
    finally:
        server.kill()
        server.communicate()


if __name__ == "__main__":
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    asyncio.run(_listen(json.loads(sys.argv[1])))
