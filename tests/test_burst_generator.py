"""One generator: what a line makes it do, that each is acknowledged, and that it leaves with whoever asks."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from wstune.burst import generator as module
from wstune.burst import tally as t
from wstune.burst.connections import BOARD_WORDS, OPEN
from wstune.burst.detours import Detours
from wstune.burst.engine.plan import Address, Plan, Route
from wstune.burst.generator import Generator
from wstune.burst.job import Job
from wstune.burst.opening import Opening
from wstune.protocol import frames


def job(share: int, tunnel: bytes = b"") -> Job:
    """So many connections to nobody, on one route."""
    return Job.of(Plan(Address("127.0.0.1", 1), (share,), (Route(tunnel=tunnel),)), 0, 1, 0.0)


class Held:
    """A generator that holds two connections, and the server's end of each."""

    def __init__(self, stack: ExitStack) -> None:
        reader, self.writer = os.pipe()
        self.words = memoryview(bytearray(8 * t.LENGTH)).cast("Q")
        board = memoryview(bytearray(8 * BOARD_WORDS)).cast("Q")
        self.generator = Generator(job(2), self.words, board, reader)
        self.servers = []
        connections = self.generator.connections
        for _ in range(2):
            ours, theirs = socket.socketpair()
            stack.enter_context(theirs)
            ours.setblocking(False)
            fd = ours.detach()
            connections.states.extend(bytes(max(0, fd + 1 - len(connections.states))))
            connections.states[fd] = OPEN
            connections.epoll.register(fd, 1)
            self.words[t.OPEN] += 1
            self.servers.append(theirs)
        stack.callback(connections.epoll.close)
        stack.callback(connections.reset)
        stack.callback(os.close, reader)

    def say(self, lines: bytes) -> None:
        os.write(self.writer, lines)
        self.generator.command()


@pytest.fixture
def held() -> Iterator[Held]:
    with ExitStack() as stack:
        made = Held(stack)
        yield made
        os.close(made.writer)


def test_the_way_is_plain_unless_something_stands_between() -> None:
    """TLS or a tunnel takes Detours; the hot path does without."""
    board = memoryview(bytearray(8 * BOARD_WORDS)).cast("Q")
    for tunnel, way in ((b"", Opening), (b"CONNECT", Detours)):
        reader, writer = os.pipe()
        made = Generator(job(1, tunnel), memoryview(bytearray(8 * t.LENGTH)).cast("Q"), board, reader)
        assert type(made.opening) is way
        made.connections.epoll.close()
        os.close(reader)
        os.close(writer)


def test_each_line_is_acknowledged(held: Held) -> None:
    """Several may come at once."""
    held.say(b"halt\nexpect hello\nping\n")
    assert held.words[t.ACKS] == 3
    assert held.generator.opening.halted
    assert held.words[t.PINGS] == 2


def test_a_fan_out_is_expected_and_heard(held: Held) -> None:
    """What was counted of the one before is forgotten."""
    held.words[t.DELIVERED] = held.words[t.FIRST_NS] = 99
    held.say(b"expect fan-out 1\n")
    assert (held.words[t.DELIVERED], held.words[t.FIRST_NS]) == (0, 0)
    for server in held.servers:
        server.sendall(frames.encode(frames.TEXT, b"fan-out 1"))
    held.generator.connections.drain()
    assert held.words[t.DELIVERED] == 2


def test_who_is_silent_is_lost(held: Held) -> None:
    """One of the two answers its PING."""
    held.say(b"ping\n")
    held.servers[0].sendall(frames.encode(frames.PONG, b"wstune"))
    held.generator.connections.drain()
    held.say(b"unanswered\n")
    assert t.errors(list(held.words)) == {("hold", "NO-PONG"): 1}


def test_some_are_closed_and_all_are_reset(held: Held) -> None:
    """`close 1`: one close frame; `reset`: every descriptor is closed."""
    held.say(b"close 1\n")
    for server in held.servers:
        server.setblocking(False)
    heard = []
    for server in held.servers:
        try:
            heard.append(server.recv(100))
        except BlockingIOError:
            heard.append(b"")
    assert sorted(data[:1] for data in heard) == [b"", b"\x88"]
    held.say(b"reset\n")
    assert [server.recv(100) for server in held.servers] == [b"", b""]


def test_talkers_take_turns_at_their_rate(held: Held, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten a second by the clock that is handed in; who has left is passed over; 0 ends it."""
    now = 100.0
    monkeypatch.setattr("wstune.burst.generator.time.monotonic", lambda: now)
    held.say(b"talk 2 10 40\n")
    assert held.generator._wait() == pytest.approx(0.1)
    now = 100.45
    held.generator._talk()
    assert held.words[t.TALK_SAID] == 4
    receivers = [frames.Receiver("server") for _ in held.servers]
    heard = [receiver.feed(server.recv(4096)) for receiver, server in zip(receivers, held.servers, strict=True)]
    assert [[len(payload) for _, payload in each] for each in heard] == [[40, 40], [40, 40]]
    held.generator.connections.states[held.generator._talkers[0]] = 0
    now = 100.75
    held.generator._talk()
    assert held.words[t.TALK_SAID] in (6, 7)
    assert len(held.generator._talkers) == 1
    held.say(b"talk 0 0 0\n")
    assert held.generator._talkers == []
    assert held.generator._wait() == module._FOREVER


def test_it_leaves_when_whoever_asks_is_gone() -> None:
    """The end of its pipe is the end of the process."""
    pid = os.fork()
    if not pid:
        with ExitStack() as stack:
            made = Held(stack)
            os.close(made.writer)
            made.generator.command()
            os._exit(9)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
