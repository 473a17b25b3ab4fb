"""How many connections a host holds as it is: what each limit allows, in one role, and which limit binds first.

A number is hard when the kernel counts to it, an estimate when it rests on measured bytes or on what is not known.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Protocol

from wstune.model import Absence, Capacity, CapacityLimit, Confidence, HostFacts, Reading, Role
from wstune.readiness.constants import CGROUP_V1_PAIR_BYTES, CLIENT_BYTES, OWN_FILES, RESERVE_BYTES, SERVER_BYTES
from wstune.tunables import CATALOGUE
from wstune.values import Value, overlap

NEEDS = (
    "nofile",
    "fs.nr_open",
    "fs.file-max",
    "fs.epoll.max_user_watches",
    "net.ipv4.tcp_mem",
    "net.ipv4.ip_local_port_range",
    "net.ipv4.ip_local_reserved_ports",
    "net.ipv4.tcp_tw_reuse",
    "net.netfilter.nf_conntrack_max",
    "cgroup.memory.max",
    "kernel.pid_max",
    "kernel.threads-max",
    "nproc",
)
"""Tunables that `capacity` looks at."""

_UNREAD = Reading(absence=Absence.UNREADABLE, why="it was not read")


class Usage(Protocol):
    """Of the present load, what capacity subtracts (host.usage has it); None where it could not be read."""

    @property
    def files_allocated(self) -> int | None: ...
    @property
    def time_wait(self) -> int | None: ...
    @property
    def tcp_mem_pages(self) -> int | None: ...
    @property
    def conntrack_count(self) -> int | None: ...
    @property
    def threads(self) -> int | None: ...


def capacity(
    role: Role,
    readings: Mapping[str, Reading],
    facts: HostFacts,
    usage: Usage,
    *,
    processes: int | None = None,
    app_bytes: int = 0,
    sources: int = 1,
    upstreams: int = 1,
) -> Capacity:
    """The connections that each limit allows beside the present load, the fewest first.

    Args:
        readings: at least of NEEDS.
        processes: over how many the connections are spread; None is one, and a number for each.
        app_bytes: user memory of the application for one connection, over all its ends on this host.
        sources: source addresses that a generator or proxy connects from. Both ends on one host have 127.0.0.0/8.
        upstreams: server addresses and ports that it connects to.
    """
    view = _View(role, readings, facts, usage)
    limits = [
        _nofile(view, processes or 1),
        _file_max(view),
        _watches(view),
        *_memory(view, app_bytes),
        _conntrack(view),
        _tcp_mem(view),
        *_processes(view),
    ]
    if role in (Role.GENERATOR, Role.PROXY):
        limits.append(_ports(view, sources * upstreams))
    limits.sort(key=lambda limit: (limit.connections is None, limit.connections or 0))
    return Capacity(role, tuple(limits))


def connection_bytes(role: Role) -> int:
    """Kernel memory of one idle connection, for the ends of it that are on this host."""
    return {Role.SERVER: SERVER_BYTES, Role.GENERATOR: CLIENT_BYTES}.get(role, SERVER_BYTES + CLIENT_BYTES)


def charged_bytes(role: Role, cgroup_version: int | None) -> int:
    """What a memory control group is charged for it: version 1 less than the slabs hold, as measured for a pair."""
    if cgroup_version == 1 and role in (Role.BOTH, Role.PROXY):
        return CGROUP_V1_PAIR_BYTES
    return connection_bytes(role)


def reserve(available: int) -> int:
    """Bytes of what is available that are left to the rest of the host."""
    return max(RESERVE_BYTES, available // 10)


class _View:
    """What the limits look at."""

    def __init__(self, role: Role, readings: Mapping[str, Reading], facts: HostFacts, usage: Usage) -> None:
        self.role = role
        self.facts = facts
        self.usage = usage
        self.ends = 2 if role in (Role.PROXY, Role.BOTH) else 1
        """Ends of each connection, or of each proxied pair, on this host."""
        self._readings = readings

    def value(self, name: str) -> Value | None:
        return self._readings.get(name, _UNREAD).value

    def number(self, name: str) -> int | None:
        value = self.value(name)
        return None if value is None else value.number

    def unknown(self, name: str) -> CapacityLimit:
        """A limit that is not known to bind: absent here, or not readable."""
        reading = self._readings.get(name, _UNREAD)
        absent = reading.absence is Absence.ABSENT
        why = CATALOGUE[name].absent if absent else f"unknown: {reading.why}"
        return CapacityLimit(name, None, Confidence.HARD if absent else Confidence.ESTIMATE, why)

    def files_each(self) -> int | None:
        """Connections of one process by its descriptors: the hard limit, since it may raise its soft one to it."""
        hard, ceiling = self.number("nofile"), self.number("fs.nr_open")
        if hard is None:
            return None
        files = hard if ceiling is None else min(hard, ceiling)
        return max(0, files - OWN_FILES) // (2 if self.role is Role.PROXY else 1)


def _nofile(view: _View, processes: int) -> CapacityLimit:
    each = view.files_each()
    if each is None:
        return view.unknown("nofile")
    hard, ceiling = view.number("nofile"), view.number("fs.nr_open")
    name = "fs.nr_open" if hard is not None and ceiling is not None and ceiling < hard else "nofile"
    pairs = "; two for each client" if view.role is Role.PROXY else ""
    why = f"{min(n for n in (hard, ceiling) if n is not None):,} files a process, {OWN_FILES} of them its own{pairs}"
    return CapacityLimit(
        name,
        each * processes,
        Confidence.HARD,
        why if processes == 1 else f"{why}; in each of {processes:,} processes",
        "more processes, or a higher limit",
        per_process=processes == 1,
    )


def _file_max(view: _View) -> CapacityLimit:
    most = view.value("fs.file-max")
    if most is None:
        return view.unknown("fs.file-max")
    if most.unlimited:
        return CapacityLimit("fs.file-max", None, Confidence.HARD, "no limit")
    used = view.usage.files_allocated
    return CapacityLimit(
        "fs.file-max",
        max(0, most.number - (used or 0)) // view.ends,
        Confidence.ESTIMATE if used is None else Confidence.HARD,
        f"{most.number:,} files on the host, {'an unknown number' if used is None else f'{used:,}'} open now"
        + _both(view),
        "a higher fs.file-max",
    )


def _watches(view: _View) -> CapacityLimit:
    most = view.number("fs.epoll.max_user_watches")
    if most is None:
        return view.unknown("fs.epoll.max_user_watches")
    return CapacityLimit(
        "fs.epoll.max_user_watches",
        most // view.ends,
        Confidence.HARD,
        f"{most:,} watches a user, less what it watches already" + _both(view),
        "a higher limit, or servers under several users",
    )


def _memory(view: _View, app_bytes: int) -> Iterator[CapacityLimit]:
    available = view.facts.available_bytes if view.facts.available_bytes is not None else view.facts.ram_bytes
    each = connection_bytes(view.role) + app_bytes
    if available is None:
        yield CapacityLimit("memory", None, Confidence.ESTIMATE, "unknown: /proc/meminfo could not be read")
    else:
        yield _bytes("memory", available, each, "available", "more memory")
    headroom = view.facts.cgroup_memory_headroom
    if headroom is not None:
        each = charged_bytes(view.role, view.facts.cgroup_version) + app_bytes
        yield _bytes("cgroup.memory.max", headroom, each, "left in its control group", "a higher limit of the group")


def _bytes(name: str, room: int, each: int, words: str, fix: str) -> CapacityLimit:
    kept = reserve(room)
    why = f"{room / 2**20:,.0f} MiB {words}, less {kept / 2**20:,.0f} MiB kept in reserve, at {each:,} bytes each"
    return CapacityLimit(name, max(0, room - kept) // each, Confidence.ESTIMATE, why, fix)


def _conntrack(view: _View) -> CapacityLimit:
    name = "net.netfilter.nf_conntrack_max"
    most, count = view.number(name), view.usage.conntrack_count
    if most is None:
        return view.unknown(name)
    if not count:
        why = "loaded, but nothing is tracked: no rule makes it look"
        return CapacityLimit(name, None, Confidence.ESTIMATE, why if count == 0 else "whether it tracks is unknown")
    ends = 2 if view.role is Role.PROXY else 1  # over loopback both ends are one entry
    why = f"{most:,} tracked connections, {count:,} of them in use"
    return CapacityLimit(name, max(0, most - count) // ends, Confidence.ESTIMATE, why, "a higher nf_conntrack_max")


def _tcp_mem(view: _View) -> CapacityLimit:
    """It never binds idle connections, and says how many may have something queued at once."""
    name = "net.ipv4.tcp_mem"
    value = view.value(name)
    if value is None:
        return view.unknown(name)
    active = max(0, value.numbers[2] - (view.usage.tcp_mem_pages or 0)) // view.ends
    why = f"idle connections use none of it; {active:,} may have a page queued at the same moment"
    return CapacityLimit(name, None, Confidence.ESTIMATE, why)


def _processes(view: _View) -> Iterator[CapacityLimit]:
    """What caps the number of processes caps their descriptors."""
    each = view.files_each()
    running = view.usage.threads or 0
    rooms: list[tuple[str, int | None, int]] = [
        ("kernel.pid_max", view.number("kernel.pid_max"), running),
        ("kernel.threads-max", view.number("kernel.threads-max"), running),
        ("nproc", view.number("nproc"), 0),
        ("cgroup.pids.max", view.facts.cgroup_pids_headroom, 0),
    ]
    for name, most, used in rooms:
        if each is not None and most is not None and most < 2**62:
            room = max(0, most - used)
            why = f"room for {room:,} more processes of {each:,} connections"
            yield CapacityLimit(name, room * each, Confidence.ESTIMATE, why, "fewer processes with more files each")


def _ports(view: _View, pairs: int) -> CapacityLimit:
    """Ports of one source address towards one server port, times the pairs of them."""
    name = "net.ipv4.ip_local_port_range"
    value = view.value(name)
    if value is None:
        return view.unknown(name)
    low, high = value.numbers
    if (high - low) % 2 == 0 and high > low:
        high -= 1  # both ends odd or both even: the search leaves the last port out (inet_hashtables.c)
    taken = view.value("net.ipv4.ip_local_reserved_ports")
    reserved = overlap(taken.numbers, low, high) if taken else 0
    waiting = (view.usage.time_wait or 0) if view.number("net.ipv4.tcp_tw_reuse") == 0 else 0
    why = f"ports {low} to {high}, {reserved:,} of them reserved"
    if waiting:
        why += f", {waiting:,} in TIME_WAIT"
    return CapacityLimit(
        name,
        max(0, (high - low + 1 - reserved) * pairs - waiting),
        Confidence.HARD,
        why if pairs == 1 else f"{why}; for each of {pairs:,} pairs of source address and server port",
        "more source addresses or server ports, or a wider range",
        per_source=pairs == 1,
    )


def _both(view: _View) -> str:
    return "; two for each connection" if view.ends == 2 else ""
