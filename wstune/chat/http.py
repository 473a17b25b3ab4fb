"""What the chat server answers to a request that asks for no upgrade, and which room a path means. Pure, lean."""

from __future__ import annotations

import json
import os

from wstune.chat import stats as s
from wstune.protocol import handshake

MAX_ROOM_NAME = 128
_PAGE = os.path.join(os.path.dirname(__file__), "page", "index.html")
_SECURITY = (
    b"Content-Security-Policy: default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
    b"connect-src 'self' ws: wss:\r\nX-Content-Type-Options: nosniff\r\n"
)


def room_name(target: bytes) -> bytes | None:
    """The room of a request's target: `/` and `/chat` (as kemal-chat has it) are one, `/rooms/NAME` its own."""
    path = target.partition(b"?")[0]
    if path in (b"/", b"/chat"):
        return b"/"
    if path.startswith(b"/rooms/") and 7 < len(path) <= MAX_ROOM_NAME:
        return path
    return None


def answer(request: handshake.Request, stats: s.Stats) -> bytes:
    """The whole answer; the connection is closed after it."""
    path = request.target.partition(b"?")[0]
    if request.method not in (b"GET", b"HEAD"):
        return _response(405, b"Method Not Allowed", b"text/plain", b"GET only\n", b"Allow: GET, HEAD\r\n")
    if path == b"/healthz":
        return _response(200, b"OK", b"text/plain", b"ok\n")
    if path == b"/stats":
        return _response(200, b"OK", b"application/json", _stats(stats))
    if room_name(path) is not None:
        with open(_PAGE, "rb") as page:
            return _response(200, b"OK", b"text/html; charset=utf-8", page.read(), _SECURITY)
    return _response(404, b"Not Found", b"text/plain", b"nothing here\n")


def _stats(stats: s.Stats) -> bytes:
    figures = {
        "workers": stats.workers,
        "connections": stats.total(s.CONNECTIONS),
        "opened": stats.total(s.OPENED),
        "messages": stats.total(s.MESSAGES_IN),
        "delivered": stats.total(s.DELIVERED),
        "closed": {name: stats.total(s.FIRST_REASON + at) for at, name in enumerate(s.REASONS)},
    }
    return json.dumps(figures).encode() + b"\n"


def _response(status: int, reason: bytes, kind: bytes, body: bytes, headers: bytes = b"") -> bytes:
    return (
        b"HTTP/1.1 %d %b\r\nContent-Type: %b\r\nContent-Length: %d\r\n"
        b"Cache-Control: no-store\r\n%bConnection: close\r\n\r\n" % (status, reason, kind, len(body), headers)
    ) + body
