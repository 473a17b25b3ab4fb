"""The canary: a stock websocket-client that keeps joining, talking and leaving while a burst holds.

It is an independent witness: none of our own protocol code takes part, so it proves that a real user still gets in. It
runs in a thread of whoever drives the burst, and every visit ends by its deadline, whatever the server does.
"""

from __future__ import annotations

import errno
import secrets
import socket
import struct
import threading
import time
from array import array
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from wstune import verification
from wstune.verification import CanaryPhase, Percentiles

VISIT_SECONDS = 4.0
"""A visit that takes longer has failed."""

_MOST_BYTES = 1 << 20  # of one visit: a server that pours data on a newcomer does not fill our memory
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)
_BIND_ADDRESS_NO_PORT = 24  # linux/in.h IP_BIND_ADDRESS_NO_PORT


def start(url: str, interval: float = 0.1, *, source: str = "") -> Canary:
    """Send a canary there, until its `stop()`. Raises OSError when no thread can be started."""
    canary = Canary(url, interval, source=source)
    try:
        canary.start()
    except RuntimeError:  # what Python makes of pthread_create(3)'s EAGAIN
        raise BlockingIOError(errno.EAGAIN, "no thread can be started for the canary") from None
    return canary


class Canary(threading.Thread):
    """A canary: `start()`, `phase()` as the burst goes on, `stop()`. Raises ValueError for the URL.

    Args:
        url: `ws://`, a room where nobody else talks, since every visit waits for its own words.
        interval: seconds from the beginning of one visit to that of the next.
        source: the address to come from; empty: the kernel chooses.
    """

    def __init__(
        self, url: str, interval: float = 0.1, *, source: str = "", visit_seconds: float = VISIT_SECONDS
    ) -> None:
        super().__init__(name="canary", daemon=True)
        parts = urlsplit(url)
        if parts.scheme != "ws" or not parts.hostname:
            raise ValueError(f"got {url!r}, expected ws://HOST:PORT/PATH")
        self._url = url
        self._address = (parts.hostname, parts.port or 80)
        self._source = source
        self._interval = interval
        self._visit_seconds = visit_seconds
        self._stopping = threading.Event()
        self._abandoned = False
        self._lock = threading.Lock()
        self._phases: dict[str, _Samples] = {"": _Samples()}
        self._phase = ""
        self._sock: _BoundedSocket | None = None
        self._visiting = threading.Lock()
        self._paused = False

    def pause(self) -> None:
        """Let the visit under way end, and begin none until `resume`: for when the server is taken down on purpose."""
        self._paused = self._paused or self._visiting.acquire(timeout=self._visit_seconds + 0.5)

    def resume(self) -> None:
        """Go on after `pause`."""
        if self._paused:
            self._paused = False
            self._visiting.release()

    def phase(self, name: str) -> None:
        """Count visits that begin from now on under this name too (`before`, `while`, `after`)."""
        with self._lock:
            self._phases.setdefault(name, _Samples())
            self._phase = name

    def stop(self, *, abandon: bool = False) -> verification.Canary:
        """End it and return what it met; takes at most the rest of one visit.

        Args:
            abandon: break the visit under way at once and do not count it.
        """
        self._stopping.set()
        self._abandoned = abandon
        self.resume()
        if abandon:
            sock = self._sock
            if sock is not None:
                sock.wake()
        self.join(self._visit_seconds + 0.5)
        return self.result()

    def result(self) -> verification.Canary:
        """What it has met so far."""
        with self._lock:
            return _result(self._phases)

    def run(self) -> None:
        while not self._stopping.is_set():
            with self._visiting:
                began = time.monotonic()
                if self._stopping.is_set():
                    return
                with self._lock:
                    samples = self._phases[self._phase]
                try:
                    visit = _Visit(self._url, self._address, self._source, began + self._visit_seconds)
                except OSError as error:  # EMFILE, ENFILE: a newcomer would not even get a socket
                    with self._lock:
                        samples.refuse(f"join: {_word(error)}")
                    self._stopping.wait(self._interval)
                    continue
                self._sock = visit.sock
                try:
                    reason = visit.go()
                finally:
                    self._sock = None
                    visit.sock.close()
                if self._abandoned:
                    return
                with self._lock:
                    samples.add(visit, reason)
            self._stopping.wait(max(0.0, began + self._interval - time.monotonic()))


class _BoundedSocket(socket.socket):
    """A socket whose every call ends by one deadline, and which ends by a reset so that it leaves no TIME_WAIT."""

    def __init__(self, deadline: float) -> None:
        super().__init__(socket.AF_INET, socket.SOCK_STREAM)
        self._deadline = deadline
        self._received = 0
        self.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        self.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def _hurry(self) -> None:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        self.settimeout(left)

    def connect(self, address: object) -> None:
        self._hurry()
        super().connect(address)  # type: ignore[arg-type]

    def send(self, data: object, flags: int = 0) -> int:
        self._hurry()
        return super().send(data, flags)  # type: ignore[arg-type]

    def recv(self, size: int, flags: int = 0) -> bytes:
        self._hurry()
        data = super().recv(size, flags)
        self._received += len(data)
        if self._received > _MOST_BYTES:
            raise OSError(errno.EMSGSIZE, "the server sends too much")
        return data

    def shutdown(self, how: int) -> None:
        """Not what websocket-client asks for: its FIN before our reset could leave a TIME_WAIT."""

    def wake(self) -> None:
        """Break whatever call is under way in another thread."""
        try:
            super().shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # not connected, or closed already


class _Visit:
    """One visit: join, say a unique thing, hear it, leave. Milliseconds of each step that was done."""

    def __init__(self, url: str, address: tuple[str, int], source: str, deadline: float) -> None:
        self.sock = _BoundedSocket(deadline)
        self.url = url
        self.address = address
        self.source = source
        self.steps: dict[str, float] = {}

    def go(self) -> str:
        """The reason of failure, as `join: TIMEOUT`, or empty."""
        import websocket

        client: Any = websocket.WebSocket()  # only part of it is typed
        step = "join"
        try:
            began = time.monotonic()
            if self.source:
                self.sock.setsockopt(socket.IPPROTO_IP, _BIND_ADDRESS_NO_PORT, 1)
                self.sock.bind((self.source, 0))
            self.sock.connect(self.address)
            client.connect(self.url, socket=self.sock, redirect_limit=0)
            joined = self._took(step, began)
            step = "echo"
            text = f"canary {secrets.token_hex(8)}"
            client.send(text)
            while client.recv() != text:
                if not client.connected:  # a close frame came instead
                    return f"{step}: CLOSED"
            echoed = self._took(step, joined)
            step = "leave"
            client.send_close()
            while client.recv_frame().opcode != websocket.ABNF.OPCODE_CLOSE:
                pass
            self._took(step, echoed)
        except Exception as error:  # whatever the library makes of a server's answer is that server's failure
            return f"{step}: {_word(error)}"
        return ""

    def _took(self, step: str, since: float) -> float:
        now = time.monotonic()
        self.steps[step] = (now - since) * 1000
        return now


def _word(error: Exception) -> str:
    """The error as a burst's errors are named: errno, or TIMEOUT, EOF, HTTP-503, BAD-ANSWER."""
    import websocket

    if isinstance(error, (TimeoutError, websocket.WebSocketTimeoutException)):
        return "TIMEOUT"
    if isinstance(error, websocket.WebSocketBadStatusException):
        return f"HTTP-{error.status_code}"
    if isinstance(error, websocket.WebSocketConnectionClosedException):
        return "EOF"
    if isinstance(error, OSError) and error.errno is not None:
        return errno.errorcode.get(error.errno, f"ERRNO-{error.errno}")
    return "BAD-ANSWER"


class _Samples:
    """Visits of one phase."""

    __slots__ = ("attempts", "echo", "failed", "join", "leave", "reasons")

    def __init__(self) -> None:
        self.attempts = self.failed = 0
        self.join, self.echo, self.leave = array("d"), array("d"), array("d")
        self.reasons: dict[str, int] = {}

    def refuse(self, reason: str) -> None:
        self.attempts += 1
        self.failed += 1
        self.reasons[reason] = self.reasons.get(reason, 0) + 1

    def add(self, visit: _Visit, reason: str) -> None:
        if reason:
            self.refuse(reason)
        else:
            self.attempts += 1
        for step, milliseconds in visit.steps.items():
            getattr(self, step).append(milliseconds)


def _result(phases: dict[str, _Samples]) -> verification.Canary:
    reasons: dict[str, int] = {}
    for samples in phases.values():
        for reason, count in samples.reasons.items():
            reasons[reason] = reasons.get(reason, 0) + count
    everything = phases.values()
    return verification.Canary(
        attempts=sum(samples.attempts for samples in everything),
        failed=sum(samples.failed for samples in everything),
        rtt_ms=percentiles([value for samples in everything for value in samples.echo]),
        join_ms=percentiles([value for samples in everything for value in samples.join]),
        reasons=reasons,
        leave_ms=percentiles([value for samples in everything for value in samples.leave]),
        phases={
            name: CanaryPhase(
                samples.attempts,
                samples.failed,
                percentiles(samples.join),
                percentiles(samples.echo),
                percentiles(samples.leave),
            )
            for name, samples in phases.items()
            if name
        },
    )


def percentiles(values: Sequence[float]) -> Percentiles | None:
    """Nearest-rank percentiles; None of nothing."""
    if not values:
        return None
    ordered = sorted(values)
    count = len(ordered)

    def at(per_mille: int) -> float:
        return ordered[-(-per_mille * count // 1000) - 1]

    return Percentiles(count, at(500), at(900), at(990), at(999), ordered[-1])
