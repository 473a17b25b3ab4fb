"""RFC 6455 §4 to §7, rule by rule, by raw bytes: to the protocol alone, and to a server over TCP.

Each test is named after its section. What binds a client is shown with the protocol that the burst's client is made of.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator

import pytest

from tests.conformance import (
    ACCEPT,
    BINARY,
    CLOSE,
    CONT,
    KEY,
    MASK,
    PING,
    PONG,
    TEXT,
    Answer,
    Live,
    Pure,
    Server,
    chat_server,
    frame,
    octets,
    shows,
    upgrade,
)
from wstune.protocol import frames, handshake

GOODBYE = frame(CLOSE, b"\x03\xe8")
ANSWERED = (CLOSE, b"\x03\xe8")


@pytest.fixture(scope="module")
def live() -> Iterator[Live]:
    with chat_server() as server:
        yield server


@pytest.fixture(params=["pure", pytest.param("live", marks=pytest.mark.live)])
def server(request: pytest.FixtureRequest) -> Server:
    if request.param == "pure":
        return Pure()
    server: Live = request.getfixturevalue("live")
    return server


def said(server: Server, *send: bytes) -> list[tuple[int, bytes]]:
    """The frames that come back to what is sent behind a good handshake, each in its own piece; then it must end."""
    answer = server.talk([upgrade(server.path()), *send])
    assert answer.status == 101
    assert answer.end != "silence"
    return answer.frames


def failed(server: Server, *send: bytes) -> int:
    """The close code with which a server fails such a connection, having said nothing else."""
    ((opcode, payload),) = said(server, *send)
    assert opcode == CLOSE
    return frames.close_code(payload)[0]


def refused(server: Server, request: bytes) -> Answer:
    """A handshake that gets an error status, and the end of the connection, though more is sent."""
    answer = server.talk([request, frame(TEXT, b"too early")])
    assert 400 <= answer.status < 600
    assert answer.end != "silence"
    assert b"\x81" not in answer.data
    return answer


def changed(server: Server, old: bytes, new: bytes) -> bytes:
    """A good request with one thing changed."""
    request = upgrade(server.path())
    assert request.count(old) == 1
    return request.replace(old, new)


# §4.1, what binds a client.


@shows("4.1-key")
def test_4_1_a_key_is_16_bytes_in_base64() -> None:
    """As the RFC prints it: 16 bytes become 24."""
    assert base64.b64decode(handshake.key_value(bytes(range(16))), validate=True) == bytes(range(16))


@shows("4.1-request")
def test_4_1_a_request_has_all_that_it_must_have() -> None:
    """GET, the path, HTTP/1.1, Host, Upgrade, Connection, key, version 13; nothing twice, CRLF at each line's end."""
    lines = handshake.build_request(b"h:3000", b"/chat", KEY).split(b"\r\n")
    assert lines[0] == b"GET /chat HTTP/1.1"
    assert lines[-2:] == [b"", b""]
    assert sorted(lines[1:-2]) == [
        b"Connection: Upgrade",
        b"Host: h:3000",
        b"Sec-WebSocket-Key: " + KEY,
        b"Sec-WebSocket-Version: 13",
        b"Upgrade: websocket",
    ]


@pytest.mark.parametrize(
    "change",
    [
        pytest.param((b"101", b"200"), id="status"),
        pytest.param((b"Upgrade: websocket\r\n", b""), id="no Upgrade"),
        pytest.param((b"Upgrade: websocket", b"Upgrade: other"), id="another Upgrade"),
        pytest.param((b"Connection: Upgrade\r\n", b""), id="no Connection"),
        pytest.param((b"Connection: Upgrade", b"Connection: close"), id="another Connection"),
        pytest.param((b"Sec-WebSocket-Accept: " + ACCEPT + b"\r\n", b""), id="no accept value"),
        pytest.param((ACCEPT, ACCEPT[:-2] + b"O="), id="a wrong accept value"),
        pytest.param((b"\r\n\r\n", b"\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n"), id="an extension"),
        pytest.param((b"\r\n\r\n", b"\r\nSec-WebSocket-Protocol: chat\r\n\r\n"), id="a subprotocol"),
    ],
)
@shows("4.1-status", "4.1-upgrade", "4.1-connection", "4.1-accept", "4.1-extensions", "4.1-protocol")
def test_4_1_a_client_fails_on_an_answer_that_is_not_right(change: tuple[bytes, bytes]) -> None:
    """Each of the six checks of §4.1, against an answer that is right in all else."""
    right = handshake.build_response(ACCEPT)
    handshake.check_response(right, ACCEPT)
    with pytest.raises(handshake.HandshakeError):
        handshake.check_response(right.replace(*change), ACCEPT)


@shows("4.1-names")
def test_4_1_a_client_reads_names_without_case() -> None:
    """Header names of the answer in capitals, Upgrade's value in another case, white space around the accept value."""
    handshake.check_response(
        b"HTTP/1.1 101 OK\r\nUPGRADE: WEBSOCKET\r\nCONNECTION: UPGRADE\r\nSEC-WEBSOCKET-ACCEPT:  %b \r\n\r\n" % ACCEPT,
        ACCEPT,
    )


# §4.2.1, reading a handshake.


@shows("4.2.1-get")
@pytest.mark.parametrize("method", [b"POST", b"HEAD", b"PUT", b"OPTIONS", b"get", b"CONNECT"])
def test_4_2_1_a_handshake_is_a_get(server: Server, method: bytes) -> None:
    """405 with what is allowed, or 501 for a method that is not known."""
    answer = refused(server, changed(server, b"GET ", method + b" "))
    assert answer.status == (501 if method == b"get" else 405)
    if answer.status == 405:
        assert "GET" in answer.head["allow"][0]


@shows("4.2.1-get")
@pytest.mark.parametrize(
    ("version", "status"),
    [(b"HTTP/1.0", 505), (b"HTTP/2.0", 505), (b"HTTP/0.9", 505), (b"HTTP/1", 400), (b"http/1.1", 400), (b"", 400)],
)
def test_4_2_1_a_handshake_is_http_1_1_or_higher(server: Server, version: bytes, status: int) -> None:
    """Lower versions, and what is no version, are refused."""
    assert refused(server, changed(server, b"HTTP/1.1", version)).status == status


@shows("4.2.1-get", "4.2.2-open")
def test_4_2_1_http_1_2_is_higher(server: Server) -> None:
    """A higher minor version is understood as 1.1."""
    answer = server.talk([changed(server, b"HTTP/1.1", b"HTTP/1.2"), GOODBYE])
    assert (answer.status, answer.frames) == (101, [ANSWERED])


@shows("4.2.1-get")
def test_4_2_1_the_target_may_be_an_absolute_uri(server: Server) -> None:
    """The resource name is the path of the URI."""
    path = server.path()
    answer = server.talk([upgrade(b"http://server.example" + path), GOODBYE])
    assert (answer.status, answer.frames) == (101, [ANSWERED])


@shows("4.2.1-get", "4.2.1-stop")
@pytest.mark.parametrize(
    "target", [b"chat", b"*", b"/chat#top", b"/ch at", b"/ch\xc3\xa4t", b"/ch\x00at", b"ftp://server.example/chat", b""]
)
def test_4_2_1_another_target_is_refused(server: Server, target: bytes) -> None:
    """What is neither a path nor an http URI gets 400."""
    assert refused(server, upgrade(target)).status == 400


@shows("4.2.1-host")
@pytest.mark.parametrize("host", [b"", b"Host:\r\n", b"Host: a b\r\n", b"Host: a\r\nHost: a\r\n", b"Host: user@a\r\n"])
def test_4_2_1_host_is_there_once_and_is_a_host(server: Server, host: bytes) -> None:
    """None, an empty one, a wrong one and two get 400."""
    assert refused(server, changed(server, b"Host: server.example\r\n", host)).status == 400


@shows("4.2.1-upgrade")
@pytest.mark.parametrize("upgrade_line", [b"", b"Upgrade: h2c\r\n", b"Upgrade:\r\n", b"Upgrade: web socket\r\n"])
def test_4_2_1_upgrade_names_websocket(server: Server, upgrade_line: bytes) -> None:
    """None and another one get 400."""
    assert refused(server, changed(server, b"Upgrade: websocket\r\n", upgrade_line)).status == 400


@shows("4.2.1-connection")
@pytest.mark.parametrize("line", [b"", b"Connection: close\r\n", b"Connection:\r\n", b"Connection: not-Upgrade\r\n"])
def test_4_2_1_connection_names_upgrade(server: Server, line: bytes) -> None:
    """None and another one get 400."""
    assert refused(server, changed(server, b"Connection: Upgrade\r\n", line)).status == 400


@shows("4.2.1-upgrade", "4.2.1-connection", "4.1-names")
@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"Upgrade: websocket", b"UPGRADE: WebSocket"),
        (b"Upgrade: websocket", b"Upgrade: h2c, websocket"),
        (b"Connection: Upgrade", b"connection:keep-alive,upgrade"),
        (b"Connection: Upgrade", b"Connection: keep-alive\r\nConnection: UPGRADE"),
        (b"Sec-WebSocket-Key", b"SEC-WEBSOCKET-KEY"),
        (b"Sec-WebSocket-Version: 13", b"sec-websocket-version:\t13 "),
    ],
)
def test_4_2_1_names_and_tokens_have_no_case_and_may_be_in_lists(server: Server, old: bytes, new: bytes) -> None:
    """What stock browsers and proxies send, such as Connection: keep-alive, Upgrade."""
    answer = server.talk([changed(server, old, new), GOODBYE])
    assert (answer.status, answer.frames) == (101, [ANSWERED])


@shows("4.2.1-key", "4.3-grammar")
@pytest.mark.parametrize(
    "key",
    [
        b"",
        base64.b64encode(bytes(15)),
        base64.b64encode(bytes(17)),
        KEY[:-2],
        KEY[:8] + b"*" + KEY[9:],
        b"=" * 24,
        KEY * 2,
    ],
    ids=["empty", "15 bytes", "17 bytes", "no padding", "not base64", "only padding", "twice as long"],
)
def test_4_2_1_the_key_is_16_bytes_in_base64(server: Server, key: bytes) -> None:
    """Anything else gets 400."""
    assert refused(server, upgrade(server.path(), key=key)).status == 400


@shows("4.2.1-key")
@pytest.mark.parametrize("lines", [0, 2])
def test_4_2_1_the_key_is_there_once(server: Server, lines: int) -> None:
    """None and two get 400."""
    line = b"Sec-WebSocket-Key: " + KEY + b"\r\n"
    assert refused(server, changed(server, line, line * lines)).status == 400


KEY_LINE = b"\r\nSec-WebSocket-Key: " + KEY


def is_refused_though_familiar(server: Server, path: bytes, request: bytes) -> None:
    """A server that has seen the good request of `path` gets a bad one that is like it, and nothing behind it."""
    for _ in range(2):
        assert server.talk([upgrade(path), GOODBYE]).status == 101
    answer = server.talk([request])
    assert answer.status == 400
    assert answer.end != "silence"


@shows("4.2.1-key", "4.2.1-stop")
@pytest.mark.parametrize(
    "key",
    [base64.b64encode(bytes(15)) + b"====", KEY[:-1] + b"A", KEY + b"x", KEY[:23], b"\0" * 24, b"=" * 24],
    ids=["15 bytes", "one = too few", "longer", "shorter", "NUL", "only padding"],
)
def test_4_2_1_a_familiar_request_with_a_wrong_key_is_refused(server: Server, key: bytes) -> None:
    """A server may know a request again but for its key; the key is judged all the same."""
    path = server.path()
    is_refused_though_familiar(server, path, upgrade(path, key=key))


@shows("4.2.1-key", "4.2.1-stop")
@pytest.mark.parametrize("place", [b"GET", b" HTTP/1.1", b".example", b": Upgrade", b"ersion: 13"])
def test_4_2_1_a_familiar_request_with_its_key_elsewhere_is_refused(server: Server, place: bytes) -> None:
    """It is the same bytes as before but for the key, in another order: the key's line in the midst of another."""
    path = server.path()
    without = upgrade(path).replace(KEY_LINE, b"")
    is_refused_though_familiar(server, path, without.replace(place, KEY_LINE + place, 1))


@shows("4.2.1-version", "4.2.2-version", "4.4-versions")
@pytest.mark.parametrize("version", [b"0", b"8", b"12", b"14", b"255"])
def test_4_2_1_another_version_is_told_which_is_spoken(server: Server, version: bytes) -> None:
    """426 with Sec-WebSocket-Version: 13, and the Upgrade that a 426 must have."""
    answer = refused(server, changed(server, b"Version: 13", b"Version: " + version))
    assert answer.status == 426
    assert answer.head["sec-websocket-version"] == ["13"]
    assert answer.head["upgrade"] == ["websocket"]


@shows("4.2.1-version", "4.3-grammar")
@pytest.mark.parametrize(
    "line",
    [b"", b"Sec-WebSocket-Version:\r\n", b"Sec-WebSocket-Version: 013\r\n", b"Sec-WebSocket-Version: 13a\r\n",
     b"Sec-WebSocket-Version: 256\r\n", b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Version: 13\r\n"],
    ids=["none", "empty", "013", "13a", "256", "two"],
)  # fmt: skip
def test_4_2_1_a_version_is_a_number_from_0_to_255(server: Server, line: bytes) -> None:
    """What is missing or malformed gets 400."""
    assert refused(server, changed(server, b"Sec-WebSocket-Version: 13\r\n", line)).status == 400


@shows("4.2.1-unknown")
def test_4_2_1_unknown_fields_are_ignored(server: Server) -> None:
    """Cookies, authorization and what nobody knows change nothing."""
    request = upgrade(
        server.path(), b"Cookie: a=b; c=d", b"Authorization: Basic eDp5", b"X-Unknown: caf\xe9", b"Empty:"
    )
    answer = server.talk([request, GOODBYE])
    assert (answer.status, answer.frames) == (101, [ANSWERED])


@shows("4.2.1-stop")
@pytest.mark.parametrize(
    ("lines", "status"),
    [
        pytest.param([b"Bad Name: x"], 400, id="space in a name"),
        pytest.param([b"Name : x"], 400, id="space before the colon"),
        pytest.param([b"Name"], 400, id="no colon"),
        pytest.param([b"A: b", b" folded"], 400, id="obs-fold"),
        pytest.param([b"A: b\nB: c"], 400, id="LF alone"),
        pytest.param([b"A: b\rB: c"], 400, id="CR alone"),
        pytest.param([b"A: \0"], 400, id="NUL"),
        pytest.param([b"Content-Length: 10"], 413, id="content"),
        pytest.param([b"Transfer-Encoding: chunked"], 413, id="chunks"),
        pytest.param([b"Content-Length: x"], 400, id="a length that is none"),
        pytest.param([b"A: " + b"b" * 8192], 431, id="a long field"),
        pytest.param([b"A%d: b" % i for i in range(100)], 431, id="many fields"),
    ],
)
def test_4_2_1_what_is_not_http_is_refused(server: Server, lines: list[bytes], status: int) -> None:
    """The syntax of RFC 9112 is part of a handshake's."""
    assert refused(server, upgrade(server.path(), *lines)).status == status


@shows("4.2.1-stop", "7.2.2-abort")
@pytest.mark.parametrize(
    ("data", "status"),
    [
        pytest.param(b"\x16\x03\x01\x02\x00\x01\x00\x01", 400, id="TLS"),
        pytest.param(b"SSH-2.0-OpenSSH_9.2\r\n", 400, id="SSH"),
        pytest.param(bytes(range(256)), 400, id="all bytes"),
        pytest.param(b"GET / HTTP/1.1\n\n", 400, id="LF"),
        pytest.param(b"A" * 100, 400, id="no spaces"),
        pytest.param(b"GET /" + b"a" * 9000, 414, id="a long target"),
        pytest.param(frame(TEXT, b"Hello"), 400, id="a frame without a handshake"),
    ],
)
def test_4_2_1_what_will_never_be_a_request_is_not_waited_for(server: Server, data: bytes, status: int) -> None:
    """An error status and the end of the connection, without more from the client."""
    answer = server.talk([data])
    assert answer.end != "silence"
    assert answer.status == status


@shows("4.2.1-stop", "4.2.2-open")
def test_4_2_1_a_handshake_may_come_in_any_pieces(server: Server) -> None:
    """Octet by octet, and with the first frame right behind it."""
    request = upgrade(server.path())
    answer = server.talk([*octets(request), GOODBYE])
    assert (answer.status, answer.frames) == (101, [ANSWERED])
    answer = server.talk([request + frame(TEXT, b"early") + GOODBYE])
    assert answer.frames == [(TEXT, b"early"), ANSWERED]
    answer = server.talk([request + frame(TEXT, b"early")[:3], frame(TEXT, b"early")[3:], GOODBYE])
    assert answer.frames == [(TEXT, b"early"), ANSWERED]


@shows("9.1-malformed", "4.3-grammar", "4.2.1-stop")
@pytest.mark.parametrize("value", [b"", b"a b", b"a; ", b'a; b="c d"', b'a; b="', b"a;b=", b"=", b"\xe9"])
def test_4_2_1_malformed_extensions_are_refused(server: Server, value: bytes) -> None:
    """§9.1: the recipient of what does not follow the grammar must fail the connection."""
    assert refused(server, upgrade(server.path(), b"Sec-WebSocket-Extensions: " + value)).status == 400


@shows("4.3-grammar", "4.2.1-stop")
@pytest.mark.parametrize("value", [b"", b"a b", b"a, a", b"a/b", b"\xe9"])
def test_4_2_1_malformed_subprotocols_are_refused(server: Server, value: bytes) -> None:
    """§4.1 item 10: different tokens, at least one."""
    assert refused(server, upgrade(server.path(), b"Sec-WebSocket-Protocol: " + value)).status == 400


# §4.2.2, answering it.


@shows("4.2.2-response", "4.2.2-accept", "4.2.2-extensions", "4.2.2-protocol")
def test_4_2_2_the_answer_is_101_with_upgrade_connection_and_accept(server: Server) -> None:
    """Each field once, the accept value that the RFC prints for its key, and nothing that was not asked for."""
    answer = server.talk([upgrade(server.path()), GOODBYE])
    assert answer.data.startswith(b"HTTP/1.1 101 ")
    assert [value.lower() for value in answer.head["upgrade"]] == ["websocket"]
    assert [value.lower() for value in answer.head["connection"]] == ["upgrade"]
    assert answer.head["sec-websocket-accept"] == [ACCEPT.decode()]
    assert not answer.head.keys() & {"sec-websocket-extensions", "sec-websocket-protocol", "content-length"}
    handshake.check_response(answer.data.partition(b"\r\n\r\n")[0] + b"\r\n\r\n", ACCEPT)


@shows("4.2.2-extensions", "4.2.2-protocol", "5.8-negotiate")
def test_4_2_2_what_is_offered_need_not_be_taken(server: Server) -> None:
    """A server that takes neither an extension nor a subprotocol sends neither field, and goes without."""
    offers = (
        b"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits, x",
        b"Sec-WebSocket-Protocol: a, b",
    )
    answer = server.talk([upgrade(server.path(), *offers), frame(TEXT, b"plain"), GOODBYE])
    assert answer.status == 101
    assert "sec-websocket-extensions" not in answer.head
    assert answer.head.get("sec-websocket-protocol", ["a"]) in (["a"], ["b"])
    assert answer.frames == [(TEXT, b"plain"), ANSWERED]


@shows("4.2.2-accept")
@pytest.mark.parametrize("key", [bytes(16), bytes(range(16)), b"\xff" * 16])
def test_4_2_2_each_key_has_its_accept_value(server: Server, key: bytes) -> None:
    """Also when only the key is new."""
    path = server.path()
    for nonce in (b"the sample nonce", key, b"the sample nonce"):
        encoded = base64.b64encode(nonce)
        answer = server.talk([upgrade(path, key=encoded), GOODBYE])
        assert answer.head["sec-websocket-accept"] == [handshake.accept_value(encoded).decode()]


@shows("4.2.2-origin")
@pytest.mark.parametrize(
    "origin", [b"http://evil.example", b"https://server.example:444", b"null", b"http://server.example.evil"]
)
def test_4_2_2_an_origin_that_is_not_welcome_gets_403(server: Server, origin: bytes) -> None:
    """A web page of another host is refused before it can say anything."""
    assert refused(server, upgrade(server.path(), b"Origin: " + origin)).status == 403


@shows("4.2.2-origin")
@pytest.mark.parametrize("origin", [b"http://server.example", b"https://SERVER.example", b"server.example"])
def test_4_2_2_its_own_origin_is_welcome(server: Server, origin: bytes) -> None:
    """A page of the host that is asked; the last is what Tsung sends."""
    answer = server.talk([upgrade(server.path(), b"Origin: " + origin), GOODBYE])
    assert (answer.status, answer.frames) == (101, [ANSWERED])


@shows("4.2.2-resource")
def test_4_2_2_a_resource_that_is_not_there_gets_404(server: Server) -> None:
    """A path without a chat behind it."""
    assert refused(server, upgrade(b"/no-such-thing")).status == 404


# §5.1 and §5.2, frames.


@shows("5.1-server-unmasked", "7.1.7-fail")
@pytest.mark.parametrize("opcode", [TEXT, BINARY, CLOSE, PING, PONG])
def test_5_1_a_frame_that_is_not_masked_ends_the_connection(server: Server, opcode: int) -> None:
    """With 1002, be it a message, a ping or a close, and though it says nothing."""
    assert failed(server, frame(opcode, mask=None)) == 1002


@shows("5.1-server-unmasked", "5.2-minimal")
def test_5_1_a_frame_is_refused_by_its_header(server: Server) -> None:
    """What can be known from the first bytes is not waited for: here the payload never comes."""
    assert failed(server, b"\x81\x7f") == 1002
    assert failed(server, b"\x83") == 1002
    assert failed(server, b"\x81\xfe\x00\x01") == 1002
    assert failed(server, b"\x82\xff" + (1 << 40).to_bytes(8, "big")) == 1009


@shows("5.1-server-mask")
def test_5_1_a_server_masks_nothing(server: Server) -> None:
    """Messages of every form of length, a pong and a close; `Answer.frames` refuses what is masked."""
    sizes = (0, 1, 125, 126, 65535, 65536)
    heard = said(server, *(frame(BINARY, bytes(size)) for size in sizes), frame(PING, b"x"), GOODBYE)
    assert heard == [*((BINARY, bytes(size)) for size in sizes), (PONG, b"x"), ANSWERED]


@shows("5.1-client-mask", "5.1-client-masked")
def test_5_1_a_client_masks_and_refuses_what_is_masked() -> None:
    """With a mask the bit is set and the key goes along; without one, to a server, it would be refused."""
    assert frames.encode(TEXT, b"Hello", mask=MASK) == frame(TEXT, b"Hello")
    receiver = frames.Receiver("client")
    with pytest.raises(frames.ProtocolError, match="1002"):
        receiver.feed(frame(TEXT, b"Hello"))


@shows("5.2-rsv", "5.8-negotiate")
@pytest.mark.parametrize("rsv", range(1, 8))
@pytest.mark.parametrize("opcode", [TEXT, PING, CLOSE])
def test_5_2_a_reserved_bit_fails_the_connection(server: Server, opcode: int, rsv: int) -> None:
    """Each of the three bits and their sums, on messages and control frames."""
    assert failed(server, frame(opcode, b"\x03\xe8", rsv=rsv)) == 1002


@shows("5.2-rsv")
def test_5_2_a_reserved_bit_on_a_continuation_fails_the_connection(server: Server) -> None:
    """The first fragment without it changes nothing."""
    assert failed(server, frame(TEXT, b"a", fin=False), frame(CONT, b"b", rsv=4)) == 1002


@shows("5.2-opcode")
@pytest.mark.parametrize("opcode", [3, 4, 5, 6, 7, 11, 12, 13, 14, 15])
@pytest.mark.parametrize("fin", [True, False])
def test_5_2_an_unknown_opcode_fails_the_connection(server: Server, opcode: int, fin: bool) -> None:
    """All ten, final or not."""
    assert failed(server, frame(opcode, fin=fin)) == 1002


@shows("5.2-length")
@pytest.mark.parametrize("size", [0, 1, 124, 125, 126, 127, 255, 256, 65534, 65535, 65536])
def test_5_2_every_form_of_length_is_read(server: Server, size: int) -> None:
    """Around each boundary, in network byte order."""
    payload = bytes(i & 255 for i in range(size))
    assert said(server, frame(BINARY, payload), GOODBYE) == [(BINARY, payload), ANSWERED]


@shows("5.2-top-bit")
@pytest.mark.parametrize("length", [1 << 63, (1 << 64) - 1, (1 << 63) + 5])
def test_5_2_a_length_with_its_top_bit_fails_the_connection(server: Server, length: int) -> None:
    """1002, and not 1009: it is no length at all."""
    assert failed(server, frame(BINARY, b"", form=64, length=length)) == 1002


@shows("5.2-minimal")
@pytest.mark.parametrize(("size", "form"), [(0, 16), (124, 16), (125, 16), (0, 64), (125, 64), (126, 64), (65535, 64)])
def test_5_2_a_length_that_is_not_in_its_shortest_form_fails_the_connection(
    server: Server, size: int, form: int
) -> None:
    """As 126, 0, 124 for 124 bytes, the RFC's own example."""
    assert failed(server, frame(BINARY, bytes(size), form=form)) == 1002


@shows("5.2-length", "7.1.7-fail")
def test_5_2_a_message_that_is_too_large_fails_with_1009(server: Server) -> None:
    """By the header of a frame, and by the sum of fragments, which never comes together."""
    assert failed(server, frame(BINARY, bytes(65537))[:14]) == 1009
    parts = [frame(BINARY, bytes(40000), fin=False), frame(CONT, bytes(25536), fin=False), frame(CONT, b"x")]
    assert failed(server, *parts) == 1009


# §5.3, masking.


@shows("5.3-mask", "6.2-unmask")
@pytest.mark.parametrize("mask", [b"\0\0\0\0", b"\xff\xff\xff\xff", b"\1\2\3\4", b"\x80\0\0\0"])
def test_5_3_any_mask_is_removed(server: Server, mask: bytes) -> None:
    """Also that of zeros; each length modulo 4, and each frame its own."""
    texts = [b"abcdefgh"[:size] for size in range(9)]
    wire = [frame(TEXT, text, mask=mask if at % 2 else MASK) for at, text in enumerate(texts)]
    assert said(server, *wire, GOODBYE) == [*((TEXT, text) for text in texts), ANSWERED]


@shows("5.3-mask", "5.4-order")
def test_5_3_the_mask_begins_anew_with_each_frame(server: Server) -> None:
    """Fragments of odd lengths, each with the same key."""
    parts = [frame(TEXT, b"abc", fin=False), frame(CONT, b"d", fin=False), frame(CONT, b"efghi")]
    assert said(server, *parts, GOODBYE) == [(TEXT, b"abcdefghi"), ANSWERED]


# §5.4, fragmentation.


@shows("5.4-both", "5.4-order", "6.2-type")
@pytest.mark.parametrize("opcode", [TEXT, BINARY])
@pytest.mark.parametrize("parts", [1, 2, 3, 50])
def test_5_4_fragments_become_one_message_of_the_firsts_type(server: Server, opcode: int, parts: int) -> None:
    """In their order, whatever their number, empty ones included."""
    pieces = [b"%d," % at if at % 3 else b"" for at in range(parts)]
    wire = [frame(CONT if at else opcode, piece, fin=at == parts - 1) for at, piece in enumerate(pieces)]
    assert said(server, *wire, GOODBYE) == [(opcode, b"".join(pieces)), ANSWERED]


@shows("5.4-control", "5.5.2-pong")
def test_5_4_control_frames_between_fragments_are_handled_at_once(server: Server) -> None:
    """The pong comes before the message that the ping came in the middle of; a pong changes nothing."""
    wire = [
        frame(TEXT, b"a", fin=False),
        frame(PING, b"1"),
        frame(PONG, b"2"),
        frame(CONT, b"b", fin=False),
        frame(PING, b"3"),
    ]
    assert said(server, *wire, frame(CONT, b"c"), GOODBYE) == [(PONG, b"1"), (PONG, b"3"), (TEXT, b"abc"), ANSWERED]


@shows("5.4-control", "5.5.1-answer")
def test_5_4_a_close_between_fragments_is_answered(server: Server) -> None:
    """The message that it cuts off is never delivered."""
    assert said(server, frame(TEXT, b"a", fin=False), GOODBYE) == [ANSWERED]


@shows("5.4-interleave")
@pytest.mark.parametrize("opcode", [TEXT, BINARY])
@pytest.mark.parametrize("fin", [True, False])
def test_5_4_a_message_within_a_message_fails_the_connection(server: Server, opcode: int, fin: bool) -> None:
    """Fragments of two messages are not interleaved."""
    assert failed(server, frame(TEXT, b"a", fin=False), frame(opcode, b"b", fin=fin)) == 1002


@shows("5.4-continuation")
@pytest.mark.parametrize("fin", [True, False])
def test_5_4_a_continuation_of_nothing_fails_the_connection(server: Server, fin: bool) -> None:
    """At the beginning, and after a message that has ended."""
    assert failed(server, frame(CONT, b"a", fin=fin)) == 1002
    assert said(server, frame(TEXT, b"a"), frame(CONT, b"b", fin=fin))[0] == (TEXT, b"a")


# §5.5, control frames.


@shows("5.5-length")
@pytest.mark.parametrize("opcode", [CLOSE, PING, PONG])
@pytest.mark.parametrize(("size", "form"), [(126, 16), (65536, 64), (10, 16), (10, 64)])
def test_5_5_a_control_frame_over_125_bytes_fails_the_connection(
    server: Server, opcode: int, size: int, form: int
) -> None:
    """Known by the form of its length alone."""
    assert failed(server, frame(opcode, bytes(size), form=form)) == 1002


@shows("5.5-fragment")
@pytest.mark.parametrize("opcode", [CLOSE, PING, PONG])
def test_5_5_a_fragmented_control_frame_fails_the_connection(server: Server, opcode: int) -> None:
    """Known by its first byte."""
    assert failed(server, frame(opcode, fin=False)[:1]) == 1002


@shows("5.5.1-body", "7.1.6-reason", "8.1-utf8")
@pytest.mark.parametrize(
    ("payload", "code"),
    [
        (b"\x03", 1002),
        (b"close", 1002),
        (b"\x03\xe8\xff", 1007),
        (b"\x03\xe8\xc3", 1007),
        (b"\x03\xe8\xed\xa0\x80", 1007),
    ],
    ids=["one byte", "text for a code", "not UTF-8", "cut off", "surrogate"],
)
def test_5_5_1_a_close_begins_with_a_code_and_goes_on_in_utf8(server: Server, payload: bytes, code: int) -> None:
    """Anything else fails the connection."""
    assert failed(server, frame(CLOSE, payload)) == code


@shows("5.5.1-answer", "7.1.5-code", "7.1.2-close")
@pytest.mark.parametrize("payload", [b"", b"\x03\xe8", b"\x03\xe9leaving", b"\x0f\xa0" + "ä".encode() * 61])
def test_5_5_1_a_close_is_answered_by_a_close_with_its_code(server: Server, payload: bytes) -> None:
    """An empty one by an empty one: 1005 is not sent."""
    ((opcode, back),) = said(server, frame(CLOSE, payload))
    assert opcode == CLOSE
    assert back[:2] == payload[:2]


@shows("5.5.1-tcp", "7.1.1-tcp")
@pytest.mark.parametrize("last", [GOODBYE, frame(CLOSE), GOODBYE + frame(TEXT, b"more"), frame(PING) + GOODBYE])
def test_5_5_1_a_server_closes_tcp_at_once_and_cleanly(server: Server, last: bytes) -> None:
    """The end comes while the client still listens, as an orderly end of the stream and not as a reset."""
    answer = server.talk([upgrade(server.path()), last])
    assert answer.close_code in (1000, 1005)
    assert answer.end == "eof"


@shows("7.1.1-tcp", "7.1.7-fail", "7.2.2-abort")
@pytest.mark.parametrize("behind", [b"", b"x" * 100_000])
def test_7_1_1_what_a_server_says_last_arrives(server: Server, behind: bytes) -> None:
    """Bytes that it will not read do not make it reset the connection and lose its last words: a CLOSE, or a status."""
    for _ in range(5):
        answer = server.talk([upgrade(server.path()), frame(3) + behind])
        assert answer.close_code == 1002
        assert answer.end == "eof"
        answer = server.talk([b"BAD\r\n\r\n" + behind])
        assert answer.status == 400
        assert answer.end == "eof"


@shows("5.5.1-last", "6.1-open", "5.5.2-pong")
def test_5_5_1_nothing_is_said_after_a_close(server: Server) -> None:
    """Messages and pings behind the client's CLOSE, in the same segment or later, are not answered."""
    assert said(server, GOODBYE + frame(TEXT, b"a") + frame(PING, b"b")) == [ANSWERED]
    assert said(server, GOODBYE, frame(PING, b"b"), frame(TEXT, b"a"), GOODBYE) == [ANSWERED]


@shows("5.5.2-pong", "5.5.3-same")
@pytest.mark.parametrize("size", [0, 1, 124, 125])
def test_5_5_2_a_ping_is_answered_by_a_pong_of_the_same_payload(server: Server, size: int) -> None:
    """Of any bytes."""
    payload = bytes(255 - i for i in range(size))
    assert said(server, frame(PING, payload), GOODBYE) == [(PONG, payload), ANSWERED]


@shows("5.5.2-pong")
def test_5_5_2_pings_are_answered_in_their_order(server: Server) -> None:
    """Each, or at least the last of those that came together."""
    pings = [b"%d" % at for at in range(20)]
    heard = [
        payload
        for opcode, payload in said(server, b"".join(frame(PING, ping) for ping in pings), GOODBYE)
        if opcode == PONG
    ]
    assert heard == [ping for ping in pings if ping in heard]
    assert heard[-1] == pings[-1]


@shows("5.5.3-unsolicited")
@pytest.mark.parametrize("payload", [b"", b"x", bytes(125)])
def test_5_5_3_an_unsolicited_pong_is_not_answered(server: Server, payload: bytes) -> None:
    """It is a heartbeat of the client's."""
    assert said(server, frame(PONG, payload), frame(TEXT, b"a"), GOODBYE) == [(TEXT, b"a"), ANSWERED]


# §5.6, data frames.


@shows("5.6-text", "5.4-both")
def test_5_6_a_character_may_be_cut_by_fragments(server: Server) -> None:
    """The message as a whole is UTF-8, each fragment need not be."""
    text = "aé€🎉z".encode()
    wire = [frame(CONT if at else TEXT, octet, fin=at == len(text) - 1) for at, octet in enumerate(octets(text))]
    assert said(server, *wire, GOODBYE) == [(TEXT, text), ANSWERED]


@shows("5.6-text", "8.1-utf8", "7.1.7-fail")
@pytest.mark.parametrize("text", [b"\xff", b"ok\xc3", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\x80"])
def test_5_6_text_that_is_not_utf8_fails_with_1007(server: Server, text: bytes) -> None:
    """Wrong, cut off, too long, a surrogate, beyond the last character, without a start."""
    assert failed(server, frame(TEXT, text)) == 1007
    assert failed(server, frame(TEXT, text[:1], fin=False), frame(CONT, text[1:])) == 1007


@shows("8.1-utf8")
def test_8_1_text_fails_before_its_message_ends(server: Server) -> None:
    """The impossible byte is in a frame whose rest, and in a message whose end, never comes."""
    assert failed(server, frame(TEXT, b"fine \xff and on and on")[:12]) == 1007
    assert failed(server, frame(TEXT, b"\xe2\x82", fin=False), frame(CONT, b"\x28", fin=False)) == 1007


@shows("5.6-binary", "6.2-type")
def test_5_6_binary_is_any_bytes(server: Server) -> None:
    """And comes back as binary, text as text."""
    everything = bytes(range(256))
    wire = [frame(BINARY, everything), frame(TEXT, b"text"), frame(BINARY, b"text")]
    assert said(server, *wire, GOODBYE) == [(BINARY, everything), (TEXT, b"text"), (BINARY, b"text"), ANSWERED]


# §6, sending and receiving.


@shows("6.1-opcode", "6.1-fin", "6.1-open")
def test_6_1_what_a_server_sends_has_its_opcode_and_an_end(server: Server) -> None:
    """`Answer.frames` wants FIN and a known opcode of each frame, and nothing behind a CLOSE."""
    wire = [frame(TEXT, b"a", fin=False), frame(CONT, b"b"), frame(BINARY, b"c"), GOODBYE]
    assert said(server, *wire) == [(TEXT, b"ab"), (BINARY, b"c"), ANSWERED]


@shows("6.2-frames")
@pytest.mark.parametrize("step", [1, 2, 3, 5, 11, 1000])
def test_6_2_frames_are_read_however_they_are_cut(server: Server, step: int) -> None:
    """In octets, in other pieces, and all in one."""
    wire = frame(TEXT, b"one") + frame(PING, b"two") + frame(BINARY, bytes(300)) + frame(TEXT, b"", fin=False)
    wire += frame(CONT, b"three") + GOODBYE
    pieces = [wire[at : at + step] for at in range(0, len(wire), step)]
    assert said(server, *pieces) == [(TEXT, b"one"), (PONG, b"two"), (BINARY, bytes(300)), (TEXT, b"three"), ANSWERED]


@shows("6.2-type", "6.2-unmask")
def test_6_2_a_message_after_a_message_is_a_new_one(server: Server) -> None:
    """Its type is its own."""
    wire = [frame(TEXT, b"a", fin=False), frame(CONT, b"b"), frame(BINARY, b"c", fin=False), frame(CONT, b"d")]
    assert said(server, *wire, GOODBYE) == [(TEXT, b"ab"), (BINARY, b"cd"), ANSWERED]


# §7, closing.


@shows("7.1.2-close", "7.1.7-fail")
@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        (frame(TEXT, mask=None), 1002),
        (frame(3), 1002),
        (frame(TEXT, b"\xff"), 1007),
        (frame(BINARY, b"", form=64, length=1 << 40), 1009),
    ],
    ids=["protocol", "opcode", "text", "size"],
)
def test_7_1_7_to_fail_is_to_say_why_and_to_close(server: Server, wrong: bytes, code: int) -> None:
    """A CLOSE with the code that fits, and a reason in UTF-8; then the end."""
    ((opcode, payload),) = said(server, wrong)
    assert opcode == CLOSE
    assert frames.close_code(payload)[0] == code


@shows("7.1.7-stop")
@pytest.mark.parametrize("behind", [frame(TEXT, b"more"), frame(PING, b"more"), GOODBYE])
def test_7_1_7_after_failing_nothing_more_is_processed(server: Server, behind: bytes) -> None:
    """In the same segment or in the next: no message, no pong, no second CLOSE."""
    assert failed(server, frame(3) + behind) == 1002
    assert failed(server, frame(3), behind) == 1002


@shows("7.1.7-stop", "6.2-frames")
def test_7_1_7_what_came_before_the_failing_frame_is_processed(server: Server) -> None:
    """In the same segment: the message and the pong, then the failing."""
    heard = said(server, frame(TEXT, b"good") + frame(PING, b"x") + frame(3))
    assert heard[:2] == [(TEXT, b"good"), (PONG, b"x")]
    assert frames.close_code(heard[2][1])[0] == 1002


@shows("7.1.5-code", "7.4.2-ranges")
@pytest.mark.parametrize("code", [1000, 1001, 1002, 1003, *range(1007, 1015), 3000, 3999, 4000, 4999])
def test_7_4_a_code_that_may_be_sent_is_answered(server: Server, code: int) -> None:
    """Those of the RFC and of IANA's registry, and the ranges for libraries and for private use."""
    assert failed(server, frame(CLOSE, code.to_bytes(2, "big"))) == code


@shows("7.4.1-reserved", "7.4.2-ranges")
@pytest.mark.parametrize("code", [0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1999, 2000, 2999, 5000, 25452, 65535])
def test_7_4_a_code_that_may_not_be_sent_fails_the_connection(server: Server, code: int) -> None:
    """The reserved ones, those below 1000, the unassigned ones, and those behind 4999."""
    assert failed(server, frame(CLOSE, code.to_bytes(2, "big"))) == 1002


@shows("7.4.1-reserved")
@pytest.mark.parametrize("code", [1004, 1005, 1006, 1015, 999, 5000])
def test_7_4_1_what_may_not_be_sent_cannot_be_written(code: int) -> None:
    """Neither end of ours can set a reserved code in a CLOSE."""
    with pytest.raises(ValueError, match="may not be sent"):
        frames.close_payload(code)
