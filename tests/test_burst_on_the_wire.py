"""What a burst does, as the server sees it: when connections arrive, who talks, and how long the messages are."""

from __future__ import annotations

import random
import select
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from itertools import pairwise
from math import exp
from statistics import fmean
from typing import Any

import pytest

from wstune.burst import pacing, tally
from wstune.burst.engine import events, wire
from wstune.burst.engine.plan import Address, Plan, Route, TimedPhase
from wstune.burst.process import Burst
from wstune.protocol import handshake

pytestmark = pytest.mark.live

COUNT, RATE, SEED, PARTS = 400, 200.0, 11, 2
PHASES = (TimedPhase(RATE, RATE, COUNT, COUNT / RATE, poisson=True),)


class Recorder:
    """A server that takes down when each connection came, and the frames that it sent: (connection, opcode, length)."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.port: int = self.listener.getsockname()[1]
        self.arrivals: list[float] = []
        self.frames: list[tuple[int, int, int]] = []
        self.clients: dict[int, socket.socket] = {}
        self.ending = False
        self.thread = threading.Thread(target=self.serve)
        self.thread.start()

    def serve(self) -> None:
        epoll = select.epoll()
        epoll.register(self.listener, select.EPOLLIN)
        while not self.ending:
            for fd, _ in epoll.poll(0.05):
                if fd == self.listener.fileno():
                    client, _ = self.listener.accept()
                    self.arrivals.append(time.monotonic())
                    self.clients[client.fileno()] = client
                    epoll.register(client, select.EPOLLIN)
                else:
                    self.read(fd)
        for client in self.clients.values():
            client.close()
        epoll.close()
        self.listener.close()

    def read(self, fd: int) -> None:
        try:
            data = self.clients[fd].recv(65_536)
        except OSError:
            data = b""
        if not data:
            self.clients.pop(fd).close()
        elif data.startswith(b"GET"):
            request = handshake.parse_request(data[: data.index(b"\r\n\r\n") + 4])
            self.clients[fd].sendall(handshake.build_response(handshake.accept_value(request.key)))
        while len(data) >= 6 and data[0] & 0x80 and data[1] & 0x80:  # short masked frames
            length = data[1] & 0x7F
            self.frames.append((fd, data[0] & 0x0F, length))
            data = data[6 + length :]


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    made = Recorder()
    yield made
    made.ending = True
    made.thread.join()


def plan(recorder: Recorder, count: int, **changes: Any) -> Plan:
    made = Plan(
        target=Address("127.0.0.1", recorder.port),
        shares=tuple(pacing.split(count, PARTS)),
        routes=(Route(),),
        window=1024,
        openers=PARTS,
        timeout=10.0,
    )
    return made._replace(**changes)


def distance(times: Sequence[float]) -> float:
    """Of Kolmogorov and Smirnov, between the gaps and the exponential distribution of the same mean."""
    gaps = sorted(later - earlier for earlier, later in pairwise(sorted(times)))
    mean = fmean(gaps)
    return max(abs(1 - exp(-gap / mean) - (at + half) / len(gaps)) for at, gap in enumerate(gaps) for half in (0, 1))


def test_the_distance_tells_poisson_from_even() -> None:
    """Drawn arrivals are within the 1 % value for so many, even ones far away; so the bound below decides something."""
    dice = [random.Random(SEED * 1_000_003 + part).random for part in range(PARTS)]
    drawn = [time for part in range(PARTS) for time in pacing.due_times(PHASES, part, PARTS, dice[part])]
    even = [time for part in range(PARTS) for time in pacing.due_times(PHASES, part, PARTS)]
    assert distance(drawn) < 1.63 / COUNT**0.5
    assert distance(even) > 0.6


def test_poisson_arrivals_are_poisson_at_the_server(recorder: Recorder) -> None:
    """The gaps between arrivals, on the server's clock, are exponential; even arrivals would be three times as far off.

    The drawn ones are the same in every run; the bound leaves room for a busy machine's jitter of milliseconds.
    """
    burst = Burst(plan(recorder, COUNT, phases=PHASES, seed=SEED), lambda event: None)
    try:
        burst.wait_for(events.ReadyEvent)
        opened = burst.do(wire.OpenCommand())
        closed = burst.do(wire.CloseCommand(sample=0))
    finally:
        burst.end()
    assert opened.standing.open == len(recorder.arrivals) == COUNT
    assert distance(recorder.arrivals) < 0.2
    words = list(closed.counts.words)
    due, upgrade = tally.percentiles(words, tally.DUE_MS), tally.percentiles(words, tally.UPGRADE_MS)
    assert due is not None
    assert upgrade is not None
    assert due["count"] == upgrade["count"] == COUNT
    assert due["p50"] >= upgrade["p50"] * 0.98  # what was late counts from when it was due; a bucket is 1.6 % wide
    assert words[tally.LAG_NS] > 0


def test_talkers_are_as_many_and_their_messages_as_long_as_told(recorder: Recorder) -> None:
    """Three of ten connections talk, 100 bytes each time; when they are told to be quiet, they are."""
    burst = Burst(plan(recorder, 10), lambda event: None)
    try:
        burst.wait_for(events.ReadyEvent)
        assert burst.do(wire.OpenCommand()).standing.open == 10
        burst.do(wire.TalkCommand(talkers=3, rate=200.0, size=100))
        until = time.monotonic() + 20
        while len({fd for fd, opcode, _ in recorder.frames if opcode in (1, 2)}) < 3:
            assert time.monotonic() < until, recorder.frames
            burst.watch(0.1)
        burst.do(wire.TalkCommand(talkers=0, rate=0.0, size=0))
        said = [frame for frame in list(recorder.frames) if frame[1] in (1, 2)]
        burst.watch(0.3)
        assert len([frame for frame in list(recorder.frames) if frame[1] in (1, 2)]) - len(said) <= 3  # on their way
        burst.do(wire.CloseCommand(sample=0))
    finally:
        burst.end()
    assert len({fd for fd, _, _ in said}) == 3
    assert {length for _, _, length in said} == {100}
