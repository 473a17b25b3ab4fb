"""What a fleet measured, as the figures of one report: memory, CPU, counters, and a row for each machine."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from wstune.actions.cluster_plan import Generator
from wstune.actions.verify_evidence import percentiles
from wstune.actions.verify_state import Run
from wstune.burst import shares, tally
from wstune.burst.engine.events import Counts, MeasuredEvent
from wstune.burst.fleet import Fleet, Member
from wstune.burst.shares import MachineRoom
from wstune.host import memory, processes
from wstune.host.host import Host
from wstune.verification import Machine, Memory

_BUSY = 0.9


@dataclass(frozen=True, slots=True)
class ServerUse:
    """CPU time and memory of the server while the connections are open; None of both: it is elsewhere."""

    cpu_seconds: float | None = None
    private_bytes: int | None = None


def server_use(before: float, servers: tuple[int, ...], remote: MeasuredEvent | None) -> ServerUse:
    """Of the server, if it is a process of this host (`before`: its CPU time before the opening), or of a machine."""
    if servers:
        return ServerUse(processes.cpu_seconds(servers) - before, memory.private_bytes(servers))
    return ServerUse(remote.cpu_seconds, remote.private_bytes) if remote else ServerUse()


def measure(run: Run, fleet: Fleet, machines: list[Generator], server: ServerUse) -> None:
    """Memory and CPU of the opening, into the evidence. Latest right after it: what is freed would count for less."""
    evidence, opened = run.evidence, run.opened
    if opened is None:
        return
    count = opened.standing.open
    rooms = {machine.worker.name: machine.room for machine in machines}
    measured = [(member, member.at_open) for member in fleet.members if member.opened and not member.server]
    shares_of_cpu: dict[str, float] = {}
    for member, own in measured:
        if own and (room := rooms.get(member.name)):
            boot = room.boot_id
            shares_of_cpu[boot] = shares_of_cpu.get(boot, 0.0) + run.cpu_share(own.cpu_seconds, room.cpus)
    busiest = min(1.0, max(shares_of_cpu.values(), default=0.0))
    if server.cpu_seconds is not None:
        evidence.server_cpu = run.cpu_share(server.cpu_seconds, run.room.cpus)
    if Host().facts().boot_id in shares_of_cpu or busiest >= _BUSY:
        evidence.generator_cpu = busiest
    if not count:
        return
    told = [own.private_bytes for _, own in measured if own]
    generator = sum(told) / count if len(told) == len(measured) else None
    server_bytes = None if server.private_bytes is None else server.private_bytes / count
    kernel = _kernel_bytes(fleet, rooms)
    evidence.memory = Memory(server_bytes, generator, None if kernel is None else kernel / count, None)


def _kernel_bytes(fleet: Fleet, rooms: dict[str, MachineRoom]) -> int | None:
    """Growth of the socket slabs on all load machines, once for each kernel; None unless each told it."""
    grown: dict[str, int] = {}
    for member in fleet.members:
        if member.server or member.opened is None or member.ready is None:
            continue
        first = member.at_ready.slab_bytes if member.at_ready else None
        last = member.at_open.slab_bytes if member.at_open else None
        if first is None or last is None:
            return None
        boot = rooms[member.name].boot_id
        grown[boot] = max(grown.get(boot, 0), last - first)
    return sum(grown.values()) if grown else None


def complete(run: Run, fleet: Fleet, machines: list[Generator], host: Host) -> None:
    """The rows of the machines, who was lost, and the counters of all of them, into the evidence."""
    evidence, by_name = run.evidence, {machine.worker.name: machine for machine in machines}
    evidence.machines = tuple(_row(run, member, by_name[member.name]) for member in fleet.members if not member.server)
    evidence.machines_lost = {member.name: member.lost for member in fleet.lost}
    evidence.lost_opening = frozenset(member.name for member in fleet.lost if member.opened is None)
    evidence.server_machine = next((member.name for member in fleet.members if member.server), "")
    facts = host.facts()
    growths: list[tuple[str, int, dict[str, int]]] = []
    for member in fleet.members:
        room = by_name[member.name].room if member.name in by_name else MachineRoom((), member.name)
        if member.closed is not None and member.growth is not None:
            growths.append((room.boot_id, room.netns, member.growth))
    boots = {boot for boot, _, _ in growths}
    if run.options.target.ours or facts.boot_id in boots:
        growths.append((facts.boot_id or "", facts.netns or 0, evidence.counters))
    run.counted, evidence.counters = growths, shares.merged_counters(growths)


def _row(run: Run, member: Member, machine: Generator) -> Machine:
    opened, closed, standing, at_open = member.opened, member.closed, member.standing, member.at_open
    counts = closed.counts if closed else Counts()
    reached = (opened.standing.open if opened else 0) or standing.open
    seconds = opened.seconds if opened else 0.0
    return Machine(
        member.name,
        urlsplit(member.address).hostname or "",
        member.share,
        reached,
        counts.words[tally.FAILED] if closed else standing.failed,
        member.lost_open + standing.lost if member.lost else counts.words[tally.LOST],
        reached / seconds if seconds else 0.0,
        percentiles(counts, tally.UPGRADE_MS),
        machine.budget.connections if machine.budget.name else None,
        machine.budget.name,
        run.cpu_share(at_open.cpu_seconds, machine.room.cpus) if at_open else None,
        machine.clock * 1000,
        machine.unsure * 1000,
        member.lost,
    )
