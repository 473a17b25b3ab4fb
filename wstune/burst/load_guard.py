"""Whether others need this host's processors more than a burst does. Pure: times are handed in. Lean."""

from __future__ import annotations

SECONDS = 10.0
"""So long others must have been busy: a compiler's second is nobody's production."""
SHARE = 0.5
"""Of all processors' time, which others use while the burst takes what it gets. The burst itself keeps every processor
busy, so that neither the load average nor pressure tells who suffers; what others still get does."""
EVERY = 1.0
"""Seconds between two looks."""


class LoadGuard:
    """What others have used of the processors over the last SECONDS, sample by sample."""

    def __init__(self, share: float) -> None:
        self.share = share
        self._samples: list[tuple[float, int, int]] = []  # when, ticks of all processors together, of others

    def is_due(self, now: float) -> bool:
        return not self._samples or now - self._samples[-1][0] >= EVERY

    def look(self, now: float, busy: int, total: int, own: int) -> str:
        """Why to stop, in words; empty while there is no reason.

        `busy`: ticks that programs of this host have used since it started; `total`: ticks that there were; `own`:
        those of the burst's processes.
        """
        samples = self._samples
        samples.append((now, total, busy - own))
        while len(samples) > 1 and samples[1][0] <= now - SECONDS:
            del samples[0]
        began, before, others = samples[0]
        passed = total - before
        if now - began < SECONDS or passed <= 0:
            return ""
        used = (busy - own - others) / passed
        if used < self.share:
            return ""
        return f"other programs used {used:.0%} of the processors' time for {now - began:.0f} s"
