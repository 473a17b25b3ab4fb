"""What kernel counters say of limits that this host has met already, since boot. Pure: the counters come in.

Each limit's entry in the catalogue says which counters it moves; one that several causes move says which it may be.
Those of TcpExt and conntrack count since their network namespace was made, the others since boot.
"""

from __future__ import annotations

from collections.abc import Mapping

from wstune.service import Hit
from wstune.tunable import Sign
from wstune.tunables import CATALOGUE

_OTHERS = (
    (
        "memory",
        Sign("vmstat.oom_kill", "processes were killed for want of memory", "more memory, or fewer connections"),
    ),
)
SIGNS: tuple[tuple[str, Sign], ...] = (
    *((row.name, sign) for row in CATALOGUE.values() for sign in row.signs),
    *_OTHERS,
)
"""The limit, and what tells that it was met, in the order in which they are told."""


def already_hit(counters: Mapping[str, int]) -> tuple[Hit, ...]:
    """The limits that were met, by counters that are not 0; a counter that could not be read says nothing."""
    found = ((name, sign, beyond(sign.counter, counters)) for name, sign in SIGNS)
    return tuple(
        Hit(sign.counter.partition(">")[0], count, name, sign.said, sign.fix)
        for name, sign, count in found
        if count > 0
    )


def beyond(name: str, counters: Mapping[str, int]) -> int:
    """Of `A>B>C` the part of A that is beyond B and C; of `A` all."""
    more, *less = name.split(">")
    return counters.get(more, 0) - sum(counters.get(each, 0) for each in less)
