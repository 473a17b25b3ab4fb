"""The established connections of a generator, over real socket pairs: what comes, what is sent, what counts as lost."""

from __future__ import annotations

import socket
import struct
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wstune.burst import tally as t
from wstune.burst.connections import BOARD_WORDS, CLOSING, NONE, OPEN, PINGED, TALK, Connections
from wstune.protocol import frames


class Ends:
    """Connections, and the server's end of each."""

    def __init__(self, count: int, stack: ExitStack) -> None:
        self.words = memoryview(bytearray(8 * t.LENGTH)).cast("Q")
        self.board = memoryview(bytearray(8 * BOARD_WORDS)).cast("Q")
        self.connections = Connections(self.words, self.board)
        self.servers: list[socket.socket] = []
        self.fds: list[int] = []
        for _ in range(count):
            ours, theirs = socket.socketpair()
            stack.enter_context(theirs)
            ours.setblocking(False)
            fd = ours.detach()
            self.connections.states.extend(bytes(max(0, fd + 1 - len(self.connections.states))))
            self.connections.states[fd] = OPEN
            self.connections.epoll.register(fd, 1)
            self.words[t.OPEN] += 1
            self.servers.append(theirs)
            self.fds.append(fd)

    def answer(self, at: int, *parts: bytes) -> None:
        for part in parts:
            self.servers[at].sendall(part)
            self.connections.drain()


@pytest.fixture
def two() -> Iterator[Ends]:
    with ExitStack() as stack:
        ends = Ends(2, stack)
        yield ends
        ends.connections.reset()
        ends.connections.epoll.close()


def test_a_ping_is_answered_by_a_pong(two: Ends) -> None:
    """Our PING is masked; a PONG counts once; who is silent is lost."""
    two.connections.ping()
    receiver = frames.Receiver("server")
    assert receiver.feed(two.servers[0].recv(100)) == [(frames.PING, b"wstune")]
    assert [two.connections.states[fd] for fd in two.fds] == [PINGED, PINGED]
    two.answer(0, frames.encode(frames.PONG, b"wstune"), frames.encode(frames.PONG, b"wstune"))
    assert (two.words[t.PINGS], two.words[t.PONGS]) == (2, 1)
    two.connections.unanswered()
    assert (two.words[t.LOST], two.words[t.OPEN]) == (1, 1)
    assert t.errors(list(two.words)) == {("hold", "NO-PONG"): 1}
    assert two.servers[1].recv(100)  # the ping
    assert two.servers[1].recv(100) == b""


def test_a_servers_ping_is_answered(two: Ends) -> None:
    """Keep-alive in the other direction: the PONG carries the PING's payload, masked."""
    two.answer(0, frames.encode(frames.PING, b"are you there"))
    assert frames.Receiver("server").feed(two.servers[0].recv(100)) == [(frames.PONG, b"are you there")]
    assert two.words[t.LOST] == 0


def test_the_fanout_counts_once_a_connection_however_it_comes(two: Ends) -> None:
    """Whole, in pieces or behind another message: delivered, with its latency."""
    message = frames.encode(frames.TEXT, b"to all")
    two.connections.fanout = message
    two.board[0] = time.monotonic_ns()
    two.answer(0, message)
    two.answer(1, frames.encode(frames.TEXT, b"else") + message[:3], message[3:])
    assert two.words[t.DELIVERED] == 2
    assert two.words[t.UNEXPECTED] == 1
    found = t.percentiles(list(two.words), t.FANOUT_MS)
    assert found is not None
    assert found["count"] == 2
    assert not two.connections.receivers  # nothing is kept for what is complete


def test_a_talkers_message_carries_its_time(two: Ends) -> None:
    """The message has the size asked for; who hears it records how long it took."""
    two.connections.talk(two.fds[0], 100)
    ((opcode, payload),) = frames.Receiver("server").feed(two.servers[0].recv(1000))
    assert (opcode, len(payload)) == (frames.TEXT, 100)
    assert payload.startswith(TALK)
    two.answer(1, frames.encode(frames.TEXT, payload))
    assert (two.words[t.TALK_SAID], two.words[t.TALK_HEARD]) == (1, 1)


@pytest.mark.parametrize(
    ("ending", "name"),
    [
        (b"", "EOF"),
        (frames.encode(frames.CLOSE, frames.close_payload(1001)), "CLOSE-FRAME"),
        (b"\xff\xff", "BAD-FRAME"),
    ],
    ids=["eof", "close", "garbage"],
)
def test_an_end_that_nobody_asked_for_is_a_loss(two: Ends, ending: bytes, name: str) -> None:
    """A connection that the server ends, or breaks the protocol on, is lost, and says how."""
    if ending:
        two.answer(0, ending)
    else:
        two.servers[0].close()
        two.connections.drain()
    assert two.connections.states[two.fds[0]] == NONE
    assert t.errors(list(two.words)) == {("hold", name): 1}
    assert (two.words[t.LOST], two.words[t.OPEN]) == (1, 1)


def test_a_reset_is_a_loss_with_its_errno() -> None:
    """A server that closes with unread data resets: ECONNRESET."""
    with ExitStack() as stack:
        ends = Ends(0, stack)
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        client = socket.create_connection(listener.getsockname())
        server, _ = listener.accept()
        server.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        fd = client.detach()
        ends.connections.states[fd] = OPEN
        ends.connections.epoll.register(fd, 1)
        ends.words[t.OPEN] = 1
        server.close()
        ends.connections.drain()
        assert t.errors(list(ends.words)) == {("hold", "ECONNRESET"): 1}


def test_a_closing_handshake_is_no_loss(two: Ends) -> None:
    """Closed as asked for: counted as closed and graceful, not as lost."""
    two.connections.close(1)
    closing = [fd for fd in two.fds if two.connections.states[fd] == CLOSING]
    assert len(closing) == 1
    at = two.fds.index(closing[0])
    assert frames.Receiver("server").feed(two.servers[at].recv(100)) == [(frames.CLOSE, frames.close_payload(1000))]
    two.answer(at, frames.encode(frames.CLOSE, frames.close_payload(1000)))
    assert (two.words[t.CLOSED], two.words[t.GRACEFUL], two.words[t.LOST], two.words[t.OPEN]) == (1, 1, 0, 1)


def test_rounds_of_pings_keep_nothing() -> None:
    """A thousand rounds, answered in one piece, in two, or behind a message: not one object more than after ten."""
    pong, said = frames.encode(frames.PONG, b"wstune"), frames.encode(frames.TEXT, TALK + b"%020d " % 1)
    with ExitStack() as stack:
        ends = Ends(6, stack)

        def rounds(count: int) -> int:
            for _ in range(count):
                ends.connections.ping()
                for at, server in enumerate(ends.servers):
                    server.recv(100)
                    ends.answer(at, *((pong,), (pong[:3], pong[3:]), (said + pong,))[at % 3])
                ends.connections.unanswered()
            return sys.getallocatedblocks()

        first = rounds(10)
        last = rounds(1000)
        assert ends.words[t.PONGS] == ends.words[t.OPEN] == 6
        assert ends.words[t.TALK_HEARD] == 2 * 1010
        ends.connections.reset()
        ends.connections.epoll.close()
    assert last - first < 50


BEGUN = b"\x82\x7e\xff\xff" + bytes(80)
"""The first 80 bytes of a message of 65,535."""


def test_all_unfinished_messages_share_a_bound(two: Ends) -> None:
    """Whose bytes have no room any more is lost, by its name; the others, and what they have said, are kept."""
    two.connections.buffers = 100
    two.answer(0, BEGUN)
    assert two.connections.held == 80
    two.answer(1, BEGUN)
    assert t.errors(list(two.words)) == {("hold", "NO-ROOM"): 1}
    assert (two.connections.states[two.fds[0]], two.connections.states[two.fds[1]]) == (OPEN, NONE)
    assert (two.connections.held, two.words[t.LOST]) == (80, 1)
    two.connections.buffers = 0
    for _ in range(4):
        two.answer(0, bytes(65_455 // 5))
    two.answer(0, bytes(65_455 - 4 * (65_455 // 5)))
    assert two.connections.held == 0
    assert two.connections.receivers == {}


def test_one_that_closes_and_has_no_room_is_closed(two: Ends) -> None:
    """It is on its way out: that is no loss."""
    two.connections.buffers = 10
    two.connections.close(1)
    two.answer(0, BEGUN)
    assert (two.words[t.LOST], two.words[t.CLOSED], two.connections.held) == (0, 1, 0)


@given(st.lists(st.tuples(st.integers(0, 1), st.binary(max_size=300) | st.sampled_from([BEGUN, b"\x81", b"\xff"]))))
@settings(max_examples=100, deadline=None)
def test_what_is_held_is_counted(said: list[tuple[int, bytes]]) -> None:
    """Whatever comes in whatever pieces, ends and errors too: as many bytes as the receivers have, none at the end."""
    with ExitStack() as stack:
        two = Ends(2, stack)
        for at, data in said:
            if two.connections.states[two.fds[at]] != NONE and data:
                two.answer(at, data)
            buffered = sum(receiver.buffered for receiver in two.connections.receivers.values())
            assert two.connections.held == buffered
        two.connections.reset()
        assert two.connections.held == 0
        two.connections.epoll.close()
