"""The opening handshake of WebSocket, RFC 6455 §4, over the syntax of HTTP/1.1 (RFC 9112): bytes in, bytes out.

Opening is what a burst does 30,000 times a second, at both ends of one host, so the usual exchange has a short way: what
:func:`build_request` and :func:`build_response` write is known by its fixed layout, and everything else goes through the
strict parser below. Both ways accept the same requests; a test holds that.
"""

from __future__ import annotations

from binascii import Error as Base64Error
from binascii import a2b_base64, b2a_base64

# Measured for one accept value, CPython 3.11 with OpenSSL 3: hashlib.sha1 + b2a_base64(newline=False) 0.54 µs, with
# usedforsecurity=False (SHA-1 is no secret here, RFC 6455 §10.8) 0.55 µs; _sha1.sha1, which saves 0.6 MB in a process of its own
# but nothing in a forked one, 0.81 µs; base64.b64encode instead of binascii 0.05 µs more.
from hashlib import sha1

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455 §1.3
MAX_HEAD = 8192  # bytes of a request or response up to and including the empty line
MAX_HEADERS = 64

_TOKEN = b"!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"  # RFC 9110 §5.6.2
_VISIBLE = bytes(range(0x21, 0x7F))
_ALLOWED = bytes({0x09, 0x0A, 0x0D} | set(range(0x20, 0x7F)) | set(range(0x80, 0x100)))  # RFC 9110 §5.5
_SINGLE = frozenset(  # may stand once: what a second one would mean is anybody's guess (RFC 9110 §5.3, RFC 6455 §11.3)
    (
        b"host",
        b"origin",
        b"content-length",
        b"sec-websocket-key",
        b"sec-websocket-version",
        b"sec-websocket-accept",
    )
)
_METHODS = frozenset((b"GET", b"HEAD", b"POST", b"PUT", b"DELETE", b"CONNECT", b"OPTIONS", b"TRACE", b"PATCH"))
_REASONS = {
    400: b"Bad Request",
    403: b"Forbidden",
    404: b"Not Found",
    405: b"Method Not Allowed",
    408: b"Request Timeout",
    413: b"Content Too Large",
    414: b"URI Too Long",
    426: b"Upgrade Required",
    431: b"Request Header Fields Too Large",
    501: b"Not Implemented",
    503: b"Service Unavailable",
    505: b"HTTP Version Not Supported",
}
Header = tuple[bytes, bytes]


class HandshakeError(Exception):
    """A handshake that must not succeed.

    At a server, ``status`` and ``headers`` are of the answer that is due (:func:`build_error` writes it). At a client,
    ``status`` is what the server said, 0 if that was not HTTP.
    """

    def __init__(self, status: int, reason: str, headers: tuple[Header, ...] = ()) -> None:
        super().__init__(status, reason)
        self.status = status
        self.reason = reason
        self.headers = headers

    def __str__(self) -> str:
        return f"{self.status} {self.reason}"


class Request:
    """A well-formed request. ``is_upgrade``: it asks for WebSocket 13 and nothing is missing; else it is plain HTTP.

    ``target`` is in origin form (``/path?query``). ``headers`` has lower-case names; a repeated field is joined with ``, ``.
    ``key``, ``origin`` are b"" when absent, ``protocols`` the subprotocols offered in their order of preference.
    """

    __slots__ = ("headers", "host", "is_upgrade", "key", "method", "origin", "protocols", "target")

    def __init__(
        self,
        method: bytes,
        target: bytes,
        host: bytes,
        headers: dict[bytes, bytes],
        key: bytes = b"",
        origin: bytes = b"",
        protocols: tuple[bytes, ...] = (),
        is_upgrade: bool = False,
    ) -> None:
        self.method = method
        self.target = target
        self.host = host
        self.headers = headers
        self.key = key
        self.origin = origin
        self.protocols = protocols
        self.is_upgrade = is_upgrade


def accept_value(key: bytes) -> bytes:
    """What the server answers to ``key`` (24 bytes of base64): base64 of the SHA-1 of key and GUID, 28 bytes (§4.2.2)."""
    return b2a_base64(sha1(key + GUID, usedforsecurity=False).digest(), newline=False)


def build_request(host: bytes, path: bytes, key: bytes, headers: bytes = b"") -> bytes:
    """The client's request (§4.1). ``headers`` are more lines, each ended by CRLF; nothing is checked here."""
    return (
        b"GET %b HTTP/1.1\r\nHost: %b\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Key: %b\r\nSec-WebSocket-Version: 13\r\n%b\r\n" % (path, host, key, headers)
    )


def build_response(accept: bytes, headers: bytes = b"") -> bytes:
    """The server's answer 101 (§4.2.2). ``headers`` are more lines, each ended by CRLF; nothing is checked here."""
    return (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: %b\r\n%b\r\n" % (accept, headers)
    )


def build_error(error: HandshakeError) -> bytes:
    """The answer to a request that failed: status, the headers that the status demands, the reason as text; then close."""
    body = error.reason.encode() + b"\n"
    lines = [b"HTTP/1.1 %d %b" % (error.status, _REASONS.get(error.status, b"Error"))]
    lines += [b"%b: %b" % header for header in error.headers]
    lines.append(b"Content-Type: text/plain; charset=utf-8\r\nContent-Length: %d" % len(body))
    connection = b"" if any(name == b"Connection" for name, _ in error.headers) else b"Connection: close\r\n"
    return b"\r\n".join(lines) + b"\r\n" + connection + b"\r\n" + body


def parse_request(head: bytes) -> Request:
    """Read one request; ``head`` is everything up to and including the empty line, and not a byte more.

    Raises HandshakeError with the status that the answer must have.
    """
    start, headers = _split(head, 400)
    method, target, version = _request_line(start)
    host = headers.get(b"host")
    if host is None and version != b"HTTP/1.0":
        raise HandshakeError(400, "Host is missing")
    return _upgrade(Request(method, target, host or b"", headers), version)


def check_response(head: bytes, accept: bytes, protocols: tuple[bytes, ...] = ()) -> None:
    """Return if ``head`` agrees to the upgrade as RFC 6455 §4.1 demands, else raise HandshakeError.

    ``protocols`` are the subprotocols that were asked for. Extensions never are, so any in the answer is an error.
    """
    if (
        head == b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: %b\r\n\r\n" % accept
    ):
        return
    start, headers = _split(head, 0)
    if not (
        start.startswith(b"HTTP/1.") and start[8:9] == b" " and start[9:12].isdigit() and start[12:13] in (b" ", b"")
    ):
        raise HandshakeError(0, "the answer is not HTTP/1.1")
    status = int(start[9:12])
    if status != 101:
        raise HandshakeError(status, "the server did not switch protocols")
    if headers.get(b"upgrade", b"").lower() != b"websocket":
        raise HandshakeError(status, "Upgrade in the answer is not websocket")
    if b"upgrade" not in _tokens(headers.get(b"connection", b"")):
        raise HandshakeError(status, "Connection in the answer lacks Upgrade")
    if headers.get(b"sec-websocket-accept") != accept:
        raise HandshakeError(status, "Sec-WebSocket-Accept does not fit the key")
    if b"sec-websocket-extensions" in headers:
        raise HandshakeError(status, "the server chose an extension that was not asked for")
    if b"sec-websocket-protocol" in headers and headers[b"sec-websocket-protocol"] not in protocols:
        raise HandshakeError(status, "the server chose a subprotocol that was not asked for")


def _split(head: bytes, status: int) -> tuple[bytes, dict[bytes, bytes]]:
    """The start line and the fields of a head, by the syntax of RFC 9112 §2 and §5; raises HandshakeError(status, …)."""
    if len(head) > MAX_HEAD:
        raise HandshakeError(status and 431, f"the head is over {MAX_HEAD} bytes")
    if head.find(b"\r\n\r\n") != len(head) - 4:
        raise HandshakeError(status, "the head does not end with its only empty line")
    lines = head[:-4].split(b"\r\n")
    if head.translate(None, _ALLOWED) or not head.count(b"\r") == head.count(b"\n") == len(lines) + 1:
        raise HandshakeError(status, "the head has a control character, or CR or LF alone")
    if len(lines) > MAX_HEADERS + 1:
        raise HandshakeError(status and 431, f"there are over {MAX_HEADERS} header fields")
    headers: dict[bytes, bytes] = {}
    for line in lines[1:]:
        name, colon, value = line.partition(b":")
        if not colon or not name or name.translate(None, _TOKEN):
            raise HandshakeError(status, "a header field has no valid name")
        name = name.lower()
        value = value.strip(b" \t")
        if name in headers:
            if name in _SINGLE:
                raise HandshakeError(status, f"{name.decode()} stands twice")
            value = headers[name] + b", " + value
        headers[name] = value
    return lines[0], headers


def _request_line(line: bytes) -> tuple[bytes, bytes, bytes]:
    parts = line.split(b" ")
    if len(parts) != 3:
        raise HandshakeError(400, "the request line is not method, target and version")
    method, target, version = parts
    if version not in (b"HTTP/1.1", b"HTTP/1.0"):
        raise HandshakeError(505 if version.startswith(b"HTTP/") else 400, "the version is not HTTP/1.1")
    if not method or method.translate(None, _TOKEN):
        raise HandshakeError(400, "the method is not a token")
    if not target.startswith(b"/") or target.translate(None, _VISIBLE) or b"#" in target:
        raise HandshakeError(400, "the target is not a path")
    return method, target, version


def _tokens(value: bytes) -> list[bytes]:
    return [token.strip(b" \t").lower() for token in value.split(b",")]


def _upgrade(request: Request, version: bytes) -> Request:
    """Fill in what concerns WebSocket (§4.2.1)."""
    headers = request.headers
    request.origin = headers.get(b"origin", b"")
    asks = b"websocket" in _tokens(headers.get(b"upgrade", b""))
    if not asks and b"sec-websocket-key" not in headers:
        return request
    if request.method != b"GET":
        raise HandshakeError(405, "a handshake is a GET", ((b"Allow", b"GET"),))
    if version == b"HTTP/1.0":
        raise HandshakeError(505, "a handshake needs HTTP/1.1")
    if not asks or b"upgrade" not in _tokens(headers.get(b"connection", b"")):
        raise HandshakeError(400, "Upgrade and Connection do not ask for websocket")
    if headers.get(b"sec-websocket-version") != b"13":
        raise HandshakeError(426, "the WebSocket version is not 13", ((b"Sec-WebSocket-Version", b"13"),))
    key = headers.get(b"sec-websocket-key", b"")
    try:
        if len(a2b_base64(key, strict_mode=True)) != 16:
            raise HandshakeError(400, "Sec-WebSocket-Key is not 16 bytes in base64")
    except Base64Error as error:
        raise HandshakeError(400, "Sec-WebSocket-Key is not base64") from error
    request.key = key
    request.is_upgrade = True
    return request
