"""Opening connections against servers of every kind: each outcome is counted under its own phase and name."""

from __future__ import annotations

import errno
import os
import select
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests import raw_server
from wstune.burst import tally as t
from wstune.burst.connections import BOARD_WORDS, Connections
from wstune.burst.engine.plan import Address, Plan, Route, TimedPhase
from wstune.burst.job import Job
from wstune.burst.opening import Opening
from wstune.protocol import frames, handshake

pytestmark = pytest.mark.live

COUNT = 5
PACED = (TimedPhase(50.0, 50.0, COUNT, COUNT / 50.0),)
Answer = Callable[[socket.socket, bytes], None]


@contextmanager
def server(answer: Answer | None) -> Iterator[tuple[str, int]]:
    """A server on loopback that gives every request to `answer` with its accept value; None: nobody listens."""
    if answer is None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            address = listener.getsockname()
        yield address
        return

    def serve_one(client: socket.socket) -> None:
        answer(client, handshake.accept_value(handshake.parse_request(raw_server.head(client)).key))

    with raw_server.server(serve_one) as address:
        yield address


def burst(
    address: tuple[str, int], *, part: int = 0, start: float = 0.0, **changes: Any
) -> tuple[list[int], Connections]:
    """Open COUNT connections and close them again; the tally. `changes`: of the plan."""
    words = memoryview(bytearray(8 * t.LENGTH)).cast("Q")
    connections = Connections(words, memoryview(bytearray(8 * BOARD_WORDS)).cast("Q"))
    plan = Plan(Address(*address), (COUNT,), (Route(),), sources=("127.1.0.1", "127.1.0.2"))._replace(**changes)
    job = Job.of(plan, part, address[1], start)
    reader, writer = os.pipe()
    Opening(job, connections, reader, lambda: None).run()
    connections.drain()
    tally = list(words)
    connections.reset()
    connections.epoll.close()
    os.close(reader)
    os.close(writer)
    return tally, connections


def good(client: socket.socket, accept: bytes) -> None:
    client.sendall(handshake.build_response(accept))


def in_pieces(client: socket.socket, accept: bytes) -> None:
    response = handshake.build_response(accept)
    for at in range(0, len(response), 40):
        client.sendall(response[at : at + 40])


def with_a_date(client: socket.socket, accept: bytes) -> None:
    client.sendall(handshake.build_response(accept, b"Date: %d\r\n" % client.fileno()))


def with_a_message(client: socket.socket, accept: bytes) -> None:
    client.sendall(handshake.build_response(accept) + frames.encode(frames.TEXT, b"welcome"))


@pytest.mark.parametrize("answer", [good, in_pieces, with_a_date, with_a_message])
def test_a_right_answer_is_an_open_connection(answer: Answer) -> None:
    """However the 101 comes, the connection is open, and both latencies are recorded."""
    with server(answer) as address:
        tally, _ = burst(address)
    assert (tally[t.STARTED], tally[t.OPEN], tally[t.FAILED], tally[t.DONE]) == (COUNT, COUNT, 0, 1)
    for histogram in (t.CONNECT_MS, t.UPGRADE_MS):
        found = t.percentiles(tally, histogram)
        assert found is not None
        assert found["count"] == COUNT
    assert tally[t.UNEXPECTED] == (COUNT if answer is with_a_message else 0)


def status(line: bytes) -> Answer:
    return lambda client, _: client.sendall(b"HTTP/1.1 " + line + b"\r\nContent-Length: 0\r\n\r\n")


def reset(client: socket.socket, _: bytes) -> None:
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


WRONG: dict[str, tuple[Answer | None, str, str]] = {
    "nobody listens": (None, "connect", "ECONNREFUSED"),
    "200": (status(b"200 OK"), "upgrade", "HTTP-200"),
    "503": (status(b"503 Busy"), "upgrade", "HTTP-503"),
    "404": (status(b"404 Not Found"), "upgrade", "HTTP-404"),
    "no HTTP": (lambda client, _: client.sendall(b"SSH-2.0-x\r\n\r\n"), "upgrade", "BAD-ANSWER"),
    "another accept value": (lambda client, _: good(client, b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), "upgrade", "BAD-ACCEPT"),
    "closes": (lambda client, _: client.shutdown(socket.SHUT_WR), "upgrade", "EOF"),
    "resets": (reset, "upgrade", "ECONNRESET"),
    "says nothing": (lambda client, _: None, "upgrade", "TIMEOUT"),
    "endless head": (
        lambda client, _: client.sendall(b"HTTP/1.1 101 x\r\n" + b"a: b\r\n" * 2000),
        "upgrade",
        "BAD-ANSWER",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_answer_is_counted_by_phase_and_name(case: str) -> None:
    """Each way of not getting a connection has its own name, and leaves nothing open."""
    answer, phase, name = WRONG[case]
    with server(answer) as address:
        tally, connections = burst(address, timeout=0.3)
    assert t.errors(tally) == {(phase, name): COUNT}
    assert (tally[t.OPEN], tally[t.FAILED]) == (0, COUNT)
    assert not any(connections.states)


def test_a_source_address_that_is_not_ours_is_an_error_of_bind() -> None:
    """EADDRNOTAVAIL in bind, not in connect."""
    with server(good) as address:
        tally, _ = burst(address, sources=("192.0.2.1",))
    assert t.errors(tally) == {("bind", "EADDRNOTAVAIL"): COUNT}


def test_a_paced_burst_takes_its_time_and_counts_from_when_it_was_due() -> None:
    """Five at 50 a second take 80 ms at least; the latency from due includes the lag."""
    import time

    with server(good) as address:
        began = time.monotonic()
        tally, _ = burst(address, phases=PACED, start=began)
        assert time.monotonic() - began >= 0.08
    found = t.percentiles(tally, t.DUE_MS)
    assert found is not None
    assert found["count"] == COUNT
    assert tally[t.LAG_NS] > 0


def test_a_pacer_that_is_late_says_by_how_much() -> None:
    """A start that was a second ago: the lag is a second, and so is the latency from due, not that of the upgrade."""
    import time

    with server(good) as address:
        tally, _ = burst(address, phases=PACED, start=time.monotonic() - 1.0)
    due, upgrade = t.percentiles(tally, t.DUE_MS), t.percentiles(tally, t.UPGRADE_MS)
    assert tally[t.LAG_NS] >= 1_000_000_000
    assert due is not None
    assert upgrade is not None
    assert due["max"] - upgrade["max"] > 800


def routes(*weights: float) -> tuple[Route, ...]:
    """A route of each weight, each with a path of its own that holds the connection's number."""
    return tuple(Route(path=b"/%d/\1" % at, weight=weight) for at, weight in enumerate(weights))


def test_routes_are_taken_as_their_weights_say_and_numbers_are_used_once() -> None:
    """3 to 2 of five connections; the numbers of part 1 of 2, from 100 on, are 102, 104 … each once."""
    asked: list[bytes] = []

    listener = socket.create_server(("127.0.0.1", 0))
    stop = threading.Event()

    def serve_each() -> None:
        clients = []
        for _ in range(COUNT):
            client, _ = listener.accept()
            clients.append(client)
            request = client.recv(4096)
            asked.append(request.split(b" ")[1])
            good(client, handshake.accept_value(handshake.parse_request(request).key))
        stop.wait(5)
        for client in clients:
            client.close()

    thread = threading.Thread(target=serve_each)
    thread.start()
    address = listener.getsockname()
    tally, _ = burst(address, part=1, shares=(COUNT, COUNT), routes=routes(3, 2), first_number=100)
    stop.set()
    thread.join(5)
    listener.close()
    assert tally[t.OPEN] == COUNT
    paths = [path.split(b"/")[1:] for path in asked]
    assert sorted(path for path, _ in paths) == [b"0", b"0", b"0", b"1", b"1"]
    assert sorted(number for _, number in paths) == [b"102", b"104", b"106", b"108", b"110"]


class _NothingMoreToWatch:
    """An epoll at fs.epoll.max_user_watches."""

    def __init__(self, epoll: select.epoll) -> None:
        self.poll, self.close, self.modify, self.unregister = epoll.poll, epoll.close, epoll.modify, epoll.unregister

    def register(self, fd: int, events: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_what_cannot_be_watched_is_a_failed_opening_of_its_errno(monkeypatch: pytest.MonkeyPatch) -> None:
    """epoll_ctl(2) says ENOSPC at fs.epoll.max_user_watches: each one counts, and the process lives on."""
    real = select.epoll
    monkeypatch.setattr("wstune.burst.connections.select.epoll", lambda: _NothingMoreToWatch(real()))
    with socket.create_server(("127.0.0.1", 0)) as listener:  # the kernel accepts
        tally, _ = burst(listener.getsockname())
    assert t.errors(tally) == {("upgrade", "ENOSPC"): COUNT}
    assert (tally[t.OPEN], tally[t.FAILED]) == (0, COUNT)
