"""What a session does once it is open, as instructions: burst.scenario compiles them, burst.script runs them.

A text is the parts around the connection's number: one part where it does not occur. Pure, and lean.
"""

from __future__ import annotations

from typing import NamedTuple

Parts = tuple[bytes, ...]


class SendStep(NamedTuple):
    """Send a message; `opcode` as in RFC 6455, section 5.2."""

    opcode: int
    parts: Parts


class ThinkStep(NamedTuple):
    """Wait: `fixed` for `low` seconds, `uniform` from `low` to `high`, `exponential` with the mean `low`."""

    how: str
    low: float
    high: float


class ExpectStep(NamedTuple):
    """Wait for a message that contains the text, at most so many seconds."""

    parts: Parts
    seconds: float


class LoopStep(NamedTuple):
    """Begin to count down from `times`, in one of the session's slots."""

    slot: int
    times: int


class NextStep(NamedTuple):
    """Count down, and go back to the instruction `start` until it is over."""

    slot: int
    start: int


class PingStep(NamedTuple):
    """Send a PING."""


class CloseStep(NamedTuple):
    """The closing handshake, with this code; the session is over."""

    code: int


Instruction = SendStep | ThinkStep | ExpectStep | LoopStep | NextStep | PingStep | CloseStep
Program = tuple[Instruction, ...]


class FrameStep(NamedTuple):
    """A message that is the same for everybody, as the frame that it is sent in: made once, of a SendStep."""

    frame: bytes


Step = Instruction | FrameStep


class Entry:
    """Where a session stands in its program.

    Attributes:
        index: its next step. number: of its connection. serial: of its timer. loops: what is left, by slot.
        rest: what is not yet sent of a frame. needle, since: what it waits to hear, and CLOCK_MONOTONIC in ns since
            when; 0: it does not wait.
    """

    __slots__ = ("index", "loops", "needle", "number", "program", "rest", "serial", "since")

    def __init__(self, number: int, program: tuple[Step, ...]) -> None:
        self.index = self.serial = self.since = 0
        self.number = number
        self.program = program
        self.loops: dict[int, int] = {}
        self.rest = self.needle = b""
