"""File descriptors: every connection is an open file of one process, of one host, and a watch of one user."""

from __future__ import annotations

from wstune.model import Direction, Scope, Store
from wstune.tunable import Tunable
from wstune.values import UNLIMITED, Kind

_NR_OPEN_MAX = 2147483584
"""min(INT_MAX, ~0 / 8) & -64: fs/file.c sysctl_nr_open_max on 64 bits."""

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
    ),
)
