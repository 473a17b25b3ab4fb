"""Resource limits of this process or another one: read from /proc/PID/limits, set with prlimit(2)."""

from __future__ import annotations

import errno
import os
import resource

from wstune.errors import PrivilegeError
from wstune.host.files import Root, is_decimal
from wstune.host.sysctl import absence_of
from wstune.model import Absence, Reading
from wstune.values import UNLIMITED

_ROWS = {"nofile": "Max open files", "nproc": "Max processes"}
"""Names of the rows in /proc/PID/limits (fs/proc/base.c lnames)."""


def nofile(root: Root, pid: int | None = None) -> tuple[int, int] | Reading:
    """(soft, hard) of RLIMIT_NOFILE of `pid`, else of this process; or why it is not known."""
    return limit(root, "nofile", pid)


def limit(root: Root, name: str, pid: int | None = None) -> tuple[int, int] | Reading:
    """(soft, hard) of `nofile` or `nproc`, UNLIMITED for none; or why it is not known."""
    if pid is None and root.live:
        number = resource.RLIMIT_NOFILE if name == "nofile" else resource.RLIMIT_NPROC
        try:
            soft, hard = resource.getrlimit(number)
        except OSError as error:  # a seccomp filter may answer what it likes
            return absence_of("getrlimit", error)
        return _number(soft), _number(hard)
    path = f"/proc/{'self' if pid is None else pid}/limits"
    try:
        text = root.read_text(path)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ESRCH) and pid is not None:
            return Reading(absence=Absence.ABSENT, why=f"there is no process {pid}")
        return absence_of(path, error)
    return _row(path, text, _ROWS[name])


def _row(path: str, text: str, title: str) -> tuple[int, int] | Reading:
    for line in text.splitlines():
        if line.startswith(title):
            fields = line[len(title) :].split()
            try:
                soft, hard = (_parsed(field) for field in fields[:2])
            except ValueError:
                break
            return soft, hard
    return Reading(absence=Absence.UNREADABLE, why=f"{path}: no line {title!r} with two limits")


def _parsed(field: str) -> int:
    if field == "unlimited":
        return UNLIMITED
    if not is_decimal(field):
        raise ValueError(field)
    return int(field)


def _number(raw: int) -> int:
    return UNLIMITED if raw == resource.RLIM_INFINITY else raw


def set_nofile(pid: int, soft: int, hard: int) -> None:
    """Set RLIMIT_NOFILE of a process; 0 is this one.

    Raises:
        OSError: EINVAL when soft is above hard; EPERM, worded, when hard is above fs.nr_open, which is refused even to
            root (kernel/sys.c do_prlimit).
        ProcessLookupError: no such process.
        PrivilegeError: another user's process, or a hard limit raised without CAP_SYS_RESOURCE in the initial user
            namespace.
    """
    if soft > hard:
        raise OSError(errno.EINVAL, f"the soft limit {soft} is above the hard limit {hard}")
    infinity = resource.RLIM_INFINITY
    wanted = (infinity if soft >= UNLIMITED else soft, infinity if hard >= UNLIMITED else hard)
    try:
        resource.prlimit(pid, resource.RLIMIT_NOFILE, wanted)
    except ProcessLookupError:
        raise ProcessLookupError(errno.ESRCH, f"there is no process {pid}") from None
    except (PermissionError, ValueError) as error:
        # resource gives ValueError ("not allowed to raise maximum limit") where the errno is EPERM, for this process.
        ceiling = _nr_open()
        if ceiling is not None and hard > ceiling:
            raise OSError(errno.EPERM, f"the hard limit {hard} is above fs.nr_open, {ceiling}") from error
        raise PrivilegeError(
            f"may not set nofile of process {pid or os.getpid()} to {soft}:{hard}",
            "raising a hard limit needs CAP_SYS_RESOURCE: run with sudo, or set LimitNOFILE= of its unit",
        ) from error


def _nr_open() -> int | None:
    try:
        return _parsed(Root().read_text("/proc/sys/fs/nr_open").strip())
    except (OSError, ValueError):
        return None


def start_time(pid: int, root: Root | None = None) -> int:
    """When a process started, in clock ticks since boot: with the pid it names one process of a boot.

    Field 22 of /proc/PID/stat (proc(5)). Raises ProcessLookupError when it is gone, OSError when it cannot be read.
    """
    path = f"/proc/{pid}/stat"
    try:
        text = (root or Root()).read_text(path)
    except (FileNotFoundError, ProcessLookupError):
        raise ProcessLookupError(errno.ESRCH, f"there is no process {pid}") from None
    # The command name, field 2, is in parentheses and may itself hold spaces and parentheses.
    fields = text.rpartition(")")[2].split()
    try:
        return int(fields[22 - 3])
    except (IndexError, ValueError):
        raise OSError(errno.EIO, "no start time in it", path) from None
