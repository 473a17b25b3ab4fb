"""`wstune check --hosts`: one table of all machines, and one document with each one's own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from wstune.report.head import Head
from wstune.report.shown import shown
from wstune.report.words import BOLD, GREEN, RED, YELLOW, paint, wrapped

_COLORS = {"ready": GREEN, "not-ready": RED}


class Row(Protocol):
    """A machine, as actions.check_fleet.FleetRow has it."""

    @property
    def name(self) -> str: ...
    @property
    def document(self) -> dict[str, Any] | None: ...
    @property
    def error(self) -> str: ...
    @property
    def tip(self) -> str: ...
    @property
    def verdict(self) -> str: ...


def fleet_text(rows: Sequence[Row], verdict: str, *, color: bool, width: int = 100) -> str:
    """The table: a line for each machine, below it what is wrong and how to put it right."""
    rows = shown(tuple(rows))
    wide = max(7, *(len(row.name) for row in rows))
    lines = [paint(f"{'machine':<{wide}}  {'verdict':<13}{'holds':>12}  by", BOLD, color)]
    for row in rows:
        holds, binds = _capacity(row)
        word = paint(f"{row.verdict:<13}", _COLORS.get(row.verdict, YELLOW), color)
        lines.append(f"{row.name:<{wide}}  {word}{holds:>12}  {binds}".rstrip())
        for finding in _wrong(row):
            lines += wrapped(f"{finding['tunable']}: {finding['fix']}", width, " " * (wide + 4), " " * (wide + 2))
        if row.error:
            lines += wrapped(row.error, width, " " * (wide + 4), " " * (wide + 2))
            lines += wrapped(row.tip, width, " " * (wide + 7), " " * (wide + 2) + "tip: ") if row.tip else []
    ready = sum(row.verdict == "ready" for row in rows)
    lines += ["", paint(f"{verdict}: {ready} of {len(rows)} machines are ready", _COLORS.get(verdict, YELLOW), color)]
    return "\n".join(lines) + "\n"


def _capacity(row: Row) -> tuple[str, str]:
    """Connections that the machine holds in the role that was checked, and which limit says so."""
    if row.document is None:
        return "", ""
    role = "generator" if row.document["role"] == "generator" else "server"
    held = row.document["capacity"].get(role) or {}
    number = held.get("connections")
    return ("" if number is None else f"{number:,}"), held.get("bottleneck") or ""


def _wrong(row: Row) -> list[dict[str, Any]]:
    findings = row.document["findings"] if row.document else []
    return [each for each in findings if each["outcome"] in ("fail", "unknown") and each["severity"] == "error"]


def fleet_document(rows: Sequence[Row], verdict: str, head: Head) -> dict[str, Any]:
    """docs/reference/schemas/check-hosts.json is its published schema."""
    from wstune.report.json import head_document

    return {
        **head_document(head),
        "verdict": verdict,
        "hosts": [
            {
                "name": row.name,
                "verdict": row.verdict,
                "error": row.error or None,
                "tip": row.tip or None,
                "check": row.document,
            }
            for row in rows
        ],
    }
