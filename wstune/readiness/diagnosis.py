"""What a burst that fell short means: whose wall it met, and what may be claimed. Pure; the knowledge is in walls.py.

**confirmed**: as many connections as wanted were open at once, none was lost, a message reached all, and a stock client
still got in. **missed**: the server side binds. **inconclusive**: the generator binds, or a limit that both ends share
and that the server alone would not have hit, or somebody stopped it: never "the server failed" for their sake.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from math import ceil, inf

from wstune.readiness.already_hit import beyond
from wstune.readiness.constants import OWN_FILES
from wstune.readiness.evidence import Evidence
from wstune.readiness.walls import CAUSES, KINDS, PLATEAUS, WALLS
from wstune.tunable import COUNTED, KILLED, Cause
from wstune.tunables.ports import STOCK_PORTS
from wstune.verification import BurstError, Processes, VerifyReport, Wall

__all__ = ["PHASES", "WALLS", "Evidence", "diagnose", "errors_table", "verdict", "wall"]

PHASES = ("socket", "bind", "connect", "tls", "upgrade", "hold", "close")
"""Phases of a connection at the generator. The server counts `accept`, `watch`, `bind`; the coordinator `fork`; of a
cluster the head counts `open` and `hold` for the shares of machines that were lost."""

_BUSY = 0.9
"""Share of the CPU time from which it counts as "busy all the time"."""

_CLAIM = "idle connections over loopback prove this host and its kernel, not an application, a network card or TLS"

_SLACK = OWN_FILES * 3 // 2
"""Plateaus of nofile end at most so much below it: what a worker has for itself, and half as many again."""


def diagnose(evidence: Evidence) -> VerifyReport:
    """The report of a burst: its errors, its wall and its verdict, with all that it showed."""
    found = wall(evidence)
    word, sentences = verdict(evidence, found)
    return VerifyReport(
        verdict=word,
        url=evidence.url,
        connections=evidence.asked or evidence.wanted,
        reached=evidence.reached,
        held_seconds=evidence.held_seconds,
        lost=evidence.lost,
        open=evidence.open,
        canary=evidence.canary,
        fanout=evidence.fanout,
        memory=evidence.memory,
        processes=Processes(
            evidence.server_processes,
            evidence.generator_processes,
            evidence.nofile_each,
            evidence.single_process_limit,
        ),
        errors=errors_table(evidence),
        wall=found,
        counters=evidence.counters,
        timeline=tuple(evidence.timeline),
        interrupted=evidence.interrupted > 0,
        sentences=(*evidence.remarks, *sentences),
        pings=evidence.pings,
        talk=evidence.talk,
        close=evidence.close,
        scenario=evidence.scenario,
        figures=evidence.figures,
        machines=evidence.machines,
    )


def errors_table(evidence: Evidence) -> tuple[BurstError, ...]:
    """Every kind of error with whose it is, which limit it points to and one fix; the most frequent first."""
    counts: dict[tuple[str, str, str, str], int] = {}
    for (by, phase, errno), count in evidence.errors.items():
        cause = _cause(by, phase, errno, count, evidence)
        key = (phase, errno, _side(cause.limit, "server" if cause.server_had else by, evidence), cause.limit)
        counts[key] = counts.get(key, 0) + count
    rows = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return tuple(
        BurstError(phase, errno, count, side, limit, _fix(limit, evidence))
        for (phase, errno, side, limit), count in rows
    )


def wall(evidence: Evidence) -> Wall | None:
    """The one limit that bound, or None when nothing did. In order of what says most about the rest."""
    if evidence.interrupted:
        return _wall("interrupted", "", f"{evidence.reached:,} of {evidence.wanted:,} were open until then", evidence)
    if evidence.machines_lost:
        return _machine_lost(evidence)
    if evidence.workers_lost:
        return _worker_lost(evidence)
    if evidence.stopped_by:
        why = evidence.stopped_why or KINDS[evidence.stopped_by].meaning
        return _wall(evidence.stopped_by, "generator", f"at {evidence.reached:,} connections: {why}", evidence)
    if evidence.machine_cut:
        return _wall("machine-cut-off", "generator", f"{evidence.machine_cut}; {_shortfall(evidence)}", evidence)
    if evidence.short:
        return _from_errors(evidence) or _from_cpu(evidence) or _wall("unexplained", "", _shortfall(evidence), evidence)
    fanout, canary = evidence.fanout, evidence.canary
    if fanout is not None and fanout.delivered < fanout.expected:
        delivered = f"{fanout.delivered:,} of {fanout.expected:,} were delivered"
        return _wall("fanout-incomplete", "server", delivered, evidence)
    if canary is not None and canary.attempts and canary.failed == canary.attempts:
        return _wall("canary-shut-out", "server", f"all {canary.attempts:,} attempts failed", evidence)
    return None


def verdict(evidence: Evidence, found: Wall | None) -> tuple[str, tuple[str, ...]]:
    """`confirmed`, `missed` or `inconclusive`, and remarks of which the last says it in words."""
    remarks: list[str] = []
    if found is None:
        if (canary := evidence.canary) is not None and canary.failed:
            remarks.append(f"a stock client failed in {canary.failed:,} of {canary.attempts:,} attempts")
        if _busy(evidence):
            remarks.append(f"no wall was met; opening was CPU-bound, at {evidence.open.rate:,.0f} connections a second")
        if evidence.here:
            remarks.append(_CLAIM)
        return "confirmed", (*remarks, _confirmed(evidence))
    words = f"{_shortfall(evidence)}; {_in_words(found)}"
    if _server_binds(found, evidence):
        return "missed", (f"missed: {words}",)
    if found.side == "host" and 1 < KINDS[found.name].share < inf:
        remarks.append("both ends were on this host, and the server alone would not have met this limit")
    return "inconclusive", (*remarks, f"inconclusive: {words}")


def _server_binds(found: Wall, evidence: Evidence) -> bool:
    """Whether the server alone, with the generator elsewhere, would have met this wall before the target."""
    if found.name in ("worker-lost", "machine-lost"):
        return False  # somebody killed it: that says nothing about what the host holds
    if found.side != "host":
        return found.side == "server"
    return max(evidence.reached, evidence.fits) * KINDS[found.name].share < evidence.wanted


def _confirmed(evidence: Evidence) -> str:
    single, processes = evidence.single_process_limit, evidence.server_processes
    if processes > 1 and single < evidence.wanted:
        return f"confirmed with {processes} server processes; one process here holds {single:,}"
    return (
        f"confirmed: {evidence.reached:,} connections were open at once, held {evidence.held_seconds:,.0f} s, none lost"
    )


def _in_words(found: Wall) -> str:
    if found.name in WALLS:
        return WALLS[found.name].meaning
    return f"the wall is {found.name} of the {found.side}"


def _shortfall(evidence: Evidence) -> str:
    opened = f"{evidence.reached:,} of {evidence.wanted:,} connections were open at once"
    return f"{opened}, {evidence.lost:,} of them were lost" if evidence.lost else opened


def _from_errors(evidence: Evidence) -> Wall | None:
    """The wall that the errors point to: firm causes before symptoms, then the most frequent."""
    causes = [
        (_cause(by, phase, errno, count, evidence), by, phase, errno, count)
        for (by, phase, errno), count in evidence.errors.items()
        if phase != "close" and (phase == "hold" or evidence.reached < evidence.wanted)
    ]
    if not causes:
        return None
    cause, by, phase, errno, count = min(causes, key=lambda found: (_doubt(found[0]), -found[4], found[1:4]))
    times = "once" if count == 1 else f"{count:,} times"
    seen = f"{errno} in {phase}, {times} at the {by}; {evidence.reached:,} were open"
    if not cause.firm:
        if from_plateau := _from_plateau(seen, evidence):
            return from_plateau
        if phase != "hold" and errno in ("TIMEOUT", "ETIMEDOUT") and (from_cpu := _from_cpu(evidence)):
            return from_cpu
    moved = [f"{name} +{evidence.counters[name]:,}" for name in _names(cause.counters) if evidence.counters.get(name)]
    usual = [at.remark for at in PLATEAUS if at.limit == cause.limit and at.low <= evidence.reached <= at.high]
    return _wall(cause.limit, by, "; ".join([seen, *moved, *usual]), evidence)


def _doubt(cause: Cause) -> int:
    """0 for an errno that proves its limit, 1 where a counter has to speak too, 2 for a symptom."""
    return bool(cause.counters) if cause.firm else 2


def _from_plateau(seen: str, evidence: Evidence) -> Wall | None:
    """The wall that the number itself gives away, where the errors are only symptoms."""
    if evidence.reached >= evidence.wanted:
        return None
    ceiling = evidence.server_processes * evidence.nofile_each
    if ceiling and ceiling - _SLACK * evidence.server_processes <= evidence.reached <= ceiling:
        each = f"{evidence.server_processes} × {evidence.nofile_each:,} descriptors"
        return _wall("nofile", "server", f"{seen}; the server has {each}", evidence)
    for plateau in () if evidence.here else PLATEAUS:
        if plateau.low <= evidence.reached <= plateau.high:
            # Our own generator would have had EMFILE or EADDRNOTAVAIL itself: it is the server's, or a proxy's.
            return Wall(plateau.limit, "server", f"{seen}; {plateau.remark}", _fix(plateau.limit, evidence))
    return None


def _from_cpu(evidence: Evidence) -> Wall | None:
    """The CPU as the wall: the server's when its processes alone were busy all the time, else everybody's."""
    if not _busy(evidence):
        return None
    server, generator = evidence.server_cpu or 0.0, evidence.generator_cpu or 0.0
    cores = min(evidence.server_processes, evidence.cpus)
    served = server * evidence.cpus / cores if cores else 0.0
    shares = f"server {server:.0%}, generator {generator:.0%} of {evidence.cpus} CPUs, {evidence.open.rate:,.0f}/s"
    if served >= _BUSY and cores < evidence.cpus:
        return Wall("cpu", "server", f"{shares}; {cores} server process(es) had no more to give", _fix("cpu", evidence))
    return _wall("cpu", "", shares, evidence)


def _busy(evidence: Evidence) -> bool:
    if evidence.server_cpu is None and evidence.generator_cpu is None:
        return False
    server, generator = evidence.server_cpu or 0.0, evidence.generator_cpu or 0.0
    alone = server * evidence.cpus / evidence.server_processes if 0 < evidence.server_processes < evidence.cpus else 0.0
    return server + generator >= _BUSY or alone >= _BUSY


def _machine_lost(evidence: Evidence) -> Wall:
    said = "; ".join(f"{name}: {why}" for name, why in sorted(evidence.machines_lost.items()))
    side = "server" if evidence.server_machine in evidence.machines_lost else "generator"
    return _wall("machine-lost", side, f"{said}; {_shortfall(evidence)}", evidence)


def _worker_lost(evidence: Evidence) -> Wall:
    lost = ", ".join(f"{count} of the {side}" for side, count in sorted(evidence.workers_lost.items()))
    killed = next((name for name in ("cgroup.memory.oom_kill", "vmstat.oom_kill") if evidence.counters.get(name)), "")
    if killed:
        # A cgroup counts those of its processes that the whole host's lack of memory has killed, too.
        limit = "cgroup.memory.max" if evidence.counters.get("cgroup.memory.max") else "memory"
        return _wall(
            limit, "", f"the OOM killer took processes: {lost}; {killed} +{evidence.counters[killed]}", evidence
        )
    side = "server" if "server" in evidence.workers_lost else "generator"
    return _wall("worker-lost", side, f"processes lost: {lost}; {evidence.reached:,} were open", evidence)


def _cause(by: str, phase: str, errno: str, count: int, evidence: Evidence) -> Cause:
    return next(
        cause
        for cause in CAUSES
        if any(errno == name or ("*" in name and fnmatchcase(errno, name)) for name in cause.errnos)
        and (not cause.phases or phase in cause.phases)
        and (not cause.by or cause.by == by)
        and (not cause.server_had or _server_had(cause.server_had, evidence))
        and (not cause.counters or any(2 * beyond(name, evidence.counters) >= count for name in cause.counters))
    )


def _server_had(errno: str, evidence: Evidence) -> int:
    if errno == KILLED:
        return evidence.workers_lost.get("server", 0)
    return evidence.errors.get(("server", "accept", errno), 0)


def _names(counters: tuple[str, ...]) -> list[str]:
    return [part for name in counters for part in name.split(">")]


def _wall(name: str, by: str, seen: str, evidence: Evidence) -> Wall:
    return Wall(name, _side(name, by, evidence), seen, _fix(name, evidence))


def _side(limit: str, by: str, evidence: Evidence) -> str:
    """Whose a limit is. What both ends would share is the generator's when the server is elsewhere."""
    side = KINDS[limit].side
    if side == COUNTED:
        return by or "host"
    return by or "generator" if side == "host" and not evidence.here else side


def _fix(limit: str, evidence: Evidence) -> str:
    each = evidence.single_process_limit or max(evidence.nofile_each - _SLACK, 1)
    ports = evidence.ports_each or STOCK_PORTS
    return (
        KINDS[limit]
        .fix.replace("{wanted}", str(evidence.wanted))
        .replace("{processes}", str(ceil(evidence.wanted / each)))
        # Half of each range: past that, connect() searches long (facts of inet_hashtables.c:__inet_hash_connect).
        .replace("{sources}", str(ceil(evidence.wanted / (ports / 2))))
    )
