"""Which room a path means, what a name is, whose Host is believed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wstune.chat import http
from wstune.chat.options import Options
from wstune.protocol import handshake


@pytest.mark.parametrize(
    ("target", "room"),
    [
        (b"/", b"/"),
        (b"/?x=1", b"/"),
        (b"/chat", b"/"),
        (b"/rooms/kitchen", b"/rooms/kitchen"),
        (b"/rooms/kitchen?name=Ada", b"/rooms/kitchen"),
        (b"/rooms/who", b"/rooms/who"),
        (b"/rooms/", None),
        (b"/rooms/a/b", None),
        (b"/chat/", None),
        (b"/rooms/" + b"x" * 121, b"/rooms/" + b"x" * 121),
        (b"/rooms/" + b"x" * 122, None),
    ],
)
def test_rooms_by_path(target: bytes, room: bytes | None) -> None:
    """`/` and `/chat` are one room, `/rooms/NAME` each its own, at most 128 bytes with the path."""
    assert http.room_name(target) == room


@pytest.mark.parametrize(
    ("target", "name"),
    [
        (b"/", b""),
        (b"/?name=Ada", b"Ada"),
        (b"/?x=1&name=Ada+Lovelace", b"Ada Lovelace"),
        (b"/?name=N%C3%A4me", "Näme".encode()),
        (b"/?name=" + b"x" * 50, b"x" * 32),
        (b"/?name=%0a", b""),
        (b"/?name=a%0ab", b""),
        (b"/?name=%ff", b""),
        (b"/?name=%zz", b""),
        (b"/?name=%", b""),
    ],
)
def test_names(target: bytes, name: bytes) -> None:
    """A name is printable UTF-8 of at most 32 characters; anything else is no name, and no error."""
    assert http.member_name(target) == name


@given(st.binary(max_size=60))
def test_no_target_is_an_error(target: bytes) -> None:
    """Whatever stands in a target, it means a room or none, a name or none."""
    http.room_name(b"/rooms/" + target)
    assert len(http.member_name(b"/?name=" + target).decode()) <= 32


@pytest.mark.parametrize(
    "host", [b"localhost", b"LOCALHOST:3000", b"127.0.0.1:3000", b"127.9.9.9", b"[::1]:80", b"a.localhost."]
)
def test_names_of_this_host(host: bytes) -> None:
    """Loopback addresses and localhost cannot be led elsewhere, nor can others lead here."""
    assert http.is_local_name(host)


@pytest.mark.parametrize(
    "host", [b"", b"evil.example", b"127.0.0.1.evil.example", b"localhost.evil.example", b"192.0.2.1", b"[::2]"]
)
def test_names_of_others(host: bytes) -> None:
    """Anything else may be a foreign page's name."""
    assert not http.is_local_name(host)


def request(origin: bytes, host: bytes) -> handshake.Request:
    return handshake.parse_request(
        handshake.build_request(host, b"/chat", b"dGhlIHNhbXBsZSBub25jZQ==", b"Origin: %b\r\n" % origin)
    )


def test_a_name_that_leads_here_is_believed_only_where_we_are_public() -> None:
    """DNS rebinding: Origin equals Host, yet the page is a stranger's; only a server on loopback can know."""
    rebound = request(b"http://evil.example", b"evil.example")
    http.check_origin(rebound, Options(local=False))
    with pytest.raises(handshake.HandshakeError, match="403"):
        http.check_origin(rebound, Options(local=True))
    http.check_origin(rebound, Options(local=True, origins=frozenset([b"http://evil.example"])))
