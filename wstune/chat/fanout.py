"""Messages to everybody in a room, over all workers: one prepared frame, in slices, and the bus to the others."""

from __future__ import annotations

import os
import select
import time
from array import array
from collections import deque

from wstune.chat import stats as s
from wstune.chat.connections import Connections
from wstune.chat.options import Options

FRAME, DRAIN = 1, 2
"""Kinds of messages on the bus: a frame for a room; close everything with 1001 and leave."""
TURN_NS = 500_000
"""How long one turn of the loop may be busy with messages to large rooms: so long everything else waits."""
MOST_BACKLOG = 64
"""Messages that are on their way to their members at once."""
_AT_A_STRETCH = 32
"""Members that a message is given to without a look at the clock."""
_BUS_READ = 262_144


class Delivery:
    """A message on its way to the members that a room had when it was said."""

    __slots__ = ("at", "began", "frame", "members", "name", "number")

    def __init__(self, number: int, name: bytes, members: array[int], frame: bytes) -> None:
        self.number = number
        self.name = name
        self.members = members
        self.frame = frame
        self.at = 0
        self.began = time.monotonic_ns()


class Fanout(Connections):
    """Connections that hear what is said. `bus`: a SOCK_SEQPACKET to the supervisor.

    Attributes:
        backlog: messages of which not every member has got its frame yet.
        used: ns that this turn of the loop has been busy with messages.
        bus_held: bytes that the supervisor has not taken yet.
    """

    def __init__(self, bus: int, stats: s.Stats, index: int, options: Options) -> None:
        super().__init__(stats, index, options)
        self.bus = bus
        self.alone = stats.workers == 1
        self.backlog: deque[Delivery] = deque()
        self.used = 0
        self.bus_held = 0
        self.stopping = False
        self._busy: dict[int, int] = {}  # rooms in the backlog → how often
        self._bus_outbox: deque[bytes] = deque()

    def broadcast(self, number: int, frame: bytes) -> None:
        """One prepared frame to every member, no copy a client. A large room gets it in slices, between which the loop
        serves others; what is said in a room keeps its order."""
        delivery = Delivery(number, self.rooms.names[number], self.rooms.members[number][:], frame)
        if number in self._busy:
            self._busy[number] += 1
            self.backlog.append(delivery)
        elif not self.deliver(delivery):
            self._busy[number] = 1
            self.backlog.append(delivery)

    def advance(self) -> None:
        """One slice of the message that waits the longest."""
        delivery = self.backlog[0]
        if self.rooms.names[delivery.number] is not delivery.name:  # the room is gone, its number another's
            delivery.members = delivery.members[:0]
        if self.deliver(delivery):
            self.backlog.popleft()
            self._busy[delivery.number] -= 1
            if not self._busy[delivery.number]:
                del self._busy[delivery.number]

    def deliver(self, delivery: Delivery) -> bool:
        """A slice of half a millisecond; whether it was the last."""
        members, started = delivery.members, time.monotonic_ns()
        while delivery.at < len(members):
            some = members[delivery.at : delivery.at + _AT_A_STRETCH]
            delivery.at += len(some)
            self.row[s.DELIVERED] += len(some)
            self._give(some, delivery.number, delivery.frame)
            now = time.monotonic_ns()
            if now - started > TURN_NS:
                break
        else:
            now = time.monotonic_ns()
        self.used += now - started
        if delivery.at < len(members):
            return False
        row, took = self.row, now - delivery.began
        row[s.FANOUT_NS] += took
        row[s.FIRST_BUCKET + sum(took > bound * 1e9 for bound in s.BUCKETS)] += 1
        return True

    def _give(self, members: array[int], number: int, frame: bytes) -> None:
        """The frame to some members. Who cannot take it at once gets a bounded buffer."""
        write, outbox, room, size = self.write, self.outbox, self.rooms.room, len(frame)
        for fd in members:
            if room[fd] != number:  # it has left since
                continue
            if fd in outbox:
                self.hold(fd, frame)
                continue
            try:
                sent = write(fd, frame)
            except BlockingIOError:
                sent = 0
            except OSError as error:
                self.lose(fd, error)
                continue
            if sent != size:
                self.hold(fd, frame[sent:])

    # The bus to the other workers.

    def post(self, message: bytes) -> None:
        """Give a message to the supervisor, which hands it to every other worker."""
        if not self._bus_outbox:
            try:
                os.write(self.bus, message)
                return
            except BlockingIOError:
                self.epoll.modify(self.bus, select.EPOLLIN | select.EPOLLOUT)
            except OSError:
                self.stopping = True
                return
        self._bus_outbox.append(message)
        self.bus_held += len(message)

    def bus_ready(self, event: int) -> None:
        """The supervisor has something for us, or takes more from us, or is gone."""
        if event & select.EPOLLOUT:
            self._flush_bus()
        if event & (select.EPOLLIN | select.EPOLLHUP):
            while self.used < TURN_NS and len(self.backlog) < MOST_BACKLOG and self._take_from_bus():
                pass

    def _take_from_bus(self) -> bool:
        """One message from the bus; False when there is none."""
        try:
            message = os.read(self.bus, _BUS_READ)
        except BlockingIOError:
            return False
        except OSError:
            message = b""
        if not message:  # the supervisor is gone
            self.stopping = True
            return False
        if message[0] == DRAIN:
            self.drain()
        else:
            end = 2 + message[1]
            number = self.rooms.find(message[2:end])
            if number:
                self.broadcast(number, message[end:])
        return True

    def _flush_bus(self) -> None:
        try:
            while self._bus_outbox:
                os.write(self.bus, self._bus_outbox[0])
                self.bus_held -= len(self._bus_outbox.popleft())
        except BlockingIOError:
            return
        except OSError:
            self.stopping = True
            return
        self.epoll.modify(self.bus, select.EPOLLIN)

    def drain(self) -> None:
        """Say goodbye to everybody and stop: the worker's own."""
        raise NotImplementedError
