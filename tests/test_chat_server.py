"""A worker of the chat server driven turn by turn, without its loop: what it keeps of those who are in."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from wstune.chat import stats as s
from wstune.chat.connections import OPEN
from wstune.chat.options import Options
from wstune.chat.presence import Presence
from wstune.chat.server import Worker
from wstune.protocol import frames

MASK = b"abcd"


class Members:
    """A worker, and the clients' ends of its connections; all are in one room."""

    def __init__(self, count: int, options: Options, stack: ExitStack) -> None:
        bus, others = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_NONBLOCK)
        stack.enter_context(bus)
        stack.enter_context(others)
        self.worker = Worker(-1, bus.fileno(), s.Stats(1), 0, options, Presence(1, options.max_rooms))
        stack.callback(self.worker.epoll.close)
        self.clients: list[socket.socket] = []
        self.fds: list[int] = []
        for _ in range(count):
            ours, theirs = socket.socketpair()
            ours.setblocking(False)
            theirs.setblocking(False)
            fd = ours.detach()
            stack.callback(self._close, fd)
            self.worker.states.extend(bytes(max(0, fd + 1 - len(self.worker.states))))
            self.worker.states[fd] = OPEN
            self.worker.row[s.CONNECTIONS] += 1
            self.worker.rooms.join(fd, self.worker.rooms.number(b"/"))
            self.worker.epoll.register(fd, 1)
            self.clients.append(stack.enter_context(theirs))
            self.fds.append(fd)

    def _close(self, fd: int) -> None:
        if self.worker.states[fd]:
            os.close(fd)

    def turn(self, at: int, data: bytes) -> None:
        """A client sends that, and the worker reads it."""
        self.clients[at].sendall(data)
        self.worker.receive(self.fds[at], self.worker.read(self.fds[at], 65_536))
        self.worker.work()


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as made:
        yield made


def test_pings_and_messages_keep_nothing(stack: ExitStack) -> None:
    """A thousand seconds of PINGs, whole and in pieces, and of messages: not one object more than after ten."""
    options = Options(idle=3600, rate=10**6, deliveries=10**9)
    members = Members(6, options, stack)
    ping, said = frames.encode(frames.PING, b"wstune", mask=MASK), frames.encode(frames.TEXT, b"hello", mask=MASK)
    heard = 0

    def seconds(count: int) -> int:
        nonlocal heard
        for now in range(count):
            for at in range(6):
                for data in ((ping,), (ping[:3], ping[3:]), (said, ping))[at % 3]:
                    members.turn(at, data)
            for client in members.clients:
                heard += len(client.recv(4096))
            members.worker.tick(float(now))
        return sys.getallocatedblocks()

    first, last = seconds(10), seconds(1000)
    assert heard == 1010 * 6 * (
        len(frames.encode(frames.PONG, b"wstune")) + 2 * len(frames.encode(frames.TEXT, b"hello"))
    )
    assert members.worker.row[s.CONNECTIONS] == 6
    assert members.worker.held == 0
    assert last - first < 50


def test_who_cannot_be_written_to_is_heard_and_then_gone(stack: ExitStack) -> None:
    """A member that spoke and vanished meets another's words: its own are delivered, its end is counted once."""
    members = Members(3, Options(), stack)
    members.clients[1].sendall(frames.encode(frames.TEXT, b"last words", mask=MASK))
    members.clients[1].close()
    members.turn(0, frames.encode(frames.TEXT, b"first", mask=MASK))
    assert members.worker.patience() == 0
    while members.worker.gone:
        members.worker.hear_the_gone()
    whole = frames.encode(frames.TEXT, b"first") + frames.encode(frames.TEXT, b"last words")
    assert [members.clients[at].recv(100) for at in (0, 2)] == [whole, whole]
    row = members.worker.row
    assert (row[s.CONNECTIONS], row[s.MESSAGES_IN], row[s.FIRST_REASON + s.RESET]) == (2, 2, 1)
    assert sum(row[s.FIRST_REASON : s.FIRST_REASON + len(s.REASONS)]) == 1


def test_who_waits_with_words_and_hangs_up_takes_them_along(stack: ExitStack) -> None:
    """Messages that wait for the budget of deliveries go with their sender, and what they took is free again."""
    members = Members(80, Options(deliveries=100), stack)
    for number in range(3):
        members.turn(0, frames.encode(frames.TEXT, b"%d" % number, mask=MASK))
    assert members.worker.paused.keys() == {members.fds[0]}
    members.clients[0].close()
    members.worker.lose(members.fds[0], BrokenPipeError())
    assert (members.worker.held, members.worker.paused, members.worker.gone) == (0, {}, {})
    assert members.worker.row[s.CONNECTIONS] == 79
