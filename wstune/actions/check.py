"""`wstune check` without a terminal: read what the profile needs, judge it, and say what this host holds as it is."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from wstune.actions.capacity import Scene, assumed_short, look, remarks
from wstune.actions.next_boot import next_boots
from wstune.actions.profile import loader, target
from wstune.actions.serving import require_process
from wstune.errors import InconclusiveError, UsageError
from wstune.host import counters
from wstune.host.host import Host
from wstune.host.usage import first_sockets
from wstune.model import Capacity, CapacityLimit, CheckReport, HostFacts, NextBoot, Profile, Reading, Role, Severity
from wstune.readiness import capacity, invariants
from wstune.readiness.already_hit import already_hit
from wstune.readiness.backlogs import short_backlogs
from wstune.readiness.constants import processes_needed
from wstune.readiness.costs import ASSUMED
from wstune.readiness.judge import applicable, judge, not_in_force, values_to_try, verdict
from wstune.readiness.profiles import Load, Target, resolve
from wstune.readiness.sentences import check_sentences, more_processes_may_help, not_after_reboot
from wstune.tunables import CATALOGUE

EXIT_CODES = {"ready": 0, "not-ready": 1, "inconclusive": 3}

_OWN_SYSCTLS = "/etc/sysctl.d/99-wstune.conf"
"""What apply writes; reading it takes modules that check else does without."""

_TRIES = 8
"""How far above the estimate the number of processes is looked for."""


def run_check(
    profile: str,
    host: Host,
    *,
    connections: int | None = None,
    processes: int | None = None,
    role: Role | None = None,
    app_bytes: int | None = None,
    tls: bool = False,
    sources: int = 1,
    upstreams: int = 1,
    unit: str | None = None,
    user: str | None = None,
    settings: Mapping[str, int] = {},
    profile_dirs: tuple[str, ...] = (),
    obeyed: bool = False,
    state_dir: str | None = None,
) -> CheckReport:
    """Judge a host. `None` is the profile's own default.

    Args:
        app_bytes, tls: what the application keeps for a connection, and whether it speaks TLS; see readiness.costs.
        sources, upstreams: addresses that a generator or proxy connects from, and servers that it connects to.
        unit, user: judge what serves as that unit, or in a new login of that user; the host has `pid` for a process.
        obeyed: whether the host is changed by what comes of it: then profiles that others could write are refused.
        state_dir: where to look for a transaction of apply that was cut short; None is not to look.

    Raises:
        UsageError: no such profile, process, unit or user, or a target that makes no sense.
        ProfileError: a profile that cannot be used.
        InconclusiveError: nothing of the host can be read.
    """
    _require_readable(host)
    facts = host.facts()
    load, wanted = loader(profile_dirs, obeyed=obeyed), target(facts, connections, processes, settings)
    resolved = resolve(profile, load, target=wanted)
    end = role or resolved.role
    names = dict.fromkeys([*(each.tunable for each in applicable(resolved, end)), *capacity.NEEDS, *invariants.NEEDS])
    scene = look(host, names, facts=facts, unit=unit, user=user, app_bytes=app_bytes, tls=tls)
    host, facts, readings = scene.host, scene.facts, scene.readings
    pid = scene.serving.pid
    idle = not_in_force(scene.usage.conntrack_count)
    answers = _refused(resolved, readings, end, host)
    boots = {**next_boots(host, facts, readings), **_started(scene)}
    findings = judge(resolved, readings, role=end, refused=answers, boots=boots, inactive=idle, facts=facts, pid=pid)
    spread, wanted_connections = resolved.variables["processes"], resolved.variables["connections"]
    ends = dict.fromkeys((Role.SERVER, Role.GENERATOR, end))
    held = {each: scene.holds(each, processes=spread, sources=sources, upstreams=upstreams) for each in ends}
    short = _short(_without_assumptions(scene, end, held[end]), wanted_connections)
    outcome = "not-ready" if short else verdict(findings)
    enough = None
    if more_processes_may_help(findings) and not short and pid is None:
        enough = _enough_processes(profile, load, wanted, resolved, readings, end, idle)
    asked = next((each.operands[0].number for each in applicable(resolved, end) if each.tunable == _SOMAXCONN), None)
    return CheckReport(
        verdict=outcome,
        profile=resolved.name,
        connections=wanted_connections,
        processes=spread,
        role=end,
        host=facts,
        findings=findings,
        capacity=tuple(held.values()),
        sentences=(
            *cut_short(state_dir),
            *aged(host, facts),
            *remarks(scene),
            *assumed_short(scene, held[end], wanted_connections if not short else 0),
            *short_backlogs(scene.listeners or (), asked, _own_sockets(scene)),
            *check_sentences(
                outcome,
                findings,
                profile=resolved.name,
                connections=wanted_connections,
                processes=spread,
                role=end,
                enough_processes=enough,
                short=short,
                read_only=bool(facts.sysctls_read_only),
            ),
        ),
        costs=scene.costs,
        invariants=invariants.invariants(readings, scene.listeners, conntrack_counts=not idle),
        hits=already_hit(counters.snapshot(host.root, pid)),
        limits=scene.serving.limits,
        listeners=scene.listeners,
    )


_SOMAXCONN = "net.core.somaxconn"


def _started(scene: Scene) -> dict[str, NextBoot]:
    """What a unit or a login is given when it starts anew, as what the next boot brings."""
    return {name: NextBoot(persisted) for name, persisted in scene.serving.persisted().items()}


def _own_sockets(scene: Scene) -> tuple[str, frozenset[int]] | None:
    """Words for the process that serves, and its sockets, as far as its first descriptors tell."""
    pid = scene.serving.pid
    if pid is None or not scene.listeners:
        return None
    return f"process {pid}", first_sockets(scene.host.root, pid)


def _without_assumptions(scene: Scene, role: Role, held: Capacity) -> Capacity:
    """The capacity that a verdict may rest on: with no room for the application but what was told or measured."""
    if scene.costs.app_source != ASSUMED:
        return held
    return scene.holds(role, costs=scene.costs._replace(app=0))


def exit_code(report: CheckReport, strict: bool = False) -> int:
    """`strict`: what is required with severity error, met now, and will not be after a reboot, counts as not ready."""
    lost = any(not_after_reboot(each) and each.severity is Severity.ERROR for each in report.findings)
    return 1 if strict and lost and report.verdict == "ready" else EXIT_CODES[report.verdict]


def cut_short(state_dir: str | None) -> tuple[str, ...]:
    """What is to be said of transactions of apply that a crash cut short. A journal that cannot be read is said too."""
    if state_dir is None:
        return ()
    try:
        Path(state_dir).stat()
    except FileNotFoundError:
        return ()
    except OSError:
        pass  # why it cannot be looked into is said below
    from wstune.tuning.journal import Journal
    from wstune.tuning.records import Standing

    try:
        transactions = Journal(state_dir).transactions()
    except UsageError as error:
        return (f"whether an apply was cut short is not known: {error}",)
    return tuple(
        f"transaction {each.id} of wstune apply was cut short (or is at work): wstune rollback {each.id} takes it back"
        for each in transactions
        if each.standing is Standing.CUT
    )


def aged(host: Host, facts: HostFacts) -> tuple[str, ...]:
    """What is to be said of lines of our own file that have come to lower a default of this machine."""
    if not host.root.exists(_OWN_SYSCTLS):
        return ()
    from wstune.actions.status import aged_lines, aged_sentence

    return tuple(aged_sentence(line) for line in aged_lines(host, facts))


def _short(held: Capacity, connections: int) -> CapacityLimit | None:
    """The limit below the target that is no tunable, which is memory: only a larger host has more of it.

    All values may be as required where it is too small, and that is not ready either.
    """
    below = (limit for limit in held.limits if limit.connections is not None and limit.connections < connections)
    return next((limit for limit in below if limit.name not in CATALOGUE), None)


def _require_readable(host: Host) -> None:
    root = host.root
    if not root.exists("/proc/sys"):
        if root.live:
            raise InconclusiveError("/proc/sys is not there, so no limit can be read", "mount -t proc proc /proc")
        raise UsageError(
            f"{root.path} holds no proc/sys: it is no captured host", "give the directory above proc and sys"
        )
    if host.pid is not None:
        require_process(root, host.pid)


def _refused(profile: Profile, readings: Mapping[str, Reading], role: Role, host: Host) -> Mapping[str, str | None]:
    """What this kernel answers to the values that differ; nothing is known of a captured host's kernel."""
    wanted = values_to_try(profile, readings, role=role) if host.root.live else {}
    if not wanted:
        return {}
    from wstune.host import probe  # brings ctypes

    return probe.refused(wanted)


def _enough_processes(
    name: str,
    load: Load,
    wanted: Target,
    profile: Profile,
    readings: Mapping[str, Reading],
    role: Role,
    idle: Mapping[str, str],
) -> int | None:
    """The least number of processes over which the host would be ready as it is; None when there is none near."""
    nofile = readings["nofile"].value
    if nofile is None:
        return None
    ends = 2 if role is Role.PROXY else 1
    first = processes_needed(profile.variables["connections"] * ends, nofile.number)
    for number in range(first or 2, (first or 2) + _TRIES):
        tried = resolve(name, load, target=wanted._replace(processes=number))
        if verdict(judge(tried, readings, role=role, inactive=idle)) == "ready":
            return number
    return None
