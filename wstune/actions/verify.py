"""`wstune verify`: a burst against the built-in chat server, or a server elsewhere, and what it showed.

Budget → baseline → server → open → measure → hold, ping, fan-out, talk → close → diagnose. The sockets live in other
processes (burst.coordinator); this one only drives, measures and watches.
"""

from __future__ import annotations

import errno
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from wstune import signals
from wstune.actions import server_stats
from wstune.actions.guarded import attempt, reason
from wstune.actions.server_figures import Answer
from wstune.actions.stats_sources import NO_STATS, StatsOptions
from wstune.actions.verify_measure import available_bytes, baseline, memory_of, spare_files
from wstune.actions.verify_outcome import interruptible, outcome
from wstune.actions.verify_plan import coordinator_plan, plan, room_of
from wstune.actions.verify_report import Shown
from wstune.actions.verify_target import HOST, Target
from wstune.burst import budget, canary
from wstune.burst.process import Burst, Event
from wstune.burst.scenario import Scenario
from wstune.errors import InconclusiveError, UsageError
from wstune.host import counters, memory, processes
from wstune.host.host import Host
from wstune.verification import VerifyReport

HOLD_SECONDS = 5.0
CLOSE_RATE = 5_000.0
"""Connections a second that a server elsewhere is closed with."""
PING_EVERY = 60.0
"""Seconds between the rounds of PINGs in a long hold."""
_STILL_SECONDS = 5.0
_SETTLE_SECONDS = 0.3
_CANARY_SECONDS = 0.5
_GRACEFUL_SAMPLE = 100


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
    machines: tuple[tuple[str, int, int, str], ...] = ()
    """Of a cluster: (name, open, its share, why it was lost) of each."""


class Driver(Protocol):
    """What carries out a burst: a coordinator here (burst.process.Burst), or a fleet of them (burst.fleet)."""

    def do(self, verb: str, **arguments: Any) -> Event: ...
    def wait_for(self, name: str, seconds: float | None = None) -> Event: ...
    def watch(self, seconds: float) -> None: ...
    def end(self) -> None: ...


class TimeUpError(InconclusiveError):
    """The time limit was over before anything was opened."""


@dataclass(slots=True)
class Run:
    """A burst under way."""

    options: VerifyOptions
    shown: Shown
    on_progress: Callable[[Progress], None]
    host: Host
    baseline: Event = field(default_factory=dict)
    phase: str = "start"
    witness: canary.Canary | None = None
    servers: list[int] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)

    def event(self, event: Event) -> None:
        """A progress event of the coordinator: remember and show it."""
        seconds, timeline, rate = event["seconds"], self.shown.timeline, 0.0
        if timeline and seconds > timeline[-1][0]:
            rate = (event["open"] - timeline[-1][1]) / (seconds - timeline[-1][0])
        if seconds > 0 or not timeline:
            remember(timeline, (round(seconds, 3), event["open"]))
        self.on_progress(
            Progress(
                self.phase,
                self.shown.budget.connections,
                event["open"],
                event["failed"],
                event["lost"],
                seconds,
                max(0.0, rate),
                available_bytes(),
                machines=tuple(event.get("machines", ())),
            )
        )

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


def remember(timeline: list[tuple[float, int]], moment: tuple[float, int]) -> None:
    """Add a moment; of those between which nothing changed only the first and the last, so that a hold adds nothing."""
    if len(timeline) > 1 and timeline[-2][1] == timeline[-1][1] == moment[1]:
        timeline[-1] = moment
    else:
        timeline.append(moment)


def run(options: VerifyOptions, on_progress: Callable[[Progress], None], host: Host | None = None) -> VerifyReport:
    """Open, hold, use and close; say what that showed.

    Raises UsageError for a port in use or a target of nothing, InconclusiveError if the host has no room for it,
    BurstInterrupted, with the report of what there was, when a signal ended it early.
    """
    host = host or Host()
    began = time.monotonic()
    room = room_of(host)
    planned, remarks = plan(options, room)
    note = budget.sentence(planned, room, ours=options.target.ours)
    shown = Shown(budget=planned, room=room, target=options.target, remarks=[note, *remarks])
    shown.closes = options.scenario is not None and options.scenario.closes
    shown.scripted = options.scenario is not None
    on_progress(Progress("start", planned.connections, note=note))
    state = Run(options, shown, on_progress, host, began=began)
    with interruptible(shown):
        state.baseline = baseline(host)
        figures = server_stats.fetch(options.target, options.stats)
        told = {**coordinator_plan(state), "seconds": state.left()}
        drive(state, Burst(told, state.event), _open)
        with signals.heard():
            add_figures(shown, figures, options.stats)
    return outcome(shown)


def add_figures(shown: Shown, before: Sequence[Answer], stats: StatsOptions) -> None:
    """What servers elsewhere say about themselves after the burst, if they say it."""
    what = "the servers' own figures could not be read after the burst"
    attempt(shown, what, lambda: server_stats.add(shown, before, server_stats.fetch(shown.target, stats), stats), None)


def drive(state: Run, burst: Driver, begin: Callable[[Driver, Run], None]) -> None:
    """Run the burst to its end, or to the first thing that ends it. Leaves no process behind. `begin` opens."""
    options, shown, host = state.options, state.shown, state.host
    try:
        try:
            ready = burst.wait_for("ready", state.left())
            shown.port, state.servers = ready["port"], ready["server_pids"]
            if options.target.ours:
                state.witness = canary.start(f"ws://{options.target.address}:{shown.port}/rooms/canary")
                state.enter("start", "before")
                time.sleep(_CANARY_SECONDS)
            state.left()
            begin(burst, state)
            _use(burst, state)
            _close(burst, state)
        except KeyboardInterrupt as error:
            shown.interrupted = signals.number_of(error)
            if not shown.closed:
                with signals.heard():
                    _close(burst, state)
    except KeyboardInterrupt:
        pass  # a second time: do not even wait for the counts
    except TimeUpError:
        raise
    except InconclusiveError:
        shown.lost_coordinator = True
    except Exception as error:
        if not shown.opened:
            raise (_start_failed(error, options) if isinstance(error, OSError) else error) from None
        shown.lost_coordinator = True  # what it has opened is reported
        shown.remarks.append(f"the burst broke off: {reason(error)}")
    finally:
        if (witness := state.witness) is not None and shown.canary is None:
            shown.canary = attempt(shown, "the canary could not be stopped", lambda: witness.stop(abandon=True), None)
        attempt(shown, "the burst could not be ended", burst.end, None)
        before, root = state.baseline["counters"], host.root
        shown.counters = attempt(
            shown, "the kernel's counters", lambda: counters.growth(before, counters.snapshot(root)), {}
        )


def _open(burst: Driver, state: Run) -> None:
    shown, host = state.shown, state.host
    state.enter("open", "while")
    state.baseline["slab"] = memory.socket_slab_bytes(
        host.root
    )  # as late as can be: what ended before is freed by then
    before = processes.cpu_seconds(state.servers)
    with spare_files():
        opened = shown.opened = burst.do("open")
    state.event(opened)
    seconds, cpus = max(opened["seconds"], 1e-9), shown.room.cpus
    if state.servers:
        shown.server_cpu = (processes.cpu_seconds(state.servers) - before) / seconds / cpus
    shown.generator_cpu = processes.cpu_seconds(opened["pids"]) / seconds / cpus
    time.sleep(_SETTLE_SECONDS)  # the last accept's garbage: skbs and request sockets are freed by RCU
    shown.memory = attempt(shown, "the memory", lambda: memory_of(host, state, opened), None)
    ask, stats = state.options.target, state.options.stats
    shown.server_figures = attempt(shown, "the servers' own figures", lambda: server_stats.fetch(ask, stats), [])


def _use(burst: Driver, state: Run) -> None:
    """Hold; within the hold ping everybody, say something to everybody, let some talk, ping again at the end."""
    options, shown = state.options, state.shown
    if not shown.opened["open"]:
        return
    started = time.monotonic()
    if not shown.closes:  # who may leave at any time, need not answer
        _ping(burst, state)
    if options.target.fanout:
        state.enter("fanout", "while")
        for _ in range(options.fanouts):
            event = burst.do("fanout", text=f"fan-out {secrets.token_hex(8)}", seconds=_STILL_SECONDS)
            shown.fanouts.append(event)
    state.enter("hold", "while")
    if options.talkers:
        shown.talk = burst.do("talk", talkers=options.talkers, rate=options.message_rate, size=options.message_size)
        shown.talk["began"] = time.monotonic()
    while (left := options.hold - (time.monotonic() - started)) > 0:
        burst.watch(min(left, PING_EVERY))
        if left > PING_EVERY and not shown.closes:
            _ping(burst, state)
            state.enter("hold", "while")
    if options.scenario is not None:
        _finish(burst, options.time_limit - (time.monotonic() - state.began))
    if options.talkers:
        shown.talk["seconds"] = time.monotonic() - shown.talk["began"]
        burst.do("talk", talkers=0, rate=0, size=0)
    if options.hold > PING_EVERY and not shown.closes:
        _ping(burst, state)
    shown.held_seconds = time.monotonic() - started


def _finish(burst: Driver, seconds: float) -> None:
    """Let the sessions of a scenario come to their ends, at most so long."""
    until = time.monotonic() + seconds
    while burst.do("status").get("pending", 0) and time.monotonic() < until:
        burst.watch(1.0)


def _ping(burst: Driver, state: Run) -> None:
    state.enter("ping", "while")
    state.shown.pings.append(burst.do("ping", seconds=_STILL_SECONDS))


def _close(burst: Driver, state: Run) -> None:
    options, shown = state.options, state.shown
    state.enter("close", "while")
    graceful = options.close == "graceful" or (not options.target.ours and options.close != "rst")
    rate = CLOSE_RATE if graceful and not shown.interrupted else 0.0
    sample = 0 if shown.interrupted or options.close == "rst" else _GRACEFUL_SAMPLE
    if state.witness is not None and not shown.interrupted:
        state.witness.pause()  # most of the server ends with its clients
    began = time.monotonic()
    shown.closed = burst.do("close", sample=sample, rate=rate)
    shown.close_seconds = time.monotonic() - began
    if state.witness is not None:
        if not shown.interrupted and shown.closed["server"]["alive"]:
            state.witness.phase("after")
            state.witness.resume()
            time.sleep(_CANARY_SECONDS)
        shown.canary = state.witness.stop(abandon=shown.interrupted > 0)
    began = time.monotonic()
    burst.do("end")
    shown.close_seconds += time.monotonic() - began


def _start_failed(error: OSError, options: VerifyOptions) -> Exception:
    if error.errno == errno.EADDRINUSE:
        return UsageError(f"port {options.port} is in use", "choose another with --port, or leave it out")
    if error.errno == errno.EACCES:
        return UsageError(f"port {options.port} needs a privilege", "choose one from 1024 on, or leave --port out")
    return InconclusiveError(f"the burst could not start: {error.strerror or error}")
