"""A burst under way, before anything is opened, of which nothing has been read."""

from __future__ import annotations

from collections.abc import Callable

from wstune.actions.verify_measure import Baseline
from wstune.actions.verify_options import Progress, VerifyOptions
from wstune.actions.verify_state import Run, evidence_of
from wstune.burst import budget
from wstune.host.host import Host

ROOM = budget.Room(cpus=2, nofile=20_000)


def run_of(
    options: VerifyOptions,
    connections: int,
    room: budget.Room = ROOM,
    on_progress: Callable[[Progress], None] = lambda _: None,
) -> Run:
    """Planned for so many connections, on a host with this room."""
    planned = budget.plan(connections, room)
    evidence = evidence_of(options, planned, room)
    return Run(options, planned, room, evidence, on_progress, Host(), Baseline({}, None))
