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

from wstune.burst import tally as t
from wstune.burst.connections import BATCH, CONNECTING, OPEN, SENT, Connections
from wstune.burst.pacing import NUMBER
from wstune.burst.script import Script
from wstune.host.addresses import bindable
from wstune.protocol import handshake

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from wstune.burst.engine.plan import Route
    from wstune.burst.job import Job

NO_PORT = 24  # linux/in.h IP_BIND_ADDRESS_NO_PORT
_EINPROGRESS = 115
_KEYS = 256
_MARK = b"\0"
_NEVER = 1e18
_SWEEP_SECONDS = 0.5


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
        self.counts = ([0] * t.BUCKETS, [0] * t.BUCKETS)  # of CONNECT_MS, UPGRADE_MS, not yet in the tally
        self.halted = False
        self.script = Script(connections, job.plan.programs, job.seed) if job.plan.programs else None
        self.routes = job.routes
        self.order = self._order()
        self.tags: dict[int, int] = {}  # fd → its place in the order, while something hangs on it

    def _order(self) -> bytes:
        """Which route each connection takes, in shares as their weights say, well mixed; empty when there is one."""
        if len(self.routes) == 1:
            return b""
        whole = sum(route.weight for route in self.routes)
        order = bytearray()
        seen = 0.0
        for at, route in enumerate(self.routes):
            seen += route.weight
            order += bytes((at,)) * (round(self.job.share * seen / whole) - len(order))
        random.Random(self.job.seed).shuffle(order)  # noqa: S311
        return bytes(order)

    def number(self, place: int) -> int:
        """The number of this generator's connection at that place: from 1, each once over all generators."""
        return self.job.plan.first_number + self.job.part + place * self.job.parts + 1

    def route(self, fd: int) -> Route:
        """The route that a connection in the opening takes."""
        return self.routes[self.order[self.tags[fd]]] if self.order else self.routes[0]

    def request(self, fd: int) -> bytes:
        """A connection's request."""
        request = build(self.route(fd), self.expected[fd])
        return request.replace(NUMBER, b"%d" % self.number(self.tags[fd])) if NUMBER in request else request

    def first_write(self) -> Callable[[int, bytes], int]:
        """How the request is written right after connect(); raises BlockingIOError where that is too early."""
        return os.write

    def run(self) -> None:
        """Open the share. Long on purpose: every connection passes through this one loop."""
        job, connections = self.job, self.connections
        words, states, fail, epoll = connections.words, connections.states, connections.fail, connections.epoll
        started, expected, partial = self.started, self.expected, self.partial
        targets = [(route.server.sockaddr, build(route, _MARK)) for route in self.routes]
        server, kind = targets[0][0], socket.SOCK_STREAM | socket.SOCK_NONBLOCK
        family = socket.AF_INET6 if len(server) > 2 else socket.AF_INET
        make, read, write, now = _socket.socket, connections.io.read, self.first_write(), time.monotonic
        poll, register = epoll.poll, epoll.register
        base64, accept_value = b2a_base64, handshake.accept_value
        head, tail = targets[0][1].split(_MARK)
        script, order, tags, opened = self.script, self.order, self.tags, self.opened
        timers = script.timers if script else []
        numbered = any(NUMBER in request for _, request in targets)
        # One kind that says one thing and holds: nothing has to be remembered of a connection until then.
        greet = script.greet if script and script.greeting and not (order or numbered) else None
        tagged = bool((script and not greet) or order or numbered)
        sources = [bindable(source) for source in job.sources]
        many = len(sources)
        last = t.BUCKETS - 1
        connect_counts, upgrade_counts = self.counts
        share, window = job.share, job.plan.window
        dues = job.due_times()
        due_of: dict[int, float] = {}
        due = dues.pop() if dues else 0.0
        begun = in_flight = reached = opened_ns = fresh = 0
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
                if order:
                    server, request = targets[order[begun - 1]]
                    head, tail = request.split(_MARK)
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
                if tagged:
                    tags[fd] = begun - 1
                try:
                    write(fd, self.request(fd) if numbered else head + key + tail)
                except BlockingIOError:
                    states[fd] = CONNECTING
                    try:
                        register(fd, select.EPOLLOUT)
                    except OSError as error:
                        in_flight -= 1
                        self.failed(t.CONNECT, error.errno or 0, fd)
                    continue
                except OSError as error:
                    in_flight -= 1
                    self.failed(t.CONNECT, error.errno or 0, fd)
                    continue
                us = int((now() - start) * 1e6)
                shift = us.bit_length() - 7
                if shift > 0:
                    us = (shift << 6) + (us >> shift)
                connect_counts[us if us < last else last] += 1
                states[fd] = SENT
                try:
                    register(fd, 1)  # EPOLLIN
                except OSError as error:  # ENOSPC: fs.epoll.max_user_watches
                    in_flight -= 1
                    self.failed(t.UPGRADE, error.errno or 0, fd)
            words[0] = begun  # STARTED
            patience = max(0.0, min(0.1, due - now())) if due and in_flight < window else 0.1
            if timers and script:
                patience = script.wait(patience)
            for fd, _ in poll(patience, BATCH):
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
                    upgrade_counts[us if us < last else last] += 1
                    if due_of:
                        words[t.DUE_MS + t.bucket(int((now() - due_of.pop(fd)) * 1e6))] += 1
                    states[fd] = OPEN
                    in_flight -= 1
                    fresh += 1
                    if tagged or greet or fd in partial:  # it may be over at once: it has to be counted before
                        words[1] += fresh
                        fresh = 0
                        if tagged:
                            opened(fd)
                        elif greet and not greet(fd) and script:
                            script.begin(fd, 0, 0)
                        rest = partial.pop(fd, None)
                        if rest and states[fd]:
                            connections.take(fd, bytes(rest))
                elif state >= OPEN:
                    connections.receive(fd)
                elif state == CONNECTING:
                    if not self.connected(fd):
                        in_flight -= 1
                elif fd == self.commands:
                    words[1] += fresh
                    fresh = 0
                    self.on_command()
            words[1] += fresh  # OPEN
            fresh = 0
            if script:
                script.run_due()
            clock = now()
            if words[1] > reached:
                reached, opened_ns = words[1], int(clock * 1e9)
            if clock >= sweep_at:
                sweep_at = clock + _SWEEP_SECONDS
                in_flight -= self.sweep(clock)
                self.publish()
        self.publish()
        words[t.OPENED_NS] = opened_ns
        words[t.DONE] = 1

    def opened(self, fd: int) -> None:
        """A connection stands, and its program begins, if it has one."""
        place = self.tags.pop(fd)
        if self.script:
            self.script.begin(fd, self.routes[self.order[place] if self.order else 0].kind, self.number(place))

    def failed(self, phase: int, code: int, fd: int) -> None:
        """A handshake that came to nothing."""
        self.tags.pop(fd, None)
        self.started.pop(fd, None)
        self.expected.pop(fd, None)
        self.partial.pop(fd, None)
        self.connections.fail(phase, code, fd)

    def connected(self, fd: int) -> bool:
        """A connection that took its time stands, or has failed: then False."""
        try:
            os.write(fd, self.request(fd))
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
        asked = self.route(fd).protocols
        try:
            handshake.check_response(answer, accept, asked)
        except handshake.HandshakeError as error:
            if error.status and error.status != 101:
                return t.HTTP + error.status
            return t.BAD_ACCEPT if accept not in answer and error.status else t.BAD_ANSWER
        if asked and b"\nsec-websocket-protocol:" not in answer.lower():
            return t.BAD_PROTOCOL  # as browsers do: who asked may not do without (WHATWG WebSockets, section 2)
        del buffer[:end]
        at = answer.find(accept)
        self.answer = (answer[:at], answer[at + len(accept) :])
        return 0

    def publish(self) -> None:
        """Add to the tally what the hot loop has counted: a list's items cost half of what shared memory's do."""
        for base, counts in zip((t.CONNECT_MS, t.UPGRADE_MS), self.counts, strict=True):
            for at, count in enumerate(counts):
                if count:
                    self.connections.words[base + at] += count
                    counts[at] = 0

    def sweep(self, clock: float) -> int:
        """Give up handshakes that took too long. Returns how many."""
        late = [fd for fd, start in self.started.items() if clock - start > self.job.plan.timeout]
        for fd in late:
            self.failed(self.phase(fd), t.TIMEOUT, fd)
        return len(late)

    def phase(self, fd: int) -> int:
        """Where a connection in the opening is."""
        return t.CONNECT if self.connections.states[fd] == CONNECTING else t.UPGRADE


def build(route: Route, key: bytes) -> bytes:
    """The request of a route."""
    return handshake.build_request(route.host, route.path, key, route.headers)
