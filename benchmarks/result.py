"""The last line of every benchmark, and its exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from statistics import median

MET, MISSED = 0, 1


def say(text: str) -> None:
    """A line on stdout, at once: a benchmark takes a while."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def spread(values: Sequence[float], form: str) -> str:
    """`median (least to most of 5)`."""
    return f"{median(values):{form}} ({min(values):{form}} to {max(values):{form}} of {len(values)})"


def say_how_busy() -> None:
    """Tell of other load on the machine, in which no figure means much."""
    load, cpus = os.getloadavg()[0], os.cpu_count() or 1
    if load > cpus / 2:
        say(f"this machine is not quiet: a load average of {load:.1f} on {cpus} CPUs before the first turn")


def conclude(what: str, value: float, bound: float, *, at_least: bool, form: str) -> int:
    """Print value, bound and exit code; return the exit code."""
    met = value >= bound if at_least else value <= bound
    code = MET if met else MISSED
    relation = "at least" if at_least else "at most"
    say(f"{what}: {value:{form}}, bound {relation} {bound:{form}}, {'met' if met else 'missed'}, exit code {code}")
    return code
