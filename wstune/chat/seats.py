"""How many more connections there may be: one count for all workers, kept by the kernel. Lean.

A semaphore of eventfd(2): taking one is a single step, so that two workers never take the last one both, and nobody
waits for a lock whose holder is stopped or dead.
"""

from __future__ import annotations

import os


class Seats:
    """Made before the workers are forked; each of them uses it."""

    def __init__(self, count: int) -> None:
        self._fd = os.eventfd(0, os.EFD_SEMAPHORE | os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self.give_back(count)

    def take(self) -> bool:
        """One of them, if one is left."""
        try:
            os.eventfd_read(self._fd)
        except BlockingIOError:
            return False
        return True

    def give_back(self, count: int = 1) -> None:
        """So many are free again."""
        if count:
            os.eventfd_write(self._fd, count)
