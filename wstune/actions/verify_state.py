"""A burst under way: what it was asked, what it has been told, and what it showed so far."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from wstune.actions.server_figures import Answer
from wstune.actions.verify_measure import Baseline, available_bytes
from wstune.actions.verify_options import Progress, VerifyOptions
from wstune.burst import canary
from wstune.burst.budget import Budget, Room
from wstune.burst.engine import events, wire
from wstune.burst.shares import MachineStanding
from wstune.errors import InconclusiveError
from wstune.host.host import Host
from wstune.readiness.evidence import Evidence

Reply = TypeVar("Reply", bound=wire.Mergeable)


class Driver(Protocol):
    """What carries out a burst: a coordinator here (burst.process.Burst), or a fleet of them with its server."""

    def ready(self, seconds: float) -> events.ReadyEvent: ...
    def do(self, command: wire.Request[Reply]) -> Reply: ...
    def watch(self, seconds: float) -> None: ...
    def end(self) -> None: ...


class TimeUpError(InconclusiveError):
    """The time limit was over before anything was opened."""


@dataclass(slots=True)
class Run:
    """A burst under way.

    Attributes:
        planned, room: what it takes of this host. evidence: what it showed so far. before: what was read before it.
        servers: process ids of our server, on this host. port: of our server, else 0. began: by CLOCK_MONOTONIC.
        opening: seconds that opening took, with those in which handshakes were waited for in vain.
        opened, pings, fanouts, talk, closed: what the coordinator answered; talk_seconds: how long some talked, once
            they are quiet again. close_seconds: from the first close frame to the end.
        lost: the coordinator was lost, or the burst broke off.
        figures: what the servers said of themselves when all was open. counted: of several machines, the boot and
            network namespace of each, and what grew there.
    """

    options: VerifyOptions
    planned: Budget
    room: Room
    evidence: Evidence
    on_progress: Callable[[Progress], None]
    host: Host
    before: Baseline
    phase: str = "start"
    witness: canary.Canary | None = None
    servers: tuple[int, ...] = ()
    port: int = 0
    began: float = field(default_factory=time.monotonic)
    opening: float = 0.0
    opened: events.OpenEvent | None = None
    pings: list[events.PingEvent] = field(default_factory=list)
    fanouts: list[events.FanoutEvent] = field(default_factory=list)
    talk: events.TalkEvent | None = None
    talk_seconds: float | None = None
    closed: events.CloseEvent | None = None
    close_seconds: float = 0.0
    lost: bool = False
    figures: list[Answer] = field(default_factory=list)
    counted: list[tuple[str, int, dict[str, int]]] = field(default_factory=list)

    @property
    def closes(self) -> bool:
        """Whether sessions of its scenario close by themselves."""
        return self.options.scenario is not None and self.options.scenario.closes

    def progress(self, event: events.ProgressEvent, machines: tuple[MachineStanding, ...] = ()) -> None:
        """Remember where the connections stand, and show it."""
        seconds, standing, timeline, rate = event.seconds, event.standing, self.evidence.timeline, 0.0
        if timeline and seconds > timeline[-1][0]:
            rate = (standing.open - timeline[-1][1]) / (seconds - timeline[-1][0])
        if seconds > 0 or not timeline:
            self.evidence.remember(seconds, standing.open)
        self.on_progress(
            Progress(
                self.phase,
                self.planned.connections,
                standing.open,
                standing.failed,
                standing.lost,
                seconds,
                max(0.0, rate),
                available_bytes(),
                machines=machines,
            )
        )

    def cpu_share(self, seconds: float, cpus: int) -> float:
        """CPU time that was used while connections were opened, as a share of what there was of it, 0 to 1."""
        return min(1.0, seconds / max(self.opening, 1e-9) / cpus)

    def left(self) -> float:
        """Seconds until the time limit. Raises TimeUpError at it."""
        left = self.options.time_limit - (time.monotonic() - self.began)
        if left <= 0:
            raise TimeUpError(
                f"the time limit of {self.options.time_limit:g} s was over before the first connection",
                "allow it more time: --time-limit 10m",
            )
        return left

    def enter(self, phase: str, canary_phase: str = "") -> None:
        self.phase = phase
        if self.witness is not None and canary_phase:
            self.witness.phase(canary_phase)


def evidence_of(options: VerifyOptions, planned: Budget, room: Room) -> Evidence:
    """What is known before anything is opened."""
    return Evidence(
        wanted=planned.connections,
        server_processes=planned.servers if options.target.ours else 0,
        generator_processes=planned.generators,
        nofile_each=room.nofile,
        single_process_limit=planned.single_process_limit,
        fits=planned.fits,
        cpus=room.cpus,
        ports_each=room.usable_ports,
    )
