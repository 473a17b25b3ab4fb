"""What a burst showed, as plain values: what its report and its verdict are made of. Pure."""

from __future__ import annotations

from bisect import insort
from dataclasses import dataclass, field
from operator import itemgetter

from wstune.verification import (
    Canary,
    Close,
    Fanout,
    Machine,
    Memory,
    OpenPhase,
    Pings,
    Steps,
    Talk,
)

NOT_OPENED = OpenPhase(0.0, 0.0, 0, None, None)
NO_MEMORY = Memory(None, None, None, None)


@dataclass(slots=True)
class Evidence:
    """What a burst showed. It is filled in while the burst goes on; `diagnosis.diagnose` makes the report of it.

    Attributes:
        wanted, reached, lost: connections; `asked` as many as were asked for, where that differs from `wanted`.
        held_seconds: how long they were held.
        errors: (`server` or `generator`, phase, errno or word) → how often. Phases: see diagnosis.PHASES.
        counters: growth of kernel counters (keys as host.counters has them).
        server_processes, generator_processes, nofile_each, single_process_limit: as in verification.Processes; 0 server
            processes: a server elsewhere, whose host cannot be read.
        stopped_by: the guard that stopped it: a name of KINDS; empty when none did. `stopped_why` is its sentence.
        fits: connections of both ends that the guard's budget allows, when it stopped before so many were open.
        interrupted: the number of the signal that ended it early; 0 for none.
        workers_lost: `server` or `generator` → processes that were killed from outside.
        apart: the load came from other hosts, so that nothing is shared.
        machines_lost: machine of a cluster → why it counts as lost; `lost_opening`: those of them that were lost before
            they had opened their share. machine_cut: the one machine that lost (nearly) all of its connections while
            all others lost none. server_machine: which of them the server was on.
        server_cpu, generator_cpu: share of the machine's CPU time while opening, 0 to 1; None when not measured.
        ports_each: source ports of one source address; 0 when not known.
        url, open, timeline, canary, fanout, memory, pings, talk, close, scenario, figures, machines: as in
            VerifyReport.
        remarks: sentences that come before the verdict's.
    """

    wanted: int
    reached: int = 0
    lost: int = 0
    asked: int = 0
    held_seconds: float = 0.0
    errors: dict[tuple[str, str, str], int] = field(default_factory=dict)
    counters: dict[str, int] = field(default_factory=dict)
    server_processes: int = 1
    generator_processes: int = 0
    nofile_each: int = 0
    single_process_limit: int = 0
    stopped_by: str = ""
    stopped_why: str = ""
    fits: int = 0
    interrupted: int = 0
    workers_lost: dict[str, int] = field(default_factory=dict)
    apart: bool = False
    machines: tuple[Machine, ...] = ()
    machines_lost: dict[str, str] = field(default_factory=dict)
    lost_opening: frozenset[str] = frozenset()
    machine_cut: str = ""
    server_machine: str = ""
    cpus: int = 1
    server_cpu: float | None = None
    generator_cpu: float | None = None
    ports_each: int = 0
    url: str = ""
    open: OpenPhase = NOT_OPENED
    timeline: list[tuple[float, int]] = field(default_factory=list)
    canary: Canary | None = None
    fanout: Fanout | None = None
    memory: Memory = NO_MEMORY
    pings: Pings | None = None
    talk: Talk | None = None
    close: Close | None = None
    scenario: Steps | None = None
    figures: dict[str, float] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)

    @property
    def here(self) -> bool:
        """Whether the server is on this host too, so that both ends share its limits."""
        return self.server_processes > 0 and not self.apart

    @property
    def short(self) -> bool:
        """Whether fewer were open than wanted, or some were lost."""
        return self.reached < self.wanted or self.lost > 0

    def remember(self, seconds: float, count: int) -> None:
        """Add a moment to the timeline; of those between which nothing changed only the first and the last stay.

        The end of opening is the moment of the last upgrade, and is told after whatever was seen since then.
        """
        timeline, moment = self.timeline, (round(seconds, 3), count)
        if timeline and moment[0] < timeline[-1][0]:
            insort(timeline, moment, key=itemgetter(0))
        elif len(timeline) > 1 and timeline[-2][1] == timeline[-1][1] == count:
            timeline[-1] = moment
        else:
            timeline.append(moment)
        self.reached = max(self.reached, count)
