"""What `apply` is about to do, for somebody who must judge it; and what it and `rollback` did."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from difflib import unified_diff

from wstune.changes import Change, FileChange, Plan, Refusal
from wstune.model import Severity, Store
from wstune.report.shown import shown
from wstune.report.words import BOLD, DIM, GREEN, RED, YELLOW, counted, paint, wrapped
from wstune.values import UNLIMITED_FROM

_BODY = " " * 7


def plan_text(plan: Plan, *, color: bool, width: int = 80) -> str:
    """The whole plan, ending in a newline: changes in order, what is not done, files as differences, notes."""
    plan = _shown(plan)
    lines = [paint(f"{plan.profile}: {_summary(plan)}", BOLD, color)]
    if plan.changes:
        lines += ["", paint("changes, in this order", BOLD, color)]
        for number, change in enumerate(plan.changes, 1):
            lines += _change_lines(change, f"{number:>4}", plan.files, color, width)
    if plan.claims:
        lines += ["", paint("already done by wstune; noted for this profile as well", BOLD, color)]
        lines += [f"     {claim.tunable} = {_value(claim.before)}" for claim in plan.claims]
    if plan.refused:
        lines += ["", paint(f"not done ({len(plan.refused)})", BOLD, color)]
        for change in plan.refused:
            lines += _refused_lines(change, color, width)
    for file in plan.files:
        lines += ["", *_file_lines(file, color, width)]
    if plan.notes:
        lines.append("")
    for note in plan.notes:
        lines += wrapped(note, width, "")
    return "\n".join(lines) + "\n"


def applied_text(
    txn: str, done: Sequence[Change], skipped: Sequence[tuple[Change, str]], *, files: int = 0, color: bool
) -> str:
    """What was done, ending in a newline. `files`: how many were written, told where nothing else was done."""
    what = counted(files, "file") if files and not done else counted(len(done), "change")
    lines = [f"{paint('skipped', YELLOW, color)} {why}" for _, why in skipped]
    if txn:
        lines.append(
            paint(f"applied: {what}, transaction {txn}", GREEN, color) + f"; take it back with: wstune rollback {txn}"
        )
    else:
        lines.append("nothing was changed")
    return "\n".join(lines) + "\n"


def _shown(plan: Plan) -> Plan:
    """The plan as it can be shown; the tabs of the kernel's vectors are blanks then."""

    def tidied(changes: Sequence[Change]) -> tuple[Change, ...]:
        return tuple(replace(each, before=_tidied(each.before), after=_tidied(each.after)) for each in changes)

    tidy = replace(
        plan, changes=tidied(plan.changes), refused=tidied(plan.refused), claims=tidied(plan.claims), files=()
    )
    return replace(shown(tidy), files=plan.files)  # a file has lines


def _tidied(text: str) -> str:
    return " ".join(text.split())


def rolled_back_text(
    txn: str | None,
    parts: Sequence[tuple[str, Sequence[tuple[str, str]]]],
    complete: bool,
    *,
    color: bool,
    width: int = 80,
    abandoned: bool = False,
) -> str:
    """What became of each act, ending in a newline.

    Args:
        parts: (heading, (target, words) …). abandoned: whether the record was closed all the same.
    """
    lines = []
    for heading, acts in parts:
        code = RED if heading in ("changed since, and kept", "failed", "not recorded") else GREEN
        for target, what in acts:
            lines += wrapped(f"{target}: {what}", width, " " * 4, f"{paint(heading, code, color)} ")
    kept = "its record is closed (abandoned)" if abandoned else "its record is kept"
    end = "is taken back" if complete else f"is not wholly taken back; {kept}"
    if txn is not None:
        lines.append(paint(f"transaction {txn} {end}", GREEN if complete else RED, color))
    if abandoned and complete:
        lines.append("the journal is whole again: what was missing in it is noted as known")
    return "\n".join(lines) + "\n"


def by_hand_text(by_hand: Sequence[tuple[str, str, str]], holes: Sequence[str], *, color: bool, width: int = 80) -> str:
    """What could not be taken back, (target, what it was, a command) each, and what is not known. Ends in a newline."""
    lines = []
    for target, wanted, command in by_hand:
        lines += wrapped(f"{target}: it was {wanted}", width, " " * 4, f"{paint('by hand', YELLOW, color)} ")
        lines += [f"    {command}"] if command else []
    for hole in holes:
        lines += wrapped(f"{hole}; what was done then is not known", width, " " * 4, f"{paint('unknown', RED, color)} ")
    return "".join(f"{line}\n" for line in lines)


def _summary(plan: Plan) -> str:
    if plan.empty:
        could_not = [change for change in plan.refused if change.refusal in (Refusal.READ_ONLY, Refusal.PRIVILEGE)]
        return f"nothing can be set here, {len(plan.refused)} not done" if could_not else "nothing to do"
    parts = [counted(len(plan.changes), "change")] if plan.changes else []
    parts += [counted(len(plan.files), "file")] if plan.files else []
    parts += [f"{len(plan.claims)} noted"] if plan.claims else []
    parts += [f"{len(plan.refused)} not done"] if plan.refused else []
    return ", ".join(parts)


def _change_lines(change: Change, mark: str, files: Sequence[FileChange], color: bool, width: int) -> list[str]:
    name = change.tunable if change.pid is None else f"{change.tunable} of process {change.pid}"
    arrow = f"{_value(change.before)} → {paint(_value(change.after), GREEN, color)}"
    bare = len(f"{mark} {name:<34} {_value(change.before)} → {_value(change.after)}")
    lines = [f"{mark} {name:<34} {arrow}"] if bare <= width else [f"{mark} {name}", f"{_BODY}{arrow}"]
    lines += wrapped(change.why, width, _BODY)
    if change.takes_effect:
        lines += wrapped(f"takes effect: {change.takes_effect}; what runs already must be restarted", width, _BODY)
    kept = [file.path for file in files if any(entry[0] == change.tunable for entry in file.entries)]
    if kept:
        lines += wrapped(f"now, and at each boot from {', '.join(kept)}", width, _BODY)
    elif change.store is Store.SYSCTL:
        lines += wrapped("until the next boot", width, _BODY)
    else:
        lines += wrapped("for as long as the process runs", width, _BODY)
    if change.severity is not Severity.ERROR:
        lines += wrapped("skipped, and told, if the kernel refuses it", width, _BODY)
    return lines


def _refused_lines(change: Change, color: bool, width: int) -> list[str]:
    arrow = f" {_value(change.before)} → {_value(change.after)}" if change.after else ""
    mark = paint("   -", RED if change.severity is Severity.ERROR else DIM, color)
    reason = change.reason or (change.refusal.value if change.refusal else "")
    return [f"{mark} {change.tunable}{arrow}", *wrapped(reason, width, _BODY)]


def _file_lines(file: FileChange, color: bool, width: int) -> list[str]:
    if file.before == file.after:
        return [paint(file.path, BOLD, color) + f" holds it already; it is read {file.takes_effect}"]
    how = "new" if file.before is None else "changed"
    lines = [paint(file.path, BOLD, color) + f" ({how}), read {file.takes_effect}"]
    before = file.before.splitlines() if file.before is not None else []
    for line in list(unified_diff(before, file.after.splitlines(), lineterm="", n=1))[2:]:
        if not line.startswith("@@"):
            code = {"+": GREEN, "-": RED}.get(line[:1], "")
            lines.append(paint(f"  {line}", code, color) if code else f"  {line}")
    for key, source, why in file.overridden:
        lines += wrapped(f"but {source} sets {key} to {why}", width, _BODY)
    return lines


def _value(text: str) -> str:
    """A kernel text for people: single spaces, nothing as `none`, LONG_MAX as what it means."""
    words = ("no limit" if part.isdecimal() and int(part) >= UNLIMITED_FROM else part for part in text.split())
    return " ".join(words) or "none"
