"""One worker of the chat server: an epoll loop over raw descriptors.

An idle connection is a byte of state and its place in a room: no Python object. What is incomplete (a handshake, a
frame, an unsent answer) has an object for just as long. The handshake's hot path does not parse: a request that equals
one already parsed, but for its key, takes that one's answer.
"""

from __future__ import annotations

import ctypes
import errno
import os
import select
import time
from binascii import a2b_base64

from wstune.chat import http
from wstune.chat import stats as s
from wstune.chat.rooms import Rooms, RoomsFull
from wstune.protocol import frames, handshake

NONE, PENDING, OPEN, CLOSING = range(4)
"""States of a descriptor."""

_KEY = b"\r\nSec-WebSocket-Key: "
_KEY_AT = len(_KEY)
_KEY_END = _KEY_AT + 24
_SHELLS = 256
_ACCEPT_FLAGS = os.O_NONBLOCK | os.O_CLOEXEC
_BATCH = 512
_READ = 65_536
DRAIN = 0xF0
"""A bus message of this kind says: close everything with 1001 and leave."""


class Options:
    """How a server behaves; sizes in bytes, times in seconds."""

    __slots__ = ("handshake_deadline", "max_connections", "max_message", "max_rooms", "reset_on_close", "send_buffer")

    def __init__(self) -> None:
        self.max_connections = 0  # per worker; 0: as many as there are descriptors
        self.max_rooms = 1024
        self.max_message = 65_536
        self.send_buffer = 262_144
        self.handshake_deadline = 10.0
        self.reset_on_close = False


class Worker:
    """Serves one listener until told to stop. `bus`: a SOCK_SEQPACKET to the supervisor; `index`: its row of stats."""

    def __init__(self, listener: int, bus: int, stats: s.Stats, index: int, options: Options) -> None:
        self.listener = listener
        self.bus = bus
        self.stats = stats
        self.row = stats.row(index)
        self.options = options
        self.rooms = Rooms(options.max_rooms)
        self.states = bytearray(1024)
        self.pending: dict[int, tuple[float, bytearray]] = {}
        self.receivers: dict[int, frames.Receiver] = {}
        self.outbox: dict[int, bytearray] = {}
        self.bus_outbox: list[bytes] = []
        self.shells: dict[bytes, bytes] = {}  # request without its key → room's name
        self.epoll = select.epoll()
        self.stopping = False
        self.accept_again = 0.0

    def run(self) -> None:
        """The loop. Long on purpose: the handshake of a new connection is inlined, 30,000 a second pass here."""
        libc = ctypes.CDLL(None, use_errno=True)
        accept4, get_errno = libc.accept4, ctypes.get_errno
        read, write, poll, register = os.read, os.write, self.epoll.poll, self.epoll.register
        listener, bus, row, states, shells = self.listener, self.bus, self.row, self.states, self.shells
        join, number_of, accept_value = self.rooms.join, self.rooms.number, handshake.accept_value
        head, tail = handshake.build_response(b"\0").split(b"\0")
        register(listener, select.EPOLLIN)
        register(bus, select.EPOLLIN)
        next_tick = time.monotonic() + 1
        while not self.stopping:
            for fd, event in poll(1, _BATCH):
                state = states[fd]
                if state == OPEN and not event & 4:  # EPOLLOUT
                    try:
                        data = read(fd, _READ)
                    except BlockingIOError:
                        continue
                    except OSError:
                        self.drop(fd, s.RESET)
                        continue
                    if data:
                        self.receive(fd, data)
                    else:
                        self.drop(fd, s.EOF)
                elif fd == listener:
                    for _ in range(64):
                        fd = accept4(listener, None, None, _ACCEPT_FLAGS)
                        if fd < 0:
                            self.accept_failed(get_errno())
                            break
                        if fd >= len(states):
                            states.extend(bytes(fd))
                        try:
                            data = read(fd, 479)  # 479 + 33 of the object: still from Python's small-block allocator
                        except BlockingIOError:
                            self.wait_for_request(fd)
                            continue
                        except OSError:
                            self.drop(fd, s.RESET)
                            continue
                        at = data.find(_KEY)
                        key = data[at + _KEY_AT : at + _KEY_END]
                        name = shells.get(data[:at] + data[at + _KEY_END :])
                        try:
                            if name is None or len(a2b_base64(key, strict_mode=True)) != 16:
                                self.wait_for_request(fd, data)
                                continue
                            room = number_of(name)
                            write(fd, head + accept_value(key) + tail)
                        except (ValueError, RoomsFull):
                            self.wait_for_request(fd, data)
                            continue
                        except OSError:
                            self.drop(fd, s.RESET)
                            continue
                        register(fd, 1)  # EPOLLIN
                        states[fd] = OPEN
                        join(fd, room)
                        row[0] += 1  # CONNECTIONS
                        row[1] += 1  # OPENED
                elif fd == bus:
                    self.bus_ready(event)
                elif state == PENDING:
                    self.read_request(fd)
                elif state != NONE:
                    self.flush(fd)
                # NONE: dropped by an earlier event of this batch
            now = time.monotonic()
            if now >= next_tick:
                next_tick = now + 1
                self.tick(now)

    # Handshakes that are not the hot path's.

    def accept_failed(self, code: int) -> None:
        """EAGAIN ends a batch. Out of descriptors or memory: stop listening for 0.1 s rather than spin (accept(2))."""
        if code in (errno.EAGAIN, errno.ECONNABORTED, errno.EINTR):
            return
        self.row[s.ACCEPT_ERRORS] += 1
        self.row[s.LAST_ERRNO] = code
        self.epoll.modify(self.listener, 0)
        self.accept_again = time.monotonic() + 0.1

    def wait_for_request(self, fd: int, data: bytes = b"") -> None:
        """A connection whose request is not all there, or is new to us."""
        self.states[fd] = PENDING
        self.pending[fd] = (time.monotonic() + self.options.handshake_deadline, bytearray())
        self.epoll.register(fd, select.EPOLLIN)
        if data:
            self.take_request(fd, data)

    def read_request(self, fd: int) -> None:
        try:
            data = os.read(fd, 4096)
        except BlockingIOError:
            return
        except OSError:
            self.drop(fd, s.RESET)
            return
        if data:
            self.take_request(fd, data)
        else:
            self.drop(fd, s.EOF)

    def take_request(self, fd: int, data: bytes) -> None:
        """Add to a request; answer when it is whole."""
        buffer = self.pending[fd][1]
        buffer += data
        end = buffer.find(b"\r\n\r\n")
        if end < 0 and len(buffer) <= handshake.MAX_HEAD:
            return
        request, rest = bytes(buffer[: end + 4]), bytes(buffer[end + 4 :])
        try:
            if end < 0 or end > handshake.MAX_HEAD:
                raise handshake.HandshakeError(431, "the request's head is too large")
            parsed = handshake.parse_request(request)
            room = self.room_for(parsed) if parsed.is_upgrade else 0
        except handshake.HandshakeError as error:
            self.refuse(fd, error)
            return
        if not parsed.is_upgrade:
            self.answer(fd, parsed)
            return
        at = request.find(_KEY)
        if len(self.shells) < _SHELLS and request[at + _KEY_AT : at + _KEY_END] == parsed.key:
            self.shells[request[:at] + request[at + _KEY_END :]] = self.rooms.names[room]
        del self.pending[fd]
        self.states[fd] = OPEN
        self.rooms.join(fd, room)
        self.row[s.CONNECTIONS] += 1
        self.row[s.OPENED] += 1
        self.send(fd, handshake.build_response(handshake.accept_value(parsed.key)))
        if rest and self.states[fd] == OPEN:
            self.receive(fd, rest)

    def room_for(self, request: handshake.Request) -> int:
        """The room that a request asks for by its path. Raises HandshakeError."""
        name = http.room_name(request.target)
        if name is None:
            raise handshake.HandshakeError(404, "no such room: /, /chat or /rooms/NAME")
        try:
            return self.rooms.number(name)
        except RoomsFull:
            raise handshake.HandshakeError(503, "there are as many rooms as are allowed") from None

    def answer(self, fd: int, request: handshake.Request) -> None:
        """A request that is not for an upgrade: the page, or a figure."""
        self.states[fd] = CLOSING
        self.send(fd, http.answer(request, self.stats))
        if self.states[fd] == CLOSING and fd not in self.outbox:
            self.drop(fd, s.CLOSED)

    def refuse(self, fd: int, error: handshake.HandshakeError) -> None:
        self.row[s.HANDSHAKE_FAILED] += 1
        try:
            os.write(fd, handshake.build_error(error))
        except OSError:
            pass
        self.drop(fd, s.REFUSED)

    # Open connections.

    def receive(self, fd: int, data: bytes) -> None:
        """Frames of one connection; what is incomplete waits in a Receiver."""
        self.row[s.BYTES_IN] += len(data)
        receiver = self.receivers.get(fd)
        try:
            one = frames.read_one(data) if receiver is None else None
            if one is not None:
                self.message(fd, *one)
                return
            if receiver is None:
                receiver = self.receivers[fd] = frames.Receiver("server", self.options.max_message)
            for opcode, payload in receiver.feed(data):
                self.message(fd, opcode, payload)
                if self.states[fd] != OPEN:
                    return
            if receiver.idle:
                del self.receivers[fd]
        except frames.ProtocolError as error:
            goodbye = frames.close_payload(error.code, error.reason.encode()[:120])
            self.part(fd, frames.encode(frames.CLOSE, goodbye), s.PROTOCOL)

    def message(self, fd: int, opcode: int, payload: bytes) -> None:
        if opcode in (frames.TEXT, frames.BINARY):
            number = self.rooms.room_of(fd)
            self.row[s.MESSAGES_IN] += 1
            frame = frames.encode(opcode, payload)
            name = self.rooms.names[number]
            self.post(bytes((opcode, len(name))) + name + payload)
            self.broadcast(number, frame)
        elif opcode == frames.PING:
            self.send(fd, frames.encode(frames.PONG, payload))
        elif opcode == frames.CLOSE:
            self.part(fd, frames.encode(frames.CLOSE, payload), s.CLOSED)

    def broadcast(self, number: int, frame: bytes) -> None:
        """One prepared frame to every member, no copy a client. Who cannot take it at once gets a bounded buffer."""
        write, outbox, started = os.write, self.outbox, time.monotonic_ns()
        size = len(frame)
        members = self.rooms.members[number][:]
        for fd in members:
            if fd in outbox:
                self.send(fd, frame)
                continue
            try:
                sent = write(fd, frame)
            except BlockingIOError:
                sent = 0
            except OSError:
                self.drop(fd, s.RESET)
                continue
            if sent != size:
                self.hold(fd, frame[sent:])
        self.row[s.DELIVERED] += len(members)
        self.row[s.FANOUT_NS] += time.monotonic_ns() - started

    def send(self, fd: int, data: bytes) -> None:
        if fd in self.outbox:
            self.hold(fd, data)
            return
        try:
            sent = os.write(fd, data)
        except BlockingIOError:
            sent = 0
        except OSError:
            self.drop(fd, s.RESET)
            return
        if sent != len(data):
            self.hold(fd, data[sent:])

    def part(self, fd: int, last: bytes, reason: int) -> None:
        """Send a last frame and end the connection."""
        self.send(fd, last)
        if self.states[fd] == OPEN:  # sending may have ended it already
            self.drop(fd, reason)

    def hold(self, fd: int, data: bytes) -> None:
        """Keep what a slow reader did not take; drop it when that exceeds the send buffer."""
        held = self.outbox.get(fd)
        if held is None:
            held = self.outbox[fd] = bytearray()
            self.epoll.modify(fd, select.EPOLLIN | select.EPOLLOUT)
        held += data
        if len(held) > self.options.send_buffer:
            self.drop(fd, s.SLOW)

    def flush(self, fd: int) -> None:
        held = self.outbox.get(fd)
        try:
            if held:
                del held[: os.write(fd, held)]
        except BlockingIOError:
            return
        except OSError:
            self.drop(fd, s.RESET)
            return
        if not held and fd in self.outbox:
            del self.outbox[fd]
            if self.states[fd] == CLOSING:
                self.drop(fd, s.CLOSED)
            else:
                self.epoll.modify(fd, select.EPOLLIN)

    def drop(self, fd: int, reason: int) -> None:
        """End a connection in any state."""
        if self.states[fd] == OPEN:
            self.row[s.CONNECTIONS] -= 1
        self.states[fd] = NONE
        self.rooms.leave(fd)
        self.pending.pop(fd, None)
        self.receivers.pop(fd, None)
        self.outbox.pop(fd, None)
        self.row[s.FIRST_REASON + reason] += 1
        os.close(fd)  # epoll forgets it with the last reference

    # The bus to the other workers, and the clock.

    def post(self, message: bytes) -> None:
        """Give a message to the supervisor, which hands it to every other worker."""
        if not self.bus_outbox:
            try:
                os.write(self.bus, message)
                return
            except BlockingIOError:
                self.epoll.modify(self.bus, select.EPOLLIN | select.EPOLLOUT)
            except OSError:
                self.stopping = True
                return
        self.bus_outbox.append(message)

    def bus_ready(self, event: int) -> None:
        if event & select.EPOLLOUT:
            waiting, self.bus_outbox = self.bus_outbox, []
            self.epoll.modify(self.bus, select.EPOLLIN)
            for message in waiting:
                self.post(message)
        if not event & (select.EPOLLIN | select.EPOLLHUP):
            return
        try:
            message = os.read(self.bus, _READ + 512)
        except BlockingIOError:
            return
        if not message:  # the supervisor is gone
            self.stopping = True
        elif message[0] == DRAIN:
            self.drain()
        else:
            name = message[2 : 2 + message[1]]
            number = self.rooms.find(name)
            if number:
                self.broadcast(number, frames.encode(message[0], message[2 + len(name) :]))

    def drain(self) -> None:
        """Say goodbye (1001, going away) to everybody and stop."""
        goodbye = frames.encode(frames.CLOSE, frames.close_payload(1001, b"server shutdown"))
        for members in self.rooms.members:
            for fd in members[:]:
                self.part(fd, goodbye, s.SHUTDOWN)
        self.stopping = True

    def tick(self, now: float) -> None:
        """Once a second: listen again after a pause, drop those who never sent their handshake."""
        if self.accept_again and now >= self.accept_again:
            self.accept_again = 0.0
            self.epoll.modify(self.listener, select.EPOLLIN)
        for fd in [fd for fd, (deadline, _) in self.pending.items() if now > deadline]:
            self.drop(fd, s.HANDSHAKE_DEADLINE)
