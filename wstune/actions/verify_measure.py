"""What a burst is measured by on this host: memory and counters before it, and a connection's bytes once it is open."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from wstune.burst.process import Event
from wstune.host import counters, guard, memory
from wstune.host.host import Host
from wstune.verification import Memory

if TYPE_CHECKING:
    from wstune.actions.verify import Run

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


def baseline(host: Host) -> Event:
    """What is read before anything is opened."""
    return {
        "counters": counters.snapshot(host.root),
        "available": memory.meminfo(host.root).get("MemAvailable"),
    }


def memory_of(host: Host, state: Run, opened: Event) -> Memory | None:
    """Bytes per connection, on the way up (freed slabs linger, so the way down would show nothing)."""
    connections, before = opened["open"], state.baseline
    if not connections:
        return None
    slab = growth(before["slab"], memory.socket_slab_bytes(host.root))
    fall = growth(memory.meminfo(host.root).get("MemAvailable"), before["available"])
    server = memory.private_bytes(state.servers) / connections if state.servers else None
    generator = memory.private_bytes(opened["pids"]) / connections
    projected = None
    if slab is not None and before["available"] is not None:
        each = slab / connections + generator + (server or 0.0)
        projected = max(0, int((before["available"] - state.shown.budget.reserve_bytes) / each))
    kernel, available = (None if grown is None else grown / connections for grown in (slab, fall))
    return Memory(server, generator, kernel, available, projected)


def growth(before: int | None, after: int | None) -> int | None:
    """None where it is not known, or shrank: then something else on this host outweighed what was to be measured."""
    if before is None or after is None or after <= before:
        return None
    return after - before
