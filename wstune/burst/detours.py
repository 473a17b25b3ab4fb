"""What may stand between connect() and the request: a proxy, which is asked for a tunnel, and TLS. No hot path."""

from __future__ import annotations

import os
import select
import time

from wstune.burst import tally as t
from wstune.burst.connections import SENT
from wstune.burst.opening import Opening
from wstune.burst.tls import code as tls_code

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from wstune.burst.connections import Connections
    from wstune.burst.job import Job

_CONNECT, _TUNNEL, _TLS = range(3)
_MOST = 8192  # bytes of a proxy's answer


class Detours(Opening):
    """Opens connections by way of a proxy, of TLS, or both. While a connection is on its way there, its state is
    CONNECTING."""

    def __init__(self, job: Job, connections: Connections, commands: int, on_command: Callable[[], None]) -> None:
        super().__init__(job, connections, commands, on_command)
        self.stages: dict[int, int] = {}

    def first_write(self) -> Callable[[int, bytes], int]:
        """Nothing is written until epoll says that the connection stands."""

        def too_early(fd: int, data: bytes) -> int:
            raise BlockingIOError

        return too_early

    def connected(self, fd: int) -> bool:
        """One step further; False when it leads nowhere."""
        stage = self.stages.get(fd, _CONNECT)
        try:
            if stage == _CONNECT:
                return self._stands(fd)
            if stage == _TUNNEL and not self._through(fd):
                return fd in self.stages
            return self._secured(fd)
        except OSError as error:
            phase = self.phase(fd)
            self.failed(phase, tls_code(error) if phase == t.TLS else error.errno or 0, fd)
            return False

    def phase(self, fd: int) -> int:
        """Where a connection in the opening is."""
        stage = self.stages.get(fd)
        if stage is None:
            return super().phase(fd)
        return t.TLS if stage == _TLS else t.UPGRADE

    def failed(self, phase: int, code: int, fd: int) -> None:
        """It came to nothing."""
        self.stages.pop(fd, None)
        super().failed(phase, code, fd)

    def _stands(self, fd: int) -> bool:
        """The connection stands: ask the proxy for a tunnel, or begin TLS. Raises OSError if it does not."""
        tunnel = self.route(fd).tunnel
        os.write(fd, tunnel)  # nothing at all without a proxy, which still raises what connect() came to
        if not tunnel:
            self._check(fd)
        self.connections.record(t.CONNECT_MS, int((time.monotonic() - self.started[fd]) * 1e9))
        if tunnel:
            self.stages[fd] = _TUNNEL
            self.connections.epoll.modify(fd, select.EPOLLIN)
            return True
        return self._secured(fd)

    def _check(self, fd: int) -> None:
        import socket

        sock = socket.socket(fileno=fd)
        try:
            error = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        finally:
            sock.detach()
        if error:
            raise OSError(error, os.strerror(error))

    def _through(self, fd: int) -> bool:
        """Whether the proxy has made the tunnel; if it has refused, the connection has failed."""
        data = os.read(fd, _MOST)
        buffer = self.partial.setdefault(fd, bytearray())
        buffer += data
        if b"\r\n\r\n" not in buffer:
            if not data or len(buffer) > _MOST:
                self.failed(t.UPGRADE, t.BAD_ANSWER if data else t.EOF, fd)
            return False
        version, _, rest = bytes(self.partial.pop(fd)).partition(b" ")
        status = rest[:3]
        if not version.startswith(b"HTTP/1.") or not status.isdigit():
            self.failed(t.UPGRADE, t.BAD_ANSWER, fd)
        elif status[:1] != b"2":
            self.failed(t.UPGRADE, t.HTTP + int(status), fd)
        else:
            return True
        return False

    def _secured(self, fd: int) -> bool:
        """TLS, step by step; then the request. Raises OSError."""
        connections = self.connections
        tls = connections.tls
        if tls is not None:
            if self.stages.get(fd) != _TLS:
                self.stages[fd] = _TLS
                tls.begin(fd, self.route(fd).name)
            waits = tls.handshake(fd)
            if waits:
                connections.epoll.modify(fd, waits)
                return True
        self.stages.pop(fd, None)
        connections.io.write(fd, self.request(fd))
        connections.states[fd] = SENT
        connections.epoll.modify(fd, select.EPOLLIN)
        return True
