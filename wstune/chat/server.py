"""One worker of the chat server: an epoll loop over raw descriptors.

The handshake's hot path does not parse: a request that equals one already parsed and allowed, but for its key, takes
that one's answer.
"""

from __future__ import annotations

import ctypes
import os
import select
import time
from binascii import a2b_base64

from wstune.chat import presence as p
from wstune.chat import stats as s
from wstune.chat.connections import NONE, OPEN, PENDING
from wstune.chat.opening import ACCEPT_PAUSE, KEY, KEY_AT, KEY_END, Opening
from wstune.chat.options import Options as Options
from wstune.chat.rooms import RoomsFull
from wstune.chat.talk import ASKED, READ, TICK
from wstune.host import guard
from wstune.protocol import closing, frames, handshake

_ACCEPT_FLAGS = os.O_NONBLOCK | os.O_CLOEXEC
_BATCH = 512
_IDLE_SWEEPS = 8
"""Sweeps over all connections within the time that they may be idle; so much later one may be noticed."""
_TRIM_BYTES = 4 * 1024 * 1024
DRAIN_SECONDS = 5.0
"""How long peers have to answer the farewell of a server that goes away."""


class Worker(Opening):
    """Serves one listener until told to stop. `index`: its row of stats. `figures`: the listener of the figures."""

    def __init__(
        self,
        listener: int,
        bus: int,
        stats: s.Stats,
        index: int,
        options: Options,
        presence: p.Presence | None = None,
        figures: int = -1,
    ) -> None:
        super().__init__(bus, stats, index, options, presence)
        self.listener = listener
        self.figures = figures
        self.shells = {}
        self.published = b""
        self.swept = 0
        self.gone_at = 0.0
        self.crest = 0  # the most that was kept of late

    def run(self) -> None:
        """The loop. Long on purpose: the handshake of a new connection is inlined, 30,000 a second pass here."""
        libc = ctypes.PyDLL(None, use_errno=True)  # accept4() never waits here: the GIL may be kept
        accept4, get_errno = libc.accept4, ctypes.get_errno
        read, write, tls, poll, register = self.read, self.write, self.tls, self.epoll.poll, self.epoll.register
        listener, bus, row, states, shells = self.listener, self.bus, self.row, self.states, self.shells
        enter, accept_value = self.rooms.enter, handshake.accept_value
        head, tail = handshake.build_response(b"\0").split(b"\0")
        bounded = bool(self.options.max_connections or self.options.worker_connections)
        before, after, room, size, fresh = b"", b"", b"", -1, 0  # the request that came last, around its key; its room
        key_at = key_end = 0
        self.listen(True)
        self.show_figures(True)
        figures = self.figures
        register(bus, select.EPOLLIN)
        next_tick = time.monotonic() + TICK
        while not self.stopping:
            for fd, event in poll(self.patience(), _BATCH):
                state = states[fd]
                if state == OPEN and not event & 4:  # EPOLLOUT
                    try:
                        data = read(fd, READ)
                    except BlockingIOError:
                        continue
                    except OSError as error:
                        self.fail(fd, error)
                        continue
                    if data:
                        self.receive(fd, data)
                    else:
                        self.drop(fd, s.EOF)
                elif fd == listener:
                    for _ in range(64):
                        fd = accept4(listener, None, None, _ACCEPT_FLAGS)
                        if fd < 0:
                            if self.accept_failed(get_errno()):
                                continue
                            break
                        if fd >= len(states):
                            states.extend(bytes(fd))
                        try:
                            if tls is not None:
                                tls.start(fd)
                            data = read(fd, 479)  # 479 + 33 of the object: still from Python's small-block allocator
                        except BlockingIOError:
                            self.wait_for_request(fd)
                            continue
                        except OSError as error:
                            self.fail(fd, error)
                            continue
                        if len(data) != size or not data.startswith(before) or not data.endswith(after):
                            at = data.find(KEY)
                            name = shells.get(data[: at + KEY_AT] + data[at + KEY_END :])
                            if name is None:
                                self.wait_for_request(fd, data)
                                continue
                            key_at, key_end = at + KEY_AT, at + KEY_END
                            before, after, room, size = data[:key_at], data[key_end:], name, len(data)
                        key = data[key_at:key_end]
                        try:
                            if len(a2b_base64(key, strict_mode=True)) != 16 or (bounded and not self.take_seat()):
                                self.wait_for_request(fd, data)
                                continue
                            enter(fd, room)
                        except ValueError:
                            self.wait_for_request(fd, data)
                            continue
                        except RoomsFull:
                            self.leave_seat()
                            self.wait_for_request(fd, data)
                            continue
                        states[fd] = OPEN
                        row[0] += 1  # CONNECTIONS: before it hears of it, so that whoever is in is counted
                        try:
                            write(fd, head + accept_value(key) + tail)
                            register(fd, 1)  # EPOLLIN
                        except OSError as error:
                            self.fail(fd, error)
                            continue
                        fresh += 1
                    row[1] += fresh  # OPENED
                    fresh = 0
                elif fd == bus:
                    self.bus_ready(event)
                elif fd == figures:
                    self.ask_for_figures()
                elif state == PENDING:
                    self.read_request(fd)
                elif state == OPEN or fd in self.outbox:
                    self.flush(fd)
                elif state != NONE:  # it has said goodbye, and so has its peer
                    self.drop(fd, s.CLOSED)
                # NONE: dropped by an earlier event of this batch
            if self.backlog or self.paused:
                self.work()
            if self.gone:
                self.hear_the_gone()
            self.used = 0
            now = time.monotonic()
            if now >= next_tick or self.accept_again or self.draining:
                self.tick(now)
                next_tick = now + TICK

    def patience(self) -> float:
        """How long to wait for something to happen."""
        usual = super().patience()
        return min(usual, 0.05) if self.accept_again or self.draining else usual

    def drain(self) -> None:
        """Take no more connections, say goodbye (1001, going away) to everybody, and stop when they have heard it."""
        if self.draining:
            return
        self.draining = True
        self.gone_at = time.monotonic() + DRAIN_SECONDS
        if not self.accept_again:
            self.listen(False)
        self.accept_again = 0.0
        os.close(self.listener)
        self.show_figures(False)
        while self.backlog:
            self.advance()
        for fd in list(self.pending):
            self.drop(fd, s.SHUTDOWN)
        for members in self.rooms.members:
            for fd in members[:]:
                self.say_goodbye(fd, closing.GOING_AWAY, "the server is going away", s.SHUTDOWN)

    def tick(self, now: float) -> None:
        """Once a second: deadlines, and what others want to know."""
        if self.accept_again and now >= self.accept_again:
            try:
                self.listen(True)
                self.accept_again = 0.0
            except OSError:  # ENOSPC: the watch that it had was taken meanwhile (fs.epoll.max_user_watches)
                self.accept_again = now + ACCEPT_PAUSE
        if self.draining and (now > self.gone_at or not self.leaving):
            self.stopping = True
        if not self.draining:
            self.show_figures(True)
        self.expire_requests(now)
        for fd in _due(self.since, now - self.options.frame_deadline):
            self.say_goodbye(fd, closing.POLICY, "a message took too long", s.FRAME_DEADLINE)
        for fd in [fd for fd, deadline in self.leaving.items() if now > deadline]:
            self.drop(fd, s.CLOSED)
        for fd in [fd for fd, even in self.tokens.items() if now > even]:
            del self.tokens[fd]
        if self.options.idle:
            self.sweep(int(now))
        self.row[s.BUFFERED] = self.held + self.bus_held
        self.give_back()
        self.tell(now)

    def give_back(self) -> None:
        """Return to the kernel what a wave of slow readers has left in the allocator (malloc_trim(3), glibc's)."""
        self.crest = max(self.crest, self.held)
        if self.crest > _TRIM_BYTES and self.held < self.crest // 2:
            self.crest = self.held
            try:
                ctypes.CDLL(None).malloc_trim(0)
            except AttributeError:
                pass  # musl

    def tell(self, now: float) -> None:
        """Publish who is where, and how much memory this worker has for itself."""
        if self.presence is None:
            return
        rooms: dict[int, list[bytes]] = {}
        for fd, name in self.names.items():
            rooms.setdefault(self.rooms.room_of(fd), []).append(name)
        here = [
            (self.rooms.names[number], len(members), rooms.get(number, []))
            for number, members in enumerate(self.rooms.members)
            if members
        ]
        snapshot = p.pack(here, self.presence.capacity)
        if snapshot != self.published:
            self.published = snapshot
            self.presence.publish(self.index, snapshot)
        try:
            self.row[s.ANONYMOUS] = guard.anonymous_bytes()
        except OSError:
            pass  # no /proc

    def sweep(self, now: int) -> None:
        """Look at some of the connections: who has sent nothing for half of the time is asked, who for all of it goes.

        Nobody goes who was not asked: this worker may have had no processor for a while, and be the one who was silent.

        A part of them a second: a look at a million would be a pause that all others notice.
        """
        idle = int(self.options.idle)
        self.hear_all()
        heard, states, ping = self.heard, self.states, frames.encode(frames.PING, b"")
        share = len(states) * _IDLE_SWEEPS // idle + 1
        for at in range(self.swept, min(self.swept + share, len(states))):
            if states[at] != OPEN:
                continue
            if not heard[at]:  # new here
                heard[at] = now << 1
                continue
            silent = now - (heard[at] >> 1)
            if silent >= idle and heard[at] & ASKED:
                self.say_goodbye(at, closing.POLICY, "nothing was heard of you", s.IDLE)
            elif silent >= idle // 2:
                heard[at] |= ASKED
                self.send(at, ping)
        self.swept = self.swept + share if self.swept + share < len(states) else 0


def _due(since: dict[int, float], before: float) -> list[int]:
    """Those that began before then; the oldest is first."""
    due = []
    for fd, began in since.items():
        if began > before:
            break
        due.append(fd)
    return due
