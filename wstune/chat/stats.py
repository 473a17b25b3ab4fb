"""What each worker of the chat server counts: words in shared memory, one row a worker, which every worker may read."""

from __future__ import annotations

import mmap

CONNECTIONS, OPENED, HANDSHAKE_FAILED, MESSAGES_IN, DELIVERED, BYTES_IN, FANOUT_NS, ACCEPT_ERRORS = range(8)
FIRST_REASON = 8
REASONS = ("closed", "eof", "reset", "protocol", "slow", "idle", "handshake-deadline", "flood", "shutdown", "refused")
CLOSED, EOF, RESET, PROTOCOL, SLOW, IDLE, HANDSHAKE_DEADLINE, FLOOD, SHUTDOWN, REFUSED = range(len(REASONS))
"""Why a connection ended; counted in word FIRST_REASON + reason."""
PID, ALIVE, LAST_ERRNO, DROPPED_BUS = range(24, 28)
LENGTH = 32
"""Words of one worker's row; 8 bytes each."""


class Stats:
    """All workers' rows, in memory that every process of the server shares."""

    def __init__(self, workers: int) -> None:
        self._words = memoryview(mmap.mmap(-1, max(workers, 1) * LENGTH * 8)).cast("Q")
        self.workers = workers

    def row(self, worker: int) -> memoryview:
        """One worker's words, to read and to write."""
        return self._words[worker * LENGTH : (worker + 1) * LENGTH]

    def total(self, word: int) -> int:
        """One word, summed over the workers."""
        return sum(self._words[word::LENGTH])
