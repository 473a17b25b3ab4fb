"""What a burst on this host will take, worked out before the first socket. Pure: the host's numbers are handed in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from wstune.burst import pacing, ports
from wstune.readiness.constants import RESERVE_BYTES, reserve
from wstune.tunables.ports import STOCK_PORTS

BUFFER_BYTES = RESERVE_BYTES
"""Of unfinished messages at all generators of a machine: no more than is left to a host in any case."""

_FILES_OF_A_PROCESS = 40


@dataclass(frozen=True, slots=True)
class Room:
    """What the host has to give; None where it could not be read.

    Attributes:
        allowed: connections that each limit allows, but for what more processes or source addresses get round.
        each_bytes: memory that a connection takes of this host, `ends` how many of its ends are here.
    """

    cpus: int
    nofile: int
    allowed: Mapping[str, int] = field(default_factory=dict)
    each_bytes: int = 0
    ends: int = 2
    available_bytes: int | None = None
    files_free: int | None = None
    usable_ports: int = STOCK_PORTS


@dataclass(frozen=True, slots=True)
class Budget:
    """The processes and addresses of a burst, and what it takes.

    Attributes:
        connections: as many as will be opened.
        fits: as many as the host has room for, and `binds`, the limit that says so (a tunable's name, or `memory`).
        servers, generators: processes of each end; `sources`: source addresses.
        reserve_bytes: MemAvailable below which opening stops.
    """

    connections: int
    fits: int
    binds: str
    servers: int
    generators: int
    sources: int
    single_process_limit: int
    reserve_bytes: int
    bytes_needed: int
    files_needed: int


def plan(connections: int, room: Room, processes: int | None = None) -> Budget:
    """The budget for a number of connections, whether it fits or not. Raises ValueError as pacing does."""
    binds = min(room.allowed, key=lambda name: room.allowed[name], default="")
    fits = room.allowed.get(binds, connections)
    servers = processes or pacing.servers_needed(connections, room.nofile, room.cpus)
    generators = pacing.generators_needed(connections, room.nofile, room.cpus)
    return Budget(
        connections=connections,
        fits=fits,
        binds=binds,
        servers=servers,
        generators=generators,
        sources=max(generators, ports.sources_needed(connections, room.usable_ports)),
        single_process_limit=pacing.room(room.nofile),
        reserve_bytes=reserve(room.available_bytes or 0),
        bytes_needed=connections * room.each_bytes,
        files_needed=room.ends * connections + _FILES_OF_A_PROCESS * (servers + generators),
    )


def sentence(planned: Budget, room: Room, *, ours: bool = True) -> str:
    """The budget in one line, as it is printed before the first socket."""
    parts = [
        f"{planned.servers} server + {planned.generators} generator" if ours else f"{planned.generators} generator"
    ]
    parts[0] += f" processes of {room.nofile:,} files"
    if room.files_free is not None:
        parts.append(f"{planned.files_needed:,} of {room.files_free:,} files")
    if room.available_bytes is not None:
        need, have = planned.bytes_needed / 2**30, room.available_bytes / 2**30
        parts.append(f"{need:.1f} of {have:.1f} GB memory, {planned.reserve_bytes / 2**30:.1f} left alone")
    parts.append(f"{planned.sources} source addresses")
    return f"budget for {planned.connections:,} connections: {', '.join(parts)}"
