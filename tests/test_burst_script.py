"""Scripts over real socket pairs: what is said, awaited and closed, and that nothing is kept for who only holds."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator

import pytest

from wstune.burst import tally as t
from wstune.burst.connections import BOARD_WORDS, CLOSING, OPEN, Connections
from wstune.burst.engine.program import (
    CloseStep,
    ExpectStep,
    FrameStep,
    Instruction,
    LoopStep,
    NextStep,
    PingStep,
    SendStep,
    ThinkStep,
)
from wstune.burst.script import Script
from wstune.protocol import frames


class Stage:
    """One connection with a program, and the server's end of it."""

    def __init__(self, *program: Instruction, number: int = 7) -> None:
        self.words = memoryview(bytearray(8 * t.LENGTH)).cast("Q")
        self.connections = Connections(self.words, memoryview(bytearray(8 * BOARD_WORDS)).cast("Q"))
        self.script = Script(self.connections, (program,), 1)
        ours, self.server = socket.socketpair()
        ours.setblocking(False)
        self.server.settimeout(2)
        self.fd = ours.detach()
        self.connections.states.extend(bytes(self.fd))
        self.connections.states[self.fd] = OPEN
        self.connections.epoll.register(self.fd, 1)
        self.words[t.OPEN] = 1
        self.receiver = frames.Receiver("server")
        self.script.begin(self.fd, 0, number)

    def run(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            time.sleep(0.002)
            self.connections.drain()
            self.script.run_due()

    def said(self) -> list[tuple[int, bytes]]:
        self.server.setblocking(False)
        try:
            return self.receiver.feed(self.server.recv(65_536))
        except BlockingIOError:
            return []

    def close(self) -> None:
        self.connections.reset()
        self.connections.epoll.close()
        self.server.close()


@pytest.fixture
def stages() -> Iterator[list[Stage]]:
    made: list[Stage] = []
    yield made
    for stage in made:
        stage.close()


def test_one_message_and_hold(stages: list[Stage]) -> None:
    """The same for everybody: no entry, no timer is left."""
    stages.append(stage := Stage(SendStep(frames.TEXT, (b"hello",))))
    assert stage.said() == [(frames.TEXT, b"hello")]
    assert not stage.connections.pending
    assert not stage.script.timers
    assert stage.words[t.SCRIPT_SAID] == 1
    assert stage.script.programs == [(FrameStep(stage.script.greeting),)]


def test_the_number_stands_in_its_places(stages: list[Stage]) -> None:
    """A template is filled in for each connection."""
    stages.append(stage := Stage(SendStep(frames.BINARY, (b"<", b"|", b">")), number=123))
    assert stage.said() == [(frames.BINARY, b"<123|123>")]


def test_a_ping_is_sent_and_not_waited_for(stages: list[Stage]) -> None:
    """The next step comes at once."""
    stages.append(stage := Stage(PingStep(), SendStep(frames.TEXT, (b"x",))))
    assert stage.said() == [(frames.PING, b"wstune"), (frames.TEXT, b"x")]
    assert not stage.connections.pending


def test_thinking_takes_its_time(stages: list[Stage]) -> None:
    """Nothing is said before; the entry is gone after."""
    stages.append(stage := Stage(ThinkStep("fixed", 0.1, 0.0), SendStep(frames.TEXT, (b"x",))))
    began = time.monotonic()
    while not (said := stage.said()) and time.monotonic() - began < 2:
        stage.run(0.01)
    assert said == [(frames.TEXT, b"x")]
    assert time.monotonic() - began >= 0.1
    assert not stage.connections.pending


@pytest.mark.parametrize(
    ("how", "low", "high", "mean"), [("fixed", 2, 0, 2), ("uniform", 1, 3, 2), ("exponential", 2, 0, 2)]
)
def test_think_times_have_their_mean(stages: list[Stage], how: str, low: float, high: float, mean: float) -> None:
    """Over many draws."""
    stages.append(stage := Stage())
    drawn = [stage.script._seconds(ThinkStep(how, low, high)) for _ in range(20_000)]
    assert sum(drawn) / len(drawn) == pytest.approx(mean, rel=0.05)


def test_loops_count(stages: list[Stage]) -> None:
    """Loops within loops: 3 × (a, 2 × b)."""
    a, b = SendStep(frames.TEXT, (b"a",)), SendStep(frames.TEXT, (b"b",))
    stages.append(stage := Stage(LoopStep(0, 3), a, LoopStep(1, 2), b, NextStep(1, 3), NextStep(0, 1)))
    assert [payload for _, payload in stage.said()] == [b"a", b"b", b"b"] * 3


def test_a_loop_without_a_pause_lets_others_have_a_turn(stages: list[Stage]) -> None:
    """A million messages at once do not stop the generator."""
    stages.append(stage := Stage(LoopStep(0, 1_000_000), PingStep(), NextStep(0, 1)))
    assert stage.fd in stage.connections.pending
    assert stage.script.timers


def test_what_is_expected_may_come_after_other_messages(stages: list[Stage]) -> None:
    """Others pass by; the latency is recorded."""
    stages.append(stage := Stage(ExpectStep((b"for ", b"!"), 5.0), SendStep(frames.TEXT, (b"got it",)), number=5))
    stage.server.sendall(frames.encode(frames.TEXT, b"for 4!"))
    stage.run(0.02)
    assert stage.said() == []
    stage.server.sendall(frames.encode(frames.TEXT, b"this is for 5!"))
    stage.run(0.02)
    assert stage.said() == [(frames.TEXT, b"got it")]
    assert stage.words[t.SCRIPT_HEARD] == 1
    found = t.percentiles(list(stage.words), t.EXPECT_MS)
    assert found is not None
    assert found["count"] == 1


def test_an_answer_that_does_not_come_is_a_loss(stages: list[Stage]) -> None:
    """NO-ANSWER in hold, and the connection is gone."""
    stages.append(stage := Stage(ExpectStep((b"x",), 0.05)))
    stage.run(0.1)
    assert t.errors(list(stage.words)) == {("hold", "NO-ANSWER"): 1}
    assert (stage.words[t.LOST], stage.words[t.OPEN]) == (1, 0)
    assert not stage.connections.pending


def test_a_close_is_no_loss(stages: list[Stage]) -> None:
    """The closing handshake: ended, graceful, not lost."""
    stages.append(stage := Stage(CloseStep(3000)))
    assert stage.said() == [(frames.CLOSE, frames.close_payload(3000))]
    assert stage.connections.states[stage.fd] == CLOSING
    stage.server.sendall(frames.encode(frames.CLOSE, frames.close_payload(3000)))
    stage.run(0.02)
    words = stage.words
    assert (words[t.ENDED], words[t.GRACEFUL], words[t.LOST], words[t.OPEN]) == (1, 1, 0, 0)


def test_a_peer_that_does_not_read_is_tried_again(stages: list[Stage]) -> None:
    """A frame that fits in part only is sent on later, whole."""
    size = 300_000
    stages.append(stage := Stage(SendStep(frames.BINARY, (b"z" * size,)), SendStep(frames.TEXT, (b"after",))))
    assert stage.fd in stage.connections.pending
    got: list[tuple[int, bytes]] = []
    receiver = frames.Receiver("server", size)
    until = time.monotonic() + 5
    while len(got) < 2 and time.monotonic() < until:
        stage.server.setblocking(False)
        try:
            got += receiver.feed(stage.server.recv(65_536))
        except BlockingIOError:
            stage.run(0.01)
    assert [len(payload) for _, payload in got] == [size, 5]


def test_who_is_lost_is_forgotten(stages: list[Stage]) -> None:
    """A timer of a connection that is gone does nothing to whoever has its descriptor next."""
    stages.append(stage := Stage(ThinkStep("fixed", 0.05, 0.0), SendStep(frames.TEXT, (b"x",))))
    stage.server.close()
    stage.run(0.1)
    assert stage.words[t.LOST] == 1
    assert stage.words[t.SCRIPT_SAID] == 0
    assert not stage.script.timers
