"""Requests: the handshakes that are not the hot path's, plain HTTP, and accept() when it has nothing to accept with."""

from __future__ import annotations

import errno
import os
import select
import socket
import time

from wstune.chat import http
from wstune.chat import stats as s
from wstune.chat.connections import NONE, OPEN, PENDING
from wstune.chat.rooms import RoomsFull
from wstune.chat.talk import Talk
from wstune.protocol import handshake

KEY = b"\r\nSec-WebSocket-Key: "
KEY_AT = len(KEY)
KEY_END = KEY_AT + 24
ACCEPT_PAUSE = 0.1
MAX_REQUEST_READ = 4096
_SHELLS = 256
_ASKERS = 16
_QUEUE_ERRORS = frozenset(  # of one connection that died in the queue, or a firewall's word: accept(2)
    (
        errno.ECONNABORTED,
        errno.EINTR,
        errno.ENETDOWN,
        errno.EPROTO,
        errno.ENOPROTOOPT,
        errno.EHOSTDOWN,
        errno.ENONET,
        errno.EHOSTUNREACH,
        errno.EOPNOTSUPP,
        errno.ENETUNREACH,
        errno.EPERM,
    )
)


class Opening(Talk):
    """Connections that are being opened.

    Attributes:
        shells: requests with an empty key → the room's name. What was once parsed and allowed need not be again.
        figures: the listener of the figures, which all workers share; -1: there is none.
    """

    listener = -1
    figures = -1
    accept_again = 0.0
    draining = False
    shows_figures = False
    shells: dict[bytes, bytes]

    def accept_failed(self, code: int) -> bool:
        """Whether to go on accepting. EAGAIN ends a batch. Out of descriptors or memory: the others live on, and the
        connection waits in the kernel; we look again in 0.1 s rather than spin."""
        if code in (errno.EAGAIN, errno.EBADF):  # EBADF: closed by a drain
            return False
        self.row[s.ACCEPT_ERRORS] += 1
        self.row[s.LAST_ERRNO] = code
        if code in _QUEUE_ERRORS:
            return True
        self.listen(False)
        self.accept_again = time.monotonic() + ACCEPT_PAUSE
        return False

    def listen(self, wanted: bool) -> None:
        """Look at the listener, or do not: an EPOLLEXCLUSIVE one cannot be modified (epoll_ctl(2))."""
        if wanted:
            self.epoll.register(self.listener, select.EPOLLIN | select.EPOLLEXCLUSIVE)
        else:
            self.epoll.unregister(self.listener)

    def ask_for_figures(self) -> None:
        """Take those who have come to the listener of the figures; out of descriptors, look again in a second."""
        listener = socket.socket(fileno=self.figures)
        try:
            for _ in range(_ASKERS):
                fd = listener.accept()[0].detach()
                os.set_blocking(fd, False)
                if fd >= len(self.states):
                    self.states.extend(bytes(fd))
                try:
                    if self.tls is not None and not self.options.figures_local:
                        self.tls.start(fd)
                except OSError as error:
                    self.fail(fd, error)
                    continue
                self.wait_for_request(fd, by_figures=True)
        except BlockingIOError:
            pass
        except OSError:
            self.row[s.ACCEPT_ERRORS] += 1
            self.show_figures(False)
        finally:
            listener.detach()

    def show_figures(self, wanted: bool) -> None:
        """Look at the listener of the figures, or do not; as often as one likes."""
        if self.figures < 0 or wanted is self.shows_figures:
            return
        if wanted:
            self.epoll.register(self.figures, select.EPOLLIN | select.EPOLLEXCLUSIVE)
        else:
            self.epoll.unregister(self.figures)
        self.shows_figures = wanted

    def wait_for_request(self, fd: int, data: bytes = b"", *, by_figures: bool = False) -> None:
        """A connection whose request is not all there, or is new to us."""
        self.states[fd] = PENDING
        self.pending[fd] = (time.monotonic() + self.options.handshake_deadline, bytearray(), by_figures)
        try:
            self.epoll.register(fd, select.EPOLLIN)
        except OSError as error:  # ENOSPC: fs.epoll.max_user_watches
            self.fail(fd, error)
            return
        if data:
            self.take_request(fd, data)

    def read_request(self, fd: int) -> None:
        """More of a request is there, or the peer has gone."""
        try:
            data = self.read(fd, MAX_REQUEST_READ)
        except BlockingIOError:
            return
        except OSError as error:
            self.fail(fd, error)
            return
        if data:
            self.take_request(fd, data)
        else:
            self.drop(fd, s.EOF)

    def take_request(self, fd: int, data: bytes) -> None:
        """Add to a request; answer when it is whole."""
        _, buffer, by_figures = self.pending[fd]
        seen = len(buffer)
        buffer += data
        self.held += len(data)
        try:
            end = handshake.head_length(buffer, seen)
            if not end:
                if self.crowded():
                    raise handshake.HandshakeError(503, "the server has no room for more")
                return
            parsed = handshake.parse_request(bytes(buffer[:end]))
        except handshake.HandshakeError as error:
            self.refuse(fd, error)
            return
        request, rest = bytes(buffer[:end]), bytes(buffer[end:])
        if not parsed.is_upgrade:
            self.answer(fd, parsed, by_figures)
        elif by_figures:
            self.refuse(fd, handshake.HandshakeError(404, "figures only: /stats, /metrics, /healthz"), parsed)
        else:
            self.upgrade(fd, parsed, request, rest)

    def upgrade(self, fd: int, parsed: handshake.Request, request: bytes, rest: bytes) -> None:
        """Agree to a handshake, if nothing speaks against it."""
        try:
            room = self.room_for(parsed)
        except handshake.HandshakeError as error:
            self.refuse(fd, error, parsed)
            return
        name = http.member_name(parsed.target)
        at = request.find(KEY)
        familiar = not name and not self.options.access_log and request[at + KEY_AT : at + KEY_END] == parsed.key
        if familiar and at >= KEY_AT and len(self.shells) < _SHELLS:  # before that, -1 for "no key" would fit too
            self.shells[request[: at + KEY_AT] + request[at + KEY_END :]] = self.rooms.names[room]
        self.held -= len(self.pending.pop(fd)[1])
        self.states[fd] = OPEN
        self.rooms.join(fd, room)
        if name:
            self.names[fd] = name
        self.row[s.CONNECTIONS] += 1
        self.row[s.OPENED] += 1
        if self.options.access_log:
            http.log(fd, parsed, 101)
        self.send(fd, handshake.build_response(handshake.accept_value(parsed.key)))
        if rest and self.states[fd] == OPEN:
            self.receive(fd, rest)

    def take_seat(self) -> bool:
        """Whether one connection more is allowed; if so it has its place, which `drop` gives back."""
        if self.row[s.CONNECTIONS] >= self.options.worker_connections > 0:
            return False
        return self.stats.seats is None or self.stats.seats.take()

    def leave_seat(self) -> None:
        """Nothing came of a connection that had its place."""
        if self.stats.seats is not None:
            self.stats.seats.give_back()

    def room_for(self, request: handshake.Request) -> int:
        """The room that a request asks for by its path, and a seat in it. Raises HandshakeError."""
        name = http.room_name(request.target)
        if name is None:
            raise handshake.HandshakeError(404, "no such room: /, /chat or /rooms/NAME")
        http.check_origin(request, self.options)
        if self.draining:
            raise handshake.HandshakeError(503, "the server is going away")
        if not self.take_seat():
            raise handshake.HandshakeError(503, "there are as many connections as are allowed")
        try:
            return self.rooms.number(name)
        except RoomsFull:
            self.leave_seat()
            raise handshake.HandshakeError(503, "there are as many rooms as are allowed") from None

    def answer(self, fd: int, request: handshake.Request, by_figures: bool) -> None:
        """A request that is not for an upgrade: the page, or a figure."""
        status, whole = http.answer(request, self.stats, self.presence, self.options, by_figures=by_figures)
        if self.options.access_log:
            http.log(fd, request, status)
        self.part(fd, whole, s.ANSWERED)

    def refuse(self, fd: int, error: handshake.HandshakeError, request: handshake.Request | None = None) -> None:
        """Say what is wrong with a request, and end."""
        self.row[s.HANDSHAKE_FAILED] += 1
        if self.options.access_log:
            http.log(fd, request, error.status)
        self.part(fd, http.error(error), s.REFUSED)

    def expire_requests(self, now: float) -> None:
        """Drop those who have not sent their whole request in time."""
        late = []
        for fd, (deadline, _, _) in self.pending.items():  # the first is due first
            if now < deadline:
                break
            late.append(fd)
        for fd in late:
            if self.pending[fd][1] and self.states[fd] != NONE:
                self.row[s.HANDSHAKE_FAILED] += 1
                self.part(
                    fd, http.error(handshake.HandshakeError(408, "the request took too long")), s.HANDSHAKE_DEADLINE
                )
            else:
                self.drop(fd, s.HANDSHAKE_DEADLINE)
