"""`wstune verify`: a burst against the built-in chat server, or a server elsewhere, and what it showed.

Budget → baseline → server → open → measure → hold, ping, fan-out, talk → close → diagnose. The sockets live in other
processes (burst.coordinator); this one only drives, measures and watches.
"""

from __future__ import annotations

import errno
import secrets
import time
from collections.abc import Callable, Sequence

from wstune import signals
from wstune.actions import server_stats
from wstune.actions.guarded import attempt, reason
from wstune.actions.server_figures import Answer
from wstune.actions.stats_sources import StatsOptions
from wstune.actions.verify_evidence import outcome
from wstune.actions.verify_measure import baseline, memory_of, spare_files
from wstune.actions.verify_options import Progress, VerifyOptions
from wstune.actions.verify_outcome import BurstRefused, Outcome, interruptible
from wstune.actions.verify_plan import coordinator_plan, plan, room_of
from wstune.actions.verify_state import Driver, Run, TimeUpError, evidence_of
from wstune.burst import budget, canary
from wstune.burst.engine import events, wire
from wstune.burst.process import Burst
from wstune.errors import InconclusiveError, UsageError, WstuneError
from wstune.host import counters, memory, processes
from wstune.host.host import Host
from wstune.readiness.evidence import NO_MEMORY

CLOSE_RATE = 5_000.0
"""Connections a second that a server elsewhere is closed with."""
PING_EVERY = 60.0
"""Seconds between the rounds of PINGs in a long hold."""
_STILL_SECONDS = 5.0
_SETTLE_SECONDS = 0.3
_CANARY_SECONDS = 0.5
_GRACEFUL_SAMPLE = 100


def run(options: VerifyOptions, on_progress: Callable[[Progress], None], host: Host | None = None) -> Outcome:
    """Open, hold, use and close; say what that showed. A port in use, a target of nothing, or a host that has no room
    for it is a BurstRefused."""
    try:
        return outcome(_burst(options, on_progress, host or Host()))
    except WstuneError as error:
        return BurstRefused(error)


def _burst(options: VerifyOptions, on_progress: Callable[[Progress], None], host: Host) -> Run:
    """A burst, to its end or to what ended it. Raises UsageError, InconclusiveError before anything is opened."""
    began = time.monotonic()
    room = room_of(host, options)
    planned, remarks = plan(options, room)
    note = budget.sentence(planned, room, ours=options.target.ours)
    evidence = evidence_of(options, planned, room)
    evidence.remarks += [note, *remarks]
    on_progress(Progress("start", planned.connections, note=note))
    with interruptible(evidence):
        state = Run(options, planned, room, evidence, on_progress, host, baseline(host), began=began)
        figures = server_stats.fetch(options.target, options.stats)
        told = coordinator_plan(state)._replace(seconds=state.left())
        drive(state, Burst(told, state.progress), _open)
        with signals.heard():
            add_figures(state, figures, options.stats)
    return state


def add_figures(state: Run, before: Sequence[Answer], stats: StatsOptions) -> None:
    """What servers elsewhere say about themselves after the burst, if they say it."""
    what = "the servers' own figures could not be read after the burst"
    target = state.options.target
    attempt(
        state.evidence, what, lambda: server_stats.add(state, before, server_stats.fetch(target, stats), stats), None
    )


def drive(state: Run, burst: Driver, begin: Callable[[Driver, Run], None]) -> None:
    """Run the burst to its end, or to the first thing that ends it. Leaves no process behind. `begin` opens."""
    options, evidence, host = state.options, state.evidence, state.host
    try:
        try:
            state.port, state.servers = burst.ready(state.left())
            if options.target.ours:
                state.witness = canary.start(f"ws://{options.target.address}:{state.port}/rooms/canary")
                state.enter("start", "before")
                time.sleep(_CANARY_SECONDS)
            state.left()
            begin(burst, state)
            _use(burst, state)
            _close(burst, state)
        except KeyboardInterrupt as error:
            evidence.interrupted = signals.number_of(error)
            if state.closed is None:
                with signals.heard():
                    _close(burst, state)
    except KeyboardInterrupt:
        pass  # a second time: do not even wait for the counts
    except TimeUpError:
        raise
    except InconclusiveError:
        state.lost = True
    except Exception as error:
        if state.opened is None:
            raise (_start_failed(error, options) if isinstance(error, OSError) else error) from None
        state.lost = True  # what it has opened is reported
        evidence.remarks.append(f"the burst broke off: {reason(error)}")
    finally:
        if (witness := state.witness) is not None and evidence.canary is None:
            evidence.canary = attempt(
                evidence, "the canary could not be stopped", lambda: witness.stop(abandon=True), None
            )
        attempt(evidence, "the burst could not be ended", burst.end, None)
        before, root = state.before.counters, host.root
        evidence.counters = attempt(
            evidence, "the kernel's counters", lambda: counters.growth(before, counters.snapshot(root)), {}
        )


def _open(burst: Driver, state: Run) -> None:
    evidence, host, servers = state.evidence, state.host, state.servers
    state.enter("open", "while")
    state.before = before = state.before._replace(slab_bytes=memory.socket_slab_bytes(host.root))
    used, began = processes.cpu_seconds(servers), time.monotonic()
    with spare_files():
        opened = state.opened = burst.do(wire.OpenCommand())
    # Of the whole time in which it was used: the last upgrade may be long ago, while others waited for an answer.
    state.opening = time.monotonic() - began
    state.progress(events.ProgressEvent(opened.seconds, opened.standing))
    if servers:
        evidence.server_cpu = state.cpu_share(processes.cpu_seconds(servers) - used, state.room.cpus)
    evidence.generator_cpu = state.cpu_share(processes.cpu_seconds(opened.pids), state.room.cpus)
    time.sleep(_SETTLE_SECONDS)  # the last accept's garbage: skbs and request sockets are freed by RCU
    reserve = state.planned.reserve_bytes
    evidence.memory = attempt(
        evidence, "the memory", lambda: memory_of(host, before, opened, servers, reserve), NO_MEMORY
    )
    ask, stats = state.options.target, state.options.stats
    state.figures = attempt(evidence, "the servers' own figures", lambda: server_stats.fetch(ask, stats), [])


def _use(burst: Driver, state: Run) -> None:
    """Hold; within the hold ping everybody, say something to everybody, let some talk, ping again at the end."""
    options = state.options
    if state.opened is None or not state.opened.standing.open:
        return
    started = time.monotonic()
    if not state.closes:  # who may leave at any time, need not answer
        _ping(burst, state)
    if options.target.fanout:
        state.enter("fanout", "while")
        for _ in range(options.fanouts):
            state.fanouts.append(burst.do(wire.FanoutCommand(f"fan-out {secrets.token_hex(8)}", _STILL_SECONDS)))
    state.enter("hold", "while")
    if options.talkers:
        state.talk = burst.do(wire.TalkCommand(options.talkers, options.message_rate, options.message_size))
        talked = time.monotonic()
    while (left := options.hold - (time.monotonic() - started)) > 0:
        burst.watch(min(left, PING_EVERY))
        if left > PING_EVERY and not state.closes:
            _ping(burst, state)
            state.enter("hold", "while")
    if options.scenario is not None:
        _finish(burst, options.time_limit - (time.monotonic() - state.began))
    if options.talkers:
        state.talk_seconds = time.monotonic() - talked
        burst.do(wire.TalkCommand(0, 0.0, 0))
    if options.hold > PING_EVERY and not state.closes:
        _ping(burst, state)
    state.evidence.held_seconds = time.monotonic() - started


def _finish(burst: Driver, seconds: float) -> None:
    """Let the sessions of a scenario come to their ends, at most so long."""
    until = time.monotonic() + seconds
    while burst.do(wire.StatusCommand()).standing.pending and time.monotonic() < until:
        burst.watch(1.0)


def _ping(burst: Driver, state: Run) -> None:
    state.enter("ping", "while")
    state.pings.append(burst.do(wire.PingCommand(_STILL_SECONDS)))


def _close(burst: Driver, state: Run) -> None:
    options, evidence = state.options, state.evidence
    state.enter("close", "while")
    graceful = options.close == "graceful" or (not options.target.ours and options.close != "rst")
    rate = CLOSE_RATE if graceful and not evidence.interrupted else 0.0
    sample = 0 if evidence.interrupted or options.close == "rst" else _GRACEFUL_SAMPLE
    if state.witness is not None and not evidence.interrupted:
        state.witness.pause()  # most of the server ends with its clients
    began = time.monotonic()
    state.closed = burst.do(wire.CloseCommand(sample, rate))
    state.close_seconds = time.monotonic() - began
    if state.witness is not None:
        if not evidence.interrupted and state.closed.server.alive:
            state.witness.phase("after")
            state.witness.resume()
            time.sleep(_CANARY_SECONDS)
        evidence.canary = state.witness.stop(abandon=evidence.interrupted > 0)
    began = time.monotonic()
    burst.do(wire.EndCommand())
    state.close_seconds += time.monotonic() - began


def _start_failed(error: OSError, options: VerifyOptions) -> Exception:
    if error.errno == errno.EADDRINUSE:
        return UsageError(f"port {options.port} is in use", "choose another with --port, or leave it out")
    if error.errno == errno.EACCES:
        return UsageError(f"port {options.port} needs a privilege", "choose one from 1024 on, or leave --port out")
    return InconclusiveError(f"the burst could not start: {error.strerror or error}")
