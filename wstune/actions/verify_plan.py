"""What a burst takes of this host, whether it fits, and what its coordinator is told."""

from __future__ import annotations

from wstune.actions import verify_scenario
from wstune.actions.verify_options import VerifyOptions
from wstune.actions.verify_state import Run
from wstune.burst import budget, load_guard, pacing
from wstune.burst.engine.plan import Address, Plan, ServerPlan
from wstune.burst.ports import loopback_sources
from wstune.burst.room import GUARDED_FILES, bytes_each, holds
from wstune.errors import InconclusiveError
from wstune.host import cgroup, guard, rlimits
from wstune.host.host import Host
from wstune.model import Role, Store
from wstune.tunables import CATALOGUE, find
from wstune.tunables.ports import STOCK_PORTS

PACED_WINDOW = 16_384
"""Handshakes in flight at each generator when paced: an open model does not wait for answers, but for descriptors."""
BACKLOG = 65_535
"""Asked of listen(); the kernel takes min(this, somaxconn)."""
HANDSHAKE_SECONDS = 10.0


def room_of(host: Host, options: VerifyOptions, *, server_only: bool = False) -> budget.Room:
    """What this host has to give to a burst, read now. `server_only`: the load is made on other machines."""
    facts = host.facts()
    role = Role.SERVER if server_only else Role.BOTH if options.target.ours else Role.GENERATOR
    tls = options.target.security is not None
    nofile = rlimits.nofile(host.root)
    if not isinstance(nofile, tuple):
        raise InconclusiveError(f"the file limit cannot be read: {nofile.why}")
    used, most = guard.file_nr()
    ports = host.read(find("net.ipv4.ip_local_port_range")).value
    return budget.Room(
        cpus=facts.cpus or 1,
        nofile=nofile[1],
        allowed={
            limit.name: limit.connections
            for limit in holds(host, facts, role, tls=tls).limits
            if limit.connections is not None and not limit.per_process and not limit.per_source
        },
        each_bytes=bytes_each(role, tls=tls),
        ends=2 if role is Role.BOTH else 1,
        available_bytes=facts.available_bytes,
        files_free=most - used,
        usable_ports=ports.numbers[1] - ports.numbers[0] + 1 if ports else STOCK_PORTS,
    )


def plan(options: VerifyOptions, room: budget.Room, *, server_only: bool = False) -> tuple[budget.Budget, list[str]]:
    """The budget of a run, and what has to be said about it. Raises InconclusiveError when it does not fit.

    `server_only`: the load is made on other machines.
    """
    wanted = verify_scenario.wanted(options) or default_connections(options)
    both_ends = options.target.ours and not server_only
    try:
        planned = budget.plan(wanted, room, options.processes)
        if planned.fits >= wanted or options.force:
            return planned, []
        if options.connections is None and planned.fits >= 1:
            return budget.plan(planned.fits, room, options.processes), [
                f"the profile is for {wanted:,} connections; {planned.binds} here has room for {planned.fits:,}"
            ]
    except ValueError as error:
        raise InconclusiveError(f"no burst fits this process: {error}", "raise nofile; see: wstune check") from None
    ends = "with both ends on this host" if both_ends else f"at the {'server' if server_only else 'generator'}'s end"
    less = (
        f"wstune verify {options.target.name} -n {planned.fits}" if planned.fits else "see all limits: wstune capacity"
    )
    fewer = f"{less}; or --force to try all the same"
    if planned.binds in CATALOGUE and CATALOGUE[planned.binds].store is Store.SYSCTL:
        fewer = f"sudo wstune apply {options.profile} -n {wanted}{' --role both' if both_ends else ''}; {fewer}"
    raise InconclusiveError(
        f"{wanted:,} connections do not fit: {planned.binds} here has room for {planned.fits:,} {ends}; "
        "nothing was opened",
        fewer,
    )


def default_connections(options: VerifyOptions) -> int:
    """The connections that the profile is for."""
    from wstune.actions.profile import load

    return load(options.profile, profile_dirs=options.profile_dirs).variables["connections"]


def coordinator_plan(state: Run) -> Plan:
    """What the coordinator reads: the whole of it, for one host."""
    options, planned, target = state.options, state.planned, state.options.target
    sources = verify_scenario.sources(options)
    if not sources and target.loopback:
        sources = tuple(loopback_sources(planned.sources))
    openers, window = pacing.at_once(planned.generators, state.room.cpus)
    phases, routes, programs = verify_scenario.compiled(options, planned.connections)
    # A server elsewhere that is on this host is another program, and is meant to be busy.
    others_share = 0.0 if options.force or (target.here and not target.ours) else load_guard.SHARE
    return Plan(
        target=Address(target.address, (options.port or 0) if target.ours else target.port),
        shares=tuple(
            pacing.shares(phases, planned.generators)
            if phases
            else pacing.split(planned.connections, planned.generators)
        ),
        routes=routes,
        server=ServerPlan(planned.servers, BACKLOG) if target.ours else None,
        sources=sources,
        window=PACED_WINDOW if phases else window,
        openers=openers,
        timeout=HANDSHAKE_SECONDS,
        phases=phases,
        seed=options.seed,
        programs=programs,
        tls=verify_scenario.tls(options),
        buffers=options.buffers,
        reserve_bytes=0 if options.force else planned.reserve_bytes,
        reserve_files=0 if options.force else GUARDED_FILES,
        cgroup_levels=cgroup.guarded(state.host.root),
        seconds=options.time_limit,
        others_share=others_share,
    )
