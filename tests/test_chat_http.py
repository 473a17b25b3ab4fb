"""Which room a path means, what a name is, whose Host is believed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wstune.chat import http
from wstune.chat import stats as s
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


@pytest.mark.parametrize(
    ("local", "origins", "host", "own"),
    [
        (True, (), b"127.0.0.1:3000", True),
        (True, (), b"[::1]", True),
        (True, (), b"evil.example", False),
        (True, (), b"", False),
        (True, (b"https://chat.example.org",), b"chat.example.org", True),
        (True, (b"https://chat.example.org",), b"Chat.Example.Org.:443", True),
        (True, (b"https://chat.example.org:8443",), b"chat.example.org", True),
        (True, (b"https://chat.example.org",), b"evil.chat.example.org", False),
        (True, (b"https://chat.example.org",), b"chat.example.org.evil.example", False),
        (True, (b"http://[2001:db8::1]:80",), b"[2001:DB8::1]", True),
        (True, (b"http://[2001:db8::1]",), b"[2001:db8::2]", False),
        (True, (b"*",), b"evil.example", True),
        (False, (), b"evil.example", True),
    ],
)
def test_under_which_names_the_page_is_shown(local: bool, origins: tuple[bytes, ...], host: bytes, own: bool) -> None:
    """On loopback, this host's own and those of --origin; who is open to the world cannot know all his names."""
    assert http.is_own_name(host, Options(local=local, origins=frozenset(origins))) is own


TOKEN = b"0123456789abcdef"


@pytest.mark.parametrize(
    ("by_figures", "local", "token", "exposed", "host", "authorization", "seen"),
    [
        (False, True, b"", False, b"127.0.0.1", b"", False),
        (False, True, b"", False, b"127.0.0.1", b"Bearer ", False),
        (False, True, b"", True, b"evil.example", b"", True),
        (False, True, TOKEN, False, b"evil.example", b"Bearer " + TOKEN, True),
        (False, True, TOKEN, False, b"127.0.0.1", b"bearer  " + TOKEN, True),
        (False, True, TOKEN, False, b"127.0.0.1", b"Bearer " + TOKEN[:-1], False),
        (False, True, TOKEN, False, b"127.0.0.1", b"Bearer " + TOKEN + b"\xff", False),
        (False, True, TOKEN, False, b"127.0.0.1", b"Basic " + TOKEN, False),
        (False, True, TOKEN, False, b"127.0.0.1", TOKEN, False),
        (True, True, b"", False, b"127.0.0.1:9", b"", True),
        (True, True, b"", False, b"evil.example", b"", False),
        (True, True, TOKEN, False, b"127.0.0.1:9", b"", True),
        (True, False, TOKEN, False, b"127.0.0.1:9", b"", False),
        (True, False, TOKEN, False, b"metrics.example", b"Bearer " + TOKEN, True),
        (True, False, b"", True, b"metrics.example", b"", True),
    ],
)
def test_who_sees_the_figures(
    by_figures: bool, local: bool, token: bytes, exposed: bool, host: bytes, authorization: bytes, seen: bool
) -> None:
    """By the public port only the token counts; their own listener on loopback believes this host's names."""
    options = Options(local=True, figures_local=local, token=token, expose_metrics=exposed)
    headers = {b"authorization": authorization} if authorization else {}
    for path in (b"/stats", b"/metrics"):
        asked = handshake.Request(b"GET", path, host, headers)
        status, _ = http.answer(asked, s.Stats(1), None, options, by_figures=by_figures)
        assert status == (200 if seen else 403)


def test_the_listener_of_the_figures_has_no_page() -> None:
    """Nothing but figures and /healthz."""
    for path, status in ((b"/", 404), (b"/who", 404), (b"/page.js", 404), (b"/healthz", 200)):
        asked = handshake.Request(b"GET", path, b"127.0.0.1", {})
        assert http.answer(asked, s.Stats(1), None, Options(figures_local=True), by_figures=True)[0] == status


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
