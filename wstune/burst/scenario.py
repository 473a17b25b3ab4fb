"""What a burst does: phases of arrivals, and kinds of sessions with their steps. Pure.

The plain flags of `wstune verify` are short for a scenario: `plain()` makes it, and both are compiled alike.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import NamedTuple

from wstune.burst import pacing
from wstune.burst.engine.plan import Address, Route, TimedPhase
from wstune.burst.engine.program import (
    CloseStep,
    ExpectStep,
    Instruction,
    LoopStep,
    NextStep,
    Parts,
    PingStep,
    Program,
    SendStep,
    ThinkStep,
)
from wstune.protocol.frames import BINARY, TEXT

PLACE = "{number}"
"""Stands in a path or a message for the number of the connection, from 1."""

EXPECT_SECONDS = 10.0
MOST_SESSIONS = 100
MOST_PHASES = 1000
MOST_STEPS = 10_000
_FOREVER = 1e9
"""Seconds that a phase lasts at the most: some thirty years."""


@dataclass(frozen=True, slots=True)
class Phase:
    """Arrivals: connections a second, and how many or how long, or both, whichever is over first.

    Attributes:
        rate, last_rate: a ramp where they differ.
        count, seconds: None of both: what the target leaves; only the last phase may be so.
        poisson: exponential gaps, else even ones.
    """

    rate: float
    last_rate: float
    count: int | None = None
    seconds: float | None = None
    poisson: bool = False

    def arrivals(self, left: int) -> int:
        """How many come, when so many are left to come."""
        whole = left if self.count is None else self.count
        if self.seconds is not None:
            whole = min(whole, round((self.rate + self.last_rate) / 2 * self.seconds))
        return min(whole, left)


@dataclass(frozen=True, slots=True)
class Send:
    """Say something. In `text` the connection's number stands for {number}."""

    text: str
    binary: bool = False


@dataclass(frozen=True, slots=True)
class Expect:
    """Wait for a message that contains `text` (empty: for any), at most `seconds`; else the connection is lost."""

    text: str = ""
    seconds: float = EXPECT_SECONDS


@dataclass(frozen=True, slots=True)
class Think:
    """Wait: `fixed` for `low` seconds, `uniform` between `low` and `high`, `exponential` with the mean `low`."""

    how: str
    low: float
    high: float = 0.0

    @property
    def mean(self) -> float:
        return (self.low + self.high) / 2 if self.how == "uniform" else self.low


@dataclass(frozen=True, slots=True)
class Ping:
    """Send a PING, and do not wait for its PONG."""


@dataclass(frozen=True, slots=True)
class Close:
    """The closing handshake, with a code (RFC 6455 section 7.4). The session is over."""

    code: int = 1000


@dataclass(frozen=True, slots=True)
class Repeat:
    """Do these steps so many times."""

    times: int
    steps: tuple[Step, ...]


Step = Send | Expect | Think | Ping | Close | Repeat


@dataclass(frozen=True, slots=True)
class Session:
    """One kind of session. It connects, does its steps, and then holds, unless they end with a Close.

    Attributes:
        weight: how many of all, as against the weights of the others.
        path: of the request; empty: that of the target. origin: empty: none.
        headers: `Name: value` each. subprotocols: that are asked for; the server must choose one of them.
    """

    name: str
    weight: float = 1.0
    path: str = ""
    subprotocols: tuple[str, ...] = ()
    origin: str = ""
    headers: tuple[str, ...] = ()
    steps: tuple[Step, ...] = ()

    @property
    def closes(self) -> bool:
        """Whether it ends by itself."""
        return any(isinstance(step, Close) for step in self.steps)

    @property
    def seconds(self) -> float:
        """How long its steps take on the average, with every answer at once."""
        return think_seconds(self.steps)


@dataclass(frozen=True, slots=True)
class Scenario:
    """What a burst does.

    Attributes:
        phases: none: as fast as it goes.
        hold: seconds to hold when everybody is there; None: as the command line says.
        servers: URLs that it is meant for. sources: addresses to come from. Both are only hints.
    """

    sessions: tuple[Session, ...]
    phases: tuple[Phase, ...] = ()
    hold: float | None = None
    servers: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    where: str = field(default="", compare=False)

    @property
    def connections(self) -> int | None:
        """How many come in all; None when the target says."""
        if not self.phases or self.phases[-1].arrivals(1 << 62) == 1 << 62:
            return None
        return sum(phase.arrivals(1 << 62) for phase in self.phases)

    @property
    def closes(self) -> bool:
        """Whether some sessions end by themselves."""
        return any(session.closes for session in self.sessions)


def think_seconds(steps: tuple[Step, ...]) -> float:
    """How long steps take on the average, with every answer at once."""
    return sum(
        step.mean if isinstance(step, Think) else step.times * think_seconds(step.steps)
        for step in steps
        if isinstance(step, Think | Repeat)
    )


def plain(
    phases: tuple[Phase, ...] = (),
    *,
    headers: tuple[str, ...] = (),
    origin: str = "",
    subprotocols: tuple[str, ...] = (),
) -> Scenario:
    """What the plain flags mean: everybody connects and holds."""
    session = Session("plain", headers=headers, origin=origin, subprotocols=subprotocols)
    return Scenario((session,), phases)


def overlaid(
    scenario: Scenario,
    *,
    phases: tuple[Phase, ...] = (),
    headers: tuple[str, ...] = (),
    origin: str = "",
    subprotocols: tuple[str, ...] = (),
) -> Scenario:
    """The scenario with what the command line says besides: its phases instead, its headers too."""
    sessions = tuple(
        replace(
            session,
            headers=(*session.headers, *headers),
            origin=origin or session.origin,
            subprotocols=subprotocols or session.subprotocols,
        )
        for session in scenario.sessions
    )
    return replace(scenario, sessions=sessions, phases=phases or scenario.phases)


@dataclass(frozen=True, slots=True)
class Place:
    """Where connections go.

    Attributes:
        server: with port 0: where the plan's target is. host: for the request. path: unless a session has its own.
        name: the certificate's. tunnel: the request to a proxy, if there is one between.
    """

    server: Address
    host: str
    path: str = "/"
    name: str = ""
    tunnel: str = ""


class Compiled(NamedTuple):
    """What of a coordinator's plan says what to do: as its fields of these names."""

    phases: tuple[TimedPhase, ...]
    routes: tuple[Route, ...]
    programs: tuple[Program, ...]


def compiled(scenario: Scenario, places: tuple[Place, ...], connections: int) -> Compiled:
    """A scenario for a coordinator.

    Raises ValueError, worded `got X, expected Y`, when the phases are for fewer connections.
    """
    if len(scenario.sessions) * len(places) > 255:
        raise ValueError(
            f"got {len(scenario.sessions)} sessions and {len(places)} addresses, expected 255 pairs at most"
        )
    programs = tuple(program(session.steps) for session in scenario.sessions)
    routes = tuple(
        _route(session, kind, place, len(places)) for kind, session in enumerate(scenario.sessions) for place in places
    )
    return Compiled(timetable(scenario.phases, connections), routes, programs if any(programs) else ())


def timetable(phases: tuple[Phase, ...], connections: int) -> tuple[TimedPhase, ...]:
    """The phases as `pacing.due_times` takes them. Raises ValueError when they are for fewer connections."""
    left, rows = connections, []
    for phase in phases:
        count = phase.arrivals(left)
        length = pacing.duration(phase.rate, phase.last_rate, count)
        if phase.seconds is not None and left > count:
            length = phase.seconds
        rows.append(TimedPhase(phase.rate, phase.last_rate, count, min(length, _FOREVER), phase.poisson))
        left -= count
    if phases and left:
        raise ValueError(f"got phases of {connections - left:,} connections, expected {connections:,}")
    return tuple(row for row in rows if row.arrivals or row.seconds)


def _route(session: Session, kind: int, place: Place, places: int) -> Route:
    lines = list(session.headers)
    if session.origin:
        lines.append(f"Origin: {session.origin}")
    if session.subprotocols:
        lines.append(f"Sec-WebSocket-Protocol: {', '.join(session.subprotocols)}")
    return Route(
        server=place.server,
        host=place.host.encode(),
        path=_numbered(session.path or place.path),
        headers=_numbered("".join(f"{line}\r\n" for line in lines)),
        weight=session.weight / places,
        kind=kind,
        protocols=tuple(name.encode() for name in session.subprotocols),
        name=place.name,
        tunnel=place.tunnel.encode(),
    )


def _numbered(text: str) -> bytes:
    return text.encode().replace(PLACE.encode(), pacing.NUMBER)


def program(steps: tuple[Step, ...]) -> Program:
    """Steps as instructions, loops unrolled into jumps."""
    made: list[Instruction] = []
    _append(made, steps, [0])
    return tuple(made)


def _append(made: list[Instruction], steps: tuple[Step, ...], slots: list[int]) -> None:
    for step in steps:
        match step:
            case Send(text, binary):
                made.append(SendStep(BINARY if binary else TEXT, _parts(text)))
            case Expect(text, seconds):
                made.append(ExpectStep(_parts(text), seconds))
            case Think(how, low, high):
                made.append(ThinkStep(how, low, high))
            case Ping():
                made.append(PingStep())
            case Close(code):
                made.append(CloseStep(code))
            case Repeat(times, inner):
                slot = slots[0]
                slots[0] += 1
                made.append(LoopStep(slot, times))
                start = len(made)
                _append(made, inner, slots)
                made.append(NextStep(slot, start))


def _parts(text: str) -> Parts:
    return tuple(text.encode().split(PLACE.encode()))
