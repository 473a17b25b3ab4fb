"""GET /stats at servers that mean no good: one deadline, one size, a reason for whatever is not figures."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial

import pytest

from tests.raw_server import head
from wstune.actions import stats_conversation
from wstune.actions.server_figures import NotKnown, ServerFigures
from wstune.actions.stats_conversation import ask_all
from wstune.actions.stats_sources import Source
from wstune.chat import figures
from wstune.chat import stats as s

pytestmark = pytest.mark.live

GOOD = figures.stats_json(s.Stats(1))
DEADLINE = 0.5


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stats_conversation, "SECONDS", DEADLINE)


@contextmanager
def answering(*behaviours: Callable[[socket.socket], None]) -> Iterator[list[tuple[Source, ...]]]:
    """Servers, each of which does so with whoever has asked; where they are."""
    listeners = [socket.create_server(("127.0.0.1", 0)) for _ in behaviours]
    over = threading.Event()

    def one(client: socket.socket, behave: Callable[[socket.socket], None]) -> None:
        with client, suppress(OSError):
            client.settimeout(5)
            head(client)
            behave(client)
            over.wait(5) if behave in (mute, half) else client.shutdown(socket.SHUT_WR)

    def serve(listener: socket.socket, behave: Callable[[socket.socket], None]) -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=one, args=(listener.accept()[0], behave), daemon=True).start()

    for pair in zip(listeners, behaviours, strict=True):
        threading.Thread(target=serve, args=pair, daemon=True).start()
    try:
        ports = [listener.getsockname()[1] for listener in listeners]
        yield [(Source("127.0.0.1", port, f"127.0.0.1:{port}"),) for port in ports]
    finally:
        over.set()
        for listener in listeners:
            listener.shutdown(socket.SHUT_RDWR)
            listener.close()


def say(data: bytes, client: socket.socket) -> None:
    client.sendall(data)


def mute(_: socket.socket) -> None:
    """It says nothing, and stays."""


def half(client: socket.socket) -> None:
    client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{")


def drip(data: bytes, client: socket.socket) -> None:
    for byte in data * 1000:
        client.sendall(bytes((byte,)))
        time.sleep(0.05)


def endless(client: socket.socket) -> None:
    client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        client.sendall(b" " * 65_536)


def answer(body: bytes, *fields: str, status: str = "200 OK") -> bytes:
    return "".join(f"{line}\r\n" for line in (f"HTTP/1.1 {status}", *fields, "")).encode() + body


@pytest.mark.parametrize(
    ("behave", "reason"),
    [
        (mute, "not answered within"),
        (half, "not answered within"),
        (partial(drip, b"HTTP/1.1 200 OK\r\nX: "), "not answered within"),
        (partial(drip, b" "), "not answered within"),
        (endless, "larger than 1,048,576 bytes"),
        (partial(say, answer(b"[" * 200_000)), "not JSON"),
        (partial(say, answer(b'{"total": {"opened": Infinity}}')), "a number that is none"),
        (partial(say, answer(GOOD, "Content-Length: 5")), "not JSON"),
        (partial(say, answer(GOOD, f"Content-Length: {len(GOOD) + 1}")), "cut short"),
        (partial(say, answer(GOOD, "Content-Length: " + "9" * 5000)), "cut short"),
        (partial(say, answer(GOOD, "Content-Length: -1")), "cut short"),
        (partial(say, answer(GOOD, "Content-Length: 1", "Content-Length: 2")), "not answered in HTTP"),
        (partial(say, answer(GOOD, "Transfer-Encoding: chunked")), "coding"),
        (partial(say, answer(GOOD, "Content-Encoding: gzip")), "coding"),
        (partial(say, answer(b"", "Location: http://127.0.0.2/stats", status="302 Found")), "answered with 302"),
        (partial(say, answer(b"", status="403 Forbidden")), "--stats-token"),
        (partial(say, answer(b"", status="404 \x1b[2J")), "not answered in HTTP"),
        (partial(say, answer(GOOD, *(f"X-{number}: y" for number in range(5000)))), "not answered in HTTP"),
        (partial(say, b""), "not answered in HTTP"),
        (partial(say, b"\x00\xff" * 3000), "not answered in HTTP"),
        (partial(say, b"HTTP/2.0 200 OK\r\n\r\n" + GOOD), "not answered in HTTP"),
        (partial(say, b"SSH-2.0-OpenSSH\r\n"), "not answered in HTTP"),
    ],
)  # fmt: skip
def test_whatever_it_does_there_is_a_reason_in_time(behave: Callable[[socket.socket], None], reason: str) -> None:
    """Drops, silence, floods, bombs, redirects, codings, what is not HTTP: not known, within the deadline."""
    with answering(behave) as asked:
        began = time.monotonic()
        (found,) = ask_all(asked)
        assert time.monotonic() - began < DEADLINE + 2
    assert isinstance(found, NotKnown)
    assert reason in found.reason
    assert found.reason.isprintable()


@pytest.mark.parametrize("fields", [(), (f"Content-Length: {len(GOOD)}",)], ids=["to the end", "by its length"])
def test_a_good_answer_is_read(fields: tuple[str, ...]) -> None:
    """To the end of the connection, or as long as it says."""
    with answering(partial(say, answer(GOOD, *fields))) as asked:
        (found,) = ask_all(asked)
    assert isinstance(found, ServerFigures)


def test_many_that_are_mute_take_one_deadline() -> None:
    """All are asked at once: forty times nothing takes as long as once, and those who answer are heard."""
    with answering(*([mute] * 40), partial(say, answer(GOOD))) as asked:
        began = time.monotonic()
        found = ask_all(asked)
        assert time.monotonic() - began < DEADLINE + 2
    assert [isinstance(each, NotKnown) for each in found] == [True] * 40 + [False]


def test_the_first_that_tells_counts_and_the_token_is_sent() -> None:
    """Where a server may be asked in several places; of several refusals the first is the reason."""
    asked_with = []

    def remember(client: socket.socket) -> None:
        asked_with.append(True)
        say(answer(GOOD), client)

    refusing = partial(say, answer(b"", status="404 Not Found"))
    with answering(refusing, remember, partial(say, b"")) as ((one,), (good,), (other,)):
        (known, unknown) = ask_all([(one, good, other), (one, other)])
    assert isinstance(known, ServerFigures)
    assert unknown == NotKnown("/stats is answered with 404")
    assert ask_all([()]) == [NotKnown("no --stats says where it tells them")]
    assert ask_all([]) == []
    assert asked_with == [True]
    assert b"Authorization: Bearer abc\r\n" in stats_conversation._request(good, "abc")
    assert b"Authorization" not in stats_conversation._request(good, "")


def test_nobody_there_is_a_reason() -> None:
    """A refused connection."""
    (found,) = ask_all([(Source("127.0.0.1", 1, "127.0.0.1:1"),)])
    assert isinstance(found, NotKnown)
    assert "cannot be asked for" in found.reason
