"""What each worker of the chat server counts: words in shared memory, one row a worker, which every worker may read."""

from __future__ import annotations

import mmap

from wstune.chat.seats import Seats

CONNECTIONS, OPENED, HANDSHAKE_FAILED, MESSAGES_IN, DELIVERED, BYTES_IN, FANOUT_NS, ACCEPT_ERRORS = range(8)
FIRST_REASON = 8
REASONS = (
    "closed",
    "eof",
    "reset",
    "timeout",
    "protocol",
    "slow",
    "idle",
    "handshake-deadline",
    "frame-deadline",
    "flood",
    "memory",
    "shutdown",
    "refused",
    "answered",
)
(
    CLOSED,
    EOF,
    RESET,
    TIMEOUT,
    PROTOCOL,
    SLOW,
    IDLE,
    HANDSHAKE_DEADLINE,
    FRAME_DEADLINE,
    FLOOD,
    MEMORY,
    SHUTDOWN,
    REFUSED,
    ANSWERED,
) = range(len(REASONS))
"""Why a connection ended; counted in word FIRST_REASON + reason. `answered`: a plain HTTP request."""
PID, ALIVE, LAST_ERRNO, STARTED, BUFFERED, ANONYMOUS, ANONYMOUS_AT_START, WAITED = range(24, 32)
FIRST_BUCKET = 32
BUCKETS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0)
"""Upper bounds, in seconds, of how long a worker took to give one message to its members; beyond: one bucket more."""
LENGTH = 64
"""Words of one worker's row; 8 bytes each."""


class Stats:
    """All workers' rows, in memory that every process of the server shares.

    Attributes:
        shared: words of all workers together; [0] is when the budget of deliveries is even again (monotonic ns).
        seats: how many more connections there may be, where there is a bound.
    """

    def __init__(self, workers: int, max_connections: int = 0) -> None:
        self._words = memoryview(mmap.mmap(-1, (max(workers, 1) + 1) * LENGTH * 8)).cast("Q")
        self.workers = workers
        self.shared = self._words[workers * LENGTH :]
        self.seats = Seats(max_connections) if max_connections else None

    def row(self, worker: int) -> memoryview:
        """One worker's words, to read and to write."""
        return self._words[worker * LENGTH : (worker + 1) * LENGTH]

    def total(self, word: int) -> int:
        """One word, summed over the workers."""
        return sum(self._words[word : self.workers * LENGTH : LENGTH])
