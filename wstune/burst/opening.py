"""Opening connections: the burst's hot path. Raw epoll, raw descriptors, nothing allocated that need not be.

What a connection costs here: socket, setsockopt and bind (if a source address is given), connect, write, epoll_ctl,
read, and its part of an epoll_wait. The request is written right after connect(): on a near network the connection
stands already, which saves an event and a system call. Measured with CPython 3.11: `_socket.socket` and `detach()` cost
less than the same calls by ctypes.
"""

from __future__ import annotations

import _socket
import os
import random
import select
import socket
import time
from binascii import b2a_base64

from wstune.burst import pacing
from wstune.burst import tally as t
from wstune.burst.connections import BATCH, CONNECTING, OPEN, SENT, Connections
from wstune.protocol import handshake

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

NO_PORT = 24  # linux/in.h IP_BIND_ADDRESS_NO_PORT
_EINPROGRESS = 115
_KEYS = 256
_MARK = b"\0"
_NEVER = 1e18
_SWEEP_SECONDS = 0.5


class Job:
    """What one generator opens.

    Attributes:
        share: connections. sources: addresses to come from; none: the kernel chooses.
        server: (address, port). path, host, headers: of the request; headers end in CRLF each.
        window: handshakes in flight at the most. timeout: seconds for one.
        phases: for `pacing.due_times`, with `part` of `parts`; empty: as fast as it goes. poisson: how gaps are drawn.
        start: CLOCK_MONOTONIC of the common start, when paced.
    """

    __slots__ = (
        "headers",
        "host",
        "part",
        "parts",
        "path",
        "phases",
        "poisson",
        "seed",
        "server",
        "share",
        "sources",
        "start",
        "timeout",
        "window",
    )

    def __init__(self, share: int, sources: list[str], server: tuple[str, int]) -> None:
        self.share = share
        self.sources = sources
        self.server = server
        self.host = (b"[%b]:%d" if ":" in server[0] else b"%b:%d") % (server[0].encode(), server[1])
        self.path = b"/"
        self.headers = b""
        self.window = 256
        self.timeout = 10.0
        self.part = 0
        self.parts = 1
        self.phases: list[tuple[float, float, int]] = []
        self.poisson = False
        self.seed = 0
        self.start = 0.0

    def due_times(self) -> list[float]:
        """CLOCK_MONOTONIC times at which to start each connection, the last first; empty when not paced."""
        if not self.phases:
            return []
        # Gaps between arrivals are no secret.
        dice = random.Random(self.seed * 1_000_003 + self.part).random if self.poisson else None  # noqa: S311
        offsets = pacing.due_times(self.phases, self.part, self.parts, dice)
        return [self.start + offset for offset in offsets][::-1]


class Opening:
    """Opens the connections of one job."""

    def __init__(self, job: Job, connections: Connections, commands: int, on_command: Callable[[], None]) -> None:
        self.job = job
        self.connections = connections
        self.commands = commands
        self.on_command = on_command
        self.started: dict[int, float] = {}
        self.expected: dict[int, bytes] = {}
        self.partial: dict[int, bytearray] = {}
        self.answer: tuple[bytes, bytes] | None = None
        self.halted = False

    def run(self) -> None:
        """Open the share. Long on purpose: every connection passes through this one loop."""
        job, connections = self.job, self.connections
        words, states, fail, epoll = connections.words, connections.states, connections.fail, connections.epoll
        started, expected = self.started, self.expected
        server, kind = job.server, socket.SOCK_STREAM | socket.SOCK_NONBLOCK
        family = socket.AF_INET6 if ":" in server[0] else socket.AF_INET
        make, read, write, now = _socket.socket, os.read, os.write, time.monotonic
        poll, register = epoll.poll, epoll.register
        base64, accept_value = b2a_base64, handshake.accept_value
        head, tail = handshake.build_request(job.host, job.path, _MARK, job.headers).split(_MARK)
        sources, many = [(source, 0) for source in job.sources], len(job.sources)
        connect_ms, upgrade_ms, buckets = t.CONNECT_MS, t.UPGRADE_MS, t.BUCKETS
        share, window = job.share, job.window
        dues = job.due_times()
        due_of: dict[int, float] = {}
        due = dues.pop() if dues else 0.0
        begun = in_flight = reached = opened_ns = 0
        noise, noise_at = b"", 0
        answer_head, answer_tail = b"", b""
        sweep_at = now() + _SWEEP_SECONDS
        while begun < share or in_flight:
            if self.halted:
                share = begun
            while begun < share and in_flight < window:
                start = now()
                if start < due:
                    break
                begun += 1
                words[0] += 1  # STARTED
                try:
                    sock = make(family, kind, 0)
                except OSError as error:
                    fail(t.SOCKET, error.errno or 0)
                    continue
                try:
                    if many:
                        sock.setsockopt(0, NO_PORT, 1)
                        sock.bind(sources[begun % many])
                    code = sock.connect_ex(server)
                    fd = sock.detach()
                except OSError as error:
                    sock.close()
                    fail(t.BIND, error.errno or 0)
                    continue
                if fd >= len(states):
                    states.extend(bytes(fd))
                if code and code != _EINPROGRESS:
                    fail(t.CONNECT, code, fd)
                    continue
                if noise_at == len(noise):
                    noise, noise_at = os.urandom(16 * _KEYS), 0
                key = base64(noise[noise_at : noise_at + 16], newline=False)
                noise_at += 16
                if due:
                    lag = int((start - due) * 1e9)
                    if lag > words[t.LAG_NS]:
                        words[t.LAG_NS] = lag
                    due_of[fd] = due
                    due = dues.pop() if dues else _NEVER
                in_flight += 1
                expected[fd] = key
                started[fd] = start
                try:
                    write(fd, head + key + tail)
                except BlockingIOError:
                    states[fd] = CONNECTING
                    register(fd, select.EPOLLOUT)
                    continue
                except OSError as error:
                    in_flight -= 1
                    self.failed(t.CONNECT, error.errno or 0, fd)
                    continue
                us = int((now() - start) * 1e6)
                shift = us.bit_length() - 7
                if shift > 0:
                    us = (shift << 6) + (us >> shift)
                words[connect_ms + us if us < buckets else connect_ms + buckets - 1] += 1
                states[fd] = SENT
                register(fd, 1)  # EPOLLIN
            for fd, _ in poll(max(0.0, min(0.1, due - now())) if due and in_flight < window else 0.1, BATCH):
                state = states[fd]
                if state == SENT:
                    try:
                        data = read(fd, 479)  # with the object's head it still fits the small-block allocator
                    except BlockingIOError:
                        continue
                    except OSError as error:
                        in_flight -= 1
                        self.failed(t.UPGRADE, error.errno or 0, fd)
                        continue
                    accept = accept_value(expected[fd])
                    if data != answer_head + accept + answer_tail:
                        wrong = self.check(fd, data, accept)
                        if wrong < 0:
                            continue
                        if wrong:
                            in_flight -= 1
                            self.failed(t.UPGRADE, wrong, fd)
                            continue
                        if self.answer:
                            answer_head, answer_tail = self.answer
                    us = int((now() - started.pop(fd)) * 1e6)
                    del expected[fd]
                    shift = us.bit_length() - 7
                    if shift > 0:
                        us = (shift << 6) + (us >> shift)
                    words[upgrade_ms + us if us < buckets else upgrade_ms + buckets - 1] += 1
                    if due_of:
                        words[t.DUE_MS + t.bucket(int((now() - due_of.pop(fd)) * 1e6))] += 1
                    states[fd] = OPEN
                    in_flight -= 1
                    words[1] += 1  # OPEN
                    rest = self.partial.pop(fd, None)
                    if rest:
                        connections.take(fd, bytes(rest))
                elif state >= OPEN:
                    connections.receive(fd)
                elif state == CONNECTING:
                    if not self.connected(fd, head, tail):
                        in_flight -= 1
                elif fd == self.commands:
                    self.on_command()
            clock = now()
            if words[1] > reached:
                reached, opened_ns = words[1], int(clock * 1e9)
            if clock >= sweep_at:
                sweep_at = clock + _SWEEP_SECONDS
                in_flight -= self.sweep(clock)
        words[t.OPENED_NS] = opened_ns
        words[t.DONE] = 1

    def failed(self, phase: int, code: int, fd: int) -> None:
        """A handshake that came to nothing."""
        self.started.pop(fd, None)
        self.expected.pop(fd, None)
        self.partial.pop(fd, None)
        self.connections.fail(phase, code, fd)

    def connected(self, fd: int, head: bytes, tail: bytes) -> bool:
        """A connection that took its time stands, or has failed: then False."""
        try:
            os.write(fd, head + self.expected[fd] + tail)
        except OSError as error:
            self.failed(t.CONNECT, error.errno or 0, fd)
            return False
        connections = self.connections
        connections.record(t.CONNECT_MS, int((time.monotonic() - self.started[fd]) * 1e9))
        connections.states[fd] = SENT
        connections.epoll.modify(fd, select.EPOLLIN)
        return True

    def check(self, fd: int, data: bytes, accept: bytes) -> int:
        """Look at an answer in full. Returns 0 if it is right, -1 if more must come, else the code of what is wrong.

        An answer that passed becomes the form that the next ones are compared with first. What followed it stays in
        `partial`.
        """
        if not data:
            return t.EOF
        buffer = self.partial.setdefault(fd, bytearray())
        buffer += data
        end = buffer.find(b"\r\n\r\n") + 4
        if end < 4:
            return t.BAD_ANSWER if len(buffer) > handshake.MAX_HEAD else -1
        answer = bytes(buffer[:end])
        try:
            handshake.check_response(answer, accept)
        except handshake.HandshakeError as error:
            if error.status and error.status != 101:
                return t.HTTP + error.status
            return t.BAD_ACCEPT if accept not in answer and error.status else t.BAD_ANSWER
        del buffer[:end]
        at = answer.find(accept)
        self.answer = (answer[:at], answer[at + len(accept) :])
        return 0

    def sweep(self, clock: float) -> int:
        """Give up handshakes that took too long. Returns how many."""
        late = [fd for fd, start in self.started.items() if clock - start > self.job.timeout]
        for fd in late:
            self.failed(t.CONNECT if self.connections.states[fd] == CONNECTING else t.UPGRADE, t.TIMEOUT, fd)
        return len(late)
