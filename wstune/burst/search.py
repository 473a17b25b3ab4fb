"""How many connections to try next, looking for the most that hold. Pure: what the tries showed is handed in."""

from __future__ import annotations

from dataclasses import dataclass

FIRST = 1_000
PRECISION = 0.03
"""The search ends when the next try would be less than this much above the best."""


@dataclass(frozen=True, slots=True)
class Step:
    """One try: `broke` says what of the objective was missed, empty when it held."""

    connections: int
    broke: str


def next_try(steps: list[Step], most: int) -> int | None:
    """The number to try after these; None when the answer is known. `most`: what the budget has room for.

    Doubles until something breaks, then halves the gap between the most that held and the least that broke.
    """
    held = max((step.connections for step in steps if not step.broke), default=0)
    broke = min((step.connections for step in steps if step.broke), default=0)
    if not broke:
        following = min(most, 2 * held or min(FIRST, most))
        return following if following > held else None
    following = (held + broke) // 2
    return following if following - held > max(1, PRECISION * held) and following < broke else None


@dataclass(frozen=True, slots=True)
class Objective:
    """What has to hold, the SLO: no failed or lost connection, and these percentiles in milliseconds at p99."""

    upgrade_ms: float = 1_000.0
    canary_ms: float = 1_000.0


def broken(
    objective: Objective, *, verdict: str, failed: int, lost: int, upgrade_p99: float | None, canary_p99: float | None
) -> str:
    """What of the objective a burst has missed, in words; empty when it held."""
    if failed or lost:
        return f"{failed:,} failed, {lost:,} lost"
    if upgrade_p99 is not None and upgrade_p99 > objective.upgrade_ms:
        return f"p99 of the upgrade was {upgrade_p99:,.0f} ms, the objective {objective.upgrade_ms:,.0f} ms"
    if canary_p99 is not None and canary_p99 > objective.canary_ms:
        return f"p99 of the canary's round trip was {canary_p99:,.0f} ms, the objective {objective.canary_ms:,.0f} ms"
    return "" if verdict == "confirmed" else verdict
