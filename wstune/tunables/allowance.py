"""What several limits allow of connections in the same way. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from wstune.model import CapacityLimit, Confidence
from wstune.tunable import View


def each_end(name: str, words: str, fix: str) -> Callable[[View], Iterator[CapacityLimit]]:
    """One of it for each end of a connection that is on this host; what is in use of it is not known.

    `words`: what the number counts.
    """

    def allows(view: View) -> Iterator[CapacityLimit]:
        most = view.number(name)
        if most is None:
            yield view.unknown(name)
        else:
            why = f"{most:,} {words}{view.both}"
            yield CapacityLimit(name, max(0, most - view.spare(name)) // view.ends, Confidence.HARD, why, fix)

    return allows
