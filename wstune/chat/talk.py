"""What members say: frames in, messages out to everybody in the room; and what meets floods."""

from __future__ import annotations

import time
from collections import deque

from wstune.chat import stats as s
from wstune.chat.connections import OPEN
from wstune.chat.fanout import FRAME, MOST_BACKLOG, TURN_NS, Fanout
from wstune.chat.options import Options
from wstune.chat.presence import Presence
from wstune.protocol import closing, frames

SMALL_ROOM = 64
"""Messages to at most so many count towards the budget of deliveries, but do not wait for it: who floods a large room
must not silence the small ones."""
TICK = 1.0
ASKED = 1
"""In `heard`: a PING has gone out since."""
READ = 65_536
_RESUME_SECONDS = 0.005
_BUS_HIGH = 4 * 1024 * 1024
"""Bytes on their way to the other workers from which on nobody may say more."""
_SLICE = 2048
_BURST_NS = 10**7  # of the budget of deliveries: what is spread out leaves room for others in between


class Talk(Fanout):
    """Connections that are open."""

    def __init__(self, bus: int, stats: s.Stats, index: int, options: Options, presence: Presence | None) -> None:
        super().__init__(bus, stats, index, options)
        self.presence = presence
        self.elsewhere: dict[bytes, tuple[int, list[bytes]]] = {}  # as presence tells
        self.elsewhere_read = 0.0
        self.blocked = False  # those who wait, wait for the budget, not for their turn

    # In.

    def receive(self, fd: int, data: bytes) -> None:
        """Bytes of one connection; what is incomplete waits in a Receiver."""
        self.row[s.BYTES_IN] += len(data)
        if self.options.idle:
            self.hear(fd)
        receiver = self.receivers.get(fd)
        if receiver is None:
            one = frames.read_one(data)
            if one is not None:
                if self.within_rate(fd, 1):
                    self.message(fd, *one)
                return
            receiver = self.receivers[fd] = frames.Receiver("server", self.options.max_message)
            self.since[fd] = time.monotonic()
        try:
            for at in range(0, len(data), _SLICE):  # a flood of tiny frames is to be seen before all of it is read
                if not self._feed(fd, receiver, data[at : at + _SLICE]):
                    return
        except frames.ProtocolError as error:
            for message in error.frames:
                self.message(fd, *message)
            if self.states[fd] == OPEN:
                self.say_goodbye(fd, error.code, error.reason, s.PROTOCOL)
            return
        if receiver.idle:
            del self.receivers[fd], self.since[fd]

    def _feed(self, fd: int, receiver: frames.Receiver, data: bytes) -> bool:
        """Some bytes to a receiver; False when the connection is over."""
        counted, kept = receiver.frames, receiver.buffered
        try:
            messages = receiver.feed(data)
        finally:
            self.held += receiver.buffered - kept
        if not self.within_rate(fd, receiver.frames - counted):
            return False
        for opcode, payload in messages:
            self.message(fd, opcode, payload)
            if self.states[fd] != OPEN:
                return False
        if receiver.buffered and self.crowded():
            self.say_goodbye(fd, closing.TRY_AGAIN, "the server has no room for more", s.MEMORY)
            return False
        if messages:  # what is incomplete now has begun just now; the oldest stays first
            del self.since[fd]
            self.since[fd] = time.monotonic()
        return True

    def within_rate(self, fd: int, frame_count: int) -> bool:
        """Whether a connection keeps to its rate (the generic cell rate algorithm); it is closed when it does not."""
        rate = self.options.rate
        if not rate or not frame_count:
            return True
        now = time.monotonic()
        even = max(self.tokens.get(fd, now), now) + frame_count / rate
        self.tokens[fd] = even
        if even - now <= 2:
            return True
        self.say_goodbye(fd, closing.POLICY, f"more than {rate} frames a second", s.FLOOD)
        return False

    def hear(self, fd: int) -> None:
        """Note that bytes came."""
        if fd >= len(self.heard):
            self.hear_all()
        self.heard[fd] = int(time.monotonic()) << 1

    def hear_all(self) -> None:
        """Have a place for every descriptor; 0 means that nothing is noted."""
        self.heard.frombytes(bytes(4 * (len(self.states) - len(self.heard))))

    def message(self, fd: int, opcode: int, payload: bytes) -> None:
        """A message, or a control frame."""
        if fd in self.paused:  # in its order, after what waits
            self.paused[fd].append((opcode, payload))
            self.held += len(payload)
            if self.crowded():
                self.say_goodbye(fd, closing.TRY_AGAIN, "the server has no room for more", s.MEMORY)
        elif opcode > frames.BINARY:
            self.control(fd, opcode, payload)
        elif self.may_speak(fd):
            self.speak(fd, opcode, payload)
        else:
            self.row[s.WAITED] += 1
            self.paused[fd] = deque([(opcode, payload)])
            self.held += len(payload)
            self.watch(fd)

    def control(self, fd: int, opcode: int, payload: bytes) -> None:
        """A control frame; a PONG says nothing that the bytes have not said already."""
        if opcode == frames.PING:
            self.send(fd, frames.encode(frames.PONG, payload))
        elif opcode == frames.CLOSE:
            self.part(fd, frames.encode(frames.CLOSE, payload[:2]), s.CLOSED)

    def say_goodbye(self, fd: int, code: int, text: str, reason: int) -> None:
        """Close with a code and a reason."""
        self.part(fd, frames.encode(frames.CLOSE, frames.close_payload(code, text.encode()[:120])), reason)

    # The budget of what is delivered: fan-out is N², so it is what a flood is about.

    def may_speak(self, fd: int) -> bool:
        """Whether a member may send to its room now; if so, what that costs is charged."""
        if self.bus_held > _BUS_HIGH:
            self.blocked = True
            return False
        number = self.rooms.room_of(fd)
        cost = len(self.rooms.members[number])
        budget = self.options.deliveries
        if budget:
            cost += self.count_elsewhere(self.rooms.names[number])
        if cost > SMALL_ROOM and (self.used > TURN_NS or len(self.backlog) >= MOST_BACKLOG):
            self.blocked = False
            return False
        if not budget:
            return True
        now = time.monotonic_ns()
        shared = self.stats.shared  # two workers at once may lose a charge: a budget, not an account
        even = shared[0]
        if cost > SMALL_ROOM and even > now + _BURST_NS:
            self.blocked = True
            return False
        shared[0] = max(even, now) + cost * 10**9 // budget
        return True

    def count_elsewhere(self, name: bytes) -> int:
        """How many members a room has at other workers, as of at most a second ago."""
        if self.presence is None or self.alone:
            return 0
        now = time.monotonic()
        if now - self.elsewhere_read > 1:
            self.elsewhere = self.presence.read(but=self.index)
            self.elsewhere_read = now
        return self.elsewhere.get(name, (0, []))[0]

    def work(self) -> None:
        """A turn's share of what has had to wait: messages to large rooms, and those who wait to speak, in turn."""
        self.used = 0
        while self.backlog and self.used < TURN_NS:
            self.advance()
        while self.paused and self.used < TURN_NS:
            fd, said = next(iter(self.paused.items()))
            opcode, payload = said[0]
            if opcode > frames.BINARY:
                self.control(fd, opcode, payload)
            elif self.may_speak(fd):
                self.speak(fd, opcode, payload)
            else:
                return
            if fd not in self.paused:  # it has parted
                continue
            self.held -= len(said.popleft()[1])
            del self.paused[fd]
            if said:
                self.paused[fd] = said
            else:
                self.watch(fd)

    def hear_the_gone(self) -> None:
        """Read on where nothing can be written any more, until there is no more."""
        gone, self.gone = self.gone, {}
        for fd, reason in gone.items():
            if self.states[fd] != OPEN:
                continue  # it has ended since
            try:
                data = self.read(fd, READ)
            except OSError:
                data = b""
            if data:
                self.gone[fd] = reason
                self.receive(fd, data)
            else:
                self.drop(fd, reason)

    def speak(self, fd: int, opcode: int, payload: bytes) -> None:
        """Give a message to everybody in the sender's room, here and at the other workers."""
        number = self.rooms.room_of(fd)
        self.row[s.MESSAGES_IN] += 1
        frame = frames.encode(opcode, payload)
        if not self.alone:
            name = self.rooms.names[number]
            self.post(bytes((FRAME, len(name))) + name + frame)
        self.broadcast(number, frame)

    def patience(self) -> float:
        """How long the loop may wait for something to happen."""
        if self.backlog or self.gone:
            return 0.0
        if self.paused:
            return _RESUME_SECONDS if self.blocked else 0.0
        return TICK
