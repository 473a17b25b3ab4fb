"""`wstune check` without a terminal: read what the profile needs, judge it, and say what this host holds as it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from wstune.actions.profile import loader, target
from wstune.errors import InconclusiveError, UsageError
from wstune.host.host import Host
from wstune.model import CheckReport, Profile, Reading, Role
from wstune.readiness import capacity
from wstune.readiness.constants import processes_needed
from wstune.readiness.judge import applicable, judge, values_to_try, verdict
from wstune.readiness.profiles import Load, Target, resolve
from wstune.readiness.sentences import check_sentences, more_processes_may_help
from wstune.tunables import CATALOGUE

EXIT_CODES = {"ready": 0, "not-ready": 1, "inconclusive": 3}

_TRIES = 8
"""How far above the estimate the number of processes is looked for."""


def run_check(
    profile: str,
    host: Host,
    *,
    connections: int | None = None,
    processes: int | None = None,
    role: Role | None = None,
    app_bytes: int = 0,
    settings: Mapping[str, int] = {},
    profile_dirs: tuple[str, ...] = (),
) -> CheckReport:
    """Judge a host. `None` is the profile's own default; `app_bytes` is what the application keeps for a connection.

    Raises:
        UsageError: no such profile or process, or a target that makes no sense.
        ProfileError: a profile that cannot be used.
        InconclusiveError: nothing of the host can be read.
    """
    _require_readable(host)
    facts = host.facts()
    load, wanted = loader(profile_dirs), target(facts, connections, processes, settings)
    resolved = resolve(profile, load, target=wanted)
    end = role or resolved.role
    names = dict.fromkeys([*(each.tunable for each in applicable(resolved, end)), *capacity.NEEDS])
    readings = host.read_all(CATALOGUE[name] for name in names)
    findings = judge(resolved, readings, role=end, refused=_refused(resolved, readings, end, host))
    outcome = verdict(findings)
    enough = None
    if outcome == "not-ready" and more_processes_may_help(findings):
        enough = _enough_processes(profile, load, wanted, resolved, readings, end)
    usage = host.usage()
    spread = resolved.variables["processes"]
    return CheckReport(
        verdict=outcome,
        profile=resolved.name,
        connections=resolved.variables["connections"],
        processes=spread,
        role=end,
        host=facts,
        findings=findings,
        capacity=tuple(
            capacity.capacity(each, readings, facts, usage, processes=spread, app_bytes=app_bytes)
            for each in (Role.SERVER, Role.GENERATOR)
        ),
        sentences=check_sentences(
            outcome,
            findings,
            profile=resolved.name,
            connections=resolved.variables["connections"],
            processes=spread,
            role=end,
            enough_processes=enough,
        ),
    )


def _require_readable(host: Host) -> None:
    root = host.root
    if not root.exists("/proc/sys"):
        if root.live:
            raise InconclusiveError("/proc/sys is not there, so no limit can be read", "mount -t proc proc /proc")
        raise UsageError(
            f"{root.path} holds no proc/sys: it is no captured host", "give the directory above proc and sys"
        )
    if host.pid is not None and not root.exists(f"/proc/{host.pid}"):
        raise UsageError(f"there is no process {host.pid}", "ps -e lists those that are")


def _refused(profile: Profile, readings: Mapping[str, Reading], role: Role, host: Host) -> Mapping[str, str | None]:
    """What this kernel answers to the values that differ; nothing is known of a captured host's kernel."""
    wanted = values_to_try(profile, readings, role=role) if host.root.live else {}
    if not wanted:
        return {}
    from wstune.host import probe  # brings ctypes

    return probe.refused(wanted)


def _enough_processes(
    name: str, load: Load, wanted: Target, profile: Profile, readings: Mapping[str, Reading], role: Role
) -> int | None:
    """The least number of processes over which the host would be ready as it is; None when there is none near."""
    nofile = readings["nofile"].value
    if nofile is None:
        return None
    ends = 2 if role is Role.PROXY else 1
    first = processes_needed(profile.variables["connections"] * ends, nofile.number)
    for number in range(first or 2, (first or 2) + _TRIES):
        tried = resolve(name, load, target=replace(wanted, processes=number))
        if verdict(judge(tried, readings, role=role)) == "ready":
            return number
    return None
