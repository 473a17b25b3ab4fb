"""What crosses a process border in a burst: the plan of a coordinator, the commands that it obeys, the events that it
tells, and the counts that it ends with.

Each is a record, and a line of JSON on the way (engine.records says how): what is missing, unknown, or not of its
field's type is an error where it is read. Pure, and lean: the parent of all workers imports it.
"""

from __future__ import annotations

import json
from typing import NamedTuple, Protocol, TypeVar

from wstune.burst.engine.events import (
    CloseEvent,
    CoordinatorEvent,
    EndEvent,
    Event,
    FanoutEvent,
    OpenEvent,
    PingEvent,
    StatusEvent,
    TalkEvent,
)
from wstune.burst.engine.plan import Plan
from wstune.burst.engine.records import Json, parsed, read, to_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Self


class Mergeable(Protocol):
    """An event that answers a command: those of several coordinators are `merged` into one."""

    @classmethod
    def merged(cls, events: Sequence[Self], /) -> Self: ...


Answer = TypeVar("Answer", bound=Mergeable, covariant=True)


class Request(Protocol[Answer]):
    """A command that is answered by an event of one kind."""

    @property
    def answer(self) -> type[Answer]:
        """The kind."""


class OpenCommand(NamedTuple):
    """Open all. `at`: CLOCK_MONOTONIC of the common start of several machines; 0 is now."""

    at: float = 0.0

    @property
    def answer(self) -> type[OpenEvent]:
        return OpenEvent


class StatusCommand(NamedTuple):
    """Say where things stand. `relayed`: by the head of a cluster, and not by whoever passes its commands on."""

    relayed: bool = False

    @property
    def answer(self) -> type[StatusEvent]:
        return StatusEvent


class PingCommand(NamedTuple):
    """PING every connection. Whoever has not answered when nothing has come for `seconds` is lost."""

    seconds: float

    @property
    def answer(self) -> type[PingEvent]:
        return PingEvent


class FanoutCommand(NamedTuple):
    """One message to everybody, until nothing has come for `seconds`.

    `at`: CLOCK_MONOTONIC of when it is said, on this machine or, without `speak`, on another; 0 is now.
    """

    text: str
    seconds: float
    at: float = 0.0
    speak: bool = True

    @property
    def answer(self) -> type[FanoutEvent]:
        return FanoutEvent


class TalkCommand(NamedTuple):
    """Let some connections talk: so many messages a second between them, of so many bytes; 0 talkers: be quiet again.

    Unless `alone`, connections of other machines talk too.
    """

    talkers: int
    rate: float
    size: int
    alone: bool = True

    @property
    def answer(self) -> type[TalkEvent]:
        return TalkEvent


class CloseCommand(NamedTuple):
    """Close a sample with the closing handshake, and reset the others; with a `rate`, all of them, so many a second."""

    sample: int
    rate: float = 0.0

    @property
    def answer(self) -> type[CloseEvent]:
        return CloseEvent


class EndCommand(NamedTuple):
    """End every process."""

    @property
    def answer(self) -> type[EndEvent]:
        return EndEvent


Command = OpenCommand | StatusCommand | PingCommand | FanoutCommand | TalkCommand | CloseCommand | EndCommand


def line_of(message: Plan | Command | Event | Request[Mergeable]) -> bytes:
    """A message as a line of JSON."""
    return json.dumps(to_json(message)).encode() + b"\n"


def read_plan(line: bytes | str) -> Plan:
    """A plan. Raises WireError."""
    return read(Plan, parsed(line))


def read_command(line: bytes | str) -> Command:
    """A command. Raises WireError."""
    command: Command = read(Command, parsed(line))
    return command


def read_event(line: bytes) -> CoordinatorEvent:
    """An event of a coordinator. Raises WireError."""
    event: CoordinatorEvent = read(CoordinatorEvent, parsed(line))
    return event


def event_of(value: Json) -> Event:
    """An event of a coordinator, or of the task that passes its events on. Raises WireError."""
    event: Event = read(Event, value)
    return event
