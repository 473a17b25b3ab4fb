"""Which machines of a cluster take part, what each takes, and what its coordinator is told."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from wstune.actions import verify_scenario
from wstune.burst import agent, pacing, shares
from wstune.burst import answers as shape
from wstune.burst.conversation import said_by
from wstune.burst.fleet import Member
from wstune.burst.ports import loopback_sources, sources_needed
from wstune.burst.shares import Limit, Offer
from wstune.errors import InconclusiveError, UsageError

if TYPE_CHECKING:
    from wstune.actions.verify import VerifyOptions
    from wstune.burst.cluster import Cluster, Worker

_CLOCK_TRIES = 5
_CLOCK_SECONDS = 1.0
"""A wall clock that differs by more is told of: certificates and logs go by it."""
_USABLE_PORTS = 28_232


@dataclass(frozen=True, slots=True)
class Generator:
    """A machine that was checked: `room` as burst.agent.check gives it; what binds it; `ahead` of the head's
    CLOCK_MONOTONIC by so many seconds, known to within `unsure`, and of its wall clock by `clock`."""

    worker: Worker
    room: dict[str, Any]
    budget: Limit
    ahead: float
    unsure: float
    clock: float
    neighbours: int
    """Workers on the same kernel, itself included."""


def server_of(workers: list[Worker], name: str) -> Worker:
    """The worker that `--serve-on` names: by its name, its host's, or its address. Raises UsageError."""
    for worker in workers:
        if name in (worker.name, worker.found["hostname"], urlsplit(worker.address).hostname, worker.address):
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
    rooms: dict[str, dict[str, Any]] = {}
    for worker in workers:
        answer = room_of(worker, answers[worker.address])
        if sources and not answer["sources"]:
            whose = "--source" if options.sources else f"the sources of {options.scenario and options.scenario.where}"
            raise UsageError(f"{whose}: none of these addresses is of {worker.name}", "name some of each machine")
        place = (answer["boot_id"], answer["netns"])
        if local or all(place != (room["boot_id"], room["netns"]) for room in rooms.values()):
            rooms[worker.address] = answer
    chosen = [worker for worker in workers if worker.address in rooms]
    offers = [
        Offer(each.name, tuple(Limit(*limit) for limit in room["limits"]), room["boot_id"], room["netns"])
        for each in chosen
        for room in [rooms[each.address]]
    ]
    clocks = _clocks(cluster, chosen)
    boots = [rooms[each.address]["boot_id"] for each in chosen]
    return [
        Generator(
            worker,
            rooms[worker.address],
            budget,
            *clocks[worker.address],
            boots.count(rooms[worker.address]["boot_id"]),
        )
        for worker, budget in zip(chosen, shares.budgets(offers), strict=True)
    ]


def room_of(worker: Worker, answer: Any) -> dict[str, Any]:
    """What a machine said about its room, as burst.agent.check gives it. Raises InconclusiveError with its name."""
    if isinstance(answer, Exception):
        raise InconclusiveError(f"{worker.name} cannot be checked: {answer!r}")
    with said_by(worker.name):
        return shape.record(shape.cleaned(answer), shape.ROOM)


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


def members(machines: list[Generator], own: list[int], base: dict[str, Any], options: VerifyOptions) -> list[Member]:
    """What each machine's coordinator is told: its part of `base`, a coordinator's plan for the whole."""
    phases = shares.phases_of(base["phases"], own) if base["phases"] else [[] for _ in own]
    epoch = time.time_ns() - time.monotonic_ns()  # of the time that all share: above any machine's CLOCK_MONOTONIC
    found, skip, first_number = [], 0, 0
    for number, (machine, share) in enumerate(zip(machines, own, strict=True)):
        if not share:
            continue
        room = machine.room
        cpus = max(1, room["cpus"] // machine.neighbours)
        try:
            processes = pacing.generators_needed(share, room["nofile"], cpus)
        except ValueError as error:
            raise InconclusiveError(f"no burst fits {machine.worker.name}: {error}", "raise nofile there") from None
        sources = list(room["sources"])
        if options.target.loopback and not sources:
            many = max(processes, sources_needed(share, _USABLE_PORTS))
            sources, skip = loopback_sources(many, skip), skip + many
        openers, window = pacing.at_once(processes, cpus)
        plan = {
            **base,
            "server": None,
            "shares": pacing.shares([tuple(phase) for phase in phases[number]], processes)
            if phases[number]
            else pacing.split(share, processes),
            "phases": phases[number],
            "sources": sources,
            "openers": openers,
            **({} if phases[number] else {"window": window}),
            "seed": base["seed"] + number,
            "first_number": first_number,
            "clock_ns": max(0, epoch - int(machine.ahead * 1e9)),
            "force": options.force,
            "tls": _with_authority(base["tls"]),
        }
        first_number += max(plan["shares"]) * processes  # numbers of a machine with unequal shares have gaps
        found.append(Member(machine.worker.name, machine.worker.address, share, plan, machine.ahead))
    return found


def _with_authority(tls: dict[str, Any] | None) -> dict[str, Any] | None:
    """A file of authorities is here, not there: its text goes along."""
    return {**tls, "text": Path(tls["ca"]).read_text()} if tls and tls.get("ca") else tls


def _listed(names: Any) -> str:
    return ", ".join(names)
