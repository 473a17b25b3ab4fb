"""What `wstune verify` is asked to do, and how it tells where it stands."""

from __future__ import annotations

from dataclasses import dataclass

from wstune.actions.stats_sources import NO_STATS, StatsOptions
from wstune.actions.verify_target import HOST, Target
from wstune.burst import budget
from wstune.burst.scenario import Scenario
from wstune.burst.shares import MachineStanding

HOLD_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class VerifyOptions:
    """What to verify.

    Attributes:
        connections: None: as many as the profile is for, or as memory allows if that is fewer.
        processes: server processes; None: as few as do.
        hold, time_limit: seconds; the limit is from the start to the end of opening, and of a scenario.
        buffers: bytes that the generators of a machine keep of unfinished messages; 0: no bound.
        force: open even what does not fit, and without the reserves.
        sources: addresses to come from; empty: the scenario's, or 127.1.0.1 … towards a loopback address, else what the
            kernel chooses.
        phases: (rate, rate at the end, count) to pace by; empty: as fast as it goes. poisson: arrivals at random.
        fanouts: messages to everybody. talkers, message_rate, message_size: chat while holding.
        close: `rst`, `graceful`, or empty: by reset towards our own server, else with the closing handshake.
        headers: of the request, each ended by CRLF. subprotocols: of which the server must choose one. origin: empty:
            none.
        scenario: what to do; None: connect and hold. stats: where the servers show their own figures.
    """

    connections: int | None = None
    profile: str = "high-conn"
    processes: int | None = None
    hold: float = HOLD_SECONDS
    port: int | None = None
    profile_dirs: tuple[str, ...] = ()
    force: bool = False
    target: Target = HOST
    sources: tuple[str, ...] = ()
    phases: tuple[tuple[float, float, int], ...] = ()
    poisson: bool = False
    seed: int = 1
    fanouts: int = 1
    talkers: int = 0
    message_rate: float = 1.0
    message_size: int = 64
    close: str = ""
    headers: str = ""
    subprotocols: tuple[str, ...] = ()
    origin: str = ""
    scenario: Scenario | None = None
    stats: StatsOptions = NO_STATS
    time_limit: float = 3600.0
    buffers: int = budget.BUFFER_BYTES


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a burst stands; `phase` is start, open, ping, fanout, hold or close; `note` a line to be printed once."""

    phase: str
    target: int
    open: int = 0
    failed: int = 0
    lost: int = 0
    seconds: float = 0.0
    rate: float = 0.0
    available_bytes: int | None = None
    note: str = ""
    machines: tuple[MachineStanding, ...] = ()
