"""The chat server's figures, as JSON and in Prometheus' text format. Lean; json is imported when it is asked for.

All figures are of shared memory, or the kernel's: whichever worker is asked answers for all.
"""

from __future__ import annotations

from wstune.chat import stats as s
from wstune.host import kernel_counters
from wstune.host.files import Root

METRICS_TYPE = b"text/plain; version=0.0.4; charset=utf-8"

_GAUGES = (
    ("worker_up", s.ALIVE, "Whether the worker runs."),
    ("connections", s.CONNECTIONS, "WebSocket connections that are open."),
    ("buffered_bytes", s.BUFFERED, "Bytes kept for connections that are not idle."),
    (
        "anonymous_bytes",
        s.ANONYMOUS,
        "Anonymous memory of the worker's process, what it shares with its parent included.",
    ),
)
_COUNTERS = (
    ("connections_opened", s.OPENED, "WebSocket connections that were opened."),
    ("handshakes_failed", s.HANDSHAKE_FAILED, "Requests that were refused."),
    ("accept_errors", s.ACCEPT_ERRORS, "Failures of accept(), of descriptors that ran out for one."),
    ("messages", s.MESSAGES_IN, "Messages that members have sent."),
    ("messages_delayed", s.WAITED, "Messages that had to wait for the budget of deliveries."),
    ("deliveries", s.DELIVERED, "Frames of messages that were given to members."),
    ("received_bytes", s.BYTES_IN, "Bytes of WebSocket frames that were received."),
)


def dumps(document: object) -> bytes:
    """JSON, and the end of the line."""
    import json

    return json.dumps(document, ensure_ascii=False).encode() + b"\n"


def stats_json(stats: s.Stats) -> bytes:
    """`{"workers": n, "total": {…}, "each": [{…}, …], "kernel": {…}}`.

    `memory.per_connection` is what grew since the worker began. `kernel.counters` are those of the server's network
    namespace and host; `boot_id` and `netns` say which, so that a reader on the same host does not count them twice.
    """
    each = [_figures(stats.row(worker)) for worker in range(stats.workers)]
    boot_id, netns = kernel_counters.whose(Root())
    kernel = {"boot_id": boot_id, "netns": netns, "counters": kernel_counters.snapshot(Root())}
    return dumps({"workers": stats.workers, "total": _figures(_sum(stats)), "each": each, "kernel": kernel})


def _figures(row: memoryview | list[int]) -> dict[str, object]:
    grown = max(row[s.ANONYMOUS] - row[s.ANONYMOUS_AT_START], 0)
    return {
        "alive": row[s.ALIVE],
        "connections": row[s.CONNECTIONS],
        "opened": row[s.OPENED],
        "handshakes_failed": row[s.HANDSHAKE_FAILED],
        "accept_errors": row[s.ACCEPT_ERRORS],
        "messages": row[s.MESSAGES_IN],
        "messages_delayed": row[s.WAITED],
        "delivered": row[s.DELIVERED],
        "received_bytes": row[s.BYTES_IN],
        "fanout_seconds": row[s.FANOUT_NS] / 1e9,
        "closed": {name: row[s.FIRST_REASON + at] for at, name in enumerate(s.REASONS)},
        "memory": {
            "buffered_bytes": row[s.BUFFERED],
            "anonymous_bytes": row[s.ANONYMOUS],
            "per_connection": grown // row[s.CONNECTIONS] if row[s.CONNECTIONS] else None,
        },
    }


def _sum(stats: s.Stats) -> list[int]:
    return [stats.total(word) for word in range(s.LENGTH)]


def metrics_text(stats: s.Stats) -> bytes:
    """Prometheus' text exposition format, version 0.0.4; one sample a worker."""
    rows = [stats.row(worker) for worker in range(stats.workers)]
    lines: list[str] = []
    for name, word, words in _GAUGES:
        lines += _head(name, "gauge", words)
        lines += [f'wstune_chat_{name}{{worker="{at}"}} {row[word]}' for at, row in enumerate(rows)]
    for name, word, words in _COUNTERS:
        lines += _head(f"{name}_total", "counter", words)
        lines += [f'wstune_chat_{name}_total{{worker="{at}"}} {row[word]}' for at, row in enumerate(rows)]
    lines += _head("connections_closed_total", "counter", "Connections that have ended, by reason.")
    for at, row in enumerate(rows):
        lines += [
            f'wstune_chat_connections_closed_total{{worker="{at}",reason="{reason}"}} {row[s.FIRST_REASON + number]}'
            for number, reason in enumerate(s.REASONS)
        ]
    lines += _head("fanout_seconds", "histogram", "How long a worker took to give one message to its members.")
    for at, row in enumerate(rows):
        lines += _histogram(at, row)
    lines += _head("kernel", "untyped", "What the kernel counts: of the network namespace, or of the whole host.")
    lines += [
        f'wstune_chat_kernel{{counter="{name}"}} {count}'
        for name, count in sorted(kernel_counters.snapshot(Root()).items())
    ]
    return "\n".join(lines).encode() + b"\n"


def _head(name: str, kind: str, words: str) -> list[str]:
    return [f"# HELP wstune_chat_{name} {words}", f"# TYPE wstune_chat_{name} {kind}"]


def _histogram(worker: int, row: memoryview) -> list[str]:
    lines = []
    below = 0
    for number, bound in enumerate((*map(str, s.BUCKETS), "+Inf")):
        below += row[s.FIRST_BUCKET + number]
        lines.append(f'wstune_chat_fanout_seconds_bucket{{worker="{worker}",le="{bound}"}} {below}')
    lines.append(f'wstune_chat_fanout_seconds_sum{{worker="{worker}"}} {row[s.FANOUT_NS] / 1e9}')
    lines.append(f'wstune_chat_fanout_seconds_count{{worker="{worker}"}} {below}')
    return lines
