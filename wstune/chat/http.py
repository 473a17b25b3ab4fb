"""What the chat server answers to requests: the page, figures, errors; which room a path means; who may ask. Lean."""

from __future__ import annotations

import os
import socket
import time

from wstune.chat import figures
from wstune.chat.options import Options
from wstune.chat.presence import MAX_NAME, Presence
from wstune.chat.stats import CONNECTIONS, MESSAGES_IN, Stats
from wstune.protocol import handshake

MAX_ROOM_NAME = 128
_PAGE = os.path.join(os.path.dirname(__file__), "page")
_RESOURCES = {
    b"/page.js": ("page.js", b"text/javascript; charset=utf-8"),
    b"/page.css": ("page.css", b"text/css; charset=utf-8"),
    b"/icon.svg": ("icon.svg", b"image/svg+xml"),
}
_HOST = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-:[]"
_NOT_SHOWN = b"figures are at the listener of --metrics, or for who shows the token of --metrics-token\n"
_COMMON = (
    (b"Cache-Control", b"no-store"),
    (b"X-Content-Type-Options", b"nosniff"),
    (b"Cross-Origin-Resource-Policy", b"same-origin"),
    (b"Referrer-Policy", b"no-referrer"),
)


def room_name(target: bytes) -> bytes | None:
    """The room of a request's target: `/` and `/chat` (as kemal-chat has it) are one, `/rooms/NAME` its own."""
    path = target.partition(b"?")[0]
    if path in (b"/", b"/chat"):
        return b"/"
    name = path[7:]
    if path.startswith(b"/rooms/") and name and b"/" not in name and len(path) <= MAX_ROOM_NAME:
        return path
    return None


def member_name(target: bytes) -> bytes:
    """The name that `?name=…` gives, UTF-8, at most 32 characters and without control characters; b"" if none."""
    for pair in target.partition(b"?")[2].split(b"&"):
        key, _, value = pair.partition(b"=")
        if key == b"name":
            try:
                name = _unquote(value.replace(b"+", b" ")).decode().strip()[:MAX_NAME]
            except ValueError:
                return b""
            return name.encode() if name.isprintable() else b""
    return b""


def _unquote(text: bytes) -> bytes:
    """Percent-decoding, RFC 3986 §2.1. Raises ValueError."""
    first, *rest = text.split(b"%")
    return first + b"".join(bytes((int(part[:2], 16),)) + part[2:] for part in rest)


def is_local_name(host: bytes) -> bool:
    """Whether Host names this host: a page elsewhere can let its own name lead to 127.0.0.1, but not these names."""
    name = host[1:].partition(b"]")[0] if host[:1] == b"[" else host.partition(b":")[0]
    name = name.lower().removesuffix(b".")
    numbers = name.split(b".")
    return (
        name in (b"localhost", b"::1")
        or name.endswith(b".localhost")
        or (len(numbers) == 4 and numbers[0] == b"127" and all(number.isdigit() for number in numbers))
    )


def is_own_name(host: bytes, options: Options) -> bool:
    """Whether a page may be shown, and the names of a room told, under this Host: on loopback only under a name of this
    host or of --origin. A page elsewhere that lets its own name lead to 127.0.0.1 learns nothing here."""
    if not options.local or is_local_name(host) or b"*" in options.origins:
        return True
    return _host_name(host) in {_host_name(origin.partition(b"://")[2]) for origin in options.origins}


def _host_name(host: bytes) -> bytes:
    """Host without its port, in lower case."""
    name = host[: host.find(b"]") + 1] if host[:1] == b"[" else host.partition(b":")[0]
    return name.lower().removesuffix(b".")


def may_see_figures(request: handshake.Request, options: Options, *, by_figures: bool) -> bool:
    """Whether /stats and /metrics answer. What comes by the public port may come by a proxy on this host, which sends
    no more than its own address and a Host of loopback: there only the token counts."""
    if options.expose_metrics or _shows(request.headers.get(b"authorization", b""), options.token):
        return True
    return by_figures and options.figures_local and is_local_name(request.host)


def _shows(authorization: bytes, token: bytes) -> bool:
    """Whether `Authorization: Bearer TOKEN` has the token; compared in constant time."""
    from hmac import compare_digest

    scheme, _, value = authorization.partition(b" ")
    return bool(token) and scheme.lower() == b"bearer" and compare_digest(value.strip(b" "), token)


def check_origin(request: handshake.Request, options: Options) -> None:
    """Raise HandshakeError 403 for a page that is not ours, nor allowed."""
    handshake.check_origin(request, options.origins)
    if options.local and request.origin and not is_local_name(request.host):
        origin = request.origin.lower()
        if origin not in options.origins and b"*" not in options.origins:
            raise handshake.HandshakeError(
                403, "Host is not a name of this host: --origin says which pages may connect"
            )


def answer(
    request: handshake.Request, stats: Stats, presence: Presence | None, options: Options, *, by_figures: bool = False
) -> tuple[int, bytes]:
    """Status and whole answer to a request that asks for no upgrade; the connection is closed after it.

    Args:
        by_figures: it came by the listener of the figures, which has no page.
    """
    path = request.target.partition(b"?")[0]
    if path == b"/healthz":
        return _respond(request, 200, b"ok\n")
    if path in (b"/stats", b"/metrics"):
        if not may_see_figures(request, options, by_figures=by_figures):
            return _respond(request, 403, _NOT_SHOWN)
        if path == b"/stats":
            return _respond(request, 200, figures.stats_json(stats), b"application/json")
        return _respond(request, 200, figures.metrics_text(stats), figures.METRICS_TYPE)
    if by_figures:
        return _respond(request, 404, b"figures only: /stats, /metrics, /healthz\n")
    if not is_own_name(request.host, options):
        return _respond(
            request, 403, b"Host is not a name of this host: --origin says under which others it is known\n"
        )
    if path.endswith(b"/who") and room_name(path[:-4] or b"/") is not None:
        return _respond(request, 200, _who(room_name(path[:-4] or b"/"), stats, presence), b"application/json")
    if path in _RESOURCES:
        name, kind = _RESOURCES[path]
        return _respond(request, 200, _read(name), kind)
    if room_name(path) is not None:
        return _respond(request, 200, _read("index.html"), b"text/html; charset=utf-8", _page_policy(request.host))
    return _respond(request, 404, b"nothing here\n")


def error(failed: handshake.HandshakeError) -> bytes:
    """The answer to what failed."""
    return handshake.build_answer(failed.status, failed.reason.encode() + b"\n", headers=(*_COMMON, *failed.headers))


def _respond(
    request: handshake.Request,
    status: int,
    body: bytes,
    kind: bytes = b"text/plain; charset=utf-8",
    headers: tuple[tuple[bytes, bytes], ...] = (),
) -> tuple[int, bytes]:
    whole = handshake.build_answer(status, body, kind, (*_COMMON, *headers), head=request.method == b"HEAD")
    return status, whole


def _page_policy(host: bytes) -> tuple[tuple[bytes, bytes], ...]:
    """The page's Content-Security-Policy: our own script, style and icon, our own WebSocket, and nothing else.

    Browsers before CSP 3 do not take 'self' for ws: so it is spelled out, of a Host that is plainly one.
    """
    sockets = b"" if not host or host.translate(None, _HOST) else b" ws://%b wss://%b" % (host, host)
    policy = (
        b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'%b; "
        b"base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'" % sockets
    )
    return (
        (b"Content-Security-Policy", policy),
        (b"X-Frame-Options", b"DENY"),
        (b"Cross-Origin-Opener-Policy", b"same-origin"),
    )


def _who(room: bytes | None, stats: Stats, presence: Presence | None) -> bytes:
    """Who is in a room, and how busy the server is: what the page shows."""
    here, names = presence.room(room or b"/") if presence else (0, [])
    return figures.dumps(
        {
            "here": here,
            "names": sorted({name.decode() for name in names}),
            "connections": stats.total(CONNECTIONS),
            "messages": stats.total(MESSAGES_IN),
        }
    )


def peer(fd: int) -> str:
    """The peer's address; `local` for a Unix socket, empty when it is gone."""
    try:
        connection = socket.socket(fileno=fd)
    except OSError:
        return ""
    try:
        name = connection.getpeername()
        return str(name[0]) if isinstance(name, tuple) else "local"
    except OSError:
        return ""
    finally:
        connection.detach()


def log(fd: int, request: handshake.Request | None, status: int) -> None:
    """A line of the access log, on stderr."""
    asked = f"{request.method.decode()} {request.target.decode()}" if request else "-"  # visible ASCII, http1 holds it
    moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    try:
        os.write(2, f'{moment} {peer(fd) or "-"} "{asked}" {status}\n'.encode())
    except OSError:
        pass  # nobody reads it any more


def _read(name: str) -> bytes:
    with open(os.path.join(_PAGE, name), "rb") as resource:
        return resource.read()
