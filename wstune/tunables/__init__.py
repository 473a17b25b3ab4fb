"""The catalogue: every limit of the kernel and the system that caps how many connections a host holds, or how fast.

A file a family, a row a limit; nothing here reads or decides. Sources name a file and function of Linux 7.2 unless they
say another version, a page of the kernel's own documentation, or a man page.
"""

from __future__ import annotations

from wstune.errors import UsageError
from wstune.tunable import Size, Tunable
from wstune.tunables import conntrack, descriptors, ports, processes, queues, tables, tcp_memory, timers
from wstune.values import Value, make, parse

FAMILIES: dict[str, tuple[Tunable, ...]] = {
    "descriptors": descriptors.TUNABLES,
    "queues": queues.TUNABLES,
    "tcp_memory": tcp_memory.TUNABLES,
    "ports": ports.TUNABLES,
    "timers": timers.TUNABLES,
    "tables": tables.TUNABLES,
    "conntrack": conntrack.TUNABLES,
    "processes": processes.TUNABLES,
}
"""Each family's rows, by the name of its module."""

CATALOGUE: dict[str, Tunable] = {row.name: row for rows in FAMILIES.values() for row in rows}
"""Every tunable by its name."""


def ceilings(name: str) -> tuple[str, ...]:
    """The tunable, what bounds it, and what bounds that."""
    above = CATALOGUE[name].bounded_by
    return (name, *ceilings(above)) if above else (name,)


def stock(row: Tunable, size: Size) -> Value | None:
    """What a kernel that nobody has touched has by itself on a machine of that size; None where it is not known."""
    if row.stock is None or isinstance(row.stock, str):
        return None if row.stock is None else parse(row.kind, row.stock)
    return make(row.kind, *row.stock(size))


def find(name: str) -> Tunable:
    """The tunable of that name; slashes count as dots, as in sysctl(8). Raises UsageError naming the nearest one."""
    row = CATALOGUE.get(name) or CATALOGUE.get(name.strip().removeprefix("/proc/sys/").replace("/", "."))
    if row is None:
        close = nearest(name)
        tip = f"did you mean {close}?" if close else "`wstune explain` alone lists every name"
        raise UsageError(f"no tunable is named {name[:80]!r}", tip)
    return row


def called(name: str) -> Tunable:
    """The same, by what people call it as well: a command, a setting, an errno. Raises UsageError."""
    asked = name.strip().casefold()
    by_synonym = (row for row in CATALOGUE.values() if asked in map(str.casefold, row.synonyms))
    return next(by_synonym, None) or find(name)


def nearest(name: str) -> str:
    """The catalogue's name most like this one, also by its last part (`somaxconn`) or by what people call it
    (`LimitNOFILE`); empty when none is near."""
    from difflib import get_close_matches

    others = {word.casefold(): row.name for row in CATALOGUE.values() for word in row.synonyms}
    others |= {full.rpartition(".")[2]: full for full in reversed(CATALOGUE)}
    asked = name.casefold()
    if asked in others:
        return others[asked]
    close = get_close_matches(name, CATALOGUE, n=1) or [others[word] for word in get_close_matches(asked, others, n=1)]
    return close[0] if close else ""
