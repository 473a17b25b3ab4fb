"""The second half of a plan: what to keep over a reboot, a login or a restart, and what to hold on to. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from wstune.changes import Change, FileChange, Plan, Refusal
from wstune.model import Finding, Outcome, Severity, Store
from wstune.readiness.compare import demanded_value
from wstune.readiness.next_boot import OWN
from wstune.readiness.sysctl_d import DIRECTORIES
from wstune.tunables import find
from wstune.tuning.persist import Entry, Machine, comes_with_module, read_own, render
from wstune.values import Kind, format_value, make

Standing = Mapping[str, tuple[str, frozenset[str]]]
"""Keys that wstune has set and not taken back: the text it left, and for which profiles (chain.standing_sysctls)."""


@dataclass(frozen=True, slots=True)
class Present:
    """A file of ours as it is.

    Attributes:
        text: None when there is none.
        wanted: the lines that standing transactions want in it (chain.standing_entries).
        profiles: for which profiles.
    """

    path: str
    text: str | None
    wanted: tuple[Entry, ...]
    profiles: frozenset[str] = frozenset()

    @property
    def foreign(self) -> bool:
        """Whether somebody else wrote or edited it."""
        own = read_own(self.text) if self.text is not None else None
        return self.text is not None and (own is None or not own.intact)

    @property
    def entries(self) -> dict[str, Entry]:
        """Its lines by key: what the journal says, else, when the journal is lost, what the file says."""
        own = read_own(self.text) if self.text is not None and not self.wanted else None
        return {entry[0]: entry for entry in (own.entries if own else self.wanted)}


def with_sysctl_file(
    plan: Plan, findings: Sequence[Finding], standing: Standing, machine: Machine, present: Present
) -> Plan:
    """The plan with the sysctls it changes written for the next boot, and those claimed that it finds done already.

    Written too is what is as required now, and will not be after the next boot, where a file of ours can keep it.
    """
    wanted: dict[str, Entry] = {
        change.tunable: (change.tunable, change.after, change.before)
        for change in plan.changes
        if change.store is Store.SYSCTL
    }
    wanted = {entry[0]: entry for entry in map(_lost, findings) if entry} | wanted
    entries = present.entries
    claims = []
    for finding in _kept(findings, standing, wanted):
        key, live = finding.tunable, finding.live.value
        if live is None or (plan.profile in standing[key][1] and key in entries):
            continue
        claims.append(_claim(finding, live.raw))
        kept = entries.get(key)
        wanted[key] = (key, kept[1] if kept else format_value(live), kept[2] if kept else "")
    plan = replace(plan, claims=tuple(claims))
    notes = [
        f"{key} exists once its module is loaded: when that comes after the sysctls are read at boot, it is not set"
        for key in sorted(wanted)
        if comes_with_module(key)
    ]
    plan = _with(plan, "sysctl", present, wanted, machine, "at boot")
    return replace(plan, notes=(*plan.notes, *notes))


def without(files: Sequence[FileChange], keys: Collection[str]) -> tuple[FileChange, ...]:
    """The files without the lines for these sysctls, which the kernel did not take; an earlier line of ours stays.

    A file of which nothing new is left is not written.
    """
    kept = []
    for change in files:
        own = read_own(change.after)
        if change.style != "sysctl" or own is None or not any(entry[0] in keys for entry in change.entries):
            kept.append(change)
            continue
        entries = tuple(entry for entry in change.entries if entry[0] not in keys)
        before = read_own(change.before) if change.before is not None else None
        had = {entry[0]: entry for entry in (before.entries if before else ())}
        lines = {entry[0]: entry for entry in own.entries if entry[0] not in keys}
        lines |= {key: had[key] for key in keys if key in had}
        if entries:
            after = render(change.style, [lines[key] for key in sorted(lines)], own.machine)
            kept.append(replace(change, after=after, entries=entries))
    return tuple(kept)


def with_claims(plan: Plan, findings: Sequence[Finding], standing: Standing) -> Plan:
    """The plan with what it finds done already, for another profile, claimed; nothing is persisted."""
    changed = {change.tunable for change in plan.changes}
    claims = [
        _claim(finding, finding.live.value.raw)
        for finding in _kept(findings, standing, changed)
        if finding.live.value and plan.profile not in standing[finding.tunable][1]
    ]
    return replace(plan, claims=tuple(claims))


def with_limit_file(
    plan: Plan, findings: Sequence[Finding], style: str, name: str, present: Present, machine: Machine, bounds: Bounds
) -> Plan:
    """The plan with the file limit that the profile demands, for the logins of a user or for a service.

    Args:
        style: `limits` with a user's name, or `unit` with a service's.
    """
    demand = nofile_demand(findings)
    if demand is None:
        return replace(plan, notes=(*plan.notes, f"the profile asks for no file limit, so {name} is left as it is"))
    key = name if style == "limits" else "LimitNOFILE"
    had = present.entries.get(key)
    floor = tuple(map(int, had[1].split())) if had else (0, 0)
    floor = (max(floor[0], bounds.floor[0]), max(floor[1], bounds.floor[1]))
    if bounds.nr_open is not None:
        floor = (min(floor[0], bounds.nr_open), min(floor[1], bounds.nr_open))
    soft, hard = max(demand[0], floor[0]), max(demand[1], floor[1])
    when = "at the next login" if style == "limits" else f"at a restart of {name}"
    if bounds.sure[0] >= demand[0] and bounds.sure[1] >= demand[1]:
        if had is None or plan.profile in present.profiles:
            return plan
        return _with(plan, style, present, {key: had}, machine, when)  # another profile's; from now on ours too
    if bounds.nr_open is not None and hard > bounds.nr_open:
        reason = f"{hard} is above fs.nr_open, {bounds.nr_open}, which this plan does not raise"
        refused = Change(
            tunable="nofile",
            store=Store.RLIMIT,
            before=f"{floor[0]} {floor[1]}" if any(floor) else "",
            after=f"{soft} {hard}",
            severity=Severity.ERROR,
            why=f"the file limit of {name}",
            order=find("nofile").order,
            refusal=Refusal.GUARD,
            reason=reason,
            takes_effect=when,
        )
        return replace(plan, refused=(*plan.refused, refused))
    return _with(plan, style, present, {key: (key, f"{soft} {hard}", "")}, machine, when)


@dataclass(frozen=True, slots=True)
class Bounds:
    """What holds a persisted file limit.

    Attributes:
        nr_open: fs.nr_open after the plan.
        floor: (soft, hard) below which a line of ours would lower it.
        sure: (soft, hard) that it is already, whatever happens.
    """

    nr_open: int | None
    floor: tuple[int, int]
    sure: tuple[int, int]


def nofile_demand(findings: Sequence[Finding]) -> tuple[int, int] | None:
    """(soft, hard) that the findings' requirements ask of a process, whatever its limits are; None when nothing.

    A demand on the hard limit alone is one on the soft limit as well: what starts from a file does not raise its own.
    """
    zero = make(Kind.INTEGER, 0)
    found = {"nofile": 0, "nofile.soft": 0}
    for finding in findings:
        if finding.tunable in found:
            value = demanded_value(finding.requirement, zero) or zero
            found[finding.tunable] = max(found[finding.tunable], value.number)
    hard = max(found.values())
    return (found["nofile.soft"] or hard, hard) if hard else None


def _kept(findings: Sequence[Finding], standing: Standing, changed: Mapping[str, object] | set[str]) -> list[Finding]:
    """Findings that pass because wstune made it so, each key once."""
    passed = {
        finding.tunable: finding
        for finding in findings
        if finding.outcome is Outcome.PASS and finding.tunable in standing and finding.tunable not in changed
    }
    return list(passed.values())


def _lost(finding: Finding) -> Entry | None:
    """The line that keeps a value over a boot; None where it stays by itself, or another program sets it later."""
    live, persisted = finding.live.value, finding.persisted
    lost = finding.outcome is Outcome.PASS and finding.survives_reboot is False and finding.store is Store.SYSCTL
    if not lost or live is None or persisted is None:
        return None
    by_loader = persisted.source == OWN or any(persisted.source.startswith(f"{place}/") for place in DIRECTORIES)
    return (finding.tunable, format_value(live), persisted.value.raw) if by_loader else None


def _claim(finding: Finding, live: str) -> Change:
    tunable = find(finding.tunable)
    return Change(
        tunable=tunable.name,
        store=tunable.store,
        before=live,
        after=live,
        severity=finding.severity,
        why=finding.why,
        order=tunable.order,
    )


def _with(
    plan: Plan, style: str, present: Present, wanted: Mapping[str, Entry], machine: Machine, takes_effect: str
) -> Plan:
    if not wanted:
        return plan
    entries = present.entries
    merged = entries | {key: _first_replaced(entry, entries.get(key)) for key, entry in wanted.items()}
    lines = tuple(merged[key] for key in sorted(merged))
    unchanged = present.text is not None and not present.foreign and merged == entries
    change = FileChange(
        style=style,
        path=present.path,
        before=present.text,
        after=present.text if unchanged and present.text is not None else render(style, lines, machine),
        entries=tuple(merged[key] for key in sorted(wanted)),
        takes_effect=takes_effect,
    )
    return replace(plan, files=(*plan.files, change))


def _first_replaced(entry: Entry, had: Entry | None) -> Entry:
    """What was replaced first is what the machine had by itself; what wstune wrote in between is not."""
    return (entry[0], entry[1], had[2]) if had and had[2] else entry
