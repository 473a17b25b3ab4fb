"""Shares, processes and due times. Pure: the clock and the dice are handed in."""

from __future__ import annotations

from math import log, sqrt

from wstune.readiness.constants import OWN_FILES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from wstune.burst.engine.plan import TimedPhase

NUMBER = b"\1"
"""Stands in a request where the connection's number belongs."""

_OPENERS, _IN_FLIGHT = 2, 256
"""A processor: generators that open at a time, and handshakes in flight."""


def split(total: int, parts: int) -> list[int]:
    """`total` in `parts` shares that differ by one at most, the larger first."""
    whole, rest = divmod(total, parts)
    return [whole + (part < rest) for part in range(parts)]


def room(nofile: int) -> int:
    """Connections that one process can hold under a RLIMIT_NOFILE."""
    return max(0, nofile - OWN_FILES)


def generators_needed(connections: int, nofile: int, cpus: int) -> int:
    """Generator processes: enough descriptors, and one a core to open with. Raises ValueError if none has any room."""
    if room(nofile) < 1:
        raise ValueError(f"got nofile {nofile}, expected more than {OWN_FILES}")
    return max(-(-connections // room(nofile)), min(cpus, connections), 1)


def at_once(generators: int, cpus: int) -> tuple[int, int]:
    """How many generators open at a time, as fast as it goes, and the handshakes in flight at each of them.

    Two a processor with half as many handshakes each are a tenth faster than one: each has more to do when its turn
    comes, and goes to sleep less often. The handshakes in flight of all, and with them the latency, stay the same.
    """
    openers = max(1, min(generators, _OPENERS * cpus))
    return openers, _IN_FLIGHT * cpus // openers


def servers_needed(connections: int, nofile: int, cpus: int) -> int:
    """Server processes that share a port: the kernel spreads by hash, so each needs mean + 4·√mean descriptors.

    Raises ValueError if a process has no room at all.
    """
    if room(nofile) < 1:
        raise ValueError(f"got nofile {nofile}, expected more than {OWN_FILES}")
    processes = min(cpus, max(1, connections))
    while not fits(connections / processes, room(nofile)):
        processes += 1 + processes // 64
    return processes


def fits(mean: float, places: int) -> bool:
    """Whether a worker that gets `mean` connections on the average has places for its share of a random spread."""
    return mean + 4 * sqrt(mean) <= places


def shares(phases: Sequence[TimedPhase], parts: int) -> list[int]:
    """What each process opens of these phases: as many as it has due times."""
    each = [split(phase.arrivals, parts) for phase in phases]
    return [sum(split_[part] for split_ in each) for part in range(parts)]


def due_times(
    phases: Sequence[TimedPhase], part: int, parts: int, poisson: Callable[[], float] | None = None
) -> Iterator[float]:
    """When each connection of one process out of `parts` is due, in seconds from the common start: the open model.

    Args:
        phases: rates in connections a second, one after the other; a ramp where the two rates differ.
        poisson: uniform numbers in [0, 1), to draw exponential gaps with where a phase is at random. The arrivals of
            several independent Poisson processes are one Poisson process of the summed rate.
    """
    begin = 0.0
    for first, last, count, seconds, at_random in phases:
        own = split(count, parts)[part]
        if poisson is None or not at_random:
            for at in range(own):
                yield begin + _even(first, last, count, part + at * parts)
        else:
            at_time = 0.0
            for _ in range(own):
                rate = max(1e-9, _rate(first, last, count, at_time) / parts)
                at_time += -log(1.0 - poisson()) / rate
                yield begin + at_time
        begin += seconds


def duration(first: float, last: float, count: int) -> float:
    """Seconds that a phase lasts: its count over its mean rate."""
    return 2 * count / (first + last)


def _rate(first: float, last: float, count: int, seconds: float) -> float:
    return first + (last - first) * min(1.0, seconds / duration(first, last, count))


def _even(first: float, last: float, count: int, number: int) -> float:
    """When connection `number` is due on a ramp: the solution of ∫rate = number."""
    if first == last:
        return number / first
    slope = (last - first) / duration(first, last, count)
    return (sqrt(first * first + 2 * slope * number) - first) / slope


def parse_rate(text: str, connections: int) -> list[tuple[float, float, int]]:
    """The phases that a rate means, for `due_times`: phases separated by commas, each RATE or RATE..RATE (a ramp), with
    `:SECONDS` for how long; the last one takes what is left. `100..2000:10,2000` ramps up for 10 s and goes on.

    Raises ValueError, worded `got X, expected Y`.
    """
    phases: list[tuple[float, float, int]] = []
    left = connections
    parts = text.split(",")
    for at, part in enumerate(parts):
        rates, colon, seconds = part.partition(":")
        first, dots, last = rates.partition("..")
        try:
            low, high = float(first), float(last if dots else first)
            length = float(seconds.removesuffix("s")) if colon else 0.0
        except ValueError:
            raise ValueError(f"got {part!r}, expected RATE, RATE..RATE or RATE:SECONDS") from None
        if not (0 < low <= 1e6 and 0 < high <= 1e6 and 0 <= length <= 1e6) or (colon and not length):
            raise ValueError(f"got {part!r}, expected rates and seconds above 0, and below a million")
        if not colon and at < len(parts) - 1:
            raise ValueError(f"got {part!r} before another phase, expected RATE:SECONDS; only the last may do without")
        count = min(left, round((low + high) / 2 * length)) if colon else left
        if count:
            phases.append((low, high, count))
        left -= count
    if left:
        raise ValueError(f"got phases of {connections - left:,} connections, expected {connections:,} or an open end")
    return phases
