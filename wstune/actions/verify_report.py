"""From what a burst has shown, complete or not, to its report."""

from __future__ import annotations

import errno
from dataclasses import dataclass, field
from typing import Any

from wstune.actions.server_figures import Answer
from wstune.actions.verify_target import Target
from wstune.burst import tally
from wstune.burst.budget import Budget, Room
from wstune.readiness.diagnosis import Evidence, diagnose
from wstune.verification import (
    Canary,
    Close,
    Fanout,
    Machine,
    Memory,
    OpenPhase,
    Percentiles,
    Pings,
    Processes,
    Steps,
    Talk,
    VerifyReport,
)

Event = dict[str, Any]
NO_MEMORY = Memory(None, None, None, None)


@dataclass(slots=True)
class Shown:
    """What a burst has shown so far: the coordinator's events as they came, and what was measured beside it."""

    budget: Budget
    room: Room
    target: Target
    remarks: list[str] = field(default_factory=list)
    port: int = 0
    timeline: list[tuple[float, int]] = field(default_factory=list)
    opened: Event = field(default_factory=dict)
    closed: Event = field(default_factory=dict)
    pings: list[Event] = field(default_factory=list)
    fanouts: list[Event] = field(default_factory=list)
    talk: Event = field(default_factory=dict)
    held_seconds: float = 0.0
    close_seconds: float = 0.0
    memory: Memory | None = None
    counters: dict[str, int] = field(default_factory=dict)
    counted: list[tuple[str, int, dict[str, int]]] = field(default_factory=list)
    """Of several machines: the boot and network namespace of each, and what grew there; `counters` is made of them."""
    server_cpu: float | None = None
    generator_cpu: float | None = None
    canary: Canary | None = None
    interrupted: int = 0
    """The number of the signal that ended it early; 0 for none."""
    lost_coordinator: bool = False
    server_figures: list[Answer] = field(default_factory=list)
    scripted: bool = False
    closes: bool = False
    """Whether there is a scenario, and whether its sessions close by themselves."""
    machines: tuple[Machine, ...] = ()
    machines_lost: dict[str, str] = field(default_factory=dict)
    lost_opening: frozenset[str] = frozenset()
    """Of them, those that were lost before they had opened their share."""
    server_machine: str = ""
    apart: bool = False


def report_of(shown: Shown) -> VerifyReport:
    """The report, with its verdict."""
    words = [0] * tally.LENGTH
    for at, word in shown.closed.get("words", {}).items():
        words[int(at)] = word
    evidence = _evidence(shown, words)
    found = diagnose(evidence)
    planned, room = shown.budget, shown.room
    return VerifyReport(
        verdict=found.verdict,
        url=f"ws://{shown.target.address}:{shown.port}/" if shown.target.ours else shown.target.name,
        connections=planned.connections,
        reached=evidence.reached,
        held_seconds=shown.held_seconds,
        lost=evidence.lost,
        open=_open_phase(shown, words, evidence),
        canary=shown.canary,
        fanout=_fanout(shown.fanouts, words),
        memory=shown.memory or NO_MEMORY,
        processes=Processes(
            planned.servers if shown.target.ours else 0, planned.generators, room.nofile, planned.single_process_limit
        ),
        errors=found.errors,
        wall=found.wall,
        counters=shown.counters,
        timeline=tuple(shown.timeline),
        interrupted=shown.interrupted > 0,
        sentences=(*shown.remarks, *found.sentences),
        pings=_pings(shown.pings),
        talk=_talk(shown, words),
        close=_close(shown),
        scenario=_steps(shown, words),
        machines=shown.machines,
    )


def _evidence(shown: Shown, words: list[int]) -> Evidence:
    planned, seconds = shown.budget, _seconds(shown)
    reached = max((count for _, count in shown.timeline), default=0)
    wanted = planned.connections
    if shown.closes and shown.closed:  # who has closed by itself is not missing
        wanted = reached + words[tally.FAILED] + max(0, planned.connections - words[tally.STARTED])
    canary = shown.canary
    return Evidence(
        wanted=wanted,
        reached=reached,
        lost=words[tally.LOST] + _lost_with_machines(shown),
        held_seconds=shown.held_seconds,
        errors=_errors(words, shown),
        counters=shown.counters,
        server_processes=planned.servers if shown.target.ours else 0,
        nofile_each=shown.room.nofile,
        single_process_limit=planned.single_process_limit,
        stopped_by=shown.closed.get("stopped_by", ""),
        stopped_why=shown.closed.get("stopped_why", ""),
        fits=planned.fits,
        interrupted=shown.interrupted > 0,
        workers_lost=_workers_lost(shown),
        machines_lost=shown.machines_lost,
        machine_cut=_cut_off(shown.machines),
        server_machine=shown.server_machine,
        apart=shown.apart,
        cpus=shown.room.cpus,
        server_cpu=shown.server_cpu,
        generator_cpu=shown.generator_cpu,
        rate=reached / seconds if seconds else 0.0,
        ports_each=shown.room.usable_ports,
        fanout_expected=sum(event["expected"] for event in shown.fanouts),
        fanout_delivered=sum(event["delivered"] for event in shown.fanouts),
        canary_attempts=canary.attempts if canary else 0,
        canary_failed=canary.failed if canary else 0,
    )


def _seconds(shown: Shown) -> float:
    if shown.opened:
        return float(shown.opened["seconds"])
    return shown.timeline[-1][0] if shown.timeline else 0.0


def _open_phase(shown: Shown, words: list[int], evidence: Evidence) -> OpenPhase:
    paced = words[tally.LAG_NS] or any(words[tally.DUE_MS : tally.DUE_MS + tally.BUCKETS])
    return OpenPhase(
        _seconds(shown),
        evidence.rate,
        words[tally.FAILED],
        _percentiles(words, tally.CONNECT_MS),
        _percentiles(words, tally.UPGRADE_MS),
        _percentiles(words, tally.DUE_MS),
        words[tally.LAG_NS] / 1e6 if paced else None,
    )


def _lost_with_machines(shown: Shown) -> int:
    return sum(machine.lost for machine in shown.machines if machine.gone)


def _cut_off(machines: tuple[Machine, ...]) -> str:
    """The one machine that lost nearly all while the others lost nothing: that is its network, not the server."""
    losers = [machine for machine in machines if machine.lost]
    if len(losers) != 1 or len(machines) < 2 or losers[0].lost < 0.9 * losers[0].opened:
        return ""
    return f"{losers[0].name} lost {losers[0].lost:,} of its {losers[0].opened:,}, the others none"


def _errors(words: list[int], shown: Shown) -> dict[tuple[str, str, str], int]:
    found = {("generator", phase, name): count for (phase, name), count in tally.errors(words).items()}
    for machine in shown.machines:
        if not machine.gone:
            continue
        # Who is lost while opening takes along what it had open, and what it had still to open.
        opening = machine.name in shown.lost_opening
        key = ("generator", "open" if opening else "hold", "MACHINE-LOST")
        count = machine.share - machine.failed if opening else machine.lost
        if count > 0:
            found[key] = found.get(key, 0) + count
    server = shown.closed.get("server", {})
    if server.get("accept_errors"):
        name = errno.errorcode.get(server["errno"], str(server["errno"]))
        found["server", "accept", name] = server["accept_errors"]
    return found


def _workers_lost(shown: Shown) -> dict[str, int]:
    lost: dict[str, int] = {}
    for side, _ in shown.closed.get("lost", ()):
        lost[side] = lost.get(side, 0) + 1
    if shown.lost_coordinator:
        lost["generator"] = lost.get("generator", 0) + 1
    return lost


def _fanout(events: list[Event], words: list[int]) -> Fanout | None:
    if not events:
        return None
    last = events[-1]
    expected, delivered = (sum(event[name] for event in events) for name in ("expected", "delivered"))
    took = sum(event["seconds"] for event in events)
    rate = delivered / took if took else 0.0
    latency = _percentiles(words, tally.FANOUT_MS)
    return Fanout(len(events), expected, delivered, last["seconds"], rate, last["first_ms"], latency)


def _pings(events: list[Event]) -> Pings | None:
    if not events:
        return None
    return Pings(len(events), sum(event["pings"] for event in events), sum(event["pongs"] for event in events))


def _close(shown: Shown) -> Close | None:
    closed = shown.closed
    return Close(shown.close_seconds, closed["wanted"], closed["graceful"]) if closed else None


def _steps(shown: Shown, words: list[int]) -> Steps | None:
    if not shown.scripted:
        return None
    return Steps(
        words[tally.SCRIPT_SAID],
        words[tally.SCRIPT_HEARD],
        words[tally.ENDED],
        words[tally.PENDING],
        _percentiles(words, tally.EXPECT_MS),
    )


def _talk(shown: Shown, words: list[int]) -> Talk | None:
    if not shown.talk:
        return None
    said, heard = words[tally.TALK_SAID], words[tally.TALK_HEARD]
    seconds = shown.talk.get("seconds", shown.held_seconds)
    return Talk(
        shown.talk["talkers"],
        said,
        said * shown.talk["listeners"],
        heard,
        seconds,
        heard / seconds if seconds else 0.0,
        _percentiles(words, tally.TALK_MS),
    )


def _percentiles(words: list[int], histogram: int) -> Percentiles | None:
    found = tally.percentiles(words, histogram)
    if found is None:
        return None
    return Percentiles(int(found["count"]), found["p50"], found["p90"], found["p99"], found["p999"], found["max"])
