"""What a finding says beside its outcome: one line that would meet the demand, and what else should be known."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from wstune.model import Absence, Effect, HostFacts, Operator, Profile, Reading, Requirement, Role, Store
from wstune.readiness.constants import OWN_FILES, processes_needed
from wstune.tunable import Tunable
from wstune.tunables import CATALOGUE
from wstune.values import Kind, Value

NOT_READ = Reading(absence=Absence.UNREADABLE, why="it was not read")


class Scene(NamedTuple):
    """What a requirement is judged against; the arguments of `judge`."""

    profile: Profile
    readings: Mapping[str, Reading]
    role: Role
    refused: Mapping[str, str | None]
    facts: HostFacts
    pid: int | None = None


def absence_note(tunable: Tunable, reading: Reading) -> str:
    """Why there is no value, in a sentence."""
    if reading.absence is Absence.ABSENT:
        return tunable.absent or "absent here: the host decides"
    return reading.why or "it could not be read"


def note(scene: Scene, requirement: Requirement, live: Value, demanded: Value, what: Effect) -> str:
    """What else should be known about a demand that is not met."""
    tunable = CATALOGUE[requirement.tunable]
    errno = scene.refused.get(tunable.name)
    notes = []
    match what:
        case Effect.REFUSED if errno:
            notes.append(f"this kernel answers {errno} to {str(demanded)!r}")
        case Effect.REFUSED:
            notes.append("nobody can write it" if tunable.read_only else f"no kernel accepts {str(demanded)!r}")
        case Effect.LOWERS:
            lowering = f"would lower {shown(live)} to {shown(demanded)}"
            notes.append(f"{lowering}, which `apply` does with --allow-lower only")
        case Effect.CHANGES if tunable.kind in (Kind.TRIPLE, Kind.RANGE):
            notes.append(f"would raise a part of {shown(live)} and lower another")
    if requirement.operator is Operator.EQUALS and not tunable.caps:
        notes.append("the number of connections does not depend on it")
    if tunable.latched and tunable.store is Store.SYSCTL and what in (Effect.RAISES, Effect.CHANGES):
        notes.append(f"takes effect {tunable.latched}")
    return "; ".join(notes)


def fix(scene: Scene, requirement: Requirement, live: Value, demanded: Value) -> str:
    """One line to paste, or to act on where no line would do."""
    match CATALOGUE[requirement.tunable].store, requirement.tunable:
        case Store.SYSCTL, name:
            text = str(demanded)
            return f"sysctl -w {name}={text!r}" if " " in text or not text else f"sysctl -w {name}={text}"
        case Store.RLIMIT, "nofile":
            return _fix_nofile(scene, requirement, live.number, demanded.number)
        case Store.RLIMIT, "nofile.soft":
            hard = scene.readings.get("nofile", NOT_READ).value
            if scene.pid is not None:
                most = max(demanded.number, hard.number if hard is not None else 0)
                return f"as root: prlimit --pid {scene.pid} --nofile={demanded}:{most}; a higher limit where it starts"
            if hard is None or hard.number >= demanded.number:
                return f"ulimit -S -n {demanded} in the shell that starts it (LimitNOFILE={demanded} in its unit)"
            return f"raise nofile, the hard limit, first: it is {shown(hard)}"
        case Store.RLIMIT, name:
            whom = "PID" if scene.pid is None else scene.pid
            return f"as root: prlimit --pid {whom} --{name}={demanded}; Limit{name.upper()}={demanded} in its unit"
        case Store.CGROUP, name:
            return CATALOGUE[name].raised_by.format(demanded=demanded)
        case Store.MACHINE, _:
            return f"a machine with {-(-demanded.number // 2**20):,} MiB of memory, or fewer connections on this one"


def shown(value: Value) -> str:
    """A value in running text."""
    return "unlimited" if value.unlimited else str(value)


def _fix_nofile(scene: Scene, requirement: Requirement, live: int, demanded: int) -> str:
    """More processes get round the limit of one; raising it takes a privilege that even root may not have here."""
    raising = _raise_nofile(scene, demanded)
    variables = scene.profile.variables
    connections = variables.get("connections", 0) * (2 if scene.role is Role.PROXY else 1)
    needed = processes_needed(connections, live)
    by_more = requirement.operator is Operator.AT_LEAST and live > OWN_FILES
    if not by_more or needed is None or needed <= variables.get("processes", 1):
        return raising
    noun = {Role.GENERATOR: "generator", Role.PROXY: "proxy"}.get(scene.role, "server")
    return f"run {needed} or more {noun} processes ({live} files each), or {raising}"


def _raise_nofile(scene: Scene, demanded: int) -> str:
    facts = scene.facts
    if facts.container in ("docker", "podman"):
        return f"start the container with --ulimit nofile={demanded}"
    if facts.euid == 0 and facts.user_namespace is False and "CAP_SYS_RESOURCE" not in facts.capabilities:
        return f"have it started with nofile={demanded}: root has no CAP_SYS_RESOURCE here and cannot raise it"
    nr_open = scene.readings.get("fs.nr_open", NOT_READ).value
    raising = "ulimit -n" if scene.pid is None else f"prlimit --pid {scene.pid} --nofile"
    first = f"sysctl -w fs.nr_open={demanded}, then " if nr_open and nr_open.number < demanded else ""
    return f"{first}as root: {raising}{'=' if scene.pid else ' '}{demanded} (LimitNOFILE={demanded} in its unit)"
