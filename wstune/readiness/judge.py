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
    HostFacts,
    NextBoot,
    Operator,
    Outcome,
    Profile,
    Reading,
    Requirement,
    Role,
    Severity,
    Store,
)
from wstune.readiness.advice import NOT_READ, Scene, absence_note, fix, note
from wstune.readiness.compare import demanded_value, effect, satisfied
from wstune.tunables import CATALOGUE
from wstune.values import Value

_SOFT = "the process runs already: unless it raises its own soft limit by itself, it stops here with EMFILE"


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
    boots: Mapping[str, NextBoot] | None = None,
    inactive: Mapping[str, str] | None = None,
    facts: HostFacts | None = None,
    pid: int | None = None,
) -> tuple[Finding, ...]:
    """One finding for each requirement on that end of the connection, in the profile's order.

    Args:
        readings: by name of the tunable; a missing one counts as unreadable.
        refused: errno name with which this kernel answers to the demanded value, None where it accepts it; a key that
            was not tried is missing. `values_to_try` says what to try.
        boots: what the next boot makes of the limits, as far as it was looked at.
        inactive: limits that are there but not in force, with the reason: `not_in_force` knows them. Not meeting one
            is not applicable instead of a failure.
        facts: what the host is, so that no fix is advised that it does not permit.
        pid: the running process that is judged. It cannot be told to raise its soft limit, which else is only advised.
    """
    scene = Scene(profile, readings, role, refused or {}, facts or HostFacts(), pid)
    found = []
    for requirement in applicable(profile, role):
        if pid is not None and requirement.tunable == "nofile.soft":
            requirement = replace(requirement, severity=Severity.ERROR, why=_SOFT)
        finding = _finding(requirement, scene, (boots or {}).get(requirement.tunable, NextBoot(settled=False)))
        reason = (inactive or {}).get(requirement.tunable, "")
        if reason and finding.outcome in (Outcome.FAIL, Outcome.WARN):
            finding = replace(finding, outcome=Outcome.NOT_APPLICABLE, fix="", note=reason)
        found.append(finding)
    return tuple(found)


def not_in_force(conntrack_count: int | None) -> dict[str, str]:
    """Limits that are there and cap nothing, with the reason: conntrack's, while nothing at all is tracked.

    Where rules make it look, any traffic at all is counted.
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


def _finding(requirement: Requirement, scene: Scene, boot: NextBoot) -> Finding:
    tunable = CATALOGUE[requirement.tunable]
    reading = scene.readings.get(tunable.name, NOT_READ)
    outcome, what, advice, remark = Outcome.PASS, Effect.NOTHING, "", ""
    if reading.value is None:
        outcome = Outcome.NOT_APPLICABLE if reading.absence is Absence.ABSENT else Outcome.UNKNOWN
        what = Effect.REFUSED if scene.refused.get(tunable.name) else Effect.UNKNOWN
        remark = absence_note(tunable, reading)
    elif not satisfied(requirement, reading.value):
        outcome = Outcome.FAIL if requirement.severity is Severity.ERROR else Outcome.WARN
        demanded = demanded_value(requirement, reading.value) or reading.value
        what = Effect.UNKNOWN
        if tunable.store is not Store.MACHINE:
            what = effect(tunable, reading.value, demanded, scene.refused.get(tunable.name))
        remark = note(scene, requirement, reading.value, demanded, what)
        if what is not Effect.REFUSED and not (what is Effect.LOWERS and requirement.operator is Operator.EQUALS):
            advice = fix(scene, requirement, reading.value, demanded)
    return Finding(
        tunable=tunable.name,
        store=tunable.store,
        outcome=outcome,
        severity=requirement.severity,
        live=reading,
        requirement=requirement,
        why=requirement.why,
        fix=advice,
        effect=what,
        persisted=boot.persisted,
        survives_reboot=_survives(requirement, boot),
        by_procps=boot.by_procps,
        boot_note=boot.why,
        managers=boot.managers,
        note=remark,
    )


def _survives(requirement: Requirement, boot: NextBoot) -> bool | None:
    """Whether the demand is met after the next boot; None when that is not known."""
    value = boot.persisted.value if boot.persisted and boot.settled else None
    if value is None or value.kind is not CATALOGUE[requirement.tunable].kind:
        return None
    return satisfied(requirement, value)
