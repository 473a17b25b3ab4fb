"""Processes, threads and control groups: what holds the descriptors, and the memory that is charged for them."""

from __future__ import annotations

from collections.abc import Iterator

from wstune.model import CapacityLimit, Confidence, Direction, Role, Scope, Store
from wstune.tunable import CUT_OFF, OPENING, Cause, Sign, Size, Tunable, View, WallKind
from wstune.values import UNLIMITED, UNLIMITED_FROM, Kind

_INT_MAX = 2**31 - 1
_FORK = "EAGAIN from fork() and pthread_create()"
_HIDDEN = "/proc/sys is not shown here: the host decides"
_FEWER = "a higher limit of the group, or fewer connections in it"
_EACH = ("nofile", "nofile.soft", "fs.nr_open")
"""What says how many connections one process holds."""


def _threads(size: Size) -> int:
    return size.ram_bytes // (128 * 1024)  # kernel/fork.c set_max_threads


def _pids(view: View) -> Iterator[CapacityLimit]:
    yield from _holders(view, "kernel.pid_max", view.number("kernel.pid_max"), view.usage.threads or 0)


def _threads_max(view: View) -> Iterator[CapacityLimit]:
    yield from _holders(view, "kernel.threads-max", view.number("kernel.threads-max"), view.usage.threads or 0)


def _nproc(view: View) -> Iterator[CapacityLimit]:
    yield from _holders(view, "nproc", view.number("nproc"))


def _tasks(view: View) -> Iterator[CapacityLimit]:
    yield from _holders(view, "cgroup.pids.max", view.facts.cgroup_pids_headroom)


def _holders(view: View, name: str, most: int | None, used: int = 0) -> Iterator[CapacityLimit]:
    """What caps the number of processes caps their descriptors."""
    each = view.connections_each() if view.pid is None else None
    if each is None or most is None or most >= UNLIMITED_FROM:
        return
    room = max(0, most - used - view.spare(name))
    two = view.role is Role.BOTH  # each connection is in a process at either end
    why = f"room for {room:,} more processes of {each:,} connections{'; two for each' if two else ''}"
    allowed = room // (2 if two else 1) * each
    yield CapacityLimit(name, allowed, Confidence.ESTIMATE, why, "fewer processes with more files each")


def _maps(view: View) -> Iterator[CapacityLimit]:
    """It caps threads, of which an event loop has few."""
    name = "vm.max_map_count"
    most = view.number(name)
    if most is None:
        yield view.unknown(name)
        return
    why = f"no connection needs one; a thread for each connection takes two: {most // 2:,} of those a process"
    yield CapacityLimit(name, None, Confidence.ESTIMATE, why)


def _memory(view: View) -> Iterator[CapacityLimit]:
    facts = view.facts
    room = facts.available_bytes if facts.available_bytes is not None else facts.ram_bytes
    if room is None:
        yield CapacityLimit(MEMORY, None, Confidence.ESTIMATE, "unknown: /proc/meminfo could not be read")
    else:
        yield view.memory(MEMORY, room, "more memory", group=False)


def _group_memory(view: View) -> Iterator[CapacityLimit]:
    headroom = view.facts.cgroup_memory_headroom
    if headroom is not None:
        yield view.memory("cgroup.memory.max", headroom, "a higher limit of the group", group=True)


MEMORY = "memory"
"""What capacity and walls call memory.total, of which only a larger host has more."""


TUNABLES: tuple[Tunable, ...] = (
    Tunable(
        name="kernel.pid_max",
        store=Store.SYSCTL,
        kind=Kind.INTEGER,
        scope=Scope.GLOBAL,
        direction=Direction.HIGHER,
        unit="processes",
        summary="process and thread ids: the number at which they wrap",
        caps="processes and threads of the host, so connections of a server with one of either for each",
        symptom=_FORK,
        risk="old programs print or store a pid in five digits",
        default="32768, or 1024 for each possible CPU if that is more; systemd sets 4194304",
        sources=("kernel/pid.c pid_idr_init", "proc_sys_kernel(5)", "systemd 50-pid-max.conf"),
        since="newer kernels have one for each pid namespace",
        minimum=301,
        maximum=4194304,
        order=23,
        absent=_HIDDEN,
        synonyms=("pid_max",),
        stock="32768",
        stock_at_boot="4194304",
        allows=_pids,
        needs=_EACH,
    ),
    Tunable(
        name="kernel.threads-max",
        store=Store.SYSCTL,
        kind=Kind.INTEGER,
        scope=Scope.GLOBAL,
        direction=Direction.HIGHER,
        unit="threads",
        summary="threads of the whole host",
        caps="processes and threads of the host, so connections of a server with one of either for each",
        symptom=_FORK,
        risk="each thread takes a kernel stack of 16 KB that cannot be swapped",
        default="an eighth of memory in kernel stacks: RAM / 128 KB",
        sources=("kernel/fork.c set_max_threads, sysctl_max_threads", "proc_sys_kernel(5)"),
        minimum=1,
        maximum=0x3FFFFFFF,
        order=24,
        absent=_HIDDEN,
        synonyms=("threads-max",),
        stock=lambda size: (_threads(size),),
        allows=_threads_max,
        needs=_EACH,
    ),
    Tunable(
        name="vm.max_map_count",
        store=Store.SYSCTL,
        kind=Kind.INTEGER,
        scope=Scope.PROCESS,
        direction=Direction.HIGHER,
        unit="mappings",
        summary="memory mappings of one process; the stack of a thread takes two",
        caps="threads of one process, about 32,000 at the default; nothing for a server on epoll",
        symptom="ENOMEM from mmap() and pthread_create() with memory to spare",
        risk="little: kernel memory for each mapping in use",
        default="65530",
        sources=("Documentation/admin-guide/sysctl/vm.rst", "mmap(2)"),
        minimum=0,
        maximum=_INT_MAX,
        order=25,
        absent=_HIDDEN,
        allows=_maps,
    ),
    Tunable(
        name="vm.overcommit_memory",
        store=Store.SYSCTL,
        kind=Kind.INTEGER,
        scope=Scope.GLOBAL,
        direction=Direction.NONE,
        unit="policy",
        summary="whether user memory may be promised beyond what there is: 0 by guess, 1 always, 2 never",
        caps="",
        symptom="at 2: ENOMEM from fork() and mmap() of a large parent; sockets are kernel memory and not concerned",
        risk="1 lets a leak run into the OOM killer; 2 breaks programs that reserve much and use little",
        default="0",
        sources=("Documentation/mm/overcommit-accounting.rst", "proc_sys_vm(5)"),
        minimum=0,
        maximum=2,
        order=26,
        absent=_HIDDEN,
    ),
    Tunable(
        name="vm.min_free_kbytes",
        store=Store.SYSCTL,
        kind=Kind.INTEGER,
        scope=Scope.GLOBAL,
        direction=Direction.HIGHER,
        unit="kilobytes",
        summary="memory kept free for allocations that cannot wait, as that of an incoming connection's socket",
        caps="new connections a second when memory is nearly full",
        symptom="ListenDrops grows without ListenOverflows; dmesg `page allocation failure`",
        risk="kept free means used by nobody; far too high, the OOM killer comes early",
        default="grows with the root of memory: 67584 on 24 GB",
        sources=("net/ipv4/tcp_minisocks.c tcp_create_openreq_child", "Documentation/admin-guide/sysctl/vm.rst"),
        minimum=0,
        maximum=_INT_MAX,
        order=26,
        absent=_HIDDEN,
        wall=WallKind(
            # net/ipv4/tcp_minisocks.c: a child socket is GFP_ATOMIC.
            "host",
            "SYNs were dropped because no memory was free at that instant",
            "raise vm.min_free_kbytes modestly, or free memory",
            share=2.0,
        ),
        causes=(Cause(CUT_OFF, OPENING, counters=("TcpExt.ListenDrops>TcpExt.ListenOverflows",), order=43),),
        signs=(
            # ListenDrops counts overflows too (net/ipv4/tcp_input.c tcp_conn_request).
            Sign(
                "TcpExt.ListenDrops>TcpExt.ListenOverflows>TcpExt.TCPReqQFullDrop",
                "SYNs were dropped by listeners whose queue was not full: no memory at that moment, or no route",
                "more free memory, or a higher vm.min_free_kbytes",
            ),
        ),
    ),
    Tunable(
        name="memory.total",
        store=Store.MACHINE,
        kind=Kind.INTEGER,
        scope=Scope.GLOBAL,
        direction=Direction.HIGHER,
        unit="bytes",
        summary="memory of the machine (MemTotal)",
        caps="connections of the host: about 4.1 KB of kernel memory at the end that accepts, 4.3 KB at the end that "
        "connects, and what the application adds; it is not in any process's RSS",
        symptom="ENOMEM, ENOBUFS or ENFILE from socket calls, ListenDrops without ListenOverflows, or the OOM killer, "
        "which does not count a process's sockets and may shoot another",
        risk="none",
        default="what the machine has",
        sources=("proc_meminfo(5)", "slabs TCP, sock_inode_cache, filp, dentry, eventpoll of Linux 6.18, measured"),
        minimum=0,
        maximum=UNLIMITED,
        order=62,
        read_only=True,
        absent="/proc/meminfo is not shown here: the host decides",
        allows=_memory,
    ),
    Tunable(
        name="cgroup.memory.max",
        store=Store.CGROUP,
        kind=Kind.INTEGER,
        scope=Scope.CGROUP,
        direction=Direction.HIGHER,
        unit="bytes",
        summary="memory of the control group, the tightest of all ancestors: user memory, socket slabs, queued bytes",
        caps="connections of the group: kernel memory of about 4.1 KB each, and what the application adds",
        symptom="SIGKILL (status 137) with oom_kill in memory.events, or ENOMEM, ENOBUFS, ENFILE from socket calls",
        risk="without a limit one service takes the memory of all",
        default="max, which is no limit; version 1 calls it memory.limit_in_bytes",
        sources=(
            "Documentation/admin-guide/cgroup-v2.rst memory.max",
            "mm/memcontrol.c mem_cgroup_sk_charge",
            "systemd.resource-control(5) MemoryMax=",
        ),
        since="the socket of an accepted connection is charged from about 6.12, not in 6.1",
        minimum=0,
        maximum=UNLIMITED,
        order=62,
        absent="no memory control group limits this process",
        synonyms=("MemoryMax", "memory.max", "memory.limit_in_bytes"),
        allows=_group_memory,
        raised_by="MemoryMax={demanded} in its unit; docker run --memory {demanded}",
        wall=WallKind(
            # Both ends cost 8.3 KB of slab a connection, the server's alone 4.1 KB.
            "host",
            "the cgroup's memory limit was reached",
            "raise memory.max of the cgroup (or of its ancestors) that this runs in",
            share=2.0,
        ),
        causes=(Cause(("ENOMEM", "ENOBUFS"), counters=("cgroup.memory.oom", "cgroup.memory.max"), order=11),),
        signs=(
            Sign("cgroup.memory.max", "the control group reached its memory limit", _FEWER),
            Sign("cgroup.memory.oom_kill", "processes of the control group were killed for want of memory", _FEWER),
        ),
    ),
    Tunable(
        name="cgroup.pids.max",
        store=Store.CGROUP,
        kind=Kind.INTEGER,
        scope=Scope.CGROUP,
        direction=Direction.HIGHER,
        unit="processes",
        summary="processes and threads of the control group, the tightest of all its ancestors",
        caps="processes of a sharded server, or threads",
        symptom=_FORK + "; dmesg `cgroup: fork rejected by pids controller`; max in pids.events",
        risk="without a limit a fork bomb takes the host",
        default="max; under systemd TasksMax=, 15 % of the least of pid_max, threads-max and the root group's limit",
        sources=("Documentation/admin-guide/cgroup-v2.rst pids.max", "systemd-system.conf(5) DefaultTasksMax="),
        minimum=0,
        maximum=UNLIMITED,
        order=62,
        absent="no pids control group limits this process",
        synonyms=("TasksMax", "pids.max", "--pids-limit"),
        # systemd.resource-control(5): DefaultTasksMax=15%
        stock=lambda size: (min(32_768, _threads(size)) * 15 // 100,),
        allows=_tasks,
        raised_by="TasksMax={demanded} in its unit; docker run --pids-limit {demanded}",
        needs=_EACH,
        wall=WallKind(
            "host", "the cgroup allows no more processes", "raise pids.max (TasksMax= of the unit)", share=2.0
        ),
        causes=(Cause(("EAGAIN",), ("fork",), counters=("cgroup.pids.max",), order=13),),
        signs=(
            Sign(
                "cgroup.pids.max",
                "a process or thread could not be started in the control group",
                "a higher limit of the group (TasksMax)",
            ),
        ),
    ),
    Tunable(
        name="nproc",
        store=Store.RLIMIT,
        kind=Kind.INTEGER,
        scope=Scope.USER,
        direction=Direction.HIGHER,
        unit="processes",
        summary="RLIMIT_NPROC: processes and threads of one user; fork() goes by the soft limit",
        caps="processes of a sharded server, or threads, of one user",
        symptom=_FORK,
        risk="without a limit a fork bomb of one user takes the host",
        default="half of kernel.threads-max",
        sources=("kernel/fork.c fork_init", "setrlimit(2)", "limits.conf(5)"),
        minimum=0,
        maximum=UNLIMITED,
        latched="at the start of the process; limits.conf at the next login",
        order=60,
        absent="the limits of the process cannot be seen here",
        synonyms=("ulimit -u", "LimitNPROC", "RLIMIT_NPROC", "EAGAIN"),
        stock=lambda size: (_threads(size) // 2,),
        allows=_nproc,
        needs=_EACH,
        wall=WallKind(
            "host", "the user or the host may have no more processes", "raise nproc and kernel.threads-max", share=2.0
        ),
        causes=(Cause(("EAGAIN",), ("fork",), order=14),),
    ),
)
