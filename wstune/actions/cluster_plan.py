"""Which machines of a cluster take part, what each takes, and what its coordinator is told."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from wstune.actions import verify_scenario
from wstune.actions.verify_options import VerifyOptions
from wstune.burst import agent, pacing, shares
from wstune.burst import answers as shape
from wstune.burst.conversation import said_by
from wstune.burst.engine.plan import Plan
from wstune.burst.engine.records import Json, WireError, read
from wstune.burst.fleet import Member
from wstune.burst.ports import loopback_sources, sources_needed
from wstune.burst.shares import Limit, MachineRoom
from wstune.errors import InconclusiveError, UsageError
from wstune.tunables.ports import STOCK_PORTS

if TYPE_CHECKING:
    from wstune.burst.cluster import Cluster, Worker

_CLOCK_TRIES = 5
_CLOCK_SECONDS = 1.0
"""A wall clock that differs by more is told of: certificates and logs go by it."""
_MAX_CPUS = 65_536
"""Believed of a machine."""


@dataclass(frozen=True, slots=True)
class Generator:
    """A machine that was checked: its room; what binds it; `ahead` of the head's
    CLOCK_MONOTONIC by so many seconds, known to within `unsure`, and of its wall clock by `clock`."""

    worker: Worker
    room: MachineRoom
    budget: Limit
    ahead: float
    unsure: float
    clock: float
    neighbours: int
    """Workers on the same kernel, itself included."""


def server_of(workers: list[Worker], name: str) -> Worker:
    """The worker that `--serve-on` names: by its name, its host's, or its address. Raises UsageError."""
    for worker in workers:
        if name in (worker.name, worker.found.hostname, urlsplit(worker.address).hostname, worker.address):
            return worker
    raise UsageError(
        f"--serve-on {name}: there is no such machine in the cluster", f"there are {_listed(w.name for w in workers)}"
    )


def checked(cluster: Cluster, workers: list[Worker], options: VerifyOptions, *, local: bool) -> list[Generator]:
    """Check every machine, as a generator. One of several workers in one network namespace is enough, unless `local`.

    Raises InconclusiveError, with the machine's name, when one cannot be checked.
    """
    sources, tls = verify_scenario.sources(options), options.target.security is not None
    asked = (sources, options.target.loopback, False, tls)
    answers = cluster.ask({each.address: asked for each in workers}, agent.check)
    rooms: dict[str, MachineRoom] = {}
    for worker in workers:
        answer = room_of(worker, answers[worker.address])
        if sources and not answer.sources:
            whose = "--source" if options.sources else f"the sources of {options.scenario and options.scenario.where}"
            raise UsageError(f"{whose}: none of these addresses is of {worker.name}", "name some of each machine")
        place = (answer.boot_id, answer.netns)
        if local or all(place != (room.boot_id, room.netns) for room in rooms.values()):
            rooms[worker.address] = answer
    chosen = [worker for worker in workers if worker.address in rooms]
    found = [rooms[each.address] for each in chosen]
    clocks = _clocks(cluster, chosen)
    boots = [room.boot_id for room in found]
    return [
        Generator(worker, room, budget, *clocks[worker.address], boots.count(room.boot_id))
        for worker, room, budget in zip(chosen, found, shares.budgets(found), strict=True)
    ]


def room_of(worker: Worker, answer: Json | Exception) -> MachineRoom:
    """What a machine said about its room. Raises InconclusiveError with its name."""
    if isinstance(answer, Exception):
        raise InconclusiveError(f"{worker.name} cannot be checked: {answer!r}")
    with said_by(worker.name):
        room = read(MachineRoom, shape.cleaned(answer))
        if not 1 <= room.cpus <= _MAX_CPUS:
            raise WireError(f"cpus is {room.cpus} instead of 1 to {_MAX_CPUS:,} processors")
        return room


def _clocks(cluster: Cluster, workers: list[Worker]) -> dict[str, tuple[float, float, float]]:
    """By how many seconds each one's CLOCK_MONOTONIC is ahead of ours, how far that may be off; its wall clock too."""
    best: dict[str, tuple[float, float, float]] = {}
    for _ in range(_CLOCK_TRIES):
        for worker in workers:
            before = time.monotonic()
            answer = cluster.ask({worker.address: ()}, agent.clock)[worker.address]
            after = time.monotonic()
            half = (after - before) / 2
            if (
                not isinstance(answer, Exception)
                and shape.CLOCK.fits(answer)
                and half < best.get(worker.address, (0.0, 1e9, 0.0))[1]
            ):
                monotonic, wall = answer
                best[worker.address] = (monotonic - before - half, half, wall - (time.time() - half))
    for worker in workers:
        if worker.address not in best:
            raise InconclusiveError(f"{worker.name} does not tell its clock")
    return best


def allotted(machines: list[Generator], wanted: int, options: VerifyOptions) -> tuple[list[int], list[str]]:
    """Every machine's share, and what has to be said about it. Raises InconclusiveError when they have no room."""
    room = [machine.budget.connections for machine in machines]
    even = -(-wanted // len(machines))
    if options.force:
        return pacing.split(wanted, len(machines)), []
    try:
        found = shares.allot(wanted, room)
    except ValueError:
        least = min(machines, key=lambda machine: machine.budget.connections)
        raise InconclusiveError(
            f"{wanted:,} connections do not fit on {len(machines)} load machines, which have room for {sum(room):,}: "
            f"{least.worker.name} for {least.budget.connections:,}, by {least.budget.name}; nothing was opened",
            f"for {least.worker.name}: {least.budget.fix or 'a larger machine'}; there: sudo wstune apply "
            f"load-generator -n {even}",
        ) from None
    remarks = [
        f"{machine.worker.name} takes {share:,} instead of {even:,}: {machine.budget.name} there has room for no more"
        f"{'; ' * bool(machine.budget.fix)}{machine.budget.fix}"
        for machine, share in zip(machines, found, strict=True)
        if share < even - 1
    ]
    remarks += [
        f"the clock of {machine.worker.name} differs from the one here by {machine.clock:+.1f} s"
        for machine in machines
        if abs(machine.clock) > _CLOCK_SECONDS
    ]
    return found, remarks


def members(machines: list[Generator], own: list[int], base: Plan, options: VerifyOptions) -> list[Member]:
    """What each machine's coordinator is told: its part of `base`, a coordinator's plan for the whole."""
    phases = shares.phases_of(base.phases, own) if base.phases else [() for _ in own]
    authority = Path(base.tls.ca).read_text() if base.tls and base.tls.ca else ""  # a file of ours: its text goes along
    epoch = time.time_ns() - time.monotonic_ns()  # of the time that all share: above any machine's CLOCK_MONOTONIC
    found, skip, first_number = [], 0, 0
    for number, (machine, share) in enumerate(zip(machines, own, strict=True)):
        if not share:
            continue
        room = machine.room
        cpus = max(1, room.cpus // machine.neighbours)
        try:
            processes = pacing.generators_needed(share, room.nofile, cpus)
        except ValueError as error:
            raise InconclusiveError(f"no burst fits {machine.worker.name}: {error}", "raise nofile there") from None
        sources = room.sources
        if options.target.loopback and not sources:
            many = max(processes, sources_needed(share, STOCK_PORTS))
            sources, skip = tuple(loopback_sources(many, skip)), skip + many
        openers, window = pacing.at_once(processes, cpus)
        paced = phases[number]
        plan = base._replace(
            server=None,
            shares=tuple(pacing.shares(paced, processes) if paced else pacing.split(share, processes)),
            phases=paced,
            sources=sources,
            openers=openers,
            window=base.window if paced else window,
            seed=base.seed + number,
            first_number=first_number,
            clock_ns=max(0, epoch - int(machine.ahead * 1e9)),
        )
        first_number += max(plan.shares) * processes  # numbers of a machine with unequal shares have gaps
        worker = machine.worker
        found.append(Member(worker.name, worker.address, share, plan, options.force, authority, ahead=machine.ahead))
    return found


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names)
