"""What a fleet measured, as the figures of one report: memory, CPU, counters, and a row for each machine."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from wstune.actions.cluster_plan import Generator
from wstune.actions.verify_report import NO_MEMORY, Shown
from wstune.burst import shares, tally
from wstune.burst.fleet import Fleet, Member
from wstune.burst.process import Event
from wstune.host import memory, processes
from wstune.host.host import Host
from wstune.verification import Machine, Memory, Percentiles

_BUSY = 0.9


class Before:
    """What is read before anything is opened: CPU time of the server, if it is a process of this host."""

    def __init__(self, servers: list[int], ready: Event) -> None:
        self.servers = servers
        self.cpu = processes.cpu_seconds(servers)
        self.ready = ready


def measure(shown: Shown, fleet: Fleet, machines: list[Generator], before: Before, serving: Event) -> None:
    """Memory and CPU of the opening, into `shown`. Latest right after it: what is freed would count for less."""
    opened = shown.opened["open"]
    seconds = max(shown.opened["seconds"], 1e-9)
    rooms = {machine.worker.name: machine.room for machine in machines}
    shares_of_cpu: dict[str, float] = {}
    for member in fleet.members:
        if (own := member.told.get("open")) and member.name in rooms:
            room = rooms[member.name]
            boot = room["boot_id"]
            shares_of_cpu[boot] = shares_of_cpu.get(boot, 0.0) + own["cpu_seconds"] / seconds / room["cpus"]
    busiest = max(shares_of_cpu.values(), default=0.0)
    if before.servers:
        shown.server_cpu = (processes.cpu_seconds(before.servers) - before.cpu) / seconds / shown.room.cpus
    elif serving:
        shown.server_cpu = serving["cpu_seconds"] / seconds / shown.room.cpus
    if Host().facts().boot_id in shares_of_cpu or busiest >= _BUSY:
        shown.generator_cpu = busiest
    if not opened:
        return
    answers = [(member, member.told["open"]) for member in fleet.members if "open" in member.told]
    generator = sum(own["private_bytes"] for member, own in answers if not member.server) / opened
    server = None
    if before.servers:
        server = memory.private_bytes(before.servers) / opened
    elif serving:
        server = serving["private_bytes"] / opened
    kernel = _kernel_bytes(fleet, rooms)
    shown.memory = Memory(server, generator, None if kernel is None else kernel / opened, None)
    if shown.memory == NO_MEMORY:
        shown.memory = None


def _kernel_bytes(fleet: Fleet, rooms: dict[str, dict[str, Any]]) -> int | None:
    """Growth of the socket slabs on all load machines, once for each kernel; None unless each told it."""
    grown: dict[str, int] = {}
    for member in fleet.members:
        if member.server or "open" not in member.told or "ready" not in member.told:
            continue
        first, last = member.told["ready"].get("slab"), member.told["open"].get("slab")
        if first is None or last is None:
            return None
        boot = rooms[member.name]["boot_id"]
        grown[boot] = max(grown.get(boot, 0), last - first)
    return sum(grown.values()) if grown else None


def complete(shown: Shown, fleet: Fleet, machines: list[Generator], host: Host) -> None:
    """The rows of the machines, who was lost, and the counters of all of them, into `shown`."""
    by_name = {machine.worker.name: machine for machine in machines}
    shown.machines = tuple(_row(member, by_name[member.name]) for member in fleet.members if not member.server)
    shown.machines_lost = {member.name: member.lost for member in fleet.lost}
    shown.lost_opening = frozenset(member.name for member in fleet.lost if "open" not in member.told)
    shown.server_machine = next((member.name for member in fleet.members if member.server), "")
    facts = host.facts()
    growths: list[tuple[str, int, dict[str, int]]] = []
    for member in fleet.members:
        closed = member.told.get("close", {})
        room: dict[str, Any] = by_name[member.name].room if member.name in by_name else {}
        if "counters" in closed:
            growths.append((str(room.get("boot_id", member.name)), int(room.get("netns", 0)), closed["counters"]))
    boots = {boot for boot, _, _ in growths}
    if shown.target.ours or facts.boot_id in boots:
        growths.append((facts.boot_id or "", facts.netns or 0, shown.counters))
    shown.counted, shown.counters = growths, shares.merged_counters(growths)


def _row(member: Member, machine: Generator) -> Machine:
    opened, closed = member.told.get("open", {}), member.told.get("close", {})
    words = [0] * tally.LENGTH
    for at, word in closed.get("words", {}).items():
        words[int(at)] = word
    reached = int(opened.get("open") or member.progress.get("open") or 0)
    seconds = opened.get("seconds", 0.0)
    bound = machine.budget.name != ""
    upgrade = tally.percentiles(words, tally.UPGRADE_MS)
    return Machine(
        member.name,
        urlsplit(member.address).hostname or "",
        member.share,
        reached,
        words[tally.FAILED] if closed else member.progress.get("failed", 0),
        member.lost_open + member.progress.get("lost", 0) if member.lost else words[tally.LOST],
        reached / seconds if seconds else 0.0,
        None
        if upgrade is None
        else Percentiles(
            int(upgrade["count"]), upgrade["p50"], upgrade["p90"], upgrade["p99"], upgrade["p999"], upgrade["max"]
        ),
        machine.budget.connections if bound else None,
        machine.budget.name,
        opened["cpu_seconds"] / seconds / machine.room["cpus"] if seconds and "cpu_seconds" in opened else None,
        machine.clock * 1000,
        machine.unsure * 1000,
        member.lost,
    )
