"""Shares, processes and due times. Pure: the clock and the dice are handed in."""

from __future__ import annotations

from math import sqrt

RESERVE = 64
"""Descriptors that a process needs for itself: stdio, epoll, listener, bus, pipes, libraries."""


def split(total: int, parts: int) -> list[int]:
    """`total` in `parts` shares that differ by one at most, the larger first."""
    whole, rest = divmod(total, parts)
    return [whole + (part < rest) for part in range(parts)]


def room(nofile: int) -> int:
    """Connections that one process can hold under a RLIMIT_NOFILE."""
    return max(0, nofile - RESERVE)


def generators_needed(connections: int, nofile: int, cpus: int) -> int:
    """Generator processes: enough descriptors, and one a core to open with. Raises ValueError if none has any room."""
    if room(nofile) < 1:
        raise ValueError(f"got nofile {nofile}, expected more than {RESERVE}")
    return max(-(-connections // room(nofile)), min(cpus, connections), 1)


def servers_needed(connections: int, nofile: int, cpus: int) -> int:
    """Server processes that share a port: the kernel spreads by hash, so each needs mean + 4·√mean descriptors.

    Raises ValueError if a process has no room at all.
    """
    if room(nofile) < 1:
        raise ValueError(f"got nofile {nofile}, expected more than {RESERVE}")
    processes = min(cpus, max(1, connections))
    while not fits(connections / processes, room(nofile)):
        processes += 1 + processes // 64
    return processes


def fits(mean: float, places: int) -> bool:
    """Whether a worker that gets `mean` connections on the average has places for its share of a random spread."""
    return mean + 4 * sqrt(mean) <= places
