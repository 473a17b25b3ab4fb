"""From what a coordinator answered, complete or not, to the evidence of a burst; and from that to its outcome."""

from __future__ import annotations

import errno

from wstune.actions.verify_outcome import BurstFinished, BurstInterrupted, BurstLost, Outcome
from wstune.actions.verify_state import Run
from wstune.burst import tally
from wstune.burst.engine.events import Counts, FanoutEvent, PingEvent
from wstune.readiness.diagnosis import diagnose
from wstune.verification import Close, Fanout, Machine, OpenPhase, Percentiles, Pings, Steps, Talk


def outcome(run: Run) -> Outcome:
    """How a burst ended that has opened something, or tried to."""
    complete(run)
    report = diagnose(run.evidence)
    if run.evidence.interrupted:
        return BurstInterrupted(report, run.evidence.interrupted)
    return BurstLost(report) if run.lost else BurstFinished(report)


def complete(run: Run) -> None:
    """Put what the coordinator answered into the evidence, once all is over."""
    evidence, closed, target = run.evidence, run.closed, run.options.target
    counts = closed.counts if closed else Counts()
    words = counts.words
    evidence.url = f"ws://{target.address}:{run.port}/" if target.ours else target.name
    if run.closes and closed:  # who has closed by itself is not missing
        evidence.asked = evidence.wanted
        unopened = max(0, evidence.wanted - words[tally.STARTED])
        evidence.wanted = evidence.reached + words[tally.FAILED] + unopened
    evidence.lost = words[tally.LOST] + sum(machine.lost for machine in evidence.machines if machine.gone)
    evidence.errors = _errors(run, counts)
    evidence.workers_lost = _workers_lost(run)
    evidence.machine_cut = _cut_off(evidence.machines)
    evidence.open = _open_phase(run, counts)
    evidence.pings, evidence.fanout = _pings(run.pings), _fanout(run.fanouts, counts)
    evidence.talk = _talk(run, counts)
    evidence.figures["unexpected"] = words[tally.UNEXPECTED]
    if closed:
        evidence.stopped_by, evidence.stopped_why = closed.stopped_by, closed.stopped_why
        evidence.close = Close(run.close_seconds, closed.wanted, closed.graceful)
    if run.options.scenario is not None:
        said, heard, ended = words[tally.SCRIPT_SAID], words[tally.SCRIPT_HEARD], words[tally.ENDED]
        evidence.scenario = Steps(said, heard, ended, words[tally.PENDING], percentiles(counts, tally.EXPECT_MS))


def percentiles(counts: Counts, histogram: int) -> Percentiles | None:
    """Of a histogram of a tally, in milliseconds."""
    found = tally.percentiles(counts.words, histogram)
    if found is None:
        return None
    return Percentiles(int(found["count"]), found["p50"], found["p90"], found["p99"], found["p999"], found["max"])


def _open_phase(run: Run, counts: Counts) -> OpenPhase:
    words, evidence = counts.words, run.evidence
    seconds = run.opened.seconds if run.opened else evidence.timeline[-1][0] if evidence.timeline else 0.0
    paced = words[tally.LAG_NS] or any(words[tally.DUE_MS : tally.DUE_MS + tally.BUCKETS])
    return OpenPhase(
        seconds,
        evidence.reached / seconds if seconds else 0.0,
        words[tally.FAILED],
        percentiles(counts, tally.CONNECT_MS),
        percentiles(counts, tally.UPGRADE_MS),
        percentiles(counts, tally.DUE_MS),
        words[tally.LAG_NS] / 1e6 if paced else None,
    )


def _cut_off(machines: tuple[Machine, ...]) -> str:
    """The one machine that lost nearly all while the others lost nothing: that is its network, not the server."""
    losers = [machine for machine in machines if machine.lost]
    if len(losers) != 1 or len(machines) < 2 or losers[0].lost < 0.9 * losers[0].opened:
        return ""
    return f"{losers[0].name} lost {losers[0].lost:,} of its {losers[0].opened:,}, the others none"


def _errors(run: Run, counts: Counts) -> dict[tuple[str, str, str], int]:
    found = {("generator", phase, name): count for (phase, name), count in tally.errors(counts.words).items()}
    for machine in run.evidence.machines:
        if not machine.gone:
            continue
        # Who is lost while opening takes along what it had open, and what it had still to open.
        opening = machine.name in run.evidence.lost_opening
        key = ("generator", "open" if opening else "hold", "MACHINE-LOST")
        count = machine.share - machine.failed if opening else machine.lost
        if count > 0:
            found[key] = found.get(key, 0) + count
    if run.closed and (server := run.closed.server).accept_errors:
        name = errno.errorcode.get(server.errno, str(server.errno))
        found["server", "accept", name] = server.accept_errors
    return found


def _workers_lost(run: Run) -> dict[str, int]:
    lost: dict[str, int] = {}
    for side, _ in run.closed.lost if run.closed else ():
        lost[side] = lost.get(side, 0) + 1
    if run.lost:
        lost["generator"] = lost.get("generator", 0) + 1
    return lost


def _fanout(events: list[FanoutEvent], counts: Counts) -> Fanout | None:
    if not events:
        return None
    last, took = events[-1], sum(event.seconds for event in events)
    expected, delivered = sum(event.expected for event in events), sum(event.delivered for event in events)
    rate, latency = delivered / took if took else 0.0, percentiles(counts, tally.FANOUT_MS)
    return Fanout(len(events), expected, delivered, last.seconds, rate, last.first_ms, latency)


def _pings(events: list[PingEvent]) -> Pings | None:
    if not events:
        return None
    return Pings(len(events), sum(event.pings for event in events), sum(event.pongs for event in events))


def _talk(run: Run, counts: Counts) -> Talk | None:
    if run.talk is None:
        return None
    said, heard = counts.words[tally.TALK_SAID], counts.words[tally.TALK_HEARD]
    seconds = run.evidence.held_seconds if run.talk_seconds is None else run.talk_seconds
    rate = heard / seconds if seconds else 0.0
    talkers, expected = run.talk.talkers, said * run.talk.listeners
    return Talk(talkers, said, expected, heard, seconds, rate, percentiles(counts, tally.TALK_MS))
