"""What a burst counted: one array of 64-bit words, which a worker writes in shared memory and anyone may add up.

Each worker owns one array, so nothing is locked, and what a killed worker had counted is still there. Lean: workers
import it. The layout is counters, then errors by phase and code, then latency histograms.

The histograms are log-linear: 64 buckets for each power of two of microseconds, so a percentile is within 1.6 % of the
true one (as with HdrHistogram at two significant digits; tested against the `hdrhistogram` package).
"""

from __future__ import annotations

import errno as _errno

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

# Counters: the index of each word.
STARTED, OPEN, FAILED, LOST, CLOSED, DELIVERED, PINGS, PONGS = range(8)
TALK_SAID, FIRST_NS, LAST_NS, OPENED_NS, UNEXPECTED, GRACEFUL, DONE, ACKS = range(8, 16)
TALK_HEARD, TALKING, LAG_NS, SCRIPT_SAID, SCRIPT_HEARD, ENDED, PENDING = range(16, 23)
"""SCRIPT_…: messages of scenarios, sent, and heard as expected; ENDED: sessions that closed by themselves; PENDING:
those with steps left."""
COUNTERS = 24
_FIRST = (FIRST_NS,)  # merged by the smallest that is not 0
_LAST = (LAST_NS, OPENED_NS, LAG_NS)  # merged by the largest

PHASES = ("socket", "bind", "connect", "upgrade", "hold", "close", "tls")
SOCKET, BIND, CONNECT, UPGRADE, HOLD, CLOSE, TLS = range(len(PHASES))

# Codes: an errno as it is (Linux's are below 134), words of our own, and HTTP statuses from HTTP on.
CODES = 1024
WORDS = {
    200: "TIMEOUT",
    201: "EOF",
    202: "BAD-ANSWER",
    203: "BAD-ACCEPT",
    204: "NO-PONG",
    205: "BAD-FRAME",
    206: "CLOSE-FRAME",
    207: "NO-ANSWER",
    208: "BAD-PROTOCOL",
    209: "CERT-UNTRUSTED",
    210: "CERT-NAME",
    211: "CERT-EXPIRED",
    212: "TLS-VERSION",
    213: "TLS-ALERT",
    214: "NOT-TLS",
    215: "TLS-FAILED",
    216: "NO-ROOM",
}
TIMEOUT, EOF, BAD_ANSWER, BAD_ACCEPT, NO_PONG, BAD_FRAME, CLOSE_FRAME, NO_ANSWER, BAD_PROTOCOL = range(200, 209)
CERT_UNTRUSTED, CERT_NAME, CERT_EXPIRED, TLS_VERSION, TLS_ALERT, NOT_TLS, TLS_FAILED, NO_ROOM = range(209, 217)
HTTP = 256

ERRORS = COUNTERS
BUCKETS = 64 * 22
CONNECT_MS, UPGRADE_MS, DUE_MS, FANOUT_MS, TALK_MS, EXPECT_MS = (
    ERRORS + len(PHASES) * CODES + at * BUCKETS for at in range(6)
)
"""Where each histogram begins: connect() to established; connect() to 101; due to 101; sent to received, twice; from
expecting a message to hearing it."""
LENGTH = EXPECT_MS + BUCKETS
"""Words of one tally; 8 bytes each."""


def bucket(microseconds: int) -> int:
    """The histogram bucket of a latency (copied into the hot loop of burst.generator)."""
    shift = microseconds.bit_length() - 7
    if shift <= 0:
        return microseconds if microseconds > 0 else 0
    index = (shift << 6) + (microseconds >> shift)
    return index if index < BUCKETS else BUCKETS - 1


def bucket_microseconds(index: int) -> float:
    """The middle of a bucket, in microseconds."""
    if index < 128:
        return float(index)
    shift = (index >> 6) - 1
    return float(((index & 63) + 64) << shift) + ((1 << shift) - 1) / 2


def error_name(code: int) -> str:
    """`EMFILE`, `TIMEOUT`, `HTTP-503` …"""
    if code >= HTTP:
        return f"HTTP-{code - HTTP}"
    return WORDS.get(code) or _errno.errorcode.get(code) or f"ERRNO-{code}"


def merge(tallies: Sequence[Sequence[int]]) -> list[int]:
    """The sum of several tallies (lists or memoryviews of LENGTH words), in any order."""
    total = [sum(words) for words in zip(*tallies, strict=True)] if tallies else [0] * LENGTH
    for index in _FIRST:
        total[index] = min((words[index] for words in tallies if words[index]), default=0)
    for index in _LAST:
        total[index] = max((words[index] for words in tallies), default=0)
    return total


def errors(words: Sequence[int]) -> dict[tuple[str, str], int]:
    """The errors of a tally: (phase, name) → count."""
    return {
        (phase, error_name(code)): words[base + code]
        for phase, base in ((name, ERRORS + at * CODES) for at, name in enumerate(PHASES))
        for code in range(CODES)
        if words[base + code]
    }


def percentiles(words: Sequence[int], histogram: int) -> dict[str, float] | None:
    """Milliseconds at p50, p90, p99, p999, max, and the count; None if nothing was recorded."""
    counts = words[histogram : histogram + BUCKETS]
    total = sum(counts)
    if not total:
        return None
    result: dict[str, float] = {"count": total}
    for name, share in (("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p999", 0.999), ("max", 1.0)):
        rank = max(1, int(share * total + 0.5))  # as HdrHistogram rounds it
        result[name] = bucket_microseconds(_index_at(counts, rank)) / 1000
    return result


def _index_at(counts: Sequence[int], rank: int) -> int:
    seen = 0
    for index, count in enumerate(counts):
        seen += count
        if count and seen >= rank:
            return index
    return len(counts) - 1
