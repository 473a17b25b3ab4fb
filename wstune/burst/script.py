"""What connections do once they are open: the steps of a scenario, run by each generator.

A connection has an entry here only while it has steps left; timers are one heap. Lean: forked by the hundred.
A program is a list of instructions, as burst.scenario compiles them:

    ("send", opcode, text)          text is bytes, or a list of bytes between which the connection's number stands
    ("think", how, low, high)       how: "fixed", "uniform" (low to high) or "exponential" (mean low); seconds
    ("expect", text, seconds)       wait for a message that contains the text, at most so long
    ("loop", slot, times)           begin to count
    ("next", slot, at)              count down; back to instruction `at` until it is over
    ("ping",)
    ("close", code)                 the closing handshake; the session is over
"""

from __future__ import annotations

import os
import random
import time
from heapq import heappop, heappush
from math import log

from wstune.burst import tally as t
from wstune.burst.connections import CLOSING, OPEN, Connections
from wstune.protocol import frames

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Instruction = tuple[Any, ...]
    Entry = list[Any]

_AT, _NUMBER, _PROGRAM, _SERIAL, _LOOPS, _REST, _NEEDLE, _SINCE = range(8)
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

    def __init__(self, connections: Connections, programs: list[list[Instruction]], seed: int) -> None:
        self.connections = connections
        self.mask = os.urandom(4)
        self.programs = [[self._ready(instruction) for instruction in program] for program in programs]
        first = self.programs[0]
        small = len(first) == 1 and first[0][0] == "frame" and len(first[0][1]) <= _GREETING
        self.greeting: bytes = first[0][1] if small else b""
        self.timers: list[tuple[float, int, int]] = []
        self.serial = 0
        self.dice = random.Random(seed).random  # noqa: S311  # how long people think is no secret
        connections.on_message = self.heard

    def _ready(self, instruction: Instruction) -> Instruction:
        """A message that is the same for everybody is made a frame once."""
        if instruction[0] == "send" and isinstance(instruction[2], bytes):
            return ("frame", frames.encode(instruction[1], instruction[2], mask=self.mask))
        return instruction

    def begin(self, fd: int, kind: int, number: int) -> None:
        """A connection is open; its program begins."""
        program = self.programs[kind]
        if not program:
            return
        if self.greeting and kind == 0 and self.greet(fd):
            return
        self.connections.pending[fd] = entry = [0, number, program, 0, {}, b"", b"", 0]
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
            if entry is not None and entry[_SERIAL] == serial:
                if entry[_SINCE]:
                    self.connections.fail(t.HOLD, t.NO_ANSWER, fd)
                elif self.connections.states[fd] == CLOSING:
                    self.connections.close_failed(fd)
                else:
                    self.go_on(fd, entry)
        self.connections.words[t.PENDING] = len(pending)

    def heard(self, fd: int, payload: bytes) -> None:
        """A message came on a connection that has steps left: the one that it waits for, or none of its business."""
        entry = self.connections.pending[fd]
        if entry[_SINCE] and entry[_NEEDLE] in payload:
            words = self.connections.words
            words[t.SCRIPT_HEARD] += 1
            self.connections.record(t.EXPECT_MS, time.monotonic_ns() - entry[_SINCE])
            entry[_SINCE] = entry[_SERIAL] = 0
            self.go_on(fd, entry)

    def go_on(self, fd: int, entry: Entry) -> None:
        """Do the next steps, until one has to wait or there are no more."""
        program, words = entry[_PROGRAM], self.connections.words
        for _ in range(_AT_ONCE):
            at = entry[_AT]
            if at == len(program):
                self.connections.pending.pop(fd, None)
                return
            step = program[at]
            kind = step[0]
            if kind in ("frame", "send"):
                if not self._send(fd, entry, step):
                    return
                words[t.SCRIPT_SAID] += 1
            elif kind == "think":
                entry[_AT] = at + 1
                self._later(fd, entry, self._seconds(step))
                return
            elif kind == "expect":
                entry[_AT] = at + 1
                entry[_NEEDLE], entry[_SINCE] = filled(step[1], entry[_NUMBER]), time.monotonic_ns()
                self._later(fd, entry, step[2])
                return
            elif kind == "loop":
                entry[_LOOPS][step[1]] = step[2]
            elif kind == "next":
                entry[_LOOPS][step[1]] -= 1
                if entry[_LOOPS][step[1]]:
                    entry[_AT] = step[2]
                    continue
            elif kind == "ping":
                self.connections.write(fd, self.connections.ping_frame)
            else:
                self._close(fd, entry, step[1])
                return
            if self.connections.states[fd] < OPEN:
                return  # lost in the act
            entry[_AT] = at + 1
        self._later(fd, entry, 0.0)

    def _send(self, fd: int, entry: Entry, step: Instruction) -> bool:
        """Send a message, or what is left of it; False when that has to wait, or the connection is lost."""
        frame = entry[_REST]
        if not frame:
            text = filled(step[2], entry[_NUMBER]) if step[0] == "send" else b""
            frame = frames.encode(step[1], text, mask=self.mask) if step[0] == "send" else step[1]
        try:
            sent = self.connections.io.write(fd, frame)
        except BlockingIOError:
            sent = 0
        except OSError as error:
            self.connections.ended(fd, error.errno or 0)
            return False
        entry[_REST] = frame[sent:]
        if entry[_REST]:
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
        entry[_SERIAL] = self.serial
        heappush(self.timers, (time.monotonic() + seconds, self.serial, fd))

    def _seconds(self, step: Instruction) -> float:
        _, how, low, high = step
        if how == "uniform":
            return float(low + (high - low) * self.dice())
        return float(-low * log(1.0 - self.dice())) if how == "exponential" else float(low)


def filled(text: bytes | list[bytes], number: int) -> bytes:
    """A text with the connection's number in its places."""
    return text if isinstance(text, bytes) else (b"%d" % number).join(text)


def read_programs(plan: list[list[list[Any]]]) -> list[list[Instruction]]:
    """The programs that a plan in JSON holds: texts are UTF-8 there."""
    return [[tuple(_from_json(part) for part in instruction) for instruction in program] for program in plan]


def _from_json(part: Any) -> Any:
    if isinstance(part, dict):
        return part["text"].encode()
    if isinstance(part, list):
        return [text.encode() for text in part]
    return part
