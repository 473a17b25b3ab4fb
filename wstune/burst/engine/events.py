"""What a coordinator tells of a burst, and the task that passes it on from a machine of a cluster. Pure, and lean.

Those that answer a command can be `merged`: what a fleet's head makes of the answers of several coordinators.
"""

from __future__ import annotations

from typing import NamedTuple

from wstune.burst import tally
from wstune.burst.engine.plan import Port
from wstune.burst.engine.records import Json, wrong

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


class Counts(NamedTuple):
    """What a burst counted: the `tally.LENGTH` numbers of a tally; on the wire those that are not 0, by their index."""

    words: tuple[int, ...] = (0,) * tally.LENGTH

    def to_json(self) -> Json:
        """`{"1": 300, …}`."""
        return {str(index): word for index, word in enumerate(self.words) if word}

    @classmethod
    def of_json(cls, value: Json, place: str) -> Counts:
        """What `to_json` made. Raises WireError."""
        words = [0] * tally.LENGTH
        if not isinstance(value, dict):
            raise wrong(value, place, "a tally")
        for name, word in value.items():
            known = name.isascii() and name.isdecimal() and len(name) < 7 and int(name) < tally.LENGTH
            known = known and name == str(int(name))
            if not known or type(word) is not int or not 0 <= word < 1 << 64:
                raise wrong(value, place, "a tally")
            words[int(name)] = word
        return cls(tuple(words))

    @classmethod
    def merged(cls, parts: Iterable[Counts]) -> Counts:
        """All of them together."""
        return cls(tuple(tally.merge([part.words for part in parts])))


class Standing(NamedTuple):
    """Where the connections stand: `pending` have steps of a scenario left, `ended` have closed by themselves."""

    open: int = 0
    failed: int = 0
    lost: int = 0
    pending: int = 0
    ended: int = 0

    @classmethod
    def merged(cls, parts: Iterable[Standing]) -> Standing:
        """Where all of them stand."""
        return cls(*map(sum, zip(cls(), *parts, strict=True)))


class ServerState(NamedTuple):
    """Of our own server: workers alive, errors of accept(), and the errno of the last of them."""

    alive: int = 0
    accept_errors: int = 0
    errno: int = 0

    @classmethod
    def merged(cls, parts: Iterable[ServerState]) -> ServerState:
        """Of all servers."""
        states = list(parts)
        errno = max((state.errno for state in states), default=0)
        return cls(sum(state.alive for state in states), sum(state.accept_errors for state in states), errno)


class LostProcess(NamedTuple):
    """A process that ended by itself: `server` or `generator`."""

    side: str
    pid: int


class ReadyEvent(NamedTuple):
    """The server listens, if there is one: on this port, with these workers."""

    port: Port
    server_pids: tuple[int, ...] = ()

    @classmethod
    def merged(cls, events: Sequence[ReadyEvent]) -> ReadyEvent:
        """That all are."""
        return cls(max((event.port for event in events), default=0))


class ProgressEvent(NamedTuple):
    """While connections are opened: seconds since the start of opening, and where they stand."""

    seconds: float
    standing: Standing


class OpenEvent(NamedTuple):
    """Opening is over: `seconds` from the start to the last upgrade; `pids` of the generators."""

    seconds: float
    standing: Standing
    pids: tuple[int, ...] = ()

    @classmethod
    def merged(cls, events: Sequence[OpenEvent]) -> OpenEvent:
        """`seconds`: from the common start to the last upgrade of all."""
        seconds = max((event.seconds for event in events), default=0.0)
        return cls(seconds, Standing.merged(event.standing for event in events))


class StatusEvent(NamedTuple):
    """Where things stand. `relayed`: it was asked for by the head of a cluster."""

    seconds: float
    standing: Standing
    server: ServerState = ServerState()
    relayed: bool = False

    @classmethod
    def merged(cls, events: Sequence[StatusEvent]) -> StatusEvent:
        """Where all of them stand, with the server's state."""
        seconds = max((event.seconds for event in events), default=0.0)
        standing = Standing.merged(event.standing for event in events)
        return cls(seconds, standing, ServerState.merged(event.server for event in events))


class PingEvent(NamedTuple):
    """A round of PINGs is over."""

    pings: int
    pongs: int

    @classmethod
    def merged(cls, events: Sequence[PingEvent]) -> PingEvent:
        """All PINGs, all PONGs."""
        return cls(sum(event.pings for event in events), sum(event.pongs for event in events))


class FanoutEvent(NamedTuple):
    """A message to everybody: `seconds` from its sending to the last receiver, `first_ms` to the first, if any."""

    expected: int
    delivered: int
    seconds: float
    first_ms: float | None

    @classmethod
    def merged(cls, events: Sequence[FanoutEvent]) -> FanoutEvent:
        """From the sending to the first receiver of all, and to the last."""
        return cls(
            sum(event.expected for event in events),
            sum(event.delivered for event in events),
            max((event.seconds for event in events), default=0.0),
            min((event.first_ms for event in events if event.first_ms is not None), default=None),
        )


class TalkEvent(NamedTuple):
    """So many talk, and so many hear it."""

    talkers: int
    listeners: int

    @classmethod
    def merged(cls, events: Sequence[TalkEvent]) -> TalkEvent:
        """All talkers, all listeners."""
        return cls(sum(event.talkers for event in events), sum(event.listeners for event in events))


class CloseEvent(NamedTuple):
    """The connections are closed: of `wanted` closing handshakes `closed` ended, `graceful` with the other's frame.

    `stopped_by` is the guard that stopped the opening, a name of readiness.walls, and `stopped_why` its sentence.
    """

    counts: Counts
    wanted: int
    closed: int
    graceful: int
    lost: tuple[LostProcess, ...] = ()
    stopped_by: str = ""
    stopped_why: str = ""
    server: ServerState = ServerState()

    @classmethod
    def merged(cls, events: Sequence[CloseEvent]) -> CloseEvent:
        """All counts, the first guard that stopped any, and the server's state, which is one coordinator's."""
        stopped = next(((event.stopped_by, event.stopped_why) for event in events if event.stopped_by), ("", ""))
        return cls(
            Counts.merged(event.counts for event in events),
            sum(event.wanted for event in events),
            sum(event.closed for event in events),
            sum(event.graceful for event in events),
            tuple(lost for event in events for lost in event.lost),
            *stopped,
            ServerState.merged(event.server for event in events),
        )


class EndEvent(NamedTuple):
    """Every process has ended."""

    @classmethod
    def merged(cls, events: Sequence[EndEvent]) -> EndEvent:
        """That all have."""
        return cls()


class ErrorEvent(NamedTuple):
    """The burst could not go on: an OSError of the coordinator's."""

    errno: int
    message: str


# Events of the task that passes a coordinator's on, on a machine of a cluster.


class StartedEvent(NamedTuple):
    """The task runs, as this process."""

    pid: int


class AliveEvent(NamedTuple):
    """Once a second: for how many seconds the coordinator has been silent, and MemAvailable there."""

    silent: float
    available_bytes: int


class MeasuredEvent(NamedTuple):
    """Of the burst's processes there, before the event that it comes with: `ready` or `open`. `slab` of all sockets."""

    cpu_seconds: float
    private_bytes: int
    slab_bytes: int | None


class CountersEvent(NamedTuple):
    """What the kernel's counters there have grown by over the burst. Comes before `close`."""

    growth: dict[str, int]


class GoneEvent(NamedTuple):
    """The coordinator was lost."""


CoordinatorEvent = (
    ReadyEvent
    | ProgressEvent
    | OpenEvent
    | StatusEvent
    | PingEvent
    | FanoutEvent
    | TalkEvent
    | CloseEvent
    | EndEvent
    | ErrorEvent
)
TaskEvent = StartedEvent | AliveEvent | MeasuredEvent | CountersEvent | GoneEvent
Event = CoordinatorEvent | TaskEvent
