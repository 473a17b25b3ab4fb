"""The chat server's processes: a supervisor, and workers that share one port by SO_REUSEPORT.

The supervisor hands each message that a worker posts on its bus to every other worker: the workers are one
chat. Lean: the supervisor forks the workers.
"""

from __future__ import annotations

import gc
import os
import select
import signal
import socket
import time
from collections import deque

from wstune.chat import stats
from wstune.chat.fanout import DRAIN
from wstune.chat.listeners import listen
from wstune.chat.listeners import port_is_taken as port_is_taken
from wstune.chat.options import Options
from wstune.chat.presence import Presence
from wstune.chat.server import DRAIN_SECONDS, Worker
from wstune.host import guard
from wstune.host import worker as process

BUS_BUFFER = 4 * 1024 * 1024
_BUS_MESSAGE = 262_144  # the largest frame, its room's name and two bytes more
_WAITING_HIGH = 16 * 1024 * 1024
"""Bytes that wait for one worker from which on no worker may post more."""
_STUCK_SECONDS = 10.0
"""A worker that takes none of them for so long is ended."""
_FIRST_BACKOFF, _LONGEST_BACKOFF, _WELL_SECONDS = 0.1, 10.0, 60.0


class Supervisor:
    """Starts the workers, relays between them, notices their deaths. Use: `start`, then `poll` in a loop.

    Args:
        given: listening sockets that somebody else has bound; the workers share them.
        figures: the listening socket of /stats and /metrics; every worker has it.
        restart: start another worker for one that has ended; else it is only reported (`lost`).
    """

    def __init__(
        self,
        address: str,
        port: int,
        workers: int,
        backlog: int,
        options: Options,
        *,
        given: list[socket.socket] | None = None,
        figures: socket.socket | None = None,
        restart: bool = False,
    ) -> None:
        self.options = options
        self.stats = stats.Stats(workers, options.max_connections)
        self.presence = Presence(workers, options.max_rooms) if options.presence else None
        self._address, self._backlog, self._restart, self._shared = address, backlog, restart, given
        if given:
            self.listeners = [given[at % len(given)] for at in range(workers)]
            self.port = port
        else:
            self.listeners = [listen(address, port, backlog, options)]
            self.port = int(self.listeners[0].getsockname()[1])
            for _ in range(workers - 1):
                self.listeners.append(listen(address, self.port, backlog, options))
        self._figures = figures
        self.pids = [0] * workers
        self.lost: list[int] = []
        self._buses: dict[int, int] = {}  # descriptor → worker
        self._waiting: dict[int, deque[bytes]] = {}
        self._bytes: dict[int, int] = {}  # of what waits
        self._choked_since = 0.0
        self._due: dict[int, float] = {}  # worker → when it is to be started again
        self._backoff = [_FIRST_BACKOFF] * workers
        self._started = [0.0] * workers
        self._epoll = select.epoll()
        self._stopping = False

    def start(self) -> None:
        """Fork the workers. Each keeps only its own listener: one without a reader is a black hole."""
        gc.disable()
        gc.freeze()
        for index, listener in enumerate(self.listeners):
            self._fork(index, listener)
        if not self._shared:
            for listener in self.listeners:
                listener.close()

    def _fork(self, index: int, listener: socket.socket) -> None:
        me = os.getpid()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_NONBLOCK)
        for end in (ours, theirs):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUS_BUFFER)
        pid = os.fork()
        if pid == 0:
            self._work(index, listener, ours, theirs, me)
        theirs.close()
        self.pids[index] = pid
        self._started[index] = time.monotonic()
        bus = ours.detach()
        self._buses[bus] = index
        self._epoll.register(bus, 0 if self._choked_since else select.EPOLLIN)

    def _work(
        self, index: int, listener: socket.socket, ours: socket.socket, theirs: socket.socket, parent: int
    ) -> None:
        status = 1
        try:
            process.begin(parent)
            signal.set_wakeup_fd(-1)
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # the supervisor decides
                signal.signal(number, signal.SIG_IGN)
            ours.close()
            self._epoll.close()
            for bus in self._buses:
                os.close(bus)
            for other in {*self.listeners} - {listener}:
                other.close()
            row = self.stats.row(index)
            for word in (stats.CONNECTIONS, stats.BUFFERED):
                row[word] = 0
            try:
                row[stats.ANONYMOUS_AT_START] = row[stats.ANONYMOUS] = guard.anonymous_bytes()
            except OSError:
                pass  # no /proc
            descriptors = (listener.detach(), theirs.detach())
            figures = -1 if self._figures is None else self._figures.fileno()
            worker = Worker(*descriptors, self.stats, index, self.options, self.presence, figures)
            row[stats.PID], row[stats.ALIVE] = os.getpid(), 1
            worker.run()
            status = 0
        except BaseException:
            import traceback

            os.write(2, traceback.format_exc().encode())  # a bug of ours: say it where it is seen
        finally:
            os._exit(status)

    # Relaying.

    def poll(self, seconds: float) -> None:
        """Relay what the workers post, for at most that long; start those again whose time has come."""
        if self._due:
            seconds = min(seconds, max(0.0, min(self._due.values()) - time.monotonic()))
        for bus, event in self._epoll.poll(seconds):
            if bus not in self._buses:
                continue  # not ours, or gone by an earlier event
            if event & select.EPOLLOUT:
                self._flush(bus)
            if event & (select.EPOLLIN | select.EPOLLHUP):
                self._relay(bus)
        if self._choked_since and time.monotonic() > self._choked_since + _STUCK_SECONDS:
            self._end_the_stuck()
        for index, due in list(self._due.items()):
            if time.monotonic() >= due:
                self._start_again(index)

    def _relay(self, bus: int) -> None:
        try:
            message = os.read(bus, _BUS_MESSAGE)
        except BlockingIOError:
            return
        except OSError:
            message = b""
        if not message:
            self._gone(bus)
            return
        for other in list(self._buses):
            if other != bus:
                self._give(other, message)

    def _give(self, bus: int, message: bytes) -> None:
        waiting = self._waiting.get(bus)
        if waiting is None:
            try:
                os.write(bus, message)
                return
            except BlockingIOError:
                waiting = self._waiting[bus] = deque()
                self._bytes[bus] = 0
                self._watch(bus)
            except OSError:
                self._gone(bus)
                return
        waiting.append(message)
        self._bytes[bus] += len(message)
        if self._bytes[bus] > _WAITING_HIGH and not self._choked_since:
            self._choke(time.monotonic())

    def _flush(self, bus: int) -> None:
        waiting = self._waiting.get(bus)
        try:
            while waiting:
                os.write(bus, waiting[0])
                self._bytes[bus] -= len(waiting.popleft())
        except BlockingIOError:
            pass
        except OSError:
            self._gone(bus)
            return
        if not waiting:
            self._waiting.pop(bus, None)
            self._bytes.pop(bus, None)
            self._watch(bus)
        if self._choked_since:
            high = max(self._bytes.values(), default=0) > _WAITING_HIGH // 2
            self._choke(time.monotonic() if high else 0.0)

    def _choke(self, since: float) -> None:
        """Take nothing from the workers, so that those who talk must wait; 0 takes on."""
        changed = bool(since) != bool(self._choked_since)
        self._choked_since = since
        if changed:
            for bus in self._buses:
                self._watch(bus)

    def _watch(self, bus: int) -> None:
        mask = 0 if self._choked_since else select.EPOLLIN
        self._epoll.modify(bus, mask | (select.EPOLLOUT if bus in self._waiting else 0))

    # Deaths.

    def _end_the_stuck(self) -> None:
        """A worker takes nothing from us: the chat of all others waits for it."""
        bus = max(self._bytes, key=self._bytes.__getitem__, default=-1)
        if bus in self._buses:
            os.kill(self.pids[self._buses[bus]], signal.SIGKILL)
            self._gone(bus)

    def _gone(self, bus: int) -> None:
        """A worker closed its bus: it has ended, or was killed."""
        index = self._buses.pop(bus, None)
        if index is None:
            return
        self._waiting.pop(bus, None)
        self._bytes.pop(bus, None)
        os.close(bus)
        row, pid = self.stats.row(index), self.pids[index]
        row[stats.ALIVE] = 0
        if self._stopping:
            return
        if self._choked_since:
            self._choke(0.0)
        self.lost.append(pid)
        if self._restart:
            self._plan_restart(index, pid)  # it is dead then, and what it had is ours to give
        if self.stats.seats is not None:
            self.stats.seats.give_back(row[stats.CONNECTIONS])
        row[stats.CONNECTIONS] = row[stats.BUFFERED] = 0
        if self.presence is not None:
            self.presence.publish(index, b"")

    def _plan_restart(self, index: int, pid: int) -> None:
        try:
            os.kill(pid, signal.SIGKILL)  # it may have closed its bus and nothing else
        except ProcessLookupError:
            pass
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        self.pids[index] = 0
        how = f"was killed by signal {-status}" if status < 0 else f"ended with status {status}"
        now = time.monotonic()
        if now - self._started[index] > _WELL_SECONDS:
            self._backoff[index] = _FIRST_BACKOFF
        self._due[index] = now + self._backoff[index]
        self._say(f"worker {index} (process {pid}) {how}; another starts in {self._backoff[index]:g} s")
        self._backoff[index] = min(self._backoff[index] * 2, _LONGEST_BACKOFF)

    def _start_again(self, index: int) -> None:
        try:
            if not self._shared:
                self.listeners[index] = listen(self._address, self.port, self._backlog, self.options)
            self._fork(index, self.listeners[index])
        except OSError as error:
            self._due[index] = time.monotonic() + self._backoff[index]
            self._say(f"worker {index} cannot start: {error.strerror}; again in {self._backoff[index]:g} s")
            self._backoff[index] = min(self._backoff[index] * 2, _LONGEST_BACKOFF)
            return
        del self._due[index]
        if not self._shared:
            self.listeners[index].close()

    def _say(self, text: str) -> None:
        try:
            os.write(2, f"wstune serve: {text}\n".encode())
        except OSError:
            pass

    def alive(self) -> int:
        """How many workers there are."""
        return len(self._buses)

    def watch(self, fd: int) -> None:
        """Let `poll` return, too, when that descriptor can be read."""
        self._epoll.register(fd, select.EPOLLIN)

    def drain(self, impatient: object = None) -> None:
        """Ask every worker to say goodbye (1001) and leave; wait a little, then end them.

        Args:
            impatient: a callable that says when the wait is to end at once.
        """
        self._stopping = True
        self._due.clear()
        for bus in list(self._buses):
            self._give(bus, bytes((DRAIN,)))
        until = time.monotonic() + DRAIN_SECONDS + 1
        while self._buses and time.monotonic() < until and not (callable(impatient) and impatient()):
            self.poll(0.1)
        self.kill()

    def kill(self) -> None:
        """End every worker at once; with `reset_on_close` each connection is reset and leaves nothing."""
        self._stopping = True
        pids = [pid for pid in self.pids if pid]
        for pid in pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        for pid in pids:
            try:
                os.waitpid(pid, 0)
            except ChildProcessError:
                continue
        self.pids = [0] * len(self.pids)
