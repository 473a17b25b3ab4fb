"""`wstune explain`: the catalogue for people."""

from __future__ import annotations

from wstune.model import Direction, Reading, Scope
from wstune.report.words import BOLD, count, paint, reading_text, wrapped
from wstune.tunable import Tunable
from wstune.tunables import FAMILIES
from wstune.values import UNLIMITED_FROM

_LABEL = 11


def explain_text(tunable: Tunable, here: Reading, *, color: bool, width: int = 80) -> str:
    """All that is known of one limit, and its value here."""
    store = f"{tunable.store.value}, one for each {tunable.scope.value}"
    if tunable.scope is Scope.GLOBAL:
        store = f"{tunable.store.value}, one for the whole host"
    if tunable.writable_in_netns:
        store += "; a container's own namespace may write it"
    written = tunable.kind.value + (f" ({', '.join(tunable.fields)})" if tunable.fields else "")
    rows = [
        ("also", ", ".join(tunable.synonyms)),
        ("here", reading_text(here) + (f" {tunable.unit}" if here.value and not here.value.unlimited else "")),
        ("", here.why),
        ("caps", tunable.caps or "neither connections nor their rate"),
        ("when hit", tunable.symptom),
        ("in a burst", tunable.wall.meaning if tunable.wall else ""),
        ("risk", tunable.risk),
        ("helps", "neither way: it depends" if tunable.direction is Direction.NONE else tunable.direction.value),
        ("untouched", tunable.default),
        ("written as", f"{written}, in {tunable.unit}"),
        ("accepted", _accepted(tunable)),
        ("counts", tunable.latched),
        ("kept", store),
        ("if absent", tunable.absent),
        ("since", f"Linux {tunable.since}" if tunable.since[:1].isdigit() else tunable.since),
        ("sources", "; ".join(tunable.sources)),
    ]
    lines = [paint(tunable.name, BOLD, color), *wrapped(tunable.summary, width, ""), ""]
    for label, text in rows:
        if text:
            lines += wrapped(text, width, " " * _LABEL, f"{label:<{_LABEL}}")
    return "\n".join(lines) + "\n"


def names_text(*, color: bool, width: int = 80) -> str:
    """Every limit of the catalogue with its summary, by family."""
    lines = []
    for family, tunables in FAMILIES.items():
        lines += ["", paint(family.replace("_", " "), BOLD, color)]
        for tunable in tunables:
            lines += [f"  {tunable.name}", *wrapped(tunable.summary, width, " " * 6)]
    return "\n".join(lines[1:]) + "\n"


def _accepted(tunable: Tunable) -> str:
    if tunable.read_only:
        return "nothing: it can only be read"
    low, high = tunable.minimum, tunable.maximum
    if low is None and high is None:
        return "any"
    if high is None or high >= UNLIMITED_FROM:
        return f"from {count(low or 0)}"
    return f"{count(low) if low is not None else 'any'} to {count(high)}; other numbers are EINVAL"
