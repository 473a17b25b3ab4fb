"""File descriptors: every connection is an open file of one process, of one host, and a watch of one user."""

from __future__ import annotations

from collections.abc import Iterator

from wstune.model import CapacityLimit, Confidence, Direction, Role, Scope, Store
from wstune.tunable import (
    APPLY,
    COUNTED,
    CUT_OFF,
    OPENING,
    Cause,
    Guard,
    InUse,
    Plateau,
    Tunable,
    View,
    WallKind,
)
from wstune.tunables.allowance import each_end
from wstune.values import UNLIMITED, Kind

_NR_OPEN_MAX = 2147483584
"""min(INT_MAX, ~0 / 8) & -64: fs/file.c sysctl_nr_open_max on 64 bits."""


def _nofile(view: View) -> Iterator[CapacityLimit]:
    found = view.files()
    if found is None:
        yield view.unknown("nofile" if view.pid is None else "nofile.soft")
        return
    name, files, taken = found
    used = f"{taken:,} of them open" if view.pid is not None else f"{taken:,} of them its own"
    pairs = "; two for each client" if view.role is Role.PROXY else ""
    why = f"{files:,} files a process, {used}{pairs}"
    yield CapacityLimit(
        name,
        (view.connections_each() or 0) * view.processes,
        Confidence.HARD,
        why if view.processes == 1 else f"{why}; in each of {view.processes:,} processes",
        "more processes, or a higher limit",
        per_process=view.processes == 1,
    )


def _file_max(view: View) -> Iterator[CapacityLimit]:
    name = "fs.file-max"
    most = view.value(name)
    if most is None:
        yield view.unknown(name)
    elif most.unlimited:
        yield CapacityLimit(name, None, Confidence.HARD, "no limit")
    else:
        used = view.usage.files_allocated
        yield CapacityLimit(
            name,
            max(0, most.number - (used or 0) - view.spare(name)) // view.ends,
            Confidence.ESTIMATE if used is None else Confidence.HARD,
            f"{most.number:,} files on the host, {'some' if used is None else f'{used:,}'} open now{view.both}",
            "a higher fs.file-max",
        )


def _keeps_logins(wanted: int, highest_hard: int | None) -> str:
    """fs.nr_open below a live hard nofile locks people out: each later setrlimit(2), as at login, is EPERM."""
    if highest_hard is None:
        return "the hard file limits of the running processes are not known"
    refused = f"a process, login or service has a hard file limit of {highest_hard}, which would be refused"
    return refused if wanted < highest_hard else ""


def _keeps_open_files(wanted: int, allocated: int | None) -> str:
    """fs.file-max near what is open makes the next open(2) of everyone ENFILE; a tenth is kept free."""
    if allocated is None:
        return "how many files are open is not known"
    return f"{allocated} files are open on this host" if wanted * 10 < allocated * 11 else ""


TUNABLES: tuple[Tunable, ...] = (
    Tunable(
        name="fs.file-max",
        store=Store.SYSCTL,
        kind=Kind.INTEGER,
        scope=Scope.GLOBAL,
        direction=Direction.HIGHER,
        unit="files",
        summary="open files of the whole host, over all users",
        caps="connections of the host: one file each, two when both ends are here",
        symptom="ENFILE from socket() and accept(); dmesg `VFS: file-max limit N reached`; "
        "holders of CAP_SYS_ADMIN are exempt",
        risk="under systemd it is LONG_MAX, so a round number lowers it; a number brings no memory for the files",
        default="a tenth of memory at 1 kB a file (about RAM in kB / 10, at least 8192); LONG_MAX under systemd ≥ 240",
        sources=(
            "fs/file_table.c files_maxfiles_init, alloc_empty_file",
            "Documentation/admin-guide/sysctl/fs.rst",
            "systemd NEWS, version 240",
        ),
        minimum=0,
        maximum=UNLIMITED,
        order=20,
        absent="/proc/sys/fs is not shown here: the host decides how many files may be open",
        synonyms=("file-max", "ENFILE", "VFS: file-max limit reached"),
        stock=lambda size: (max(8192, size.ram_bytes // 1024 // 10),),
        stock_at_boot=str(UNLIMITED),
        allows=_file_max,
        guard=Guard(InUse.FILES, _keeps_open_files),
        wall=WallKind("host", "the host has no more open files to give", APPLY, share=2.0),
        causes=(Cause(("ENFILE",)), Cause(CUT_OFF, OPENING, server_had="ENFILE", firm=False, order=31)),
    ),
    Tunable(
        name="fs.nr_open",
        store=Store.SYSCTL,
        kind=Kind.INTEGER,
        scope=Scope.GLOBAL,
        direction=Direction.HIGHER,
        unit="files",
        summary="ceiling of RLIMIT_NOFILE and of a process's table of descriptors",
        caps="connections of one process",
        symptom="EPERM from setrlimit() above it, also for root; EMFILE once a table would grow past it",
        risk="lowered below a hard limit in use, every later setrlimit() fails: logins, sudo and services break; "
        "far too high, programs that size arrays or close files up to the limit waste memory and time",
        default="1048576; systemd ≥ 240 raises it to about 2^30 where the distribution lets it",
        sources=(
            "fs/file.c expand_files, sysctl_nr_open_max",
            "kernel/sys.c do_prlimit",
            "systemd NEWS, version 240",
        ),
        minimum=64,
        maximum=_NR_OPEN_MAX,
        order=21,
        absent="/proc/sys/fs is not shown here: the host decides how high a process's limit may go",
        synonyms=("nr_open",),
        stock="1048576",
        guard=Guard(InUse.HARD_NOFILE, _keeps_logins),
        wall=WallKind("host", "no process may have more file descriptors than this", APPLY),
    ),
    Tunable(
        name="fs.epoll.max_user_watches",
        store=Store.SYSCTL,
        kind=Kind.INTEGER,
        scope=Scope.USER,
        direction=Direction.HIGHER,
        unit="watches",
        summary="sockets that one user may have registered in all its epoll instances; root is not exempt",
        caps="connections of one user: one watch each, for both ends when one user runs both",
        symptom="ENOSPC from epoll_ctl(EPOLL_CTL_ADD)",
        risk="about 192 bytes of memory that cannot be swapped for each watch in use",
        default="4 % of low memory at about 184 bytes a watch: about 228,000 per GB",
        sources=("fs/eventpoll.c eventpoll_init", "Documentation/admin-guide/sysctl/fs.rst", "epoll_ctl(2)"),
        minimum=0,
        maximum=UNLIMITED,
        order=22,
        absent="/proc/sys/fs is not shown here: the host decides how many sockets epoll may watch",
        synonyms=("max_user_watches", "ENOSPC"),
        stock=lambda size: (size.ram_bytes // 25 // 184,),
        allows=each_end(
            "fs.epoll.max_user_watches",
            "watches a user, less what it watches already",
            "a higher limit, or servers under several users",
        ),
        wall=WallKind("host", "the user has no more epoll watches; both ends run as one user", APPLY, share=2.0),
        causes=(
            Cause(("ENOSPC",)),
            # A server that cannot watch a connection cuts it off, also when it has agreed to the upgrade already.
            Cause(CUT_OFF, server_had="ENOSPC", firm=False, order=32),
        ),
    ),
    Tunable(
        name="nofile",
        store=Store.RLIMIT,
        kind=Kind.INTEGER,
        scope=Scope.PROCESS,
        direction=Direction.HIGHER,
        unit="files",
        summary="hard RLIMIT_NOFILE: as far as a process may raise its own limit of open files",
        caps="connections of one process; more processes get round it",
        symptom="EPERM from setrlimit() (ValueError in Python's resource.setrlimit) when raised without "
        "CAP_SYS_RESOURCE, or above fs.nr_open",
        risk="a table of descriptors takes 8 bytes a slot, in powers of two; "
        "programs that close every descriptor up to the limit become slow",
        default="4096 in the kernel; 524288 for units of systemd ≥ 240; what the container runtime says in a container",
        sources=("kernel/sys.c do_prlimit", "include/uapi/linux/fs.h INR_OPEN_MAX", "setrlimit(2)", "limits.conf(5)"),
        minimum=0,
        maximum=_NR_OPEN_MAX,
        latched="at the start of the process, or by prlimit(2) on a running one; limits.conf at the next login",
        order=60,
        absent="the limits of the process cannot be seen here",
        synonyms=("ulimit -Hn", "LimitNOFILE", "RLIMIT_NOFILE", "hard nofile", "--ulimit nofile"),
        bounded_by="fs.nr_open",
        allows=_nofile,
        needs=("nofile.soft", "fs.nr_open"),
        wall=WallKind(
            COUNTED,
            "a process used every file descriptor that RLIMIT_NOFILE gives it",
            "give it a hard nofile above its connections, or spread them over at least {processes} processes",
        ),
        causes=(
            Cause(("EMFILE",)),
            # A server that cannot accept leaves connections queued (accept(2)); its clients only see no answer.
            Cause(CUT_OFF, OPENING, server_had="EMFILE", firm=False, order=30),
        ),
        plateaus=(
            Plateau(1_010, 1_024, "the usual soft nofile is 1,024"),
            Plateau(4_080, 4_096, "the kernel's own hard nofile is 4,096"),
            Plateau(65_400, 65_536, "65,536 is a common nofile"),
            Plateau(524_200, 524_288, "524,288 is the usual hard nofile under systemd"),
            Plateau(1_048_400, 1_048_576, "1,048,576 is the default fs.nr_open, which caps nofile"),
        ),
    ),
    Tunable(
        name="nofile.soft",
        store=Store.RLIMIT,
        kind=Kind.INTEGER,
        scope=Scope.PROCESS,
        direction=Direction.HIGHER,
        unit="files",
        summary="soft RLIMIT_NOFILE: open files that a process has right now; it may raise it to the hard limit itself",
        caps="connections of one process that does not raise its own limit",
        symptom="EMFILE from socket(), accept(), open() and dup(); a connection that accept() refused so stays queued",
        risk="above 1024 a program that uses select(2) on such a descriptor corrupts its memory",
        default="1024",
        sources=("include/uapi/linux/fs.h INR_OPEN_CUR", "setrlimit(2)", "select(2)", "systemd NEWS, version 240"),
        minimum=0,
        maximum=_NR_OPEN_MAX,
        latched="at the start of the process, or by prlimit(2) on a running one",
        order=61,
        absent="the limits of the process cannot be seen here",
        synonyms=("ulimit -n", "ulimit -Sn", "soft nofile", "EMFILE", "too many open files"),
        bounded_by="nofile",
    ),
)
