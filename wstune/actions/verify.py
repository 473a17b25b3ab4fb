"""`wstune verify host`: a burst against the built-in chat server, and what it showed.

Budget → baseline → server → open → measure → hold, ping, fan-out → close → diagnose. The sockets live in other
processes (burst.coordinator); this one only drives, measures and watches.
"""

from __future__ import annotations

import errno
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from wstune.burst import budget, tally
from wstune.burst import canary as stock_client
from wstune.burst.pacing import split
from wstune.burst.ports import loopback_sources
from wstune.burst.process import Burst, Event
from wstune.errors import InconclusiveError, UsageError
from wstune.host import counters, memory, processes
from wstune.host.host import Host
from wstune.readiness.diagnosis import Evidence, diagnose
from wstune.verification import Canary, Fanout, Memory, OpenPhase, Percentiles, Processes, VerifyReport

WINDOW = 256
"""Handshakes in flight at each generator that is opening."""
BACKLOG = 65_535
"""Asked of listen(); the kernel takes min(this, somaxconn)."""
HANDSHAKE_SECONDS = 10.0
_STILL_SECONDS = 5.0
_SETTLE_SECONDS = 0.3
_GRACEFUL_SAMPLE = 100
NO_MEMORY = Memory(None, None, None, None)


@dataclass(frozen=True, slots=True)
class VerifyOptions:
    """What to verify. `connections` None: as many as the profile is for, or as memory allows if that is fewer."""

    connections: int | None = None
    profile: str = "high-conn"
    processes: int | None = None
    hold: float = 5.0
    port: int | None = None
    profile_dirs: tuple[str, ...] = ()
    force: bool = False


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a burst stands; `phase` is start, open, hold, ping, fanout or close."""

    phase: str
    target: int
    open: int = 0
    failed: int = 0
    lost: int = 0
    seconds: float = 0.0
    rate: float = 0.0
    available_bytes: int | None = None


@dataclass(slots=True)
class Run:
    """What a burst has shown so far; complete or not, a report can be made of it."""

    budget: budget.Budget
    port: int = 0
    timeline: list[tuple[float, int]] = field(default_factory=list)
    opened: Event = field(default_factory=dict)
    closed: Event = field(default_factory=dict)
    fanout: Event = field(default_factory=dict)
    ping: Event = field(default_factory=dict)
    held_seconds: float = 0.0
    memory: Memory | None = None
    counters: dict[str, int] = field(default_factory=dict)
    cpu: tuple[float | None, float | None] = (None, None)
    canary: Canary | None = None
    witness: stock_client.Canary | None = None
    interrupted: bool = False
    lost_coordinator: bool = False


def run(options: VerifyOptions, on_progress: Callable[[Progress], None], host: Host | None = None) -> VerifyReport:
    """Open, hold, use and close; say what that showed. Ctrl-C ends it early, with a report of what there was.

    Raises UsageError for a port in use or a target of nothing, InconclusiveError if the host has no room for it.
    """
    host = host or Host()
    room = room_of(host)
    planned, remarks = plan(options, room)
    state = Run(planned)
    _drive(options, state, on_progress, host)
    return _report(options, state, remarks, room)


def room_of(host: Host) -> budget.Room:
    """What this host has to give to a burst, read now."""
    from wstune.host import guard, rlimits
    from wstune.tunables import find

    facts = host.facts()
    nofile = rlimits.nofile(host.root)
    if not isinstance(nofile, tuple):
        raise InconclusiveError(f"the file limit cannot be read: {nofile.why}")
    used, most = guard.file_nr()
    watches = host.read(find("fs.epoll.max_user_watches")).value
    ports = host.read(find("net.ipv4.ip_local_port_range")).value
    return budget.Room(
        cpus=facts.cpus or 1,
        nofile=nofile[1],
        ram_bytes=facts.ram_bytes,
        available_bytes=facts.available_bytes,
        cgroup_bytes=facts.cgroup_memory_headroom,
        files_free=most - used,
        epoll_watches=watches.number if watches else None,
        pids_free=facts.cgroup_pids_headroom,
        usable_ports=ports.numbers[1] - ports.numbers[0] + 1 if ports else 28_232,
    )


def plan(options: VerifyOptions, room: budget.Room) -> tuple[budget.Budget, list[str]]:
    """The budget of a run, and what has to be said about it. Raises InconclusiveError when it does not fit."""
    wanted = options.connections or default_connections(options)
    try:
        planned = budget.plan(wanted, room, options.processes)
        if planned.fits >= wanted or options.force:
            return planned, []
        if options.connections is None and planned.fits >= 1:
            return budget.plan(planned.fits, room, options.processes), [
                f"the profile is for {wanted:,} connections; {planned.binds} here has room for {planned.fits:,} "
                "with both ends on this host"
            ]
    except ValueError as error:
        raise InconclusiveError(f"no burst fits this process: {error}", "raise nofile; see: wstune check") from None
    raise InconclusiveError(
        f"{wanted:,} connections do not fit: {planned.binds} here has room for {planned.fits:,} with both ends on this "
        "host; nothing was opened",
        f"wstune verify host -n {planned.fits}, or --force to try all the same",
    )


def default_connections(options: VerifyOptions) -> int:
    """The connections that the profile is for."""
    from wstune.actions.profile import load

    return load(options.profile, profile_dirs=options.profile_dirs).variables["connections"]


def _drive(options: VerifyOptions, state: Run, on_progress: Callable[[Progress], None], host: Host) -> None:
    """Run the burst to its end, or to the first thing that ends it. Leaves no process behind."""
    planned = state.budget
    watch = _Watch(state, on_progress)
    before = _baseline(host)
    burst = Burst(_coordinator_plan(options, planned), watch.event)
    try:
        try:
            ready = burst.wait_for("ready")
            state.port = ready["port"]
            state.witness = stock_client.start(f"ws://127.0.0.1:{state.port}/rooms/canary")
            _open(burst, state, watch, ready["server_pids"], host, before)
            _use(burst, state, watch, options.hold)
        except KeyboardInterrupt:
            state.interrupted = True
        watch.phase = "close"
        state.canary = state.witness.stop() if state.witness else None
        state.closed = burst.do("close", sample=0 if state.interrupted else _GRACEFUL_SAMPLE)
    except KeyboardInterrupt:  # a second time: do not even wait for the counts
        state.interrupted = True
    except InconclusiveError:
        state.lost_coordinator = True
    except OSError as error:
        raise _start_failed(error, options) from None
    finally:
        if state.witness is not None and state.canary is None:
            state.canary = state.witness.stop(abandon=True)
        burst.end()
        state.counters = counters.growth(before["counters"], counters.snapshot(host.root))


def _open(burst: Burst, state: Run, watch: _Watch, server_pids: list[int], host: Host, before: Event) -> None:
    watch.phase = "open"
    cpu = processes.cpu_seconds(server_pids)
    opened = state.opened = burst.do("open")
    watch.event(opened)
    seconds, cpus = max(opened["seconds"], 1e-9), host.facts().cpus or 1
    state.cpu = (
        (processes.cpu_seconds(server_pids) - cpu) / seconds / cpus,
        processes.cpu_seconds(opened["pids"]) / seconds / cpus,
    )
    time.sleep(_SETTLE_SECONDS)  # the last accept's garbage: skbs and request sockets are freed by RCU
    state.memory = _memory(host, before, opened["open"], server_pids, opened["pids"])


def _use(burst: Burst, state: Run, watch: _Watch, hold: float) -> None:
    """Hold; within the hold ping everybody, and say one thing to everybody."""
    started = time.monotonic()
    if state.opened["open"]:
        watch.phase = "ping"
        state.ping = burst.do("ping", seconds=_STILL_SECONDS)
        watch.phase = "fanout"
        state.fanout = burst.do("fanout", text=f"fan-out {secrets.token_hex(8)}", seconds=_STILL_SECONDS)
    watch.phase = "hold"
    burst.watch(hold - (time.monotonic() - started))
    state.held_seconds = time.monotonic() - started


class _Watch:
    """Turns the coordinator's progress events into Progress and the timeline."""

    def __init__(self, state: Run, on_progress: Callable[[Progress], None]) -> None:
        self.state = state
        self.phase = "start"
        self._on_progress = on_progress

    def event(self, event: Event) -> None:
        from wstune.host import guard

        seconds = event["seconds"]
        timeline = self.state.timeline
        rate = 0.0
        if timeline and seconds > timeline[-1][0]:
            rate = (event["open"] - timeline[-1][1]) / (seconds - timeline[-1][0])
        timeline.append((round(seconds, 3), event["open"]))
        self._on_progress(
            Progress(
                self.phase,
                self.state.budget.connections,
                event["open"],
                event["failed"],
                event["lost"],
                seconds,
                max(0.0, rate),
                guard.available_bytes(),
            )
        )


def _coordinator_plan(options: VerifyOptions, planned: budget.Budget) -> Event:
    return {
        "server": {"processes": planned.servers, "backlog": BACKLOG},
        "target": ["127.0.0.1", options.port or 0],
        "path": "/",
        "shares": split(planned.connections, planned.generators),
        "sources": loopback_sources(planned.sources),
        "window": WINDOW,
        "openers": 2,
        "timeout": HANDSHAKE_SECONDS,
        "reserve_bytes": 0 if options.force else planned.reserve_bytes,
    }


def _baseline(host: Host) -> Event:
    return {
        "counters": counters.snapshot(host.root),
        "slab": memory.socket_slab_bytes(host.root),
        "available": memory.meminfo(host.root).get("MemAvailable"),
    }


def _memory(host: Host, before: Event, connections: int, servers: list[int], generators: list[int]) -> Memory:
    """Bytes per connection, on the way up (freed slabs linger, so the way down would show nothing)."""
    if not connections:
        return NO_MEMORY
    slab, available = memory.socket_slab_bytes(host.root), memory.meminfo(host.root).get("MemAvailable")
    return Memory(
        memory.private_bytes(servers) / connections,
        memory.private_bytes(generators) / connections,
        None if slab is None or before["slab"] is None else (slab - before["slab"]) / connections,
        None if available is None or before["available"] is None else (before["available"] - available) / connections,
    )


def _start_failed(error: OSError, options: VerifyOptions) -> Exception:
    if error.errno == errno.EADDRINUSE:
        return UsageError(f"port {options.port} is in use", "choose another with --port, or leave it out")
    if error.errno == errno.EACCES:
        return UsageError(f"port {options.port} needs a privilege", "choose one from 1024 on, or leave --port out")
    return InconclusiveError(f"the burst could not start: {error.strerror or error}")


def _report(options: VerifyOptions, state: Run, remarks: list[str], room: budget.Room) -> VerifyReport:
    planned, closed = state.budget, state.closed
    words = [0] * tally.LENGTH
    for at, word in closed.get("words", {}).items():
        words[int(at)] = word
    opened = state.opened or (
        {"open": state.timeline[-1][1], "seconds": state.timeline[-1][0], "failed": 0} if state.timeline else {}
    )
    reached = max((count for _, count in state.timeline), default=0)
    seconds = opened.get("seconds", 0.0)
    lost_pings = max(0, state.ping.get("pings", 0) - state.ping.get("pongs", 0))
    canary = state.canary
    evidence = Evidence(
        wanted=planned.connections,
        reached=reached,
        lost=words[tally.LOST] + lost_pings,
        held_seconds=state.held_seconds,
        errors=_errors(words, closed, lost_pings),
        counters=state.counters,
        server_processes=planned.servers,
        nofile_each=room.nofile,
        single_process_limit=planned.single_process_limit,
        stopped_by=closed.get("stopped_by", ""),
        interrupted=state.interrupted,
        workers_lost=_workers_lost(state),
        cpus=room.cpus,
        server_cpu=state.cpu[0],
        generator_cpu=state.cpu[1],
        rate=reached / seconds if seconds else 0.0,
        ports_each=room.usable_ports,
        fanout_expected=state.fanout.get("expected", 0),
        fanout_delivered=state.fanout.get("delivered", 0),
        canary_attempts=canary.attempts if canary else 0,
        canary_failed=canary.failed if canary else 0,
    )
    found = diagnose(evidence)
    return VerifyReport(
        verdict=found.verdict,
        url=f"ws://127.0.0.1:{state.port}/",
        connections=planned.connections,
        reached=reached,
        held_seconds=state.held_seconds,
        lost=evidence.lost,
        open=OpenPhase(
            seconds,
            evidence.rate,
            words[tally.FAILED],
            _percentiles(words, tally.CONNECT_MS),
            _percentiles(words, tally.UPGRADE_MS),
        ),
        canary=canary,
        fanout=_fanout(state.fanout),
        memory=state.memory or NO_MEMORY,
        processes=Processes(planned.servers, planned.generators, room.nofile, planned.single_process_limit),
        errors=found.errors,
        wall=found.wall,
        counters=state.counters,
        timeline=tuple(state.timeline),
        interrupted=state.interrupted,
        sentences=(*remarks, *found.sentences),
    )


def _errors(words: list[int], closed: Event, lost_pings: int) -> dict[tuple[str, str, str], int]:
    found = {("generator", phase, name): count for (phase, name), count in tally.errors(words).items()}
    if lost_pings:
        found["generator", "hold", "NO-PONG"] = lost_pings
    server = closed.get("server", {})
    if server.get("accept_errors"):
        name = errno.errorcode.get(server["errno"], str(server["errno"]))
        found["server", "accept", name] = server["accept_errors"]
    return found


def _workers_lost(state: Run) -> dict[str, int]:
    lost: dict[str, int] = {}
    for side, _ in state.closed.get("lost", ()):
        lost[side] = lost.get(side, 0) + 1
    if state.lost_coordinator:
        lost["generator"] = lost.get("generator", 0) + 1
    return lost


def _fanout(event: Event) -> Fanout | None:
    if not event:
        return None
    seconds, delivered = event["seconds"], event["delivered"]
    rate = delivered / seconds if seconds else 0.0
    return Fanout(1, event["expected"], delivered, seconds, rate, event["first_ms"])


def _percentiles(words: list[int], histogram: int) -> Percentiles | None:
    found = tally.percentiles(words, histogram)
    if found is None:
        return None
    return Percentiles(int(found["count"]), found["p50"], found["p90"], found["p99"], found["p999"], found["max"])
