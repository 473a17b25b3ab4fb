"""The established connections of one generator: what comes on them, and what is done with them.

A connection is its descriptor and a byte of state; it has an object only while a frame is incomplete.
Lean: forked by the hundred.
"""

from __future__ import annotations

import os
import select
import socket
import struct
import time

from wstune.burst import tally as t
from wstune.protocol import frames

NONE, SENT, CONNECTING, OPEN, PINGED, CLOSING = range(6)
"""States: nothing; request sent; not yet connected; upgraded; upgraded and a PONG is due; close frame sent."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Protocol

    from wstune.burst.engine.program import Entry
    from wstune.burst.tls import ClientTls

    class ReadsAndWrites(Protocol):
        """What is between us and a descriptor."""

        def read(self, fd: int, size: int, /) -> bytes: ...
        def write(self, fd: int, data: bytes, /) -> int: ...


BATCH = 512
_RESET = struct.pack("ii", 1, 0)
BOARD_WORDS = 8
SAID_NS = 0
"""Word of the board, which all generators share: when the fan-out's message was sent (CLOCK_MONOTONIC)."""
CLOCK_NS = 1
"""Another: what to add to CLOCK_MONOTONIC for the time that all machines of a burst share; 0 where there is one."""

TALK = b"wstune talk "
"""A talker's message begins so, then 20 digits of its time."""


class Connections:
    """One process's connections. Counts in `words`, its tally; `board` is shared with every other generator.

    `tls` is between us and the descriptors of wss connections; `pending` has those that a script has yet to do
    something with, and `on_message` tells that script what they hear. `held` are the bytes of all unfinished messages,
    `buffers` as many as may be; 0: no bound.
    """

    __slots__ = (
        "board",
        "buffers",
        "epoll",
        "fanout",
        "held",
        "io",
        "on_message",
        "pending",
        "ping_frame",
        "pong_frame",
        "receivers",
        "states",
        "tls",
        "words",
    )

    def __init__(self, words: memoryview, board: memoryview, tls: ClientTls | None = None) -> None:
        self.words = words
        self.board = board
        self.tls = tls
        self.io: ReadsAndWrites = tls or os
        self.pending: dict[int, Entry] = {}
        self.on_message: Callable[[int, bytes], None] = lambda fd, payload: None
        self.epoll = select.epoll()
        self.states = bytearray(1024)
        self.receivers: dict[int, frames.Receiver] = {}
        self.held = self.buffers = 0
        self.fanout = b""
        self.ping_frame = frames.encode(frames.PING, b"wstune", mask=b"\0\0\0\0")
        self.pong_frame = frames.encode(frames.PONG, b"wstune")

    def fail(self, phase: int, code: int, fd: int = -1) -> None:
        """Count an error; forget and close the descriptor."""
        words = self.words
        words[t.ERRORS + phase * t.CODES + min(code, t.CODES - 1)] += 1
        if phase == t.HOLD:
            words[t.LOST] += 1
            words[t.OPEN] -= 1
        else:
            words[t.FAILED] += 1
        if fd >= 0:
            self.forget(fd)

    def forget(self, fd: int) -> None:
        """Close a connection that is over, by RST: SO_LINGER 1,0 leaves no TIME_WAIT (socket(7), tcp(7))."""
        self.states[fd] = NONE
        receiver = self.receivers.pop(fd, None)
        if receiver is not None:
            self.held -= receiver.buffered
        self.pending.pop(fd, None)
        if self.tls is not None:
            self.tls.forget(fd)
        sock = socket.socket(fileno=fd)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        sock.close()

    def opened(self) -> list[int]:
        """The descriptors that are upgraded and not closing."""
        return [fd for fd, state in enumerate(self.states) if state in (OPEN, PINGED)]

    # What comes.

    def receive(self, fd: int) -> None:
        """Something came on an upgraded connection: a message, a ping, a pong, or its end."""
        try:
            data = self.io.read(fd, 65_536)
        except BlockingIOError:
            return
        except OSError as error:
            self.ended(fd, error.errno or 0)
            return
        if not data:
            self.ended(fd, t.EOF)
        elif data == self.fanout:
            self.delivered()
        elif data == self.pong_frame:
            self.ponged(fd)
        else:
            self.take(fd, data)

    def drain(self) -> None:
        """Take what has come, without waiting."""
        for fd, _ in self.epoll.poll(0, BATCH):
            if self.states[fd] >= OPEN:
                self.receive(fd)

    def take(self, fd: int, data: bytes) -> None:
        """Frames that did not come as one expected whole."""
        receiver, kept = self.receivers.get(fd), 0
        if receiver is None:
            receiver = self.receivers[fd] = frames.Receiver("client")
        else:
            kept = receiver.buffered
        try:
            messages = receiver.feed(data)
        except frames.ProtocolError:
            self.held -= kept  # it has let go of all of it
            self.fail(t.HOLD, t.BAD_FRAME, fd)
            return
        idle = receiver.idle
        if kept or not idle:
            self.held += receiver.buffered - kept
        for opcode, payload in messages:
            if opcode == frames.PONG:
                self.ponged(fd)
            elif opcode == frames.PING:
                self.write(fd, frames.encode(frames.PONG, payload, mask=os.urandom(4)))
            elif opcode == frames.CLOSE:
                self.ended(fd, 0)
            else:
                self.heard(opcode, payload)
                if fd in self.pending:
                    self.on_message(fd, payload)
            if self.states[fd] == NONE:
                return
        if idle:
            del self.receivers[fd]
        elif self.held > self.buffers > 0:
            self.crowded(fd)

    def crowded(self, fd: int) -> None:
        """There is no room for what this connection has begun to say: it is lost, or was closing and is closed."""
        if self.states[fd] == CLOSING:
            self.close_failed(fd)
        else:
            self.fail(t.HOLD, t.NO_ROOM, fd)

    def heard(self, opcode: int, payload: bytes) -> None:
        """A message: the fan-out's, a talker's, or somebody else's."""
        if frames.encode(opcode, payload) == self.fanout:
            self.delivered()
        elif payload.startswith(TALK):
            self.words[t.TALK_HEARD] += 1
            self.record(t.TALK_MS, self.now_ns() - int(payload[len(TALK) : len(TALK) + 20]))
        else:
            self.words[t.UNEXPECTED] += 1

    def delivered(self) -> None:
        words, now = self.words, time.monotonic_ns()
        words[t.DELIVERED] += 1
        if not words[t.FIRST_NS]:
            words[t.FIRST_NS] = now
        words[t.LAST_NS] = now
        self.record(t.FANOUT_MS, now - self.board[SAID_NS])

    def now_ns(self) -> int:
        """The time that a talker's message carries."""
        return time.monotonic_ns() + self.board[CLOCK_NS]

    def record(self, histogram: int, nanoseconds: int) -> None:
        self.words[histogram + t.bucket(max(0, nanoseconds) // 1000)] += 1

    def ponged(self, fd: int) -> None:
        if self.states[fd] == PINGED:
            self.states[fd] = OPEN
            self.words[t.PONGS] += 1

    def ended(self, fd: int, code: int) -> None:
        """The other side has ended a connection (code 0: with a close frame): as asked for, or it is lost."""
        if self.states[fd] == CLOSING:
            if not code:
                self.words[t.GRACEFUL] += 1
            self.words[t.CLOSED] += 1
            self.words[t.OPEN] -= 1
            self.forget(fd)
        else:
            self.fail(t.HOLD, code or t.CLOSE_FRAME, fd)

    def close_failed(self, fd: int) -> None:
        """A close frame that nobody answered."""
        self.words[t.ERRORS + t.CLOSE * t.CODES + t.TIMEOUT] += 1
        self.words[t.CLOSED] += 1
        self.words[t.OPEN] -= 1
        self.forget(fd)

    # What is done.

    def write(self, fd: int, data: bytes) -> bool:
        """Send a small frame; False if it could not be sent (the connection is lost, or does not take any more)."""
        try:
            return self.io.write(fd, data) == len(data)
        except BlockingIOError:
            return False
        except OSError as error:
            self.ended(fd, error.errno or 0)
            return False

    def ping(self) -> None:
        """PING every connection (RFC 6455 section 5.5.2); the PONGs are counted as they come."""
        self.words[t.PINGS] = self.words[t.PONGS] = 0
        for at, fd in enumerate(self.opened()):
            if self.states[fd] != OPEN:
                continue  # it has ended while others were pinged
            self.states[fd] = PINGED
            if self.write(fd, self.ping_frame):
                self.words[t.PINGS] += 1
            if at % BATCH == BATCH - 1:
                self.drain()

    def unanswered(self) -> None:
        """Whoever has not answered the PING is lost: half-open, or silently dropped."""
        for fd, state in enumerate(self.states):
            if state == PINGED:
                self.fail(t.HOLD, t.NO_PONG, fd)

    def say(self, text: bytes) -> None:
        """Send one text message on one connection."""
        for fd in self.opened()[:1]:
            self.board[SAID_NS] = time.monotonic_ns()
            self.write(fd, frames.encode(frames.TEXT, text, mask=os.urandom(4)))

    def talk(self, fd: int, size: int) -> None:
        """Send one talker's message of `size` bytes."""
        text = TALK + b"%020d " % self.now_ns()
        if self.write(fd, frames.encode(frames.TEXT, text.ljust(size, b"."), mask=os.urandom(4))):
            self.words[t.TALK_SAID] += 1

    def close(self, count: int) -> None:
        """Begin the closing handshake (RFC 6455 section 7) on some connections."""
        frame = frames.encode(frames.CLOSE, frames.close_payload(1000), mask=os.urandom(4))
        for fd in self.opened()[:count]:
            if self.write(fd, frame):
                self.states[fd] = CLOSING

    def reset(self) -> None:
        """Close everything."""
        for fd, state in enumerate(self.states):
            if state != NONE:
                self.forget(fd)
