"""What a host is, for people, whatever the profile: its capacity, whose limits are what, what it has met already."""

from __future__ import annotations

from collections.abc import Sequence

from wstune.model import Capacity, CapacityLimit, Confidence, Role
from wstune.readiness.constants import OWN_FILES, processes_needed
from wstune.readiness.costs import ASSUMED
from wstune.report.words import count, counted, size, wrapped
from wstune.service import Costs, Hit, Limits
from wstune.values import UNLIMITED_FROM

_LABEL = 18
_COLUMN = 15
_BODY = " " * 7


def costs_text(costs: Costs) -> str:
    """What a connection is taken to cost, and how that is known: `16 KiB for the application (assumed)`."""
    told = "assumed; --app-bytes tells" if costs.app_source == ASSUMED else costs.app_source
    tls = f", {size(costs.tls)} for TLS" if costs.tls else ""
    return f"{size(costs.app)} a connection for the application ({told}){tls}, beside the kernel's"


def capacity_lines(capacity: Capacity, connections: int | None, width: int) -> list[str]:
    """`as server  nofile: 19,936 a process → 6 processes; then memory: about 1,030,000`.

    `connections`: the target, for which what can be multiplied is multiplied; None for none.
    """
    label = f"  as {capacity.role.value}"
    label = f"{label:<{_LABEL}}"
    binding = [limit for limit in capacity.limits if limit.connections is not None]
    if not binding:
        return wrapped("no limit that could be read binds", width, " " * _LABEL, label)
    text = _limit_text(binding[0], capacity.role, connections)
    if len(binding) > 1:
        text += f"; then {_limit_text(binding[1], capacity.role, connections)}"
    return wrapped(text, width, " " * _LABEL, label)


def _limit_text(limit: CapacityLimit, role: Role, connections: int | None) -> str:
    number = limit.connections or 0
    about = "about " if limit.confidence is Confidence.ESTIMATE else ""
    each = " a process" if limit.per_process else " a source address" if limit.per_source else ""
    text = f"{limit.name}: {about}{count(number)}{each}"
    if connections is None or number >= connections or not each:
        return text
    if limit.per_source:
        return f"{text} → {counted(-(-connections // number), 'address')}" if number else text
    ends = 2 if role is Role.PROXY else 1
    needed = processes_needed(connections * ends, number * ends + OWN_FILES)
    return f"{text} → {counted(needed, 'process')}" if needed is not None else text


def limits_table(limits: Sequence[Limits], width: int) -> list[str]:
    """A column for each: this shell, a new login, the unit, the process; and where the file limits are from."""
    rows: list[tuple[str, list[str]]] = [
        ("", [each.title for each in limits]),
        ("", [_cut(each.who) for each in limits]),
        ("nofile soft", [_number(each.nofile_soft) for each in limits]),
        ("nofile hard", [_number(each.nofile_hard) for each in limits]),
        ("nproc", [_number(each.nproc) for each in limits]),
        ("tasks of group", [_number(each.tasks) for each in limits]),
        ("memory of group", [_bytes(each.memory) for each in limits]),
    ]
    lines = [f"  {label:<{_LABEL - 2}}" + "".join(f"{cell:>{_COLUMN}}" for cell in cells) for label, cells in rows]
    for each in limits:
        sources = dict.fromkeys(filter(None, (each.source(field) for field in ("nofile_soft", "nofile_hard"))))
        if sources:
            lines += wrapped(f"{each.title}: nofile from {' and '.join(sources)}", width, "    ", "  ")
    return [line.rstrip() for line in lines]


def hit_lines(hits: Sequence[Hit], width: int) -> list[str]:
    """Each limit, what was met and how often; what to do about it, once for those that follow with the same advice."""
    lines: list[str] = []
    for hit, after in zip(hits, (*hits[1:], None), strict=True):
        lines += wrapped(f"{hit.name}: {hit.said} ({hit.counter} {count(hit.count)})", width, _BODY, "  ")
        if after is None or after.fix != hit.fix:
            lines += wrapped(hit.fix, width, f"{_BODY}     ", f"{_BODY}fix: ")
    return lines


def _cut(text: str) -> str:
    return text if len(text) < _COLUMN else text[: _COLUMN - 2] + "…"


def _number(number: int | None) -> str:
    return "?" if number is None else count(number)


def _bytes(number: int | None) -> str:
    return "?" if number is None else "no limit" if number >= UNLIMITED_FROM else size(number)
