"""What a burst is measured by on this host: memory and counters before it, and a connection's bytes once it is open."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

from wstune.burst.engine.events import OpenEvent
from wstune.host import counters, guard, memory
from wstune.host.host import Host
from wstune.readiness.evidence import NO_MEMORY
from wstune.verification import Memory

_SPARE_FILES = 64


def available_bytes() -> int | None:
    """MemAvailable; None while it cannot be read, as at fs.file-max."""
    try:
        return guard.available_bytes()
    except OSError:
        return None


@contextmanager
def spare_files() -> Iterator[None]:
    """Files kept while connections are opened: where they end at fs.file-max, what follows can still read /proc."""
    with ExitStack() as files:
        for _ in range(_SPARE_FILES):
            files.enter_context(Path(os.devnull).open("rb"))
        yield


class Baseline(NamedTuple):
    """What is read before anything is opened; the slabs of sockets as late as can be: what ended before is freed by
    then."""

    counters: dict[str, int]
    available_bytes: int | None
    slab_bytes: int | None = None


def baseline(host: Host) -> Baseline:
    """What is read before anything is opened, but for the slabs."""
    return Baseline(counters.snapshot(host.root), memory.meminfo(host.root).get("MemAvailable"))


def memory_of(host: Host, before: Baseline, opened: OpenEvent, servers: Sequence[int], reserve: int) -> Memory:
    """Bytes per connection, on the way up (freed slabs linger, so the way down would show nothing).

    `servers`: process ids of the server. `reserve`: bytes that are left to the rest of the host.
    """
    connections = opened.standing.open
    if not connections:
        return NO_MEMORY
    slab = growth(before.slab_bytes, memory.socket_slab_bytes(host.root))
    fall = growth(memory.meminfo(host.root).get("MemAvailable"), before.available_bytes)
    server = memory.private_bytes(servers) / connections if servers else None
    generator = memory.private_bytes(opened.pids) / connections
    projected = None
    if slab is not None and before.available_bytes is not None:
        each = slab / connections + generator + (server or 0.0)
        projected = max(0, int((before.available_bytes - reserve) / each))
    kernel, available = (None if grown is None else grown / connections for grown in (slab, fall))
    return Memory(server, generator, kernel, available, projected)


def growth(before: int | None, after: int | None) -> int | None:
    """None where it is not known, or shrank: then something else on this host outweighed what was to be measured."""
    if before is None or after is None or after <= before:
        return None
    return after - before
