"""The little of HTTP/1.1 that a WebSocket endpoint needs: the syntax of a head (RFC 9112), read strictly, and answers.

Strict, because what two readers understand differently can be used against one of them: no obs-fold, no bare CR or LF,
no NUL nor other control character, no space before a colon, no second Host, no content.
"""

from __future__ import annotations

MAX_HEAD = 8192  # bytes of a request or an answer, up to and including the empty line
MAX_HEADERS = 64

_TOKEN = b"!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"  # RFC 9110 §5.6.2
_REG_NAME = b"!$%&'()*+,-.;=_~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"  # RFC 3986 §3.2.2
_HEX = b"0123456789abcdefABCDEF"
_VISIBLE = bytes(range(0x21, 0x7F))
_TEXT = bytes({0x09, 0x0A, 0x0D, *range(0x20, 0x7F), *range(0x80, 0x100)})  # RFC 9110 §5.5, and the CR LF between lines
_SINGLE = frozenset(  # what a second one would mean is anybody's guess (RFC 9110 §5.3, RFC 6455 §11.3)
    (b"host", b"origin", b"content-length", b"sec-websocket-key", b"sec-websocket-version", b"sec-websocket-accept")
)
_METHODS = frozenset((b"GET", b"HEAD", b"POST", b"PUT", b"DELETE", b"CONNECT", b"OPTIONS", b"TRACE", b"PATCH"))
_LONGEST_METHOD = 17  # UPDATEREDIRECTREF, in IANA's registry
_PHRASES = {
    200: b"OK",
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


class HandshakeError(Exception):
    """A handshake, or a plain request, that must not succeed.

    At a server ``status`` and ``headers`` belong to the answer that is due (``build_error`` writes it). At a client
    they are what the server said; ``status`` is 0 if that was not HTTP.
    """

    def __init__(self, status: int, reason: str, headers: tuple[tuple[bytes, bytes], ...] = ()) -> None:
        super().__init__(status, reason)
        self.status = status
        self.reason = reason
        self.headers = headers

    def __str__(self) -> str:
        return f"{self.status} {self.reason}"


def head_length(buffer: bytes | bytearray, seen: int = 0) -> int:
    """Length of the request's head at the start of ``buffer``, or 0 while it is not whole; the rest is pipelined.

    ``seen`` is the length that ``buffer`` had when it was last asked, so that bytes coming one by one cost linear time.
    Raises HandshakeError as soon as it cannot become a head: 431 or 414 over MAX_HEAD, 400 for what is not HTTP.
    """
    end = buffer.find(b"\r\n\r\n", max(seen - 3, 0))
    if 0 <= end <= MAX_HEAD - 4:
        return end + 4
    if end >= 0 or len(buffer) >= MAX_HEAD:
        if buffer.find(b"\r\n", 2, MAX_HEAD) < 0:
            raise HandshakeError(414, f"the request line is over {MAX_HEAD} bytes")
        raise HandshakeError(431, f"the head is over {MAX_HEAD} bytes")
    if buffer[:1] == b"\x16":
        raise HandshakeError(400, "this is TLS, and the port speaks plain HTTP: ws://, not wss://")
    if buffer.count(b"\n", seen) != buffer.count(b"\r\n", max(seen - 1, 0)):
        raise HandshakeError(400, "a line ends with LF alone")
    if seen <= _LONGEST_METHOD:
        start = 2 if buffer[:2] == b"\r\n" else 0
        method, space, _ = bytes(buffer[start : start + _LONGEST_METHOD + 1]).partition(b" ")
        if method != b"\r" and (method.translate(None, _TOKEN) or (not space and len(method) > _LONGEST_METHOD)):
            raise HandshakeError(400, "this is not an HTTP request")
    return 0


def split_head(head: bytes, status: int) -> tuple[bytes, dict[bytes, bytes]]:
    """The start line and the fields, lower-case name to value; a repeated field is joined by ``, `` (RFC 9110 §5.3).

    Raises HandshakeError with ``status`` (400 at a server, 0 at a client), or 431 at a server for what is over a limit.
    """
    if len(head) > MAX_HEAD:
        raise HandshakeError(status and 431, f"the head is over {MAX_HEAD} bytes")
    if head.find(b"\r\n\r\n") != len(head) - 4 or len(head) < 5:
        raise HandshakeError(status, "the head does not end with its only empty line")
    lines = head[:-4].split(b"\r\n")
    if head.translate(None, _TEXT) or not head.count(b"\r") == head.count(b"\n") == len(lines) + 1:
        raise HandshakeError(status, "the head has a control character, or CR or LF alone")
    if len(lines) > MAX_HEADERS + 1:
        raise HandshakeError(status and 431, f"there are over {MAX_HEADERS} header fields")
    headers: dict[bytes, bytes] = {}
    for line in lines[1:]:
        name, colon, value = line.partition(b":")
        if not colon or not is_token(name):
            raise HandshakeError(status, "a header field has no valid name, or a line is folded")
        name = name.lower()
        value = value.strip(b" \t")
        if name in headers:
            if name in _SINGLE:
                raise HandshakeError(status, f"{name.decode()} stands twice")
            value = headers[name] + b", " + value
        headers[name] = value
    return lines[0], headers


def request_line(line: bytes) -> tuple[bytes, bytes, bytes]:
    """``(method, target, minor version)``; the target as it stands. Raises HandshakeError 400, 405, 501 or 505."""
    parts = line.split(b" ")
    if len(parts) != 3:
        raise HandshakeError(400, "the request line is not method, target and version")
    method, target, version = parts
    if (
        len(version) != 8
        or version[:5] != b"HTTP/"
        or version[6:7] != b"."
        or not (version[5:6] + version[7:]).isdigit()
    ):
        raise HandshakeError(400, "the request line does not end with an HTTP version")
    if version[5:6] != b"1":
        raise HandshakeError(505, "the HTTP version is not 1.1")
    if not is_token(method):
        raise HandshakeError(400, "the method is not a token")
    if method not in _METHODS:
        raise HandshakeError(501, "the method is not known")
    if method not in (b"GET", b"HEAD"):
        raise HandshakeError(405, "the method is neither GET nor HEAD", ((b"Allow", b"GET, HEAD"),))
    if not target or target.translate(None, _VISIBLE) or b"#" in target:
        raise HandshakeError(400, "the target has a character that it must not have")
    return method, target, version[7:]


def origin_form(target: bytes, host: bytes) -> tuple[bytes, bytes]:
    """``(target in origin form, host)``; an absolute target brings its own host, which wins (RFC 9112 §3.2.2)."""
    if target[:1] == b"/":
        return target, host
    scheme, colon, rest = target.partition(b"://")
    if not colon or scheme.lower() not in (b"http", b"https"):
        raise HandshakeError(400, "the target is neither a path nor an http URI")
    end = min(at for at in (rest.find(b"/"), rest.find(b"?"), len(rest)) if at >= 0)
    host, path = rest[:end], rest[end:]
    if not host or not is_host(host):
        raise HandshakeError(400, "the target has no valid host")
    return (path if path[:1] == b"/" else b"/" + path), host


def no_content(headers: dict[bytes, bytes]) -> None:
    """Raise HandshakeError for a request that announces content: none of ours has a use for any."""
    length = headers.get(b"content-length", b"0")
    coding = headers.get(b"transfer-encoding")
    if not length.isdigit() or (coding is not None and b"content-length" in headers):
        raise HandshakeError(400, "the length of the content is not certain")
    if coding is not None and coding.lower() != b"chunked":
        raise HandshakeError(501, "the transfer coding is not known")
    if coding is not None or length.strip(b"0"):
        raise HandshakeError(413, "a request has no content here")


def is_token(text: bytes) -> bool:
    """RFC 9110 §5.6.2."""
    return bool(text) and not text.translate(None, _TOKEN)


def is_host(host: bytes) -> bool:
    """Whether ``host`` can stand in Host: a name or an address, and a port; empty is one (RFC 9110 §7.2)."""
    if host[:1] == b"[":
        name, bracket, rest = host[1:].partition(b"]")
        if not bracket or b":" not in name or name.translate(None, _HEX + b":."):
            return False
        colon, port = rest[:1], rest[1:]
        if colon not in (b"", b":"):
            return False
    else:
        name, colon, port = host.partition(b":")
        if name.translate(None, _REG_NAME) or (colon and not name):
            return False
    return not port or (port.isdigit() and len(port) <= 5 and int(port) <= 65535)


def token_list(value: bytes) -> list[bytes]:
    """The elements of a comma-separated field in lower case; empty ones do not count (RFC 9110 §5.6.1)."""
    return [token for token in (part.strip(b" \t") for part in value.lower().split(b",")) if token]


def build_answer(
    status: int,
    body: bytes,
    content_type: bytes = b"text/plain; charset=utf-8",
    headers: tuple[tuple[bytes, bytes], ...] = (),
    *,
    head: bool = False,
) -> bytes:
    """A whole answer after which the connection is closed. ``head``: to a HEAD request, so without the body.

    An Upgrade among ``headers`` gets the connection option that it must have (RFC 9110 §7.8).
    """
    lines = [b"HTTP/1.1 %d %b" % (status, _PHRASES.get(status, b"Unknown"))]
    lines += [b"%b: %b" % header for header in headers]
    upgrade = any(name.lower() == b"upgrade" for name, _ in headers)
    lines.append(b"Connection: Upgrade, close" if upgrade else b"Connection: close")
    lines.append(b"Content-Type: %b\r\nContent-Length: %d\r\n\r\n" % (content_type, len(body)))
    return b"\r\n".join(lines) + (b"" if head else body)


def build_error(error: HandshakeError, *, head: bool = False) -> bytes:
    """The answer to what failed: its status, the fields that the status demands, the reason as the text."""
    return build_answer(error.status, error.reason.encode() + b"\n", headers=error.headers, head=head)
