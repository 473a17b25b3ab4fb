"""The vocabulary of `verify`: what a burst showed. Only data; every figure's method is in its docstring."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Percentiles:
    """Latencies in milliseconds; `count` is how many were recorded."""

    count: int
    p50: float
    p90: float
    p99: float
    p999: float
    max: float


@dataclass(frozen=True, slots=True)
class OpenPhase:
    """`seconds` runs from before the first generator process is started to the last checked 101."""

    seconds: float
    rate: float
    failed: int
    connect_ms: Percentiles | None
    """From the start of connect() to an established TCP connection."""
    upgrade_ms: Percentiles | None
    """From the start of connect() to the checked 101 answer."""
    due_ms: Percentiles | None = None
    """When paced: from when the connection was due to the checked 101, so that a late start counts."""
    lag_ms: float | None = None
    """When paced: the most that a connection was started after it was due."""


@dataclass(frozen=True, slots=True)
class CanaryPhase:
    """What the canary met in one part of the run; the latencies as in Canary."""

    attempts: int
    failed: int
    join_ms: Percentiles | None
    rtt_ms: Percentiles | None
    leave_ms: Percentiles | None


@dataclass(frozen=True, slots=True)
class Canary:
    """A stock websocket-client that keeps joining, talking and leaving.

    Attributes:
        attempts, failed: visits, each of which joins, says one thing, hears it and leaves.
        join_ms: from the start of connect() to the checked 101.
        rtt_ms: from send to its own echo.
        leave_ms: from its close frame to the server's.
        reasons: why visits failed: `join: TIMEOUT` → how often.
        phases: the same for each part of the run, by name (`before`, `while`, `after`), in order.
    """

    attempts: int
    failed: int
    rtt_ms: Percentiles | None
    join_ms: Percentiles | None = None
    reasons: dict[str, int] = field(default_factory=dict)
    leave_ms: Percentiles | None = None
    phases: dict[str, CanaryPhase] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Fanout:
    """Messages to everybody, one after the other: of the last of them, `seconds` from its sending to the last receiver
    and `first_ms` to the first; `latency_ms` of all receivers of all of them."""

    messages: int
    expected: int
    delivered: int
    seconds: float
    rate: float
    first_ms: float | None = None
    latency_ms: Percentiles | None = None


@dataclass(frozen=True, slots=True)
class Pings:
    """A PING to every connection, `rounds` times over the hold. Who does not answer is lost."""

    rounds: int
    sent: int
    answered: int


@dataclass(frozen=True, slots=True)
class Close:
    """The end: `seconds` from the first close frame to the last process and socket gone; of a `sample` that was closed
    with the closing handshake, `graceful` were answered with a close frame. The others are reset."""

    seconds: float
    sample: int
    graceful: int


@dataclass(frozen=True, slots=True)
class Talk:
    """Chat while holding: `talkers` of the connections say `messages` in `seconds`, each to be heard by everybody."""

    talkers: int
    messages: int
    expected: int
    delivered: int
    seconds: float
    rate: float
    """Deliveries a second."""
    latency_ms: Percentiles | None


@dataclass(frozen=True, slots=True)
class Steps:
    """What the sessions of a scenario did: `said` messages; `heard`, those that they expected; `ended`, sessions that
    closed by themselves; `unfinished`, sessions that had steps left at the end; `answer_ms` from beginning to expect a
    message to hearing it."""

    said: int
    heard: int
    ended: int
    unfinished: int
    answer_ms: Percentiles | None


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes per connection, None where the host does not let it be read.

    Attributes:
        server_user_bytes, generator_user_bytes: private memory (smaps_rollup Private_*) of all workers of that end,
            interpreter included, divided by the connections.
        kernel_slab_bytes: growth of the socket slabs (TCP, sock_inode_cache, filp, dentry, eventpoll_*, tcp_bind*) of
            both ends, from /proc/slabinfo; of the whole host, so it may be below 0 when others closed more meanwhile.
        available_bytes: fall of MemAvailable; understates, since reclaimable slab counts as available.
    """

    server_user_bytes: float | None
    generator_user_bytes: float | None
    kernel_slab_bytes: float | None
    available_bytes: float | None
    projected_connections: int | None = None
    """What this host's memory would hold, both ends, by these figures and with the reserve left free."""


@dataclass(frozen=True, slots=True)
class Processes:
    """How the burst was spread. `single_process_limit`: connections that one process here could hold."""

    server: int
    generator: int
    nofile_each: int
    single_process_limit: int


@dataclass(frozen=True, slots=True)
class BurstError:
    """Errors of one kind: `errno` is symbolic (EMFILE) or a word of our own (TIMEOUT, HTTP-200, EOF)."""

    phase: str
    errno: str
    count: int
    side: str
    limit: str
    fix: str


@dataclass(frozen=True, slots=True)
class Wall:
    """What bound. `name`: a tunable's name or one of readiness.diagnosis.WALLS; `side`: server, generator, host."""

    name: str
    side: str
    evidence: str
    fix: str


@dataclass(frozen=True, slots=True)
class Machine:
    """One load machine of a cluster.

    Attributes:
        share, opened, failed, lost: connections that it was to open, had open, could not open, and lost.
        rate: opened a second, by its own last upgrade since the common start. upgrade_ms: as in OpenPhase.
        room, binds: connections that it was found to have room for beforehand, and by which limit (empty: none known).
        cpu: share of its CPU time that the burst took while opening, 0 to 1; None where it was not measured.
        clock_ms: how far its wall clock is ahead of the head's; start_ms: to how much the common start is known there.
        gone: why it counts as lost; empty when it was there to the end.
    """

    name: str
    address: str
    share: int
    opened: int
    failed: int
    lost: int
    rate: float
    upgrade_ms: Percentiles | None
    room: int | None
    binds: str
    cpu: float | None
    clock_ms: float
    start_ms: float
    gone: str = ""


EXIT_CODES = {"confirmed": 0, "missed": 1, "inconclusive": 3}
"""The verdicts of a burst, and the exit code of each."""


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """What `wstune verify` showed. `verdict` is one of EXIT_CODES."""

    verdict: str
    url: str
    connections: int
    reached: int
    held_seconds: float
    lost: int
    open: OpenPhase
    canary: Canary | None
    fanout: Fanout | None
    memory: Memory
    processes: Processes
    errors: tuple[BurstError, ...]
    wall: Wall | None
    counters: dict[str, int]
    """Growth of kernel counters over the run, only those that moved."""
    timeline: tuple[tuple[float, int], ...]
    """(seconds since the start of opening, open connections)."""
    interrupted: bool = False
    sentences: tuple[str, ...] = ()
    """Remarks in words; the verdict's own is last."""
    pings: Pings | None = None
    talk: Talk | None = None
    close: Close | None = None
    scenario: Steps | None = None
    figures: dict[str, float] = field(default_factory=dict)
    """Single numbers by name, of which there is no record here; report.figures says what they are."""
    machines: tuple[Machine, ...] = ()
    """Those of a cluster that made the load; none when this host did."""
