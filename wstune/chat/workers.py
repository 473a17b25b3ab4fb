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
import struct
from collections import deque

from wstune.chat import stats
from wstune.chat.server import DRAIN, Options, Worker
from wstune.host import worker as process

BUS_BUFFER = 4 * 1024 * 1024
_BUS_MESSAGE = 70_000  # the largest frame, its room's name and two bytes more
_DEFER_ACCEPT = 9  # linux/tcp.h TCP_DEFER_ACCEPT: wake the server when the request is there
_DRAIN_SECONDS = 5.0


def listen(address: str, port: int, backlog: int, *, reset_on_close: bool = False) -> socket.socket:
    """A listener that shares its port. Accepted sockets inherit what is set here (net/core/sock.c:sk_clone).

    Raises OSError (EADDRINUSE, EADDRNOTAVAIL, EACCES …).
    """
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        listener.setsockopt(socket.IPPROTO_TCP, _DEFER_ACCEPT, 1)
        if reset_on_close:  # a million closes leave no TIME_WAIT
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        listener.bind((address, port))
        listener.listen(backlog)
    except OSError:
        listener.close()
        raise
    return listener


def port_is_taken(address: str, port: int) -> bool:
    """Whether somebody listens there: SO_REUSEPORT would let us share the port with another server of our user."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind((address, port))
        except OSError:
            return True
        return False


class Supervisor:
    """Starts the workers, relays between them, notices their deaths. Use: `start`, then `run` or `poll` in a loop."""

    def __init__(self, address: str, port: int, workers: int, backlog: int, options: Options) -> None:
        self.options = options
        self.stats = stats.Stats(workers)
        self.listeners = [listen(address, port, backlog, reset_on_close=options.reset_on_close)]
        self.port = int(self.listeners[0].getsockname()[1])
        for _ in range(workers - 1):
            self.listeners.append(listen(address, self.port, backlog, reset_on_close=options.reset_on_close))
        self.pids: list[int] = []
        self.lost: list[int] = []
        self._buses: dict[int, int] = {}  # descriptor → worker
        self._waiting: dict[int, deque[bytes]] = {}
        self._epoll = select.epoll()
        self._stopping = False

    def start(self) -> None:
        """Fork the workers. Each keeps only its own listener: one without a reader is a black hole."""
        gc.disable()
        gc.freeze()
        me = os.getpid()
        for index, listener in enumerate(self.listeners):
            ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_NONBLOCK)
            for end in (ours, theirs):
                end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUS_BUFFER)
            pid = os.fork()
            if pid == 0:
                self._work(index, listener, ours, theirs, me)
            theirs.close()
            self.pids.append(pid)
            bus = ours.detach()
            self._buses[bus] = index
            self._epoll.register(bus, select.EPOLLIN)
        for listener in self.listeners:
            listener.close()

    def _work(
        self, index: int, listener: socket.socket, ours: socket.socket, theirs: socket.socket, parent: int
    ) -> None:
        status = 1
        try:
            process.begin(parent)
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # the supervisor decides
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            ours.close()
            self._epoll.close()
            for bus in self._buses:
                os.close(bus)
            for other in self.listeners:
                if other is not listener:
                    other.close()
            row = self.stats.row(index)
            row[stats.PID], row[stats.ALIVE] = os.getpid(), 1
            Worker(listener.detach(), theirs.detach(), self.stats, index, self.options).run()
            status = 0
        except Exception:
            import traceback

            os.write(2, traceback.format_exc().encode())  # a bug of ours: say it where it is seen
        finally:
            os._exit(status)

    def poll(self, seconds: float) -> None:
        """Relay what the workers post, for at most that long."""
        for bus, event in self._epoll.poll(seconds):
            if event & select.EPOLLOUT:
                self._flush(bus)
            if event & (select.EPOLLIN | select.EPOLLHUP):
                self._relay(bus)

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
                self._epoll.modify(bus, select.EPOLLIN | select.EPOLLOUT)
            except OSError:
                self._gone(bus)
                return
        waiting.append(message)

    def _flush(self, bus: int) -> None:
        waiting = self._waiting.get(bus)
        try:
            while waiting:
                os.write(bus, waiting[0])
                waiting.popleft()
        except BlockingIOError:
            return
        except OSError:
            self._gone(bus)
            return
        self._waiting.pop(bus, None)
        if bus in self._buses:
            self._epoll.modify(bus, select.EPOLLIN)

    def _gone(self, bus: int) -> None:
        """A worker closed its bus: it has ended, or was killed."""
        index = self._buses.pop(bus, None)
        if index is None:
            return
        self._waiting.pop(bus, None)
        os.close(bus)
        self.stats.row(index)[stats.ALIVE] = 0
        if not self._stopping:
            self.lost.append(self.pids[index])
            self.stats.row(index)[stats.CONNECTIONS] = 0

    def alive(self) -> int:
        return len(self._buses)

    def drain(self) -> None:
        """Ask every worker to say goodbye (1001) and leave; wait a little, then end them."""
        self._stopping = True
        for bus in list(self._buses):
            self._give(bus, bytes((DRAIN,)))
        steps = 0
        while self._buses and steps < _DRAIN_SECONDS * 10:
            self.poll(0.1)
            steps += 1
        self.kill()

    def kill(self) -> None:
        """End every worker at once; with `reset_on_close` each connection is reset and leaves nothing."""
        self._stopping = True
        for pid in self.pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        for pid in self.pids:
            try:
                os.waitpid(pid, 0)
            except ChildProcessError:
                continue
        self.pids = []
