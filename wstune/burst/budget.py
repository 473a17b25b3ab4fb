"""What a burst on this host will take, worked out before the first socket. Pure: the host's numbers are handed in."""

from __future__ import annotations

from dataclasses import dataclass

from wstune.burst import pacing, ports
from wstune.readiness.constants import CHAT_BYTES, GENERATOR_BYTES, GROUP_RESERVE_BYTES, RESERVE_BYTES
from wstune.readiness.constants import PAIR_BYTES as PAIR_KERNEL_BYTES

PAIR_BYTES = PAIR_KERNEL_BYTES + CHAT_BYTES + GENERATOR_BYTES
"""Of both ends of a loopback connection, with our own processes."""

TLS_GENERATOR_BYTES = 38_000
"""User memory of a TLS session at the generator: 36.8 KB, measured on 2,000 (OpenSSL 3.0, CPython 3.11)."""

BUFFER_BYTES = RESERVE_BYTES
"""Of unfinished messages at all generators of a machine: no more than is left to a host in any case."""

_RESERVE_FILES = 8_192
_RESERVE_PIDS = 256


@dataclass(frozen=True, slots=True)
class Room:
    """What the host has to give; None where it could not be read, which binds nothing."""

    cpus: int
    nofile: int
    ram_bytes: int | None = None
    available_bytes: int | None = None
    cgroup_bytes: int | None = None
    files_free: int | None = None
    epoll_watches: int | None = None
    pids_free: int | None = None
    usable_ports: int = 28_232


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


def reserve(room: Room) -> int:
    """Memory left to the rest of the host: 128 MB or a tenth of it, whichever is more."""
    return max(RESERVE_BYTES, (room.ram_bytes or 0) // 10)


def connection_bytes(*, both_ends: bool = True, tls: bool = False) -> int:
    """Memory that a connection takes here; with `tls`, at the generator's end."""
    return PAIR_BYTES // (1 if both_ends else 2) + (TLS_GENERATOR_BYTES if tls else 0)


def limits(room: Room, *, both_ends: bool = True, tls: bool = False) -> dict[str, int]:
    """Connections that each limit allows by the limit's name; only those that are known."""
    found: dict[str, int] = {}
    ends = 2 if both_ends else 1
    each = connection_bytes(both_ends=both_ends, tls=tls)
    if room.available_bytes is not None:
        found["memory"] = (room.available_bytes - reserve(room)) // each
    if room.cgroup_bytes is not None:
        found["cgroup.memory.max"] = (room.cgroup_bytes - GROUP_RESERVE_BYTES) // each
    if room.files_free is not None:
        found["fs.file-max"] = (room.files_free - _RESERVE_FILES) // ends
    if room.epoll_watches is not None:
        found["fs.epoll.max_user_watches"] = room.epoll_watches // ends
    if room.pids_free is not None:
        found["cgroup.pids.max"] = max(0, room.pids_free - _RESERVE_PIDS) // ends * pacing.room(room.nofile)
    return {name: max(0, connections) for name, connections in found.items()}


def plan(
    connections: int, room: Room, processes: int | None = None, *, both_ends: bool = True, tls: bool = False
) -> Budget:
    """The budget for a number of connections, whether it fits or not. Raises ValueError as pacing does."""
    allowed = limits(room, both_ends=both_ends, tls=tls)
    binds = min(allowed, key=lambda name: allowed[name], default="")
    fits = allowed.get(binds, connections)
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
        reserve_bytes=reserve(room),
        bytes_needed=connections * connection_bytes(both_ends=both_ends, tls=tls),
        files_needed=2 * connections + 40 * (servers + generators),
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
