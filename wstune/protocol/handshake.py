"""The opening handshake of WebSocket, RFC 6455 §4: bytes in, bytes out, for both ends.

Opening is what a burst does 30,000 times a second, at both ends of one host: building either side takes 0.2 µs, an
accept value 0.6 µs, and :func:`check_response` knows our own server's answer again by its fixed layout (0.2 µs). The
strict parsers take 8 µs; a server that sees the same head again and again, but for its key, need not parse it again.
"""

from __future__ import annotations

from binascii import Error as Base64Error
from binascii import a2b_base64, b2a_base64

# One accept value on CPython 3.11 with OpenSSL 3, in µs: hashlib.sha1 and b2a_base64(newline=False) 0.54, with
# usedforsecurity=False (this SHA-1 keeps no secret, RFC 6455 §10.8) 0.55; _sha1.sha1 instead 0.81 (it spares a process
# 0.6 MB, but none that is forked from one that has hashlib); base64.b64encode instead of binascii 0.05 more.
from hashlib import sha1

from wstune.protocol import http1
from wstune.protocol.http1 import MAX_HEAD as MAX_HEAD
from wstune.protocol.http1 import MAX_HEADERS as MAX_HEADERS
from wstune.protocol.http1 import HandshakeError as HandshakeError
from wstune.protocol.http1 import build_answer as build_answer
from wstune.protocol.http1 import build_error as build_error
from wstune.protocol.http1 import head_length as head_length

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455 §1.3

_RESPONSE = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: %b\r\n%b\r\n"
)


class Request:
    """A well-formed request. ``is_upgrade``: it asks for WebSocket 13 and lacks nothing; otherwise it is plain HTTP.

    ``method`` is GET, or HEAD if plain; ``target`` in origin form (``/path?query``); ``headers`` lower-case name →
    value, a repeated field joined with ``, ``; ``key``, ``origin`` b"" when absent; ``protocols`` the subprotocols on
    offer, best first.
    """

    __slots__ = ("headers", "host", "is_upgrade", "key", "method", "origin", "protocols", "target")

    def __init__(self, method: bytes, target: bytes, host: bytes, headers: dict[bytes, bytes]) -> None:
        self.method = method
        self.target = target
        self.host = host
        self.headers = headers
        self.origin = headers.get(b"origin", b"")
        self.key = b""
        self.protocols: tuple[bytes, ...] = ()
        self.is_upgrade = False


def accept_value(key: bytes) -> bytes:
    """What the server answers to ``key``: base64 of the SHA-1 of key and GUID, 28 bytes (RFC 6455 §4.2.2 step 5.4)."""
    return b2a_base64(sha1(key + GUID, usedforsecurity=False).digest(), newline=False)


def key_value(nonce: bytes) -> bytes:
    """The key of 16 random bytes, fresh for each connection (RFC 6455 §4.1 item 7): 24 bytes."""
    return b2a_base64(nonce, newline=False)


def build_request(host: bytes, path: bytes, key: bytes, headers: bytes = b"") -> bytes:
    """The client's request (RFC 6455 §4.1). ``headers`` are more lines, each ended by CRLF.

    Nothing is checked here, as one burst builds a million alike; check once by giving one to :func:`parse_request` and
    comparing its ``target``, ``host`` and the number of its ``headers`` with what was meant.
    """
    return (
        b"GET %b HTTP/1.1\r\nHost: %b\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Key: %b\r\nSec-WebSocket-Version: 13\r\n%b\r\n" % (path, host, key, headers)
    )


def build_response(accept: bytes, headers: bytes = b"") -> bytes:
    """The server's answer 101 (RFC 6455 §4.2.2). ``headers`` are more lines, each ended by CRLF, not checked."""
    return _RESPONSE % (accept, headers)


def parse_request(head: bytes) -> Request:
    """Read one request; ``head`` is everything up to and including the empty line, and not a byte more.

    Raises HandshakeError with the status that the answer must have: 400, 405, 413, 426, 431, 501 or 505. A request
    that has any sign of a WebSocket handshake must be a whole one (RFC 6455 §4.2.1); whether its target and its origin
    suit is the server's to say (404, :func:`check_origin`).
    """
    start, headers = http1.split_head(
        head.removeprefix(b"\r\n"), 400
    )  # RFC 9112 §2.2: one empty line before is let pass
    method, target, minor = http1.request_line(start)
    host = headers.get(b"host")
    if (host is None and minor != b"0") or not http1.is_host(host or b""):
        raise HandshakeError(400, "Host is missing or not a host")
    target, host = http1.origin_form(target, host or b"")
    http1.no_content(headers)
    request = Request(method, target, host, headers)
    if b"sec-websocket-key" in headers or b"sec-websocket-version" in headers or _asks(headers):
        _read_upgrade(request, minor)
    return request


def _asks(headers: dict[bytes, bytes]) -> bool:
    return b"websocket" in http1.token_list(headers.get(b"upgrade", b""))


def _read_upgrade(request: Request, minor: bytes) -> None:
    """Fill in what concerns WebSocket, or raise (RFC 6455 §4.2.1)."""
    headers = request.headers
    if request.method != b"GET":
        raise HandshakeError(405, "a WebSocket handshake is a GET", ((b"Allow", b"GET"),))
    if minor == b"0":
        raise HandshakeError(505, "a WebSocket handshake needs HTTP/1.1")
    if not request.host:
        raise HandshakeError(400, "Host is empty")
    if not _asks(headers):
        raise HandshakeError(400, "Upgrade does not name websocket")
    if b"upgrade" not in http1.token_list(headers.get(b"connection", b"")):
        raise HandshakeError(400, "Connection does not name Upgrade")
    version = headers.get(b"sec-websocket-version", b"")
    if version != b"13":
        if not version.isdigit() or version != b"%d" % int(version[:4]) or int(version) > 255:
            raise HandshakeError(400, "Sec-WebSocket-Version is missing or not a version")
        raise upgrade_required("the WebSocket version is not 13")
    if not _is_key(headers.get(b"sec-websocket-key", b"")):
        raise HandshakeError(400, "Sec-WebSocket-Key is not the base64 of 16 bytes")
    if b"sec-websocket-extensions" in headers:
        parse_extensions(headers[b"sec-websocket-extensions"])
    if b"sec-websocket-protocol" in headers:
        request.protocols = _parse_protocols(headers[b"sec-websocket-protocol"])
    request.key = headers[b"sec-websocket-key"]
    request.is_upgrade = True


def _is_key(key: bytes) -> bool:
    try:
        return len(key) == 24 and len(a2b_base64(key, strict_mode=True)) == 16
    except Base64Error:
        return False


def _parse_protocols(value: bytes) -> tuple[bytes, ...]:
    """The subprotocols on offer: tokens, each once (RFC 6455 §4.1 item 10). Their case counts."""
    names = tuple(name for name in (part.strip(b" \t") for part in value.split(b",")) if name)
    if not names or len(set(names)) < len(names) or not all(map(http1.is_token, names)):
        raise HandshakeError(400, "Sec-WebSocket-Protocol is not a list of different tokens")
    return names


def parse_extensions(value: bytes) -> list[tuple[bytes, list[tuple[bytes, bytes | None]]]]:
    """``[(name, [(parameter, value or None), …]), …]`` of Sec-WebSocket-Extensions (RFC 6455 §9.1).

    Raises HandshakeError 400 if malformed. A quoted value must be a token once it is unquoted, so it has no comma and
    no semicolon, and splitting at those is right.
    """
    extensions = []
    for item in value.split(b","):
        if not item.strip(b" \t"):
            continue
        name, *parameters = (part.strip(b" \t") for part in item.split(b";"))
        pairs: list[tuple[bytes, bytes | None]] = []
        for parameter in parameters:
            left, equals, right = (part.strip(b" \t") for part in parameter.partition(b"="))
            if len(right) > 1 and right[:1] == right[-1:] == b'"' and b"\\\\" not in right and right[-2:] != b'\\"':
                right = right[1:-1].replace(b"\\", b"")
            if not http1.is_token(left) or (equals and not http1.is_token(right)):
                raise HandshakeError(400, "Sec-WebSocket-Extensions is malformed")
            pairs.append((left, right if equals else None))
        if not http1.is_token(name):
            raise HandshakeError(400, "Sec-WebSocket-Extensions is malformed")
        extensions.append((name, pairs))
    if not extensions:
        raise HandshakeError(400, "Sec-WebSocket-Extensions is empty")
    return extensions


def upgrade_required(reason: str) -> HandshakeError:
    """The error 426 with the fields that it needs (RFC 9110 §15.5.22, RFC 6455 §4.4); to be raised."""
    return HandshakeError(426, reason, ((b"Upgrade", b"websocket"), (b"Sec-WebSocket-Version", b"13")))


def check_origin(request: Request, allowed: frozenset[bytes] = frozenset()) -> None:
    """Raise HandshakeError 403 if a web page of another host is behind the request (RFC 6455 §10.2).

    Without Origin it is not a browser, and is let in. Else the origin's host and port must be those of Host, or the
    whole origin (lower case) be in ``allowed``; ``*`` there lets all in. Tsung sends its bare host as the origin: that
    is compared as it is.
    """
    origin = request.origin.lower()
    if not origin or origin in allowed or b"*" in allowed:
        return
    scheme, separator, authority = origin.partition(b"://")
    host = request.host.lower()
    if not separator:
        authority = origin
    elif scheme in (b"http", b"https"):  # a browser leaves out a scheme's own port in both, other clients may not
        port = b":80" if scheme == b"http" else b":443"
        host = host.removesuffix(port)
        authority = authority.removesuffix(port)
    if not authority or authority != host:
        raise HandshakeError(403, "the page that asks is of another origin")


def check_response(head: bytes, accept: bytes, protocols: tuple[bytes, ...] = ()) -> None:
    """Return if ``head`` agrees to the upgrade as RFC 6455 §4.1 demands of a client, else raise HandshakeError.

    ``head`` ends with its empty line. ``protocols`` are the subprotocols that were asked for; extensions never are.
    """
    if head == _RESPONSE % (accept, b""):
        return
    start, headers = http1.split_head(head, 0)
    version, _, rest = start.partition(b" ")
    code, space, _ = rest.partition(b" ")
    http = len(version) == 8 and version[:7] == b"HTTP/1." and version[7:].isdigit()
    if not http or len(code) != 3 or not code.isdigit() or code < b"100":
        raise HandshakeError(0, "the answer is not HTTP/1.1")
    status = int(code)
    wrong = ""
    if status != 101:
        wrong = "the server did not switch protocols"
    elif version == b"HTTP/1.0" or not space:
        wrong = "the status line is not of HTTP/1.1"
    elif headers.get(b"upgrade", b"").lower() != b"websocket":
        wrong = "Upgrade in the answer is not websocket"
    elif b"upgrade" not in http1.token_list(headers.get(b"connection", b"")):
        wrong = "Connection in the answer does not name Upgrade"
    elif headers.get(b"sec-websocket-accept") != accept:
        wrong = "Sec-WebSocket-Accept does not fit the key"
    elif b"sec-websocket-extensions" in headers:
        wrong = "the server chose an extension that was not asked for"
    elif headers.get(b"sec-websocket-protocol") not in (None, *protocols):
        wrong = "the server chose a subprotocol that was not asked for"
    if wrong:
        raise HandshakeError(status, wrong, tuple(headers.items()))
