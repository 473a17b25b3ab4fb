"""Is this host ready: requirements and readings compared into findings. Pure; the readings come from host/.

At least as good passes. A limit that is absent here is not applicable, one that could not be read is unknown, and
neither is a pass.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from wstune.model import (
    Absence,
    Effect,
    Finding,
    Operator,
    Outcome,
    Persisted,
    Profile,
    Reading,
    Requirement,
    Role,
    Severity,
    Store,
    Tunable,
)
from wstune.readiness.compare import demanded_value, effect, satisfied
from wstune.readiness.constants import OWN_FILES, processes_needed
from wstune.tunables import CATALOGUE
from wstune.values import Kind, Value

NOT_READ = Reading(absence=Absence.UNREADABLE, why="it was not read")


def applicable(profile: Profile, role: Role) -> tuple[Requirement, ...]:
    """The requirements for that end of the connection.

    `both` is a host with both ends on it: what is required of servers and of generators applies, and where a
    requirement names `both` itself it stands in the place of those for the same tunable and operator.
    """
    if role is not Role.BOTH:
        return tuple(requirement for requirement in profile.requirements if role in requirement.roles)
    own = {(each.tunable, each.operator) for each in profile.requirements if Role.BOTH in each.roles}
    return tuple(
        each
        for each in profile.requirements
        if Role.BOTH in each.roles
        or ((each.tunable, each.operator) not in own and {Role.SERVER, Role.GENERATOR} & set(each.roles))
    )


def judge(
    profile: Profile,
    readings: Mapping[str, Reading],
    *,
    role: Role,
    refused: Mapping[str, str | None] | None = None,
    persisted: Mapping[str, Persisted] | None = None,
    inactive: Mapping[str, str] | None = None,
) -> tuple[Finding, ...]:
    """One finding for each requirement on that end of the connection, in the profile's order.

    Args:
        readings: by name of the tunable; a missing one counts as unreadable.
        refused: errno name with which this kernel answers to the demanded value, None where it accepts it; a key that
            was not tried is missing. `values_to_try` says what to try.
        persisted: the values that win at the next boot, as far as they are known.
        inactive: limits that are there but not in force, with the reason: `not_in_force` knows them. Not meeting one
            is not applicable instead of a failure.
    """
    found = []
    for requirement in applicable(profile, role):
        next_boot = (persisted or {}).get(requirement.tunable)
        finding = _finding(requirement, profile, readings, role, refused or {}, next_boot)
        reason = (inactive or {}).get(requirement.tunable, "")
        if reason and finding.outcome in (Outcome.FAIL, Outcome.WARN):
            finding = replace(finding, outcome=Outcome.NOT_APPLICABLE, fix="", note=reason)
        found.append(finding)
    return tuple(found)


def not_in_force(conntrack_count: int | None) -> dict[str, str]:
    """Limits that are there and cap nothing, with the reason: conntrack's, while nothing at all is tracked.

    Where rules make it look, its count is never 0: the connection over which one looks is itself tracked.
    """
    if conntrack_count != 0:
        return {}
    names = [name for name in CATALOGUE if name.startswith("net.netfilter.nf_conntrack_")]
    return dict.fromkeys(names, "nf_conntrack is loaded, but no rule makes it track connections: it counts 0")


def verdict(findings: Sequence[Finding]) -> str:
    """`not-ready` when an error-severity requirement fails, else `inconclusive` when one is unknown, else `ready`.

    Nothing judged is nothing shown: without a single pass, fail or warning it is `inconclusive`.
    """
    outcomes = {finding.outcome for finding in findings}
    grave = {finding.outcome for finding in findings if finding.severity is Severity.ERROR}
    if Outcome.FAIL in grave:
        return "not-ready"
    if Outcome.UNKNOWN in grave or not outcomes & {Outcome.PASS, Outcome.FAIL, Outcome.WARN}:
        return "inconclusive"
    return "ready"


def values_to_try(profile: Profile, readings: Mapping[str, Reading], *, role: Role) -> dict[str, str]:
    """What to write in a private network namespace to learn what this kernel refuses: kernel texts by sysctl key.

    Only keys that a namespace has of its own, and only demands that are not met already.
    """
    found: dict[str, Value] = {}
    for requirement in applicable(profile, role):
        tunable = CATALOGUE[requirement.tunable]
        if not tunable.writable_in_netns or tunable.read_only:
            continue
        before = found.get(tunable.name) or readings.get(tunable.name, NOT_READ).value
        demanded = demanded_value(requirement, before)
        if demanded is not None and demanded != before:
            found[tunable.name] = demanded
    return {name: str(value) for name, value in found.items()}


def _finding(
    requirement: Requirement,
    profile: Profile,
    readings: Mapping[str, Reading],
    role: Role,
    refused: Mapping[str, str | None],
    persisted: Persisted | None,
) -> Finding:
    tunable = CATALOGUE[requirement.tunable]
    reading = readings.get(tunable.name, NOT_READ)
    demanded = demanded_value(requirement, reading.value)
    errno = refused.get(tunable.name)
    if reading.value is None:
        known = Effect.REFUSED if errno else Effect.UNKNOWN
        outcome, what, fix, note = _absent(reading), known, "", _absence_note(tunable, reading)
    elif satisfied(requirement, reading.value):
        outcome, what, fix, note = Outcome.PASS, Effect.NOTHING, "", ""
    else:
        assert demanded is not None  # noqa: S101  a live value always has one
        outcome = Outcome.FAIL if requirement.severity is Severity.ERROR else Outcome.WARN
        what = effect(tunable, reading.value, demanded, errno) if tunable.store is not Store.MACHINE else Effect.UNKNOWN
        note = _note(requirement, tunable, reading.value, demanded, what, errno)
        fix = (
            ""
            if what is Effect.REFUSED
            else _fix(
                tunable, reading.value, demanded, profile, readings, role, requirement.operator is Operator.AT_LEAST
            )
        )
        if what is Effect.LOWERS and requirement.operator is Operator.EQUALS:
            fix = ""
    return Finding(
        tunable=tunable.name,
        store=tunable.store,
        outcome=outcome,
        severity=requirement.severity,
        live=reading,
        requirement=requirement,
        why=requirement.why,
        fix=fix,
        effect=what,
        persisted=persisted,
        survives_reboot=satisfied(requirement, persisted.value) if persisted else None,
        note=note,
    )


def _absent(reading: Reading) -> Outcome:
    return Outcome.NOT_APPLICABLE if reading.absence is Absence.ABSENT else Outcome.UNKNOWN


def _absence_note(tunable: Tunable, reading: Reading) -> str:
    if reading.absence is Absence.ABSENT:
        return tunable.absent or "absent here: the host decides"
    return reading.why or "it could not be read"


def _note(
    requirement: Requirement, tunable: Tunable, live: Value, demanded: Value, what: Effect, errno: str | None
) -> str:
    """What else should be known about a demand that is not met."""
    notes = []
    match what:
        case Effect.REFUSED if errno:
            notes.append(f"this kernel answers {errno} to {str(demanded)!r}")
        case Effect.REFUSED:
            notes.append("nobody can write it" if tunable.read_only else f"no kernel accepts {str(demanded)!r}")
        case Effect.LOWERS:
            notes.append(
                f"would lower {_shown(live)} to {_shown(demanded)}, which `apply` does with --allow-lower only"
            )
        case Effect.CHANGES if tunable.kind in (Kind.TRIPLE, Kind.RANGE):
            notes.append(f"would raise a part of {_shown(live)} and lower another")
    if requirement.operator is Operator.EQUALS and not tunable.caps:
        notes.append("the number of connections does not depend on it")
    if tunable.latched and tunable.store is Store.SYSCTL and what in (Effect.RAISES, Effect.CHANGES):
        notes.append(f"takes effect {tunable.latched}")
    return "; ".join(notes)


def _shown(value: Value) -> str:
    return "unlimited" if value.unlimited else str(value)


def _fix(
    tunable: Tunable,
    live: Value,
    demanded: Value,
    profile: Profile,
    readings: Mapping[str, Reading],
    role: Role,
    shardable: bool,
) -> str:
    """One line to paste, or to act on where no line would do."""
    match tunable.store, tunable.name:
        case Store.SYSCTL, name:
            text = str(demanded)
            return f"sysctl -w {name}={text!r}" if " " in text or not text else f"sysctl -w {name}={text}"
        case Store.RLIMIT, "nofile":
            return _fix_nofile(live.number, demanded.number, profile, readings, role if shardable else None)
        case Store.RLIMIT, "nofile.soft":
            hard = readings.get("nofile", NOT_READ).value
            if hard is None or hard.number >= demanded.number:
                return f"ulimit -S -n {demanded} in the shell that starts it (LimitNOFILE={demanded} in its unit)"
            return f"raise nofile, the hard limit, first: it is {_shown(hard)}"
        case Store.RLIMIT, name:
            return f"as root: prlimit --pid PID --{name}={demanded}; Limit{name.upper()}={demanded} in its unit"
        case Store.CGROUP, "cgroup.memory.max":
            return f"MemoryMax={demanded} in its unit; docker run --memory {demanded}"
        case Store.CGROUP, _:
            return f"TasksMax={demanded} in its unit; docker run --pids-limit {demanded}"
        case Store.MACHINE, _:
            return f"a machine with {-(-demanded.number // 2**20):,} MiB of memory, or fewer connections on this one"


def _fix_nofile(live: int, demanded: int, profile: Profile, readings: Mapping[str, Reading], role: Role | None) -> str:
    """More processes get round the limit of one (`role`: of what); raising it takes root, and nr_open above it."""
    nr_open = readings.get("fs.nr_open", NOT_READ).value
    first = f"sysctl -w fs.nr_open={demanded}, then " if nr_open and nr_open.number < demanded else ""
    raising = f"{first}as root: ulimit -n {demanded} (LimitNOFILE={demanded} in its unit)"
    ends = 2 if role is Role.PROXY else 1
    needed = processes_needed(profile.variables.get("connections", 0) * ends, live)
    if role is None or needed is None or needed <= profile.variables.get("processes", 1) or live <= OWN_FILES:
        return raising
    noun = {Role.GENERATOR: "generator", Role.PROXY: "proxy"}.get(role, "server")
    return f"run {needed} or more {noun} processes ({live} files each), or {raising}"
