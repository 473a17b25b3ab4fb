"""`wstune --help`: the commands by what they are for, and examples. Data, and its layout."""

from __future__ import annotations

from collections.abc import Iterable

GROUPS: dict[str, tuple[str, ...]] = {
    "Is it ready": ("check", "capacity", "explain", "profiles", "capture"),
    "Make it ready": ("apply", "rollback", "history", "status", "run"),
    "Is it true": ("verify", "report", "serve", "scenario"),
    "For elsewhere": ("export",),
}
"""A heading, and the commands under it; one that stands in none comes last, under `More`."""

EXAMPLES: tuple[tuple[str, str], ...] = (
    ("wstune check -n 100k", "is this host ready for 100,000 connections, and what does it hold as it is"),
    ("sudo wstune apply high-conn -n 100k", "show what would be changed, ask, change it"),
    ("sudo wstune rollback", "take it back"),
    ("wstune verify host -n 50k", "open 50,000 connections on this host, hold and use them"),
    ("wstune verify host -n 50k --format html -o report.html", "the same, as a page to look at"),
    ("wstune export high-conn -n 250k --format ansible", "for machines on which wstune is not"),
)


def grouped(verbs: Iterable[str]) -> dict[str, list[str]]:
    """The verbs that there are, under their headings; each once, none left out."""
    left = list(verbs)
    found: dict[str, list[str]] = {}
    for heading, names in GROUPS.items():
        there = [name for name in names if name in left]
        left = [name for name in left if name not in there]
        if there:
            found[heading] = there
    return found | ({"More": left} if left else {})


def shortened(sentence: str, room: int) -> str:
    """The sentence without its stop; where it is too long, as far as its last comma or the like that fits."""
    sentence = sentence.rstrip(".")
    if len(sentence) <= room:
        return sentence
    at = max(sentence.rfind(mark, 0, room + 1) for mark in (",", ":", ";"))
    at = at if at > 0 else sentence.rfind(" ", 0, room + 1)
    return sentence[: at if at > 0 else room]
