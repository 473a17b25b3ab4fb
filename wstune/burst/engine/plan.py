"""What a coordinator is told before it begins. Pure, and lean: the parent of all workers imports it."""

from __future__ import annotations

from typing import Annotated, NamedTuple

from wstune.burst.engine.program import Program

Port = Annotated[int, 1 << 16]


class Address(NamedTuple):
    """Where to connect to; `flow` and `scope` are IPv6's (RFC 3493, section 3.3)."""

    host: str
    port: Port
    flow: int = 0
    scope: int = 0

    @property
    def sockaddr(self) -> tuple[str | int, ...]:
        """What connect() takes."""
        return tuple(self) if ":" in self.host else (self.host, self.port)


class ServerPlan(NamedTuple):
    """The built-in server: worker processes, and what is asked of listen()."""

    processes: int
    backlog: int


class TimedPhase(NamedTuple):
    """Arrivals, for `pacing.due_times`: a rate, the rate at the end, a count, seconds, and whether at random."""

    first_rate: float
    last_rate: float
    arrivals: int
    seconds: float
    poisson: bool = False


class Route(NamedTuple):
    """Where connections go, and how they ask there.

    Attributes:
        server: with port 0: the plan's target. host, path, headers: of the request; `pacing.NUMBER` stands for the
            connection's number; an empty host is the server's address; headers end in CRLF each.
        weight: how many of all, as against those of the others. kind: the program of its sessions.
        protocols: subprotocols that are asked for. name: the certificate's.
        tunnel: what a proxy is asked for; empty: there is none.
    """

    server: Address = Address("", 0)
    host: bytes = b""
    path: bytes = b"/"
    headers: bytes = b""
    weight: float = 1.0
    kind: int = 0
    protocols: tuple[bytes, ...] = ()
    name: str = ""
    tunnel: bytes = b""


class TlsPlan(NamedTuple):
    """How a server's certificate is checked: by the authorities of a file (empty: the system's), or not at all."""

    ca: str
    insecure: bool


class Plan(NamedTuple):
    """All that a coordinator is told before it begins.

    Attributes:
        target: where routes without an address lead, and the server listens. shares: connections of each generator.
        routes: at least one where there are shares. server: None: it is elsewhere.
        sources: addresses to come from; none: the kernel chooses.
        window: handshakes in flight at each generator. openers: generators that open at a time. timeout: seconds for a
            handshake.
        phases: none: as fast as it goes. seed: of chance. first_number: of this machine's connections.
        programs: what the sessions of each kind do. buffers: bytes of unfinished messages at all generators; 0: no
            bound. clock_ns: what to add to CLOCK_MONOTONIC for the time that all machines of a burst share.
        reserve_bytes, reserve_files: left to the rest of the host; 0: nothing. cgroup_levels: as `cgroup.guarded` gives
            them. seconds: until opening is stopped. others_share: of the processors' time, at which others stop it; 0:
            no matter.
    """

    target: Address
    shares: tuple[int, ...]
    routes: tuple[Route, ...]
    server: ServerPlan | None = None
    sources: tuple[str, ...] = ()
    window: int = 256
    openers: int = 2
    timeout: float = 10.0
    phases: tuple[TimedPhase, ...] = ()
    seed: int = 0
    first_number: int = 0
    programs: tuple[Program, ...] = ()
    tls: TlsPlan | None = None
    buffers: int = 0
    clock_ns: int = 0
    reserve_bytes: int = 0
    reserve_files: int = 0
    cgroup_levels: tuple[tuple[int, str, str], ...] = ()
    seconds: float = 3600.0
    others_share: float = 0.0
