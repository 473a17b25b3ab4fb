"""From findings to changes: what to write, in which order, and what not to write and why. Pure.

A plan is a prediction: `apply` reads every value again right before it writes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from wstune.changes import Change, Plan, Refusal
from wstune.model import Absence, Effect, Finding, HostFacts, Outcome, Scope, Severity, Store
from wstune.readiness.compare import UNORDERED, demanded_value
from wstune.tunable import InUse, Tunable
from wstune.tunables import CATALOGUE, find
from wstune.values import Kind, Value, format_value, make, merged

_RANK = {Severity.ERROR: 0, Severity.WARN: 1, Severity.INFO: 2}

RLIMITS = ("nofile", "nofile.soft")


@dataclass(frozen=True, slots=True)
class Process:
    """A running process whose file limit is to be changed."""

    pid: int
    started: int
    soft: int
    hard: int


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What a plan must know of the host beside the findings; None where it could not be read.

    Attributes:
        unwritable: sysctl keys that root may not write here, with what the kernel says.
        nr_open: fs.nr_open as it is.
        in_use: what the guards of limits look at; needed only where a limit would be lowered.
    """

    facts: HostFacts
    unwritable: Mapping[str, str] = field(default_factory=dict)
    nr_open: int | None = None
    in_use: Mapping[InUse, int | None] = field(default_factory=dict)
    process: Process | None = None


def plan(
    profile_name: str, findings: Sequence[Finding], circumstances: Circumstances, *, allow_lower: bool = False
) -> Plan:
    """What must be changed so that the findings pass, in order, and what will not be changed.

    A second plan after an apply is empty, and a value that is at least as good as demanded is never touched.

    Args:
        allow_lower: also write values that are worse for connections than the present ones.
    """
    changes: list[Change] = []
    refused: list[Change] = []
    for name, group in _unmet(findings).items():
        if name in RLIMITS and circumstances.process:
            continue
        change = _change(find(name), group, circumstances, allow_lower)
        if change is not None:
            (refused if change.refusal else changes).append(change)
    nr_open = after_plan(CATALOGUE["nofile"].bounded_by, changes, circumstances.nr_open)
    limit = _rlimit(findings, circumstances, nr_open)
    if limit is not None:
        (refused if limit.refusal else changes).append(limit)
    changes.sort(key=lambda change: change.order)
    return Plan(profile_name, tuple(changes), tuple(refused))


def is_outside(facts: HostFacts) -> bool:
    """Whether this is not the host itself but a container or a network namespace on it, or cannot be told from one."""
    return facts.initial_netns is not True or facts.container is not None


def lowers(before: Value, after: Value) -> bool:
    """Whether any number falls, a range narrows or a list loses a port: what is not done without consent."""
    if before.kind is Kind.TEXT:
        return False
    if before.kind is Kind.PORTS:
        return merged(before.numbers + after.numbers) != merged(after.numbers)
    if before.kind is Kind.RANGE:
        return after.numbers[0] > before.numbers[0] or after.numbers[1] < before.numbers[1]
    return any(new < old for old, new in zip(before.numbers, after.numbers, strict=True))


def _met(finding: Finding, value: Value) -> Value:
    """The value that meets the finding's requirement and keeps what is better already."""
    return demanded_value(finding.requirement, value) or value


def _unmet(findings: Iterable[Finding]) -> dict[str, list[Finding]]:
    """Findings that ask for something, by tunable, in the order of the profile."""
    groups: dict[str, list[Finding]] = {}
    for finding in findings:
        idle = finding.outcome is Outcome.NOT_APPLICABLE and finding.live.value is not None  # there, and not in force
        if finding.outcome is not Outcome.PASS and not idle:
            groups.setdefault(finding.tunable, []).append(finding)
    return groups


def _change(
    tunable: Tunable, group: Sequence[Finding], circumstances: Circumstances, allow_lower: bool
) -> Change | None:
    first = min(group, key=lambda finding: _RANK[finding.severity])
    before = first.live.value

    def result(after: str, refusal: Refusal | None = None, reason: str = "") -> Change:
        return Change(
            tunable=tunable.name,
            store=tunable.store,
            before=before.raw if before else "",
            after=after,
            severity=first.severity,
            why=first.why or first.requirement.why,
            order=tunable.order,
            refusal=refusal,
            reason=reason,
            takes_effect=tunable.latched,
        )

    if tunable.store is not Store.SYSCTL:
        return result("", Refusal.ELSEWHERE, _elsewhere(tunable))
    if before is None:
        refusal = Refusal.ABSENT if first.live.absence is Absence.ABSENT else Refusal.UNKNOWN
        return result("", refusal, first.live.why or first.note)
    after = before
    for finding in group:
        after = _met(finding, after)
    if after.same(before):
        return None
    text = format_value(after)
    refused = _refusal(tunable, group, before, after, circumstances)
    if refused is None and tunable.unit not in UNORDERED and lowers(before, after):
        refused = _lowering(tunable, after, circumstances, allow_lower)
    return result(text, *refused) if refused else result(text)


def _refusal(
    tunable: Tunable, group: Sequence[Finding], before: Value, after: Value, circumstances: Circumstances
) -> tuple[Refusal, str] | None:
    """Why this host will not have it, if so; known before anything is written."""
    facts = circumstances.facts
    if is_outside(facts) and tunable.scope is not Scope.NETNS:
        return Refusal.OUTSIDE, f"{tunable.name} is the whole host's; set it there"
    refusing = next((finding for finding in group if finding.effect is Effect.REFUSED), None)
    if refusing is not None:
        return Refusal.OUT_OF_RANGE, refusing.note or f"this kernel refuses {format_value(after)!r}"
    bounds = [number for number, old in zip(after.numbers, _padded(before, after), strict=True) if number != old]
    for number in bounds:
        if tunable.minimum is not None and number < tunable.minimum:
            return Refusal.OUT_OF_RANGE, f"{number} is below {tunable.minimum}, the least that the kernel accepts"
        if tunable.maximum is not None and number > tunable.maximum:
            return Refusal.OUT_OF_RANGE, f"{number} is above {tunable.maximum}, the most that the kernel accepts"
    if tunable.name in circumstances.unwritable:
        return Refusal.READ_ONLY, f"{tunable.name} cannot be written here: {circumstances.unwritable[tunable.name]}"
    if facts.user_namespace and not tunable.name.startswith("net."):
        return Refusal.PRIVILEGE, f"{tunable.name} needs root of the host itself, not of a user namespace"
    return None


def _lowering(
    tunable: Tunable, after: Value, circumstances: Circumstances, allow_lower: bool
) -> tuple[Refusal, str] | None:
    """What stands against making a value worse: consent first, then what runs."""
    if not allow_lower:
        return Refusal.LOWERS, "that would lower it; --allow-lower permits it"
    guard = tunable.guard
    refused = guard.refuses(after.number, circumstances.in_use.get(guard.in_use)) if guard else ""
    return (Refusal.GUARD, refused) if refused else None


def after_plan(name: str, changes: Iterable[Change], present: int | None) -> int | None:
    """What an INTEGER tunable is once these changes are made."""
    return next((int(change.after) for change in changes if change.tunable == name), present)


def _rlimit(findings: Sequence[Finding], circumstances: Circumstances, nr_open: int | None) -> Change | None:
    process = circumstances.process
    group = [finding for name, some in _unmet(findings).items() if name in RLIMITS for finding in some]
    if process is None or not group:
        return None
    soft, hard = process.soft, process.hard
    for finding in group:
        if finding.tunable == "nofile":
            hard = _met(finding, make(Kind.INTEGER, hard)).number
        else:
            soft = _met(finding, make(Kind.INTEGER, soft)).number
    # Never down: a running process may be using what it has.
    soft, hard = max(soft, process.soft), max(hard, soft, process.hard)
    if (soft, hard) == (process.soft, process.hard):
        return None
    first = min(group, key=lambda finding: _RANK[finding.severity])
    refusal, reason = None, ""
    facts = circumstances.facts
    if nr_open is not None and hard > nr_open:
        refusal, reason = Refusal.GUARD, f"{hard} is above fs.nr_open, {nr_open}, which this plan does not raise"
    elif hard > process.hard and (facts.user_namespace or "CAP_SYS_RESOURCE" not in facts.capabilities):
        refusal = Refusal.PRIVILEGE
        reason = f"raising the hard limit of process {process.pid} from {process.hard} needs CAP_SYS_RESOURCE here"
    return Change(
        tunable="nofile",
        store=Store.RLIMIT,
        before=f"{process.soft} {process.hard}",
        after=f"{soft} {hard}",
        severity=first.severity,
        why=first.why or first.requirement.why,
        order=find("nofile").order,
        pid=process.pid,
        started=process.started,
        refusal=refusal,
        reason=reason,
    )


def _elsewhere(tunable: Tunable) -> str:
    if tunable.name in RLIMITS:
        return "a limit of a process: name one with --pid, a service with --unit, or a login with --user"
    if tunable.store is Store.CGROUP:
        return "a limit of the control group: set it where the service or the container is started"
    if tunable.store is Store.MACHINE:
        return "the machine's own: a larger one has more, and fewer connections need less"
    return "a limit of a process: set it where the process is started"


def _padded(before: Value, after: Value) -> tuple[int | None, ...]:
    """Numbers of `before` in the places of `after`, for comparing one by one; None where there is none."""
    if before.kind is Kind.PORTS or len(before.numbers) != len(after.numbers):
        return (None,) * len(after.numbers)
    return before.numbers
