"""The opening handshake of both ends."""

from __future__ import annotations

import base64
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wstune.protocol import handshake, http1
from wstune.protocol.handshake import HandshakeError, Request

KEY = b"dGhlIHNhbXBsZSBub25jZQ=="
ACCEPT = b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
REQUEST = handshake.build_request(b"server.example.com", b"/chat", KEY)
RESPONSE = handshake.build_response(ACCEPT)

keys = st.binary(min_size=16, max_size=16).map(handshake.key_value)
paths = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters="#"), max_size=40).map(
    lambda path: b"/" + path.encode()
)
NOISE = st.binary(max_size=20) | st.sampled_from(
    (
        b"\r\n",
        b"\r\n\r\n",
        b": ",
        b",",
        b" ",
        b"\0",
        b"HTTP/1.0",
        b"Host: x",
        b"Upgrade: h2c",
        b"\xff",
        b'"',
        b";",
        b"==",
    )
)


def replaced(old: bytes, new: bytes) -> bytes:
    assert REQUEST.count(old) == 1
    return REQUEST.replace(old, new)


def with_line(line: bytes) -> bytes:
    return REQUEST[:-2] + line + b"\r\n\r\n"


def without(name: bytes) -> bytes:
    lines = REQUEST.split(b"\r\n")
    kept = [line for line in lines if not line.startswith(name + b":")]
    assert len(kept) == len(lines) - 1
    return b"\r\n".join(kept)


def outcome(head: bytes) -> int:
    """101 for an upgrade, 200 for a plain request, else the status of the error."""
    try:
        return 101 if handshake.parse_request(head).is_upgrade else 200
    except HandshakeError as error:
        return error.status


def test_the_rfcs_own_example() -> None:
    """RFC 6455 §1.3 and §4.2.2 print this key and this accept value."""
    assert handshake.accept_value(KEY) == ACCEPT
    assert handshake.key_value(b"the sample nonce") == KEY


@given(keys)
def test_the_accept_value_is_the_rfcs_formula(key: bytes) -> None:
    """Base64 of SHA-1 of the key as it stands and the GUID, by other functions of the standard library."""
    digest = hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11", usedforsecurity=False).digest()
    assert handshake.accept_value(key) == base64.standard_b64encode(digest)
    assert len(handshake.accept_value(key)) == 28


# The server's side.


@given(paths, keys)
def test_what_a_client_builds_a_server_reads(path: bytes, key: bytes) -> None:
    """Law: parse_request ∘ build_request gives host, path and key back."""
    extra = b"Origin: http://h:3000\r\nSec-WebSocket-Protocol: a, b\r\nX: y\r\n"
    request = handshake.parse_request(handshake.build_request(b"h:3000", path, key, extra))
    assert request.is_upgrade
    assert (request.method, request.target, request.host, request.key) == (b"GET", path, b"h:3000", key)
    assert (request.origin, request.protocols, request.headers[b"x"]) == (b"http://h:3000", (b"a", b"b"), b"y")


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        pytest.param(REQUEST, 101, id="as built"),
        pytest.param(b"\r\n" + REQUEST, 101, id="an empty line before"),
        pytest.param(replaced(b"Upgrade: websocket", b"uPGRADE:WebSocket"), 101, id="case of Upgrade"),
        pytest.param(replaced(b"Upgrade: websocket", b"Upgrade: h2c, websocket"), 101, id="a list of protocols"),
        pytest.param(replaced(b"Connection: Upgrade", b"Connection: keep-alive, uPgrade"), 101, id="a list of options"),
        pytest.param(with_line(b"Connection: close"), 101, id="two Connections"),
        pytest.param(replaced(b"HTTP/1.1", b"HTTP/1.2"), 101, id="HTTP/1.2"),
        pytest.param(replaced(b"/chat", b"http://other.example/chat"), 101, id="an absolute target"),
        pytest.param(
            with_line(b"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits"), 101, id="extensions"
        ),
        pytest.param(with_line(b"Sec-WebSocket-Protocol: chat, superchat"), 101, id="subprotocols"),
        pytest.param(
            with_line(b"Sec-WebSocket-Protocol: a\r\nSec-WebSocket-Protocol: b"), 101, id="subprotocols in two"
        ),
        pytest.param(with_line(b"Sec-WebSocket-Protocol: , a,, b"), 101, id="empty subprotocols between"),
        pytest.param(without(b"Host"), 400, id="no Host"),
        pytest.param(replaced(b"Host: server.example.com", b"Host:"), 400, id="an empty Host"),
        pytest.param(replaced(b"server.example.com", b"a b"), 400, id="a bad Host"),
        pytest.param(without(b"Upgrade"), 400, id="no Upgrade"),
        pytest.param(replaced(b"Upgrade: websocket", b"Upgrade: h2c"), 400, id="another Upgrade"),
        pytest.param(replaced(b"Upgrade: websocket", b"Upgrade: websocket/13"), 400, id="Upgrade with a version"),
        pytest.param(without(b"Connection"), 400, id="no Connection"),
        pytest.param(replaced(b"Connection: Upgrade", b"Connection: close"), 400, id="another Connection"),
        pytest.param(replaced(b"Connection: Upgrade", b"Connection: Upgraded"), 400, id="nearly the option"),
        pytest.param(without(b"Sec-WebSocket-Key"), 400, id="no key"),
        pytest.param(replaced(KEY, b""), 400, id="an empty key"),
        pytest.param(replaced(KEY, base64.b64encode(bytes(15))), 400, id="a key of 15 bytes"),
        pytest.param(replaced(KEY, base64.b64encode(bytes(17))), 400, id="a key of 17 bytes"),
        pytest.param(replaced(KEY, base64.b64encode(bytes(18))), 400, id="a key of 18 bytes"),
        pytest.param(replaced(KEY, KEY[:-2]), 400, id="a key without padding"),
        pytest.param(replaced(KEY, KEY[:10] + b" " + KEY[11:]), 400, id="a space in the key"),
        pytest.param(replaced(KEY, KEY[:10] + b"-" + KEY[11:]), 400, id="a key in the URL alphabet"),
        pytest.param(replaced(KEY, KEY[:10] + b"=" + KEY[11:]), 400, id="padding within the key"),
        pytest.param(replaced(KEY, b"=" * 24), 400, id="nothing but padding"),
        pytest.param(with_line(b"Sec-WebSocket-Key: " + KEY), 400, id="two keys"),
        pytest.param(without(b"Sec-WebSocket-Version"), 400, id="no version"),
        pytest.param(replaced(b"Version: 13", b"Version: 8"), 426, id="version 8"),
        pytest.param(replaced(b"Version: 13", b"Version: 255"), 426, id="version 255"),
        pytest.param(replaced(b"Version: 13", b"Version: 256"), 400, id="version 256"),
        pytest.param(replaced(b"Version: 13", b"Version: 013"), 400, id="version 013"),
        pytest.param(replaced(b"Version: 13", b"Version: 13, 8"), 400, id="two versions in one"),
        pytest.param(replaced(b"Version: 13", b"Version: " + b"1" * 5000), 400, id="a version of 5,000 digits"),
        pytest.param(with_line(b"Sec-WebSocket-Version: 13"), 400, id="two versions"),
        pytest.param(replaced(b"HTTP/1.1", b"HTTP/1.0"), 505, id="HTTP/1.0"),
        pytest.param(replaced(b"HTTP/1.1", b"HTTP/2.0"), 505, id="HTTP/2.0"),
        pytest.param(replaced(b"GET", b"HEAD"), 405, id="HEAD"),
        pytest.param(replaced(b"GET", b"POST"), 405, id="POST"),
        pytest.param(replaced(b"GET", b"get"), 501, id="get"),
        pytest.param(with_line(b"Content-Length: 5"), 413, id="content"),
        pytest.param(with_line(b"Sec-WebSocket-Protocol:"), 400, id="no subprotocol"),
        pytest.param(with_line(b"Sec-WebSocket-Protocol: a b"), 400, id="a subprotocol that is no token"),
        pytest.param(with_line(b"Sec-WebSocket-Protocol: a, a"), 400, id="a subprotocol twice"),
        pytest.param(with_line(b"Sec-WebSocket-Extensions:"), 400, id="no extension"),
        pytest.param(with_line(b"Sec-WebSocket-Extensions: a b"), 400, id="an extension that is no token"),
        pytest.param(with_line(b"A: b\r\n c"), 400, id="obs-fold"),
        pytest.param(with_line(b"A: " + b"b" * 9000), 431, id="a long head"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n", 200, id="plain"),
        pytest.param(b"HEAD / HTTP/1.1\r\nHost: h\r\n\r\n", 200, id="plain HEAD"),
        pytest.param(b"GET / HTTP/1.0\r\n\r\n", 200, id="plain HTTP/1.0 without Host"),
        pytest.param(
            b"GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n", 200, id="plain, h2c on offer"
        ),
        pytest.param(b"GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\n\r\n", 400, id="only Upgrade"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: h\r\nSec-WebSocket-Version: 13\r\n\r\n", 400, id="only a version"),
        pytest.param(b"GET / HTTP/1.1\r\n\r\n", 400, id="plain without Host"),
    ],
)
def test_a_request_is_accepted_or_refused_with_the_right_status(head: bytes, expected: int) -> None:
    """RFC 6455 §4.2.1; a request with any sign of a handshake is one, and must be whole."""
    assert outcome(head) == expected


def test_an_absolute_targets_host_is_the_host() -> None:
    """RFC 9112 §3.2.2: Host is ignored then."""
    request = handshake.parse_request(replaced(b"/chat", b"http://other.example:8/chat?x=1"))
    assert (request.target, request.host) == (b"/chat?x=1", b"other.example:8")


@pytest.mark.parametrize(
    ("head", "name", "value"),
    [
        (replaced(b"GET", b"HEAD"), b"Allow", b"GET"),
        (replaced(b"Version: 13", b"Version: 7"), b"Sec-WebSocket-Version", b"13"),
        (replaced(b"Version: 13", b"Version: 7"), b"Upgrade", b"websocket"),
    ],
    ids=["405 says what is allowed", "426 says which version", "426 says what to upgrade to"],
)
def test_an_error_brings_the_fields_that_its_status_demands(head: bytes, name: bytes, value: bytes) -> None:
    """RFC 9110 §15.5.6 and §15.5.22, RFC 6455 §4.4."""
    with pytest.raises(HandshakeError) as error:
        handshake.parse_request(head)
    assert (name, value) in error.value.headers
    assert b"%b: %b\r\n" % (name, value) in handshake.build_error(error.value)


@given(st.data())
def test_a_spoilt_request_raises_nothing_but_handshake_errors(data: st.DataObject) -> None:
    """Whatever is cut out of or put into a request: it is read, or refused with one of the published statuses."""
    head = with_line(b'Sec-WebSocket-Extensions: a; b="c"\r\nSec-WebSocket-Protocol: d, e')
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(head)))
        head = head[:at] + data.draw(NOISE) + head[at + data.draw(st.integers(0, 30)) :]
    assert outcome(head) in (101, 200, 400, 405, 413, 426, 431, 501, 505)


@given(st.binary(max_size=200))
def test_random_bytes_are_refused(head: bytes) -> None:
    """No random bytes are a request, and none raise anything else."""
    assert outcome(head + b"\r\n\r\n") >= 400


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"foo", [(b"foo", [])]),
        (b"foo, bar; baz=2", [(b"foo", []), (b"bar", [(b"baz", b"2")])]),
        (b"a;b;c=d , e", [(b"a", [(b"b", None), (b"c", b"d")]), (b"e", [])]),
        (b'a; b="c"', [(b"a", [(b"b", b"c")])]),
        (b'a; b="c\\d"', [(b"a", [(b"b", b"cd")])]),
        (b"a ; b = c", [(b"a", [(b"b", b"c")])]),
        (b",a,,", [(b"a", [])]),
        (b"permessage-deflate; client_max_window_bits", [(b"permessage-deflate", [(b"client_max_window_bits", None)])]),
    ],
)
def test_extensions_are_read(value: bytes, expected: object) -> None:
    """RFC 6455 §9.1; a quoted value is unquoted."""
    assert handshake.parse_extensions(value) == expected


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b",",
        b"a b",
        b"a;",
        b"a;;b",
        b"a; b=",
        b"a; =c",
        b'a; b="',
        b'a; b="c',
        b'a; b=""',
        b'a; b="c d"',
        b'a; b="c,d"',
        b'a; b="c\\"',
        b'a; b="c\\\\"',
        b'a; b="c\\"d"',
        b'"a"',
        b"a=b",
        b"a; b=c=d",
        b"\xff",
    ],
)
def test_malformed_extensions_are_refused(value: bytes) -> None:
    """RFC 6455 §9.1: the recipient of what is not the grammar's must fail the connection."""
    with pytest.raises(HandshakeError) as error:
        handshake.parse_extensions(value)
    assert error.value.status == 400


# Origin.


@pytest.mark.parametrize(
    ("host", "origin", "allowed", "let_in"),
    [
        pytest.param(b"h:3000", b"", (), True, id="no browser"),
        pytest.param(b"h:3000", b"http://h:3000", (), True, id="the same"),
        pytest.param(b"H:3000", b"http://h:3000", (), True, id="the same but for case"),
        pytest.param(b"h", b"http://h", (), True, id="the same, port 80"),
        pytest.param(b"h:80", b"http://h", (), True, id="the same, port 80 written in Host"),
        pytest.param(b"h", b"https://h:443", (), True, id="the same, port 443 written in Origin"),
        pytest.param(b"[::1]:3000", b"http://[::1]:3000", (), True, id="the same, IPv6"),
        pytest.param(b"127.0.0.1", b"127.0.0.1", (), True, id="Tsung's bare host"),
        pytest.param(b"h:3000", b"http://evil.example", (), False, id="another host"),
        pytest.param(b"h:3000", b"http://h:3001", (), False, id="another port"),
        pytest.param(b"h:3000", b"http://h", (), False, id="another port, unwritten"),
        pytest.param(b"h:3000", b"http://h:3000.evil.example", (), False, id="a longer host"),
        pytest.param(b"h:443", b"http://h", (), False, id="the other scheme's port"),
        pytest.param(b"h:3000", b"null", (), False, id="null"),
        pytest.param(b"h:3000", b"http://", (), False, id="an origin without a host"),
        pytest.param(b"h:3000", b"file://", (), False, id="a file"),
        pytest.param(b"h:3000", b"http://app.example", (b"http://app.example",), True, id="allowed"),
        pytest.param(b"h:3000", b"http://APP.example", (b"http://app.example",), True, id="allowed but for case"),
        pytest.param(
            b"h:3000", b"https://app.example", (b"http://app.example",), False, id="allowed with another scheme"
        ),
        pytest.param(b"h:3000", b"null", (b"*",), True, id="all allowed"),
    ],
)
def test_a_page_of_another_host_is_refused(
    host: bytes, origin: bytes, allowed: tuple[bytes, ...], let_in: bool
) -> None:
    """RFC 6455 §10.2: what a web page asks for it gets only from its own host, or where it is allowed."""
    request = Request(b"GET", b"/", host, {b"origin": origin} if origin else {})
    if let_in:
        handshake.check_origin(request, frozenset(allowed))
    else:
        with pytest.raises(HandshakeError) as error:
            handshake.check_origin(request, frozenset(allowed))
        assert error.value.status == 403


# The client's side.


@pytest.mark.parametrize(
    ("head", "status"),
    [
        pytest.param(RESPONSE, None, id="as built"),
        pytest.param(handshake.build_response(ACCEPT, b"Server: x\r\n"), None, id="with another field"),
        pytest.param(
            RESPONSE.replace(b"Switching Protocols", b"Web Socket Protocol Handshake"), None, id="another phrase"
        ),
        pytest.param(RESPONSE.replace(b"Switching Protocols", b""), None, id="an empty phrase"),
        pytest.param(RESPONSE.replace(b"Upgrade: websocket", b"upgrade:WebSocket"), None, id="another case"),
        pytest.param(RESPONSE.replace(b"Connection: Upgrade", b"Connection: keep-alive, upgrade"), None, id="a list"),
        pytest.param(RESPONSE.replace(ACCEPT, b" \t" + ACCEPT + b" "), None, id="white space around the value"),
        pytest.param(RESPONSE.replace(b" Switching Protocols", b""), 101, id="no space behind the status"),
        pytest.param(RESPONSE.replace(b"HTTP/1.1", b"HTTP/1.0"), 101, id="HTTP/1.0"),
        pytest.param(RESPONSE.replace(b"Upgrade: websocket\r\n", b""), 101, id="no Upgrade"),
        pytest.param(RESPONSE.replace(b"Upgrade: websocket", b"Upgrade: h2c"), 101, id="another Upgrade"),
        pytest.param(RESPONSE.replace(b"Upgrade: websocket", b"Upgrade: h2c, websocket"), 101, id="two Upgrades"),
        pytest.param(RESPONSE.replace(b"Connection: Upgrade\r\n", b""), 101, id="no Connection"),
        pytest.param(RESPONSE.replace(b"Connection: Upgrade", b"Connection: close"), 101, id="another Connection"),
        pytest.param(RESPONSE.replace(ACCEPT, ACCEPT.lower()), 101, id="a wrong value"),
        pytest.param(RESPONSE.replace(b"Sec-WebSocket-Accept: " + ACCEPT + b"\r\n", b""), 101, id="no value"),
        pytest.param(handshake.build_response(ACCEPT, b"Sec-WebSocket-Accept: x\r\n"), 0, id="two values"),
        pytest.param(handshake.build_response(ACCEPT, b"Sec-WebSocket-Extensions: x\r\n"), 101, id="an extension"),
        pytest.param(handshake.build_response(ACCEPT, b"Sec-WebSocket-Protocol: a\r\n"), 101, id="a subprotocol"),
        pytest.param(b"HTTP/1.1 404 Not Found\r\n\r\n", 404, id="404"),
        pytest.param(b"HTTP/1.0 503 Busy\r\n\r\n", 503, id="503 of HTTP/1.0"),
        pytest.param(b"HTTP/1.1 302 Found\r\nLocation: /\r\n\r\n", 302, id="a redirect"),
        pytest.param(b"HTTP/2.0 101 x\r\n\r\n", 0, id="HTTP/2.0"),
        pytest.param(b"HTTP/1.1 1x1 x\r\n\r\n", 0, id="no status"),
        pytest.param(b"HTTP/1.1 099 x\r\n\r\n", 0, id="a status below 100"),
        pytest.param(b"HTTP/1.1 101\xb2 x\r\n\r\n", 0, id="a status of four"),
        pytest.param(b"SSH-2.0-OpenSSH_9.2\r\n\r\n", 0, id="another protocol"),
        pytest.param(RESPONSE[:-2], 0, id="no end"),
        pytest.param(RESPONSE + b"\x81\x00", 0, id="more than the head"),
        pytest.param(handshake.build_response(ACCEPT, b"A: b\n c\r\n"), 0, id="LF alone"),
        pytest.param(handshake.build_response(ACCEPT, b"A: " + b"b" * 9000 + b"\r\n"), 0, id="too long"),
        pytest.param(b"", 0, id="nothing"),
    ],
)
def test_an_answer_is_checked_as_the_rfc_demands(head: bytes, status: int | None) -> None:
    """RFC 6455 §4.1; the error carries the server's status, 0 where there was none."""
    if status is None:
        handshake.check_response(head, ACCEPT)
    else:
        with pytest.raises(HandshakeError) as error:
            handshake.check_response(head, ACCEPT)
        assert error.value.status == status


def test_a_subprotocol_must_be_one_that_was_asked_for() -> None:
    """Any of them, by its exact name, or none at all."""
    chose = handshake.build_response(ACCEPT, b"Sec-WebSocket-Protocol: b\r\n")
    handshake.check_response(chose, ACCEPT, (b"a", b"b"))
    handshake.check_response(RESPONSE, ACCEPT, (b"a",))
    for asked in ((), (b"a",), (b"B",)):
        with pytest.raises(HandshakeError, match="101 the server chose a subprotocol"):
            handshake.check_response(chose, ACCEPT, asked)


def test_a_refusal_brings_the_servers_fields() -> None:
    """So that a client can say where a redirect leads, or when to come again."""
    with pytest.raises(HandshakeError) as error:
        handshake.check_response(b"HTTP/1.1 503 x\r\nRetry-After: 3\r\n\r\n", ACCEPT)
    assert error.value.headers == ((b"retry-after", b"3"),)


@given(st.data())
def test_a_spoilt_answer_raises_nothing_but_handshake_errors(data: st.DataObject) -> None:
    """An answer that is changed is either refused, or still agrees to the upgrade with our accept value."""
    head = RESPONSE
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(head)))
        head = head[:at] + data.draw(NOISE) + head[at + data.draw(st.integers(0, 30)) :]
    try:
        handshake.check_response(head, ACCEPT)
    except HandshakeError:
        return
    assert http1.split_head(head, 0)[1][b"sec-websocket-accept"] == ACCEPT
