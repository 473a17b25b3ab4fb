"""What connections do once they are open: the steps of a scenario, run by each generator.

A connection has an entry here only while it has steps left; timers are one heap. Lean: forked by the hundred.
"""

from __future__ import annotations

import os
import random
import time
from heapq import heappop, heappush
from math import log

from wstune.burst import tally as t
from wstune.burst.connections import CLOSING, OPEN, Connections
from wstune.burst.engine.program import (
    CloseStep,
    Entry,
    ExpectStep,
    FrameStep,
    LoopStep,
    NextStep,
    PingStep,
    SendStep,
    ThinkStep,
)
from wstune.protocol import frames

TYPE_CHECKING = False
if TYPE_CHECKING:
    from wstune.burst.engine.program import Instruction, Parts, Program, Step

_AT_ONCE = 256
"""Steps that a connection may do without waiting before others get their turn."""
_AGAIN_SECONDS = 0.02
"""After which a peer that takes no more is tried again."""
_GREETING = 4096  # a fresh connection takes so many bytes whole
CLOSE_SECONDS = 5.0
"""For the answer to a close frame."""


class Script:
    """Runs the programs of one generator's connections.

    `timers`: (when, serial, fd) of who waits. `greeting`: what sessions of the first kind say, when they do only that,
    and then hold: they have no entry then.
    """

    __slots__ = ("connections", "dice", "greeting", "mask", "programs", "serial", "timers")

    def __init__(self, connections: Connections, programs: tuple[Program, ...], seed: int) -> None:
        self.connections = connections
        self.mask = os.urandom(4)
        self.programs = [tuple(self._ready(instruction) for instruction in program) for program in programs]
        first = self.programs[0]
        only = first[0] if len(first) == 1 else None
        self.greeting = only.frame if isinstance(only, FrameStep) and len(only.frame) <= _GREETING else b""
        self.timers: list[tuple[float, int, int]] = []
        self.serial = 0
        self.dice = random.Random(seed).random  # noqa: S311  # how long people think is no secret
        connections.on_message = self.heard

    def _ready(self, instruction: Instruction) -> Step:
        """A message that is the same for everybody is made a frame once."""
        if isinstance(instruction, SendStep) and len(instruction.parts) == 1:
            return FrameStep(frames.encode(instruction.opcode, instruction.parts[0], mask=self.mask))
        return instruction

    def begin(self, fd: int, kind: int, number: int) -> None:
        """A connection is open; its program begins."""
        program = self.programs[kind]
        if not program:
            return
        if self.greeting and kind == 0 and self.greet(fd):
            return
        self.connections.pending[fd] = entry = Entry(number, program)
        self.go_on(fd, entry)

    def greet(self, fd: int) -> bool:
        """Say the one thing that a session does; False when it cannot be said at once."""
        try:
            if self.connections.io.write(fd, self.greeting) == len(self.greeting):
                self.connections.words[t.SCRIPT_SAID] += 1
                return True
        except (BlockingIOError, BrokenPipeError, ConnectionResetError):
            pass  # the steps will find out, or the next read
        return False

    def wait(self, longest: float) -> float:
        """Seconds until the first timer, at most `longest`."""
        return min(longest, max(0.0, self.timers[0][0] - time.monotonic())) if self.timers else longest

    def run_due(self) -> None:
        """Whoever has thought long enough goes on."""
        timers, pending, now = self.timers, self.connections.pending, time.monotonic()
        while timers and timers[0][0] <= now:
            _, serial, fd = heappop(timers)
            entry = pending.get(fd)
            if entry is not None and entry.serial == serial:
                if entry.since:
                    self.connections.fail(t.HOLD, t.NO_ANSWER, fd)
                elif self.connections.states[fd] == CLOSING:
                    self.connections.close_failed(fd)
                else:
                    self.go_on(fd, entry)
        self.connections.words[t.PENDING] = len(pending)

    def heard(self, fd: int, payload: bytes) -> None:
        """A message came on a connection that has steps left: the one that it waits for, or none of its business."""
        entry = self.connections.pending[fd]
        if entry.since and entry.needle in payload:
            words = self.connections.words
            words[t.SCRIPT_HEARD] += 1
            self.connections.record(t.EXPECT_MS, time.monotonic_ns() - entry.since)
            entry.since = entry.serial = 0
            self.go_on(fd, entry)

    def go_on(self, fd: int, entry: Entry) -> None:
        """Do the next steps, until one has to wait or there are no more."""
        program, words = entry.program, self.connections.words
        for _ in range(_AT_ONCE):
            at = entry.index
            if at == len(program):
                self.connections.pending.pop(fd, None)
                return
            step = program[at]
            match step:
                case FrameStep() | SendStep():
                    if not self._send(fd, entry, step):
                        return
                    words[t.SCRIPT_SAID] += 1
                case ThinkStep():
                    entry.index = at + 1
                    self._later(fd, entry, self._seconds(step))
                    return
                case ExpectStep(parts, seconds):
                    entry.index = at + 1
                    entry.needle, entry.since = filled(parts, entry.number), time.monotonic_ns()
                    self._later(fd, entry, seconds)
                    return
                case LoopStep(slot, times):
                    entry.loops[slot] = times
                case NextStep(slot, start):
                    entry.loops[slot] -= 1
                    if entry.loops[slot]:
                        entry.index = start
                        continue
                case PingStep():
                    self.connections.write(fd, self.connections.ping_frame)
                case CloseStep(code):
                    self._close(fd, entry, code)
                    return
            if self.connections.states[fd] < OPEN:
                return  # lost in the act
            entry.index = at + 1
        self._later(fd, entry, 0.0)

    def _send(self, fd: int, entry: Entry, step: FrameStep | SendStep) -> bool:
        """Send a message, or what is left of it; False when that has to wait, or the connection is lost."""
        frame = entry.rest
        if not frame and isinstance(step, FrameStep):
            frame = step.frame
        elif not frame and isinstance(step, SendStep):
            frame = frames.encode(step.opcode, filled(step.parts, entry.number), mask=self.mask)
        try:
            sent = self.connections.io.write(fd, frame)
        except BlockingIOError:
            sent = 0
        except OSError as error:
            self.connections.ended(fd, error.errno or 0)
            return False
        entry.rest = frame[sent:]
        if entry.rest:
            self._later(fd, entry, _AGAIN_SECONDS)
            return False
        return True

    def _close(self, fd: int, entry: Entry, code: int) -> None:
        connections = self.connections
        if connections.write(fd, frames.encode(frames.CLOSE, frames.close_payload(code), mask=self.mask)):
            connections.states[fd] = CLOSING
            connections.words[t.ENDED] += 1
            self._later(fd, entry, CLOSE_SECONDS)
        elif connections.states[fd] >= OPEN:
            self._later(fd, entry, _AGAIN_SECONDS)

    def _later(self, fd: int, entry: Entry, seconds: float) -> None:
        self.serial += 1
        entry.serial = self.serial
        heappush(self.timers, (time.monotonic() + seconds, self.serial, fd))

    def _seconds(self, step: ThinkStep) -> float:
        if step.how == "uniform":
            return step.low + (step.high - step.low) * self.dice()
        return -step.low * log(1.0 - self.dice()) if step.how == "exponential" else step.low


def filled(parts: Parts, number: int) -> bytes:
    """A text with the connection's number in its places."""
    return (b"%d" % number).join(parts)
