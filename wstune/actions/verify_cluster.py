"""`wstune verify` with load from several machines: each is checked, takes its share, starts with the others, and the
head makes one report of what they say. Against a server elsewhere, or the built-in one, here or on one of the machines.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

from wstune import signals
from wstune.actions import cluster_plan, cluster_report, server_stats, verify_scenario
from wstune.actions.cluster_plan import Generator
from wstune.actions.guarded import attempt, reason
from wstune.actions.verify import Driver, Progress, Run, VerifyOptions, add_figures, drive
from wstune.actions.verify_measure import baseline
from wstune.actions.verify_outcome import interruptible, outcome
from wstune.actions.verify_plan import BACKLOG, coordinator_plan, default_connections, plan, room_of
from wstune.actions.verify_report import Shown
from wstune.burst import agent, budget, pacing
from wstune.burst.cluster import Cluster, Worker, connect, run_id
from wstune.burst.cluster_entry import Where
from wstune.burst.fleet import Fleet, Member
from wstune.burst.process import Burst, Event
from wstune.burst.shares import Limit, Offer, budgets
from wstune.errors import InconclusiveError, UsageError
from wstune.host.host import Host
from wstune.verification import VerifyReport

_SETTLE_SECONDS = 0.3


@dataclass(frozen=True, slots=True)
class _Crew:
    """Who does what: the server (a worker, or None: here or elsewhere) and the load machines with their shares."""

    generators: list[Generator]
    own: list[int]
    server: Worker | None
    room: dict[str, Any]
    remarks: list[str]


def run(
    options: VerifyOptions, where: Where, on_progress: Callable[[Progress], None], host: Host | None = None
) -> VerifyReport:
    """Open, hold, use and close from all machines; say what that showed.

    Raises UsageError, InconclusiveError: a machine that cannot be had, or has no room, by name; BurstInterrupted.
    """
    _require(options, where)
    began = time.monotonic()
    shown: Shown | None = None
    try:
        with connect(where, options.time_limit) as cluster:
            shown = _burst(cluster, options, where, on_progress, host or Host(), began)
    except (Exception, KeyboardInterrupt) as error:
        if shown is None:
            raise
        if isinstance(error, KeyboardInterrupt):
            shown.interrupted = shown.interrupted or signals.number_of(error)
        shown.remarks.append(f"the cluster could not be closed: {reason(error)}")
    return outcome(shown)


def _burst(
    cluster: Cluster,
    options: VerifyOptions,
    where: Where,
    on_progress: Callable[[Progress], None],
    host: Host,
    began: float,
) -> Shown:
    """The burst, to its end; `began`, by CLOCK_MONOTONIC, is what its time limit counts from."""
    crew, planned, room = _crew(cluster, options, where, host)
    aimed = _aimed(cluster, crew, options, where)
    own = f"{len(crew.generators)} load machines: " + ", ".join(
        f"{each.worker.name} {share:,}" for each, share in zip(crew.generators, crew.own, strict=True)
    )
    shown = Shown(budget=planned, room=room, target=aimed.target, remarks=[own, *crew.remarks])
    shown.apart = not where.local
    shown.closes = aimed.scenario is not None and aimed.scenario.closes
    shown.scripted = aimed.scenario is not None
    on_progress(Progress("start", planned.connections, note=own))
    for remark in crew.remarks:
        on_progress(Progress("start", planned.connections, note=remark))
    state = Run(aimed, shown, on_progress, host, began=began)
    state.baseline = baseline(host)
    base = {**coordinator_plan(state), "seconds": state.left()}
    base["others_share"] = 0.0  # several coordinators may share a machine: each is another program to the others
    members = cluster_plan.members(crew.generators, crew.own, base, aimed)
    shown.budget = replace(planned, generators=sum(len(member.plan["shares"]) for member in members))
    with interruptible(shown):
        figures = server_stats.fetch(aimed.target, aimed.stats)
        both = _Both(cluster, members, _served(crew, base), base, state.event)
        drive(state, both, lambda _, at: _open(both, at, crew))
        what = "the machines' figures"
        attempt(shown, what, lambda: cluster_report.complete(shown, both.fleet, crew.generators, host), None)
        with signals.heard():
            add_figures(shown, figures, aimed.stats)
    return shown


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
) -> tuple[budget.Budget, budget.Room, list[str], dict[str, Any]]:
    """The budget of the whole, by the end that the server is at."""
    if where.local:
        room = room_of(host)
        planned, remarks = plan(options, room)
        return planned, room, remarks, {}
    wanted = options.connections or default_connections(options)
    remarks = []
    if options.connections is None and total < wanted:
        remarks = [f"the profile is for {wanted:,} connections; the load machines have room for {total:,}"]
        wanted = max(1, total)
    if options.target.ours and server is None:
        room = room_of(host)
        planned, more = plan(replace(options, connections=wanted), room, server_only=True)
        return planned, room, [*remarks, *more], {}
    rooms = [machine.room for machine in machines]
    found: dict[str, Any] = {}
    if server is not None:
        answer = cluster.ask({server.address: ((), False, True)}, agent.check)[server.address]
        found = cluster_plan.room_of(server, answer)
        _require_room(server, found, wanted, options)
        rooms = [found]
    nofile = min(room["nofile"] for room in rooms)
    cpus = max(room["cpus"] for room in rooms)
    room = budget.Room(cpus=cpus, nofile=nofile)
    try:
        tls = options.target.security is not None
        planned = budget.plan(wanted, room, options.processes, both_ends=False, tls=tls)
    except ValueError as error:
        raise InconclusiveError(f"no burst fits: {error}", "raise nofile; see: wstune check --hosts") from None
    return planned, room, remarks, found


def _require_room(server: Worker, found: dict[str, Any], wanted: int, options: VerifyOptions) -> None:
    offer = Offer(server.name, tuple(Limit(*limit) for limit in found["limits"]))
    binds = budgets([offer])[0]
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


def _served(crew: _Crew, base: Event) -> Member | None:
    """The coordinator that has the server and no connections, on a machine of the cluster."""
    if crew.server is None:
        return None
    told = {**base, "shares": [], "phases": [], "sources": [], "routes": [], "programs": [], "force": False}
    cpus, nofile = crew.room["cpus"], crew.room["nofile"]
    processes = max(base["server"]["processes"], pacing.servers_needed(sum(crew.own), nofile, cpus))
    told["server"] = {"processes": processes, "backlog": BACKLOG}
    return Member(crew.server.name, crew.server.address, 0, told, server=True)


class _Both:
    """The fleet with its server, as one `Driver`."""

    def __init__(
        self,
        cluster: Cluster,
        members: list[Member],
        remote: Member | None,
        base: Event,
        on_progress: Callable[[Event], None],
    ) -> None:
        self.remote = remote
        self.here: Burst | None = None
        self.ready: Event = {}
        self._base = base
        self.fleet = Fleet(cluster, run_id(), [*members, *([remote] if remote else [])], on_progress)

    def wait_for(self, name: str, seconds: float | None = None) -> Event:
        """Start the server, then all the others, who then know its port."""
        fleet, port = self.fleet, self._base["target"][1]
        members = [member for member in fleet.members if not member.server]
        pids: list[int] = []
        if self.remote is not None:
            fleet.start([self.remote])
            if self.remote.lost:
                raise OSError(0, f"the server's machine {self.remote.name}: {self.remote.lost}")
            port = self.remote.told["ready"]["port"]
        elif self._base["server"] is not None:
            told = {**self._base, "shares": [], "phases": [], "sources": [], "routes": [], "programs": []}
            self.here = Burst(told, lambda _: None)
            self.ready = self.here.wait_for("ready", seconds)
            port, pids = self.ready["port"], self.ready["server_pids"]
        for member in members:
            member.plan["target"] = [self._base["target"][0], port]
        fleet.start(members)
        return {"event": name, "port": port, "server_pids": pids}

    def do(self, verb: str, **arguments: Any) -> Event:
        """Generators first: what they counted is taken before the server ends its side."""
        answer = self.fleet.do(verb, **arguments)
        if verb in ("close", "end"):
            own = self.server(verb, sample=0, rate=0.0) if verb == "close" else self.server(verb)
            if verb == "close" and own:
                answer["server"] = own["server"]
                answer["lost"] += [lost for lost in own["lost"] if lost[0] == "server"]
        elif verb == "status":
            answer["server"] = self.server(verb).get("server", {})
        return answer

    def server(self, verb: str, **arguments: Any) -> Event:
        """Ask the server's coordinator; nothing if the server is not ours, or lost with its machine."""
        if self.here is not None:
            return self.here.do(verb, **arguments)
        if self.remote is not None and self.remote.live:
            self.fleet.ask(self.remote, verb, **arguments)
            return self.remote.told.get(verb, {})
        return {}

    def watch(self, seconds: float) -> None:
        self.fleet.watch(seconds)

    def end(self) -> None:
        try:
            self.fleet.end()
        finally:
            if self.here is not None:
                self.here.end()


def _open(both: Driver, state: Run, crew: _Crew) -> None:
    assert isinstance(both, _Both)  # noqa: S101
    shown = state.shown
    state.enter("open", "while")
    if not both.fleet.generators:
        shown.opened = {"event": "open", "open": 0, "failed": 0, "lost": 0, "seconds": 0.0}
        return
    measured = cluster_report.Before(state.servers, both.ready)
    opened = shown.opened = both.do("open")
    state.event({**opened, "machines": both.fleet.progress()["machines"]})
    time.sleep(_SETTLE_SECONDS)
    serving = both.server("open") if both.remote is not None else {}
    attempt(
        shown,
        "memory and processors of the machines",
        lambda: cluster_report.measure(shown, both.fleet, crew.generators, measured, serving),
        None,
    )
    ask, stats = state.options.target, state.options.stats
    shown.server_figures = attempt(shown, "the servers' own figures", lambda: server_stats.fetch(ask, stats), [])
