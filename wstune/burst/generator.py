"""One generator process: opens its share of the connections, holds them, and does with them what it is told.

Raw epoll and raw descriptors; a connection is a byte of state, and has an object only while something is incomplete.
Lean: forked by the hundred. Commands come as lines on a pipe; results go into the tally (shared memory).
"""

from __future__ import annotations

import _socket
import errno
import os
import select
import socket
import time
from binascii import b2a_base64

from wstune.burst import tally as t
from wstune.protocol import frames, handshake

NONE, SENT, CONNECTING, OPEN, CLOSING = range(5)
_IN, _OUT = select.EPOLLIN, select.EPOLLOUT
_BATCH = 512
_MARK = b"\0"
_KEYS = 256
NO_PORT = 24  # linux/in.h IP_BIND_ADDRESS_NO_PORT


class Job:
    """What one generator opens: `share` connections from `sources` to `server` (address, port)."""

    __slots__ = ("family", "headers", "host", "path", "server", "share", "sources", "timeout", "window")

    def __init__(self, share: int, sources: list[str], server: tuple[str, int], path: bytes = b"/") -> None:
        self.share = share
        self.sources = sources
        self.server = server
        self.family = socket.AF_INET6 if ":" in server[0] else socket.AF_INET
        self.host = b"%s:%d" % (server[0].encode(), server[1])
        self.path = path
        self.headers = b""
        self.window = 256
        self.timeout = 10.0


class Generator:
    """Opens, holds, uses and closes connections; counts in `words`, its tally."""

    def __init__(self, job: Job, words: memoryview, commands: int) -> None:
        self.job = job
        self.words = words
        self.commands = commands
        self.epoll = select.epoll()
        self.states = bytearray(1024)
        self.started: dict[int, float] = {}
        self.expected: dict[int, bytes] = {}
        self.partial: dict[int, bytearray] = {}
        self.receivers: dict[int, frames.Receiver] = {}
        self.answer: tuple[bytes, bytes] | None = None
        self.fanout = b""
        self.pong = b""
        self.stopping = False
        self.halted = False
        self.epoll.register(commands, _IN)

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
        self.states[fd] = NONE
        self.started.pop(fd, None)
        self.expected.pop(fd, None)
        self.partial.pop(fd, None)
        self.receivers.pop(fd, None)
        os.close(fd)

    def open(self) -> None:
        """Open the share, `window` handshakes at a time. Long on purpose: every connection passes through this loop."""
        job, words, states = self.job, self.words, self.states
        started, expected = self.started, self.expected
        server, family, kind = job.server, job.family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK
        make, read, write, now = _socket.socket, os.read, os.write, time.monotonic
        poll, register = self.epoll.poll, self.epoll.register
        head, tail = handshake.build_request(job.host, job.path, _MARK, job.headers).split(_MARK)
        base64, accept_value = b2a_base64, handshake.accept_value
        sources, many = [(source, 0) for source in job.sources], len(job.sources)
        connect_ms, upgrade_ms, buckets = t.CONNECT_MS, t.UPGRADE_MS, t.BUCKETS
        share, window = job.share, job.window
        begun = in_flight = reached = 0
        noise, noise_at = b"", 0
        answer_head, answer_tail = self.answer or (b"", b"")
        opened_ns, sweep_at = 0, now() + 1
        while (begun < share or in_flight) and not self.stopping:
            if self.halted:
                share = begun
            while begun < share and in_flight < window:
                try:
                    sock = make(family, kind, 0)
                except OSError as error:
                    begun += 1
                    words[0] += 1  # STARTED
                    self.fail(t.SOCKET, error.errno or 0)
                    continue
                start = now()
                try:
                    if many:
                        sock.setsockopt(0, NO_PORT, 1)
                        sock.bind(sources[begun % many])
                    begun += 1
                    code = sock.connect_ex(server)
                    fd = sock.detach()
                except OSError as error:
                    begun += 1
                    words[0] += 1
                    self.fail(t.BIND, error.errno or 0)
                    continue
                words[0] += 1
                if fd >= len(states):
                    states.extend(bytes(fd))
                if code != 115 and code:  # EINPROGRESS
                    self.fail(t.CONNECT, code, fd)
                    continue
                if noise_at == len(noise):
                    noise, noise_at = os.urandom(16 * _KEYS), 0
                key = base64(noise[noise_at : noise_at + 16], newline=False)
                noise_at += 16
                in_flight += 1
                expected[fd] = key
                started[fd] = start
                try:  # on a near network the connection stands already: an event and a system call less
                    write(fd, head + key + tail)
                except BlockingIOError:
                    states[fd] = CONNECTING
                    register(fd, _OUT)
                    continue
                except OSError as error:
                    in_flight -= 1
                    self.fail(t.CONNECT, error.errno or 0, fd)
                    continue
                us = int((now() - start) * 1e6)
                shift = us.bit_length() - 7
                if shift > 0:
                    us = (shift << 6) + (us >> shift)
                words[connect_ms + us if us < buckets else connect_ms + buckets - 1] += 1
                states[fd] = SENT
                register(fd, 1)  # EPOLLIN
            for fd, _ in poll(0.1, _BATCH):
                state = states[fd]
                if state == SENT:
                    try:
                        data = read(fd, 479)
                    except BlockingIOError:
                        continue
                    except OSError as error:
                        in_flight -= 1
                        self.fail(t.UPGRADE, error.errno or 0, fd)
                        continue
                    accept = accept_value(expected[fd])
                    if data != answer_head + accept + answer_tail:
                        verdict = self.check(fd, data, accept)
                        if verdict < 0:
                            continue
                        if verdict:
                            in_flight -= 1
                            self.fail(t.UPGRADE, verdict, fd)
                            continue
                        if self.answer:
                            answer_head, answer_tail = self.answer
                    us = int((now() - started.pop(fd)) * 1e6)
                    del expected[fd]
                    shift = us.bit_length() - 7
                    if shift > 0:
                        us = (shift << 6) + (us >> shift)
                    words[upgrade_ms + us if us < buckets else upgrade_ms + buckets - 1] += 1
                    states[fd] = OPEN
                    in_flight -= 1
                    words[1] += 1  # OPEN
                elif state == OPEN:
                    self.receive(fd)
                elif state == CONNECTING:
                    if not self.connected(fd, head, tail):
                        in_flight -= 1
                elif fd == self.commands:
                    self.command()
            clock = now()
            if words[1] > reached:
                reached, opened_ns = words[1], time.monotonic_ns()
            if clock >= sweep_at:
                sweep_at = clock + 0.5
                in_flight -= self.sweep(clock)
        words[t.OPENED_NS] = opened_ns
        words[t.DONE] = 1

    def connected(self, fd: int, head: bytes, tail: bytes) -> bool:
        """A connection that took its time stands, or has failed: then False."""
        try:
            os.write(fd, head + self.expected[fd] + tail)
        except OSError as error:
            self.fail(t.CONNECT, error.errno or 0, fd)
            return False
        us = int((time.monotonic() - self.started[fd]) * 1e6)
        self.words[t.CONNECT_MS + t.bucket(us)] += 1
        self.states[fd] = SENT
        self.epoll.modify(fd, _IN)
        return True

    def check(self, fd: int, data: bytes, accept: bytes) -> int:
        """Look at an answer in full. Returns 0 if it is right, -1 if more must come, else the code of what is wrong.

        An answer that passed, and is as short as ours, becomes the form that the next ones are compared with.
        """
        if not data:
            return t.EOF
        buffer = self.partial.get(fd)
        if buffer is not None:
            buffer += data
            data = bytes(buffer)
        end = data.find(b"\r\n\r\n") + 4
        if end < 4:
            if len(data) > handshake.MAX_HEAD:
                return t.BAD_ANSWER
            self.partial[fd] = bytearray(data)
            return -1
        try:
            handshake.check_response(data[:end], accept)
        except handshake.HandshakeError as error:
            if error.status and error.status != 101:
                return t.HTTP + error.status
            return t.BAD_ACCEPT if accept not in data else t.BAD_ANSWER
        self.partial.pop(fd, None)
        at = data.find(accept)
        if end == len(data) and self.answer is None:
            self.answer = (data[:at], data[at + len(accept) :])
        if end < len(data):
            self.take(fd, data[end:])
        return 0

    def sweep(self, clock: float) -> int:
        """Give up handshakes that took too long. Returns how many."""
        late = [fd for fd, start in self.started.items() if clock - start > self.job.timeout]
        for fd in late:
            self.fail(t.CONNECT if self.states[fd] == CONNECTING else t.UPGRADE, t.TIMEOUT, fd)
        return len(late)

    def hold(self) -> None:
        """Hold what is open until told otherwise."""
        while not self.stopping:
            for fd, _ in self.epoll.poll(-1, _BATCH):
                if fd == self.commands:
                    self.command()
                elif self.states[fd] >= OPEN:
                    self.receive(fd)

    def receive(self, fd: int) -> None:
        """Something came on an open connection: a message, a ping, a pong, or its end."""
        try:
            data = os.read(fd, 65_536)
        except BlockingIOError:
            return
        except OSError as error:
            self.end(fd, error.errno or 0)
            return
        if not data:
            self.end(fd, t.EOF)
        elif data == self.fanout:
            self.delivered()
        elif data == self.pong:
            self.words[t.PONGS] += 1
        else:
            self.take(fd, data)

    def delivered(self) -> None:
        words, now = self.words, time.monotonic_ns()
        words[t.DELIVERED] += 1
        if not words[t.FIRST_NS]:
            words[t.FIRST_NS] = now
        words[t.LAST_NS] = now

    def take(self, fd: int, data: bytes) -> None:
        """Frames that did not come as one expected whole."""
        receiver = self.receivers.get(fd)
        if receiver is None:
            receiver = self.receivers[fd] = frames.Receiver("client")
        try:
            messages = receiver.feed(data)
        except frames.ProtocolError:
            self.fail(t.HOLD, t.BAD_FRAME, fd)
            return
        for opcode, payload in messages:
            frame = frames.encode(opcode, payload)
            if frame == self.fanout:
                self.delivered()
            elif opcode == frames.PONG:
                self.words[t.PONGS] += 1
            elif opcode == frames.PING:
                os.write(fd, frames.encode(frames.PONG, payload, mask=os.urandom(4)))
            elif opcode == frames.CLOSE:
                self.end(fd, 0)
                return
            else:
                self.words[t.UNEXPECTED] += 1
        if receiver.idle:
            del self.receivers[fd]

    def end(self, fd: int, code: int) -> None:
        """The other side has ended a connection: asked for (CLOSING), or lost."""
        if self.states[fd] == CLOSING:
            if not code:
                self.words[t.GRACEFUL] += 1
            self.words[t.CLOSED] += 1
            self.words[t.OPEN] -= 1
            self.forget(fd)
        else:
            self.fail(t.HOLD, code or t.EOF, fd)

    # Commands: one line each; the first word is the method's name.

    def command(self) -> None:
        data = os.read(self.commands, 65_536)
        if not data:
            self.stopping = True
        for line in data.splitlines():
            verb, _, rest = line.partition(b" ")
            if verb == b"expect":
                self.fanout = frames.encode(frames.TEXT, rest)
                self.words[t.DELIVERED] = self.words[t.FIRST_NS] = self.words[t.LAST_NS] = 0
            elif verb == b"say":
                self.say(rest)
            elif verb == b"ping":
                self.ping(rest)
            elif verb == b"close":
                self.close_some(int(rest))
            elif verb == b"halt":
                self.halted = True
            self.words[t.ACKS] += 1

    def opened(self) -> list[int]:
        return [fd for fd, state in enumerate(self.states) if state == OPEN]

    def say(self, text: bytes) -> None:
        """Send one text message on one connection."""
        for fd in self.opened()[:1]:
            self.words[t.SAID_NS] = time.monotonic_ns()
            os.write(fd, frames.encode(frames.TEXT, text, mask=os.urandom(4)))

    def ping(self, payload: bytes) -> None:
        """PING every connection; the PONGs are counted as they come."""
        self.pong = frames.encode(frames.PONG, payload)
        ping = frames.encode(frames.PING, payload, mask=os.urandom(4))
        self.words[t.PINGS] = self.words[t.PONGS] = 0
        for at, fd in enumerate(self.opened()):
            try:
                os.write(fd, ping)
            except BlockingIOError:
                continue
            except OSError as error:
                self.end(fd, error.errno or 0)
                continue
            self.words[t.PINGS] += 1
            if at % _BATCH == _BATCH - 1:
                self.drain()

    def drain(self) -> None:
        """Take what has come, without waiting."""
        for fd, _ in self.epoll.poll(0, _BATCH):
            if fd != self.commands and self.states[fd] >= OPEN:
                self.receive(fd)

    def close_some(self, count: int) -> None:
        """Close some connections with a closing handshake (RFC 6455 section 7)."""
        frame = frames.encode(frames.CLOSE, frames.close_payload(1000), mask=os.urandom(4))
        for fd in self.opened()[:count]:
            try:
                os.write(fd, frame)
            except OSError as error:
                self.end(fd, error.errno or errno.EPIPE)
                continue
            self.states[fd] = CLOSING
