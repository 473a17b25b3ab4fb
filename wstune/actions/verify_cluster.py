"""`wstune verify` with load from several machines: each is checked, takes its share, starts with the others, and the
head makes one report of what they say. Against a server elsewhere, or the built-in one, here or on one of the machines.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeVar
from urllib.parse import urlsplit

from wstune import signals
from wstune.actions import cluster_plan, cluster_report, server_stats, verify_scenario
from wstune.actions.cluster_plan import Generator
from wstune.actions.guarded import attempt, reason
from wstune.actions.verify import add_figures, drive
from wstune.actions.verify_evidence import outcome
from wstune.actions.verify_measure import baseline
from wstune.actions.verify_options import Progress, VerifyOptions
from wstune.actions.verify_outcome import BurstRefused, Outcome, interruptible
from wstune.actions.verify_plan import BACKLOG, coordinator_plan, default_connections, plan, room_of
from wstune.actions.verify_state import Run, evidence_of
from wstune.burst import agent, budget, pacing
from wstune.burst.cluster import Cluster, Worker, connect, run_id
from wstune.burst.cluster_entry import Where
from wstune.burst.engine import events, wire
from wstune.burst.engine.plan import Plan, ServerPlan
from wstune.burst.fleet import Fleet, Member
from wstune.burst.process import Burst
from wstune.burst.room import bytes_each
from wstune.burst.shares import MachineRoom, MachineStanding, budgets
from wstune.errors import InconclusiveError, UsageError, WstuneError
from wstune.host import processes
from wstune.host.host import Host
from wstune.model import Role

Reply = TypeVar("Reply", bound=wire.Mergeable)
_SETTLE_SECONDS = 0.3


@dataclass(frozen=True, slots=True)
class _Crew:
    """Who does what: the server (a worker and its room, or None: here or elsewhere), the load machines and their
    shares."""

    generators: list[Generator]
    own: list[int]
    server: Worker | None
    room: MachineRoom | None
    remarks: list[str]


def run(
    options: VerifyOptions, where: Where, on_progress: Callable[[Progress], None], host: Host | None = None
) -> Outcome:
    """Open, hold, use and close from all machines; say what that showed. A machine that cannot be had, or has no room,
    is a BurstRefused that names it."""
    began = time.monotonic()
    state: Run | None = None
    try:
        _require(options, where)
        with connect(where, options.time_limit) as cluster:
            state = _burst(cluster, options, where, on_progress, host or Host(), began)
    except (Exception, KeyboardInterrupt) as error:
        if state is None and isinstance(error, WstuneError):
            return BurstRefused(error)
        if state is None:
            raise
        if isinstance(error, KeyboardInterrupt):
            state.evidence.interrupted = state.evidence.interrupted or signals.number_of(error)
        state.evidence.remarks.append(f"the cluster could not be closed: {reason(error)}")
    return outcome(state)


def _burst(
    cluster: Cluster,
    options: VerifyOptions,
    where: Where,
    on_progress: Callable[[Progress], None],
    host: Host,
    began: float,
) -> Run:
    """The burst, to its end; `began`, by CLOCK_MONOTONIC, is what its time limit counts from."""
    crew, planned, room = _crew(cluster, options, where, host)
    aimed = _aimed(cluster, crew, options, where)
    own = f"{len(crew.generators)} load machines: " + ", ".join(
        f"{each.worker.name} {share:,}" for each, share in zip(crew.generators, crew.own, strict=True)
    )
    evidence = evidence_of(aimed, planned, room)
    evidence.remarks += [own, *crew.remarks]
    evidence.apart = not where.local
    on_progress(Progress("start", planned.connections, note=own))
    for remark in crew.remarks:
        on_progress(Progress("start", planned.connections, note=remark))
    state = Run(aimed, planned, room, evidence, on_progress, host, baseline(host), began=began)
    # Several coordinators may share a machine: each is another program to the others.
    base = coordinator_plan(state)._replace(seconds=state.left(), others_share=0.0)
    members = cluster_plan.members(crew.generators, crew.own, base, aimed)
    evidence.generator_processes = sum(len(member.plan.shares) for member in members)
    with interruptible(evidence):
        figures = server_stats.fetch(aimed.target, aimed.stats)
        both = _Both(cluster, members, _served(crew, base), base, state.progress)
        drive(state, both, lambda _, at: _open(both, at, crew))
        what = "the machines' figures"
        attempt(evidence, what, lambda: cluster_report.complete(state, both.fleet, crew.generators, host), None)
        with signals.heard():
            add_figures(state, figures, aimed.stats)
    return state


def _require(options: VerifyOptions, where: Where) -> None:
    target = options.target
    if target.loopback and not target.ours and not where.local:
        raise UsageError(
            f"{target.name} is loopback: every load machine would connect to itself",
            "give the address that they reach it at",
        )
    addresses = (*target.addresses, *verify_scenario.sources(options))
    if scoped := next((address for address in addresses if "%" in address), ""):
        raise UsageError(
            f"{scoped} is for one interface of this host, which other machines have not got",
            "give addresses that are good on every machine",
        )
    if where.server and not target.ours:
        raise UsageError("--serve-on starts the built-in server", "wstune verify host --serve-on HOST")


def _crew(
    cluster: Cluster, options: VerifyOptions, where: Where, host: Host
) -> tuple[_Crew, budget.Budget, budget.Room]:
    """Check the machines, and say who takes what."""
    workers = cluster.workers
    server = cluster_plan.server_of(workers, where.server) if where.server else None
    others = [worker for worker in workers if worker is not server]
    if not others:
        raise UsageError("there is no machine left to make load", "name more with --hosts")
    # What the target's address will be is known only later, but not whether it is loopback.
    looking = replace(options, target=replace(options.target, address="127.0.0.1" if where.local else "192.0.2.1"))
    machines = cluster_plan.checked(
        cluster, others, looking if options.target.ours else options, local=bool(where.local)
    )
    total = sum(machine.budget.connections for machine in machines)
    planned, room, remarks, found = _planned(cluster, options, where, host, server, machines, total)
    own, more = cluster_plan.allotted(machines, planned.connections, options)
    return _Crew(machines, own, server, found, [*remarks, *more]), planned, room


def _planned(
    cluster: Cluster,
    options: VerifyOptions,
    where: Where,
    host: Host,
    server: Worker | None,
    machines: list[Generator],
    total: int,
) -> tuple[budget.Budget, budget.Room, list[str], MachineRoom | None]:
    """The budget of the whole, by the end that the server is at."""
    if where.local:
        room = room_of(host, options)
        planned, remarks = plan(options, room)
        return planned, room, remarks, None
    wanted = options.connections or default_connections(options)
    remarks = []
    if options.connections is None and total < wanted:
        remarks = [f"the profile is for {wanted:,} connections; the load machines have room for {total:,}"]
        wanted = max(1, total)
    if options.target.ours and server is None:
        room = room_of(host, options, server_only=True)
        planned, more = plan(replace(options, connections=wanted), room, server_only=True)
        return planned, room, [*remarks, *more], None
    rooms = [machine.room for machine in machines]
    found: MachineRoom | None = None
    if server is not None:
        answer = cluster.ask({server.address: ((), False, True)}, agent.check)[server.address]
        found = cluster_plan.room_of(server, answer)
        _require_room(server, found, wanted, options)
        rooms = [found]
    nofile = min(room.nofile for room in rooms)
    cpus = max(room.cpus for room in rooms)
    tls = options.target.security is not None
    room = budget.Room(cpus=cpus, nofile=nofile, each_bytes=bytes_each(Role.GENERATOR, tls=tls), ends=1)
    try:
        planned = budget.plan(wanted, room, options.processes)
    except ValueError as error:
        raise InconclusiveError(f"no burst fits: {error}", "raise nofile; see: wstune check --hosts") from None
    return planned, room, remarks, found


def _require_room(server: Worker, found: MachineRoom, wanted: int, options: VerifyOptions) -> None:
    binds = budgets([found])[0]
    if binds.connections < wanted and not options.force:
        raise InconclusiveError(
            f"{wanted:,} connections do not fit: {binds.name} of the server's machine {server.name} has room for "
            f"{binds.connections:,}; nothing was opened",
            f"for {server.name}: {binds.fix or 'a larger machine'}; or --force to try all the same",
        )


def _aimed(cluster: Cluster, crew: _Crew, options: VerifyOptions, where: Where) -> VerifyOptions:
    """The options with the address that the server will have, if it is ours."""
    if not options.target.ours:
        return options
    if crew.server is not None:
        address = urlsplit(crew.server.address).hostname or ""
    elif where.local:
        address = "127.0.0.1"
    else:
        address = _towards(crew.generators[0].worker.address)
    return replace(options, target=replace(options.target, address=address))


def _towards(address: str) -> str:
    """This host's own address on the way to another; connect() of UDP only looks up the route."""
    there = urlsplit(address)
    family = socket.AF_INET6 if ":" in (there.hostname or "") else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as trial:
        trial.connect((there.hostname, there.port))
        return str(trial.getsockname()[0])


def _served(crew: _Crew, base: Plan) -> Member | None:
    """The coordinator that has the server and no connections, on a machine of the cluster."""
    if crew.server is None or crew.room is None or base.server is None:
        return None
    needed = pacing.servers_needed(sum(crew.own), crew.room.nofile, crew.room.cpus)
    server = ServerPlan(max(base.server.processes, needed), BACKLOG)
    return Member(crew.server.name, crew.server.address, 0, _without_load(base)._replace(server=server), server=True)


def _without_load(plan: Plan) -> Plan:
    """For a coordinator that has only the server."""
    return plan._replace(shares=(), phases=(), sources=(), routes=(), programs=())


class _Both:
    """The fleet with its server, as one `Driver`."""

    def __init__(
        self,
        cluster: Cluster,
        members: list[Member],
        remote: Member | None,
        base: Plan,
        on_progress: Callable[[events.ProgressEvent, tuple[MachineStanding, ...]], None],
    ) -> None:
        self.remote = remote
        self.here: Burst | None = None
        self._base = base
        self.fleet = Fleet(cluster, run_id(), [*members, *([remote] if remote else [])], on_progress)

    def ready(self, seconds: float) -> events.ReadyEvent:
        """Start the server, then all the others, who then know its port."""
        fleet, ready = self.fleet, events.ReadyEvent(self._base.target.port)
        members = [member for member in fleet.members if not member.server]
        if self.remote is not None:
            fleet.start([self.remote])
            if self.remote.ready is None or self.remote.lost:
                raise OSError(0, f"the server's machine {self.remote.name}: {self.remote.lost}")
            ready = events.ReadyEvent(self.remote.ready.port)  # its processes are another machine's
        elif self._base.server is not None:
            self.here = Burst(_without_load(self._base), lambda _: None)
            ready = self.here.ready(seconds)
        for member in members:
            member.plan = member.plan._replace(target=self._base.target._replace(port=ready.port))
        fleet.start(members)
        return ready

    def do(self, command: wire.Request[Reply]) -> Reply:
        """Generators first: what they counted is taken before the server ends its side."""
        answers = [self.fleet.do(command)]
        if issubclass(command.answer, events.CloseEvent | events.EndEvent | events.StatusEvent):
            answers += self.server(command)
        return command.answer.merged(answers)

    def server(self, command: wire.Request[Reply]) -> list[Reply]:
        """Ask the server's coordinator; none if the server is not ours, or lost with its machine."""
        if self.here is not None:
            return [self.here.do(command)]
        if self.remote is not None and self.remote.live:
            return [self.fleet.ask(self.remote, command)]
        return []

    def watch(self, seconds: float) -> None:
        self.fleet.watch(seconds)

    def end(self) -> None:
        try:
            self.fleet.end()
        finally:
            if self.here is not None:
                self.here.end()


def _open(both: _Both, state: Run, crew: _Crew) -> None:
    evidence, servers = state.evidence, state.servers
    state.enter("open", "while")
    if not both.fleet.generators:
        state.opened = events.OpenEvent(0.0, events.Standing())
        return
    used = processes.cpu_seconds(servers)
    state.opened = opened = both.do(wire.OpenCommand())
    state.opening = time.monotonic() - both.fleet.began
    state.progress(events.ProgressEvent(opened.seconds, opened.standing), both.fleet.machines())
    time.sleep(_SETTLE_SECONDS)
    remote = both.remote
    if remote is not None:
        both.server(wire.OpenCommand())  # it opens nothing, and is measured then

    def measure() -> None:
        use = cluster_report.server_use(used, servers, remote.at_open if remote else None)
        cluster_report.measure(state, both.fleet, crew.generators, use)

    attempt(evidence, "memory and processors of the machines", measure, None)
    ask, stats = state.options.target, state.options.stats
    state.figures = attempt(evidence, "the servers' own figures", lambda: server_stats.fetch(ask, stats), [])
