"""How many connections a host holds as it is: what each limit allows, in one role, and which limit binds first.

A number is hard when the kernel counts to it, an estimate when it rests on measured bytes or on what is not known.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from wstune.model import Capacity, CapacityLimit, Confidence, HostFacts, Reading, Role
from wstune.readiness.constants import TIME_WAIT_BYTES, reserve
from wstune.readiness.costs import charged_bytes, kernel_bytes, user_bytes
from wstune.readiness.view import Usage, View
from wstune.service import Costs
from wstune.values import overlap

NEEDS = (
    "nofile",
    "nofile.soft",
    "fs.nr_open",
    "fs.file-max",
    "fs.epoll.max_user_watches",
    "net.ipv4.tcp_mem",
    "net.ipv4.ip_local_port_range",
    "net.ipv4.ip_local_reserved_ports",
    "net.ipv4.tcp_tw_reuse",
    "net.ipv4.tcp_max_tw_buckets",
    "net.ipv4.tcp_max_orphans",
    "net.netfilter.nf_conntrack_max",
    "kernel.pid_max",
    "kernel.threads-max",
    "vm.max_map_count",
    "nproc",
)
"""Tunables that `capacity` looks at."""

MEMORY = "memory"
"""The limit that is no tunable: only a larger host has more of it."""


def capacity(
    role: Role,
    readings: Mapping[str, Reading],
    facts: HostFacts,
    usage: Usage,
    costs: Costs,
    *,
    processes: int | None = None,
    sources: int = 1,
    upstreams: int = 1,
    pid: int | None = None,
    listening: tuple[int, ...] | None = None,
    reserve: int | None = None,
) -> Capacity:
    """The connections that each limit allows beside the present load, the fewest first.

    Args:
        readings: at least of NEEDS.
        costs: bytes of a connection.
        processes: over how many the connections are spread; None is one, and a number for each.
        sources: source addresses that a generator or proxy connects from. Both ends on one host have 127.0.0.0/8.
        upstreams: server addresses and ports that it connects to.
        pid, listening, reserve: as in View.
    """
    view = View(role, readings, facts, usage, costs, pid, listening, reserve)
    limits = [
        _nofile(view, processes or 1),
        _file_max(view),
        _watches(view),
        *_memory(view),
        _conntrack(view),
        _tcp_mem(view),
        *_closing(view),
        *_processes(view),
        _maps(view),
    ]
    if role in (Role.GENERATOR, Role.PROXY):
        limits.append(_ports(view, sources * upstreams))
    limits.sort(key=lambda limit: (limit.connections is None, limit.connections or 0))
    return Capacity(role, tuple(limits))


def _nofile(view: View, processes: int) -> CapacityLimit:
    found = view.files()
    if found is None:
        return view.unknown("nofile" if view.pid is None else "nofile.soft")
    name, files, taken = found
    used = f"{taken:,} of them open" if view.pid is not None else f"{taken:,} of them its own"
    pairs = "; two for each client" if view.role is Role.PROXY else ""
    why = f"{files:,} files a process, {used}{pairs}"
    return CapacityLimit(
        name,
        (view.connections_each() or 0) * processes,
        Confidence.HARD,
        why if processes == 1 else f"{why}; in each of {processes:,} processes",
        "more processes, or a higher limit",
        per_process=processes == 1,
    )


def _file_max(view: View) -> CapacityLimit:
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
        f"{most.number:,} files on the host, {'some' if used is None else f'{used:,}'} open now{view.both}",
        "a higher fs.file-max",
    )


def _watches(view: View) -> CapacityLimit:
    most = view.number("fs.epoll.max_user_watches")
    if most is None:
        return view.unknown("fs.epoll.max_user_watches")
    return CapacityLimit(
        "fs.epoll.max_user_watches",
        most // view.ends,
        Confidence.HARD,
        f"{most:,} watches a user, less what it watches already{view.both}",
        "a higher limit, or servers under several users",
    )


def _memory(view: View) -> Iterator[CapacityLimit]:
    facts, role = view.facts, view.role
    available = facts.available_bytes if facts.available_bytes is not None else facts.ram_bytes
    user = user_bytes(role, view.costs)
    if available is None:
        yield CapacityLimit(MEMORY, None, Confidence.ESTIMATE, "unknown: /proc/meminfo could not be read")
    else:
        kept = reserve(available) if view.reserve is None else view.reserve
        yield _bytes(MEMORY, available, kept, kernel_bytes(role, view.costs), user, "available", "more memory")
    headroom = facts.cgroup_memory_headroom
    if headroom is not None:
        kept = reserve(headroom, group=True) if view.reserve is None else view.reserve
        charged = charged_bytes(role, view.costs, facts.cgroup_version, facts.kernel)
        fix = "a higher limit of the group"
        yield _bytes("cgroup.memory.max", headroom, kept, charged, user, "left in its control group", fix)


def _bytes(name: str, room: int, kept: int, kernel: int, user: int, words: str, fix: str) -> CapacityLimit:
    why = (
        f"{room / 2**20:,.0f} MiB {words}, less {kept / 2**20:,.0f} MiB kept in reserve, at {kernel + user:,} bytes "
        f"each ({kernel:,} of the kernel)"
    )
    return CapacityLimit(name, max(0, room - kept) // (kernel + user), Confidence.ESTIMATE, why, fix)


def _conntrack(view: View) -> CapacityLimit:
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


def _tcp_mem(view: View) -> CapacityLimit:
    """It never binds idle connections, and says how many may have something queued at once."""
    name = "net.ipv4.tcp_mem"
    value = view.value(name)
    if value is None:
        return view.unknown(name)
    active = max(0, value.numbers[2] - (view.usage.tcp_mem_pages or 0)) // view.ends
    why = f"idle connections use none of it; {active:,} may have a page queued at the same moment"
    return CapacityLimit(name, None, Confidence.ESTIMATE, why)


def _closing(view: View) -> Iterator[CapacityLimit]:
    """What is met when all close at once: neither keeps a connection from being held."""
    for name, said in (
        ("net.ipv4.tcp_max_tw_buckets", f"may be in TIME_WAIT, {TIME_WAIT_BYTES} bytes each; those beyond skip it"),
        ("net.ipv4.tcp_max_orphans", "may be closing without a process; those beyond are reset"),
    ):
        most = view.number(name)
        why = f"met only when they close: {most or 0:,} {said}"
        yield view.unknown(name) if most is None else CapacityLimit(name, None, Confidence.HARD, why)


def _maps(view: View) -> CapacityLimit:
    """It caps threads, of which an event loop has few."""
    name = "vm.max_map_count"
    most = view.number(name)
    if most is None:
        return view.unknown(name)
    why = f"no connection needs one; a thread for each connection takes two: {most // 2:,} of those a process"
    return CapacityLimit(name, None, Confidence.ESTIMATE, why)


def _processes(view: View) -> Iterator[CapacityLimit]:
    """What caps the number of processes caps their descriptors."""
    each = view.connections_each() if view.pid is None else None
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


def _ports(view: View, pairs: int) -> CapacityLimit:
    """Ports of one source address towards one server port, times the pairs of them."""
    name = "net.ipv4.ip_local_port_range"
    value = view.value(name)
    if value is None:
        return view.unknown(name)
    low, high = value.numbers
    if (high - low) % 2 == 0 and high > low:
        high -= 1  # both ends odd or both even: the search leaves the last port out (inet_hashtables.c)
    reserved = view.value("net.ipv4.ip_local_reserved_ports")
    kept = reserved.numbers if reserved else ()
    taken = overlap(kept, low, high)
    # A port that anything was bound to is passed over, whatever its address: __inet_hash_connect, fastreuse >= 0.
    bound = overlap(kept + (view.listening or ()), low, high) - taken
    waiting = view.usage.time_wait or 0
    reuse = view.number("net.ipv4.tcp_tw_reuse")
    why = f"ports {low} to {high}, {taken:,} of them reserved"
    why += "" if view.listening is None else f", {bound:,} listened on"
    if waiting:
        again = {1: ", to be had again after a second", 2: ", to be had again over loopback"}.get(reuse or 0, "")
        why += f", {waiting:,} in TIME_WAIT{again}"
    each = high - low + 1 - taken - bound
    return CapacityLimit(
        name,
        max(0, each * pairs - (waiting if reuse == 0 else 0)),
        Confidence.HARD,
        why if pairs == 1 else f"{why}; for each of {pairs:,} pairs of source address and server port",
        "more source addresses or server ports, or a wider range",
        per_source=pairs == 1,
    )
