"""The syntax of heads, and answers."""

from __future__ import annotations

import http.client
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wstune.protocol import http1
from wstune.protocol.http1 import MAX_HEAD, MAX_HEADERS, HandshakeError

HEAD = b"GET /chat HTTP/1.1\r\nHost: example.com\r\nX: y\r\n\r\n"


def status_of(head: bytes) -> int:
    """The status with which a head is refused, 200 if it is not."""
    try:
        start, headers = http1.split_head(head, 400)
        http1.request_line(start)
        http1.no_content(headers)
    except HandshakeError as error:
        return error.status
    return 200


def with_line(line: bytes) -> bytes:
    return HEAD[:-2] + line + b"\r\n\r\n"


def with_start(line: bytes) -> bytes:
    return line + HEAD[HEAD.index(b"\r\n") :]


# Where a head ends.


@pytest.mark.parametrize("step", [1, 2, 3, 7, 1000])
def test_the_end_of_a_head_is_found_in_any_pieces(step: int) -> None:
    """0 until the empty line is there, then the length; what is pipelined behind does not count."""
    data = HEAD + b"\x81\x80MASK"
    buffer = bytearray()
    found = 0
    for at in range(0, len(data), step):
        seen = len(buffer)
        buffer += data[at : at + step]
        length = http1.head_length(buffer, seen)
        assert length == (len(HEAD) if len(buffer) >= len(HEAD) else 0)
        if length:
            found += 1
            break
    assert found == 1


@pytest.mark.parametrize(
    ("data", "status"),
    [
        pytest.param(b"GET /" + b"a" * MAX_HEAD, 414, id="request line without end"),
        pytest.param(HEAD[:-2] + b"X: " + b"y" * MAX_HEAD, 431, id="fields without end"),
        pytest.param(HEAD[:-2] + b"X: " + b"y" * MAX_HEAD + b"\r\n\r\n", 431, id="an end too late"),
        pytest.param(b"\x16\x03\x01\x02\x00\x01", 400, id="TLS"),
        pytest.param(b"\x00", 400, id="NUL"),
        pytest.param(b"GET\x80", 400, id="not a token"),
        pytest.param(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ", 400, id="a method without end"),
        pytest.param(b"GET / HTTP/1.1\n", 400, id="LF alone"),
        pytest.param(b"\n", 400, id="LF alone at the very beginning"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: a\n", 400, id="LF alone in the fields"),
    ],
)
def test_what_cannot_become_a_head_is_refused_at_once(data: bytes, status: int) -> None:
    """A peer that does not speak HTTP, or never ends, is not waited for."""
    with pytest.raises(HandshakeError) as error:
        http1.head_length(data)
    assert error.value.status == status


def test_a_head_of_exactly_the_limit_is_read() -> None:
    """MAX_HEAD is inclusive, and the limit on lines is on the fields alone."""
    head = with_line(b"Y: " + b"y" * (MAX_HEAD - len(HEAD) - 5))
    assert len(head) == MAX_HEAD
    assert http1.head_length(head) == MAX_HEAD
    assert status_of(head) == 200
    assert status_of(head[:-4] + b"y\r\n\r\n") == 431
    fields = b"GET / HTTP/1.1\r\n" + b"".join(b"h%d: x\r\n" % i for i in range(MAX_HEADERS)) + b"\r\n"
    assert status_of(fields) == 200
    assert status_of(fields[:-2] + b"more: x\r\n\r\n") == 431


def test_at_the_limit_without_an_end_is_over() -> None:
    """Where MAX_HEAD bytes have come and no empty line, none can come in time."""
    head = with_line(b"Y: " + b"y" * MAX_HEAD)
    assert http1.head_length(head[: MAX_HEAD - 1]) == 0
    with pytest.raises(HandshakeError, match="431"):
        http1.head_length(head[:MAX_HEAD])


def test_nothing_but_an_empty_line_is_a_head_to_be_refused() -> None:
    """It is not waited on."""
    assert http1.head_length(b"\r\n\r\n") == 4
    assert status_of(b"\r\n\r\n") == 400


def test_one_empty_line_before_a_request_is_waited_through() -> None:
    """RFC 9112 §2.2: a server should ignore an empty line before the request line."""
    for end in range(1, len(HEAD) + 2):
        assert http1.head_length((b"\r\n" + HEAD)[:end]) == 0
    assert http1.head_length(b"\r\n" + HEAD) == len(HEAD) + 2


@given(st.binary(max_size=300), st.integers(1, 40))
def test_looking_for_the_end_raises_nothing_else(data: bytes, step: int) -> None:
    """Any bytes, in any pieces: 0, a length, or a HandshakeError that says 400, 414 or 431."""
    status = 0
    for at in range(0, len(data), step):
        try:
            length = http1.head_length(data[: at + step], at)
        except HandshakeError as error:
            status = error.status
            break
        assert not length or data[length - 4 : length] == b"\r\n\r\n"
    assert status in (0, 400, 414, 431)


# Fields.


@pytest.mark.parametrize(
    ("line", "status"),
    [
        pytest.param(b"A: b", 200, id="a field"),
        pytest.param(b"A:b", 200, id="no space"),
        pytest.param(b"A: \t b \t", 200, id="white space around"),
        pytest.param(b"A:", 200, id="an empty value"),
        pytest.param(b"A: b\tc d", 200, id="white space within"),
        pytest.param(b"A: caf\xe9", 200, id="obs-text"),
        pytest.param(b"A : b", 400, id="space before the colon"),
        pytest.param(b" A: b", 400, id="a folded line"),
        pytest.param(b"\tA: b", 400, id="a line folded by a tab"),
        pytest.param(b"A", 400, id="no colon"),
        pytest.param(b": b", 400, id="no name"),
        pytest.param(b"A(: b", 400, id="a name that is no token"),
        pytest.param(b"\xc3\xa9: b", 400, id="a name beyond ASCII"),
        pytest.param(b"A: b\0", 400, id="NUL"),
        pytest.param(b"A: b\x7f", 400, id="DEL"),
        pytest.param(b"A: \x1b[2J", 400, id="escape"),
        pytest.param(b"A: b\nB: c", 400, id="LF alone"),
        pytest.param(b"A: b\rB: c", 400, id="CR alone"),
        pytest.param(b"A: b\r", 400, id="CR CR LF"),
        pytest.param(b"Host: other.example", 400, id="a second Host"),
        pytest.param(b"HOST: example.com", 400, id="a second Host that is the same"),
        pytest.param(b"Origin: a\r\nOrigin: a", 400, id="two Origins"),
        pytest.param(b"Content-Length: 0", 200, id="no content"),
        pytest.param(b"Content-Length: 000", 200, id="no content in zeros"),
        pytest.param(b"Content-Length: 5", 413, id="content"),
        pytest.param(b"Content-Length: " + b"9" * 5000, 413, id="content of 5,000 digits"),
        pytest.param(b"Content-Length: -1", 400, id="a negative length"),
        pytest.param(b"Content-Length: +1", 400, id="a signed length"),
        pytest.param(b"Content-Length: 0x0", 400, id="a hexadecimal length"),
        pytest.param(b"Content-Length: 0, 0", 400, id="a list of lengths"),
        pytest.param(b"Content-Length: 0\r\nContent-Length: 0", 400, id="two lengths"),
        pytest.param(b"Transfer-Encoding: chunked", 413, id="chunks"),
        pytest.param(b"Transfer-Encoding: gzip, chunked", 501, id="an unknown coding"),
        pytest.param(b"Transfer-Encoding: chunked\r\nContent-Length: 5", 400, id="chunks and a length"),
    ],
)
def test_a_field_is_read_strictly(line: bytes, status: int) -> None:
    """RFC 9112 §5 and §6.3."""
    assert status_of(with_line(line)) == status


def test_fields_are_named_in_lower_case_and_joined() -> None:
    """Names are compared without case, values keep it; a repeated field is one list (RFC 9110 §5.3)."""
    start, headers = http1.split_head(with_line(b"A: 1\r\na:  Two \r\nA:3"), 400)
    assert start == b"GET /chat HTTP/1.1"
    assert headers == {b"host": b"example.com", b"x": b"y", b"a": b"1, Two, 3"}


@pytest.mark.parametrize(
    "head", [b"", b"\r\n\r\n", HEAD[:-2], HEAD + b"x", HEAD + b"\r\n", HEAD + HEAD, b"G\r\n\r\n\r\n"]
)
def test_a_head_is_neither_more_nor_less(head: bytes) -> None:
    """What is given must end with its only empty line, and have something before it."""
    with pytest.raises(HandshakeError) as error:
        http1.split_head(head, 400)
    assert error.value.status == 400


# The request line.


@pytest.mark.parametrize(
    ("line", "status"),
    [
        pytest.param(b"GET / HTTP/1.1", 200, id="1.1"),
        pytest.param(b"GET / HTTP/1.0", 200, id="1.0"),
        pytest.param(b"GET / HTTP/1.2", 200, id="1.2"),
        pytest.param(b"HEAD / HTTP/1.1", 200, id="HEAD"),
        pytest.param(b"GET /a?b=c&d|e HTTP/1.1", 200, id="a query"),
        pytest.param(b"GET / HTTP/2.0", 505, id="2.0"),
        pytest.param(b"PRI * HTTP/2.0", 505, id="the preface of HTTP/2"),
        pytest.param(b"GET / HTTP/0.9", 505, id="0.9"),
        pytest.param(b"GET /", 400, id="no version"),
        pytest.param(b"GET / http/1.1", 400, id="http"),
        pytest.param(b"GET / HTTP/1.1x", 400, id="more version"),
        pytest.param(b"GET / HTTP/11", 400, id="less version"),
        pytest.param(b"GET / HTTP/1,1", 400, id="a comma"),
        pytest.param(b"GET  / HTTP/1.1", 400, id="two spaces"),
        pytest.param(b"GET / HTTP/1.1 ", 400, id="a space behind"),
        pytest.param(b" GET / HTTP/1.1", 400, id="a space before"),
        pytest.param(b"GET\t/ HTTP/1.1", 400, id="a tab"),
        pytest.param(b"GET /a b HTTP/1.1", 400, id="a space in the target"),
        pytest.param(b"GET /# HTTP/1.1", 400, id="a fragment"),
        pytest.param(b"GET /\xc3\xa9 HTTP/1.1", 400, id="beyond ASCII"),
        pytest.param(b"G(T / HTTP/1.1", 400, id="a method that is no token"),
        pytest.param(b"POST / HTTP/1.1", 405, id="POST"),
        pytest.param(b"OPTIONS * HTTP/1.1", 405, id="OPTIONS"),
        pytest.param(b"CONNECT example.com:80 HTTP/1.1", 405, id="CONNECT"),
        pytest.param(b"get / HTTP/1.1", 501, id="get"),
        pytest.param(b"BREW / HTTP/1.1", 501, id="an unknown method"),
    ],
)
def test_a_request_line_is_read_strictly(line: bytes, status: int) -> None:
    """RFC 9112 §3; known methods that are not ours get 405, unknown ones 501 (RFC 9110 §9.1)."""
    assert status_of(with_start(line)) == status


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        (b"/chat?x=1", (b"/chat?x=1", b"own")),
        (b"http://h.example/chat?x", (b"/chat?x", b"h.example")),
        (b"HTTP://h:80", (b"/", b"h:80")),
        (b"https://[::1]:3000?x=/y", (b"/?x=/y", b"[::1]:3000")),
        (b"ws://h/chat", None),
        (b"http:///chat", None),
        (b"http://u@h/chat", None),
        (b"http://h:x/", None),
        (b"chat", None),
        (b"*", None),
        (b"example.com:80", None),
    ],
)
def test_an_absolute_target_gives_its_path_and_its_host(target: bytes, expected: tuple[bytes, bytes] | None) -> None:
    """A server must take the absolute form, and its host wins over Host (RFC 9112 §3.2.2); other forms are not ours."""
    if expected is not None:
        assert http1.origin_form(target, b"own") == expected
    else:
        with pytest.raises(HandshakeError) as error:
            http1.origin_form(target, b"own")
        assert error.value.status == 400


@pytest.mark.parametrize(
    ("host", "valid"),
    [
        (b"example.com", True), (b"example.com:80", True), (b"example.com:", True), (b"127.0.0.1:65535", True),
        (b"", True), (b"[::1]", True), (b"[::ffff:1.2.3.4]:3000", True), (b"a_b%20c", True),
        (b"example.com:65536", False), (b"example.com:x", False), (b":80", False), (b"a b", False), (b"u@h", False),
        (b"a,b", True), (b"a/b", False), (b"[::1", False), (b"[::1]x", False), (b"[1]", False), (b"[g::]", False),
        (b"h:1:2", False), (b"h:" + b"0" * 6, False), (b"\xc3\xa9", False), (b'"h"', False),
    ],
)  # fmt: skip
def test_a_host_is_a_name_or_an_address_and_a_port(host: bytes, valid: bool) -> None:
    """RFC 9110 §7.2, RFC 3986 §3.2.2."""
    assert http1.is_host(host) is valid


def test_a_list_of_tokens_has_no_empty_ones_and_no_case() -> None:
    """RFC 9110 §5.6.1 and §7.6.1."""
    assert http1.token_list(b" Keep-Alive,, \tUPGRADE ,") == [b"keep-alive", b"upgrade"]
    assert http1.token_list(b"") == []


# Answers.


class _Socket(io.BytesIO):
    def makefile(self, mode: str) -> io.BytesIO:
        assert mode == "rb"
        return self


def read_answer(answer: bytes, method: str = "GET") -> tuple[int, str, dict[str, str], bytes]:
    """As the standard library's client reads it."""
    response = http.client.HTTPResponse(_Socket(answer), method=method)  # type: ignore[arg-type]
    response.begin()
    return response.status, response.reason, dict(response.getheaders()), response.read()


def test_an_error_is_an_answer_that_a_stock_client_reads() -> None:
    """Status, phrase, the fields that the status demands, the reason as text, and the connection's end."""
    error = HandshakeError(405, "the method is neither GET nor HEAD", ((b"Allow", b"GET, HEAD"),))
    assert str(error) == "405 the method is neither GET nor HEAD"
    status, phrase, headers, body = read_answer(http1.build_error(error))
    assert (status, phrase, body) == (405, "Method Not Allowed", b"the method is neither GET nor HEAD\n")
    assert headers["Allow"] == "GET, HEAD"
    assert headers["Connection"] == "close"


def test_an_answer_to_head_has_no_body() -> None:
    """The length is of what GET would bring (RFC 9110 §9.3.2)."""
    answer = http1.build_answer(200, b"hello", b"text/html", head=True)
    assert answer.endswith(b"\r\n\r\n")
    assert read_answer(answer, "HEAD")[2]["Content-Length"] == "5"
    assert read_answer(http1.build_answer(200, b"hello", b"text/html"))[3] == b"hello"


def test_an_answer_with_upgrade_names_it_in_connection() -> None:
    """RFC 9110 §7.8: whoever sends Upgrade sends the connection option too."""
    headers = read_answer(http1.build_answer(426, b"", headers=((b"Upgrade", b"websocket"),)))[2]
    assert headers["Connection"] == "Upgrade, close"


def test_a_status_without_a_known_phrase_is_still_an_answer() -> None:
    """The phrase means nothing (RFC 9112 §4)."""
    assert read_answer(http1.build_answer(418, b""))[:2] == (418, "Unknown")
