"""Control groups: the memory and pids limits of a process's own group and of every group above it.

v1 keeps each controller in a hierarchy of its own, v2 all in one, a hybrid has both (v2 mounted without controllers,
beside v1). Which one is meant is read from /proc/PID/cgroup and the mounts, not from a version. Above the root of a
cgroup namespace nothing can be seen: a container's limit set by its parent group is then unknown, not absent.
"""

from __future__ import annotations

import posixpath
from typing import NamedTuple

from wstune.host.files import Root, is_decimal, printable
from wstune.host.sysctl import absence_of
from wstune.model import Absence, Reading
from wstune.values import UNLIMITED_FROM, Kind, parse

MEMORY = "memory"
PIDS = "pids"

_FILES = {
    (MEMORY, 2): ("memory.max", "memory.current"),
    (MEMORY, 1): ("memory.limit_in_bytes", "memory.usage_in_bytes"),
    (PIDS, 2): ("pids.max", "pids.current"),
    (PIDS, 1): ("pids.max", "pids.current"),
}


class Level(NamedTuple):
    """One group on the way up.

    Attributes:
        path: directory of the group, below the root: `/sys/fs/cgroup/system.slice/chat.service`.
        limit: bytes or tasks; None for no limit.
        usage: bytes or tasks of the group and all below it; None when unreadable.
        reclaimable: of a memory group's usage, page cache that is dropped at once (inactive_file).
    """

    path: str
    limit: int | None
    usage: int | None = None
    reclaimable: int = 0

    @property
    def headroom(self) -> int | None:
        """What is left before the limit; None when there is no limit or the usage is not known. Never negative."""
        if self.limit is None or self.usage is None:
            return None
        return max(0, self.limit - self.usage + self.reclaimable)


class Chain(NamedTuple):
    """A controller as one process sees it: its own group first, then each above it that is visible."""

    controller: str
    version: int
    levels: tuple[Level, ...]
    mount: str
    """Where its hierarchy is mounted."""

    @property
    def tightest(self) -> Level | None:
        """The level with the least limit; None when none has one."""
        limited = [level for level in self.levels if level.limit is not None]
        return min(limited, key=lambda level: level.limit or 0, default=None)

    @property
    def headroom(self) -> int | None:
        """The least that is left at any level; None when nothing limits or it is not known."""
        return min((room for level in self.levels if (room := level.headroom) is not None), default=None)


def chain(root: Root, controller: str, pid: int | None = None) -> Chain | Reading:
    """The limits of `memory` or `pids` of this process, or of `pid`, or why they are not known."""
    who = "self" if pid is None else str(pid)
    try:
        memberships = root.read_text(f"/proc/{who}/cgroup")
        mounts = root.read_text("/proc/self/mountinfo")
    except OSError as error:
        return absence_of(str(error.filename), error)
    place = _place(memberships, mounts, controller)
    if place is None:
        why = f"no {controller} controller of control groups is mounted here"
        return Reading(absence=Absence.ABSENT, why=why)
    version, mount, group = place
    levels: list[Level] = []
    while True:
        level = _level(root, controller, version, posixpath.join(mount, group) if group else mount)
        if isinstance(level, Level):
            levels.append(level)
        elif level.absence is not Absence.ABSENT:
            return level
        if not group:
            break
        group = posixpath.dirname(group)
    if not levels and version == 2 and not _offers(root, mount, controller):
        return Reading(absence=Absence.ABSENT, why=f"the {controller} controller is not enabled at {printable(mount)}")
    return Chain(controller, version, tuple(levels), mount)


def _offers(root: Root, mount: str, controller: str) -> bool:
    """Whether a v2 group has the controller; the root group then has no limit files, because nothing limits it."""
    try:
        return controller in root.read_text(f"{mount}/cgroup.controllers").split()
    except OSError:
        return False


def read_limit(root: Root, name: str, pid: int | None = None) -> Reading:
    """`cgroup.memory.max` or `cgroup.pids.max`: the tightest limit of all levels, UNLIMITED when none has one."""
    found = chain(root, MEMORY if "memory" in name else PIDS, pid)
    if isinstance(found, Reading):
        return found
    tightest = found.tightest
    limit = None if tightest is None else tightest.limit
    return Reading(parse(Kind.INTEGER, "max" if limit is None else str(limit)))


def guarded(root: Root, pid: int | None = None) -> tuple[tuple[int, str, str], ...]:
    """(limit, usage file, memory.stat) of each level with a memory limit: what `guard.cgroup_room` watches."""
    found = chain(root, MEMORY, pid)
    if isinstance(found, Reading):
        return ()
    usage = _FILES[MEMORY, found.version][1]
    return tuple(
        (level.limit, f"{level.path}/{usage}", f"{level.path}/memory.stat")
        for level in found.levels
        if level.limit is not None and level.usage is not None
    )


def files_of(controller: str, version: int) -> tuple[str, ...]:
    """Names of the files of a group that are read for a controller."""
    return (*_FILES[controller, version], "memory.stat") if controller == MEMORY else _FILES[controller, version]


def _level(root: Root, controller: str, version: int, path: str) -> Level | Reading:
    limit_file, usage_file = _FILES[controller, version]
    try:
        text = root.read_text(f"{path}/{limit_file}").strip()
    except OSError as error:
        return absence_of(f"{path}/{limit_file}", error)
    if text != "max" and not is_decimal(text):
        why = f"{printable(path)}/{limit_file}: got {text[:60]!r}, expected a number or max"
        return Reading(absence=Absence.UNREADABLE, why=why)
    limit = None if text == "max" or int(text) >= UNLIMITED_FROM else int(text)
    usage = _number(root, f"{path}/{usage_file}")
    reclaimable = _inactive_file(root, path) if controller == MEMORY and limit is not None else 0
    return Level(path, limit, usage, min(reclaimable, usage or 0))


def _number(root: Root, path: str) -> int | None:
    try:
        text = root.read_text(path).strip()
    except OSError:
        return None
    return int(text) if is_decimal(text) else None


def _inactive_file(root: Root, path: str) -> int:
    """Of memory.stat; v1 has the subtree's under total_inactive_file."""
    try:
        lines = root.read_text(f"{path}/memory.stat").splitlines()
    except OSError:
        return 0
    pairs = dict(fields for line in lines if len(fields := line.split()) == 2)
    text = pairs.get("total_inactive_file", pairs.get("inactive_file", "0"))
    return int(text) if is_decimal(text) else 0


def _place(memberships: str, mountinfo: str, controller: str) -> tuple[int, str, str] | None:
    """(version, mount point, group below it without a leading slash) of the hierarchy that has the controller."""
    v1, v2 = _memberships(memberships, controller)
    mounts = list(_cgroup_mounts(mountinfo))
    if v1 is not None:
        for kind, top, point, options in mounts:
            if kind == "cgroup" and controller in options:
                return 1, point, _below(v1, top)
    if v2 is not None:
        for kind, top, point, _ in mounts:
            if kind == "cgroup2":
                return 2, point, _below(v2, top)
    return None


def _memberships(text: str, controller: str) -> tuple[str | None, str | None]:
    """The group in the controller's own v1 hierarchy, and the one in v2 (line `0::/…`), None where there is none."""
    v1 = v2 = None
    for line in text.splitlines():
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if number == "0" and not controllers:
            v2 = path
        elif controller in controllers.split(","):
            v1 = path
    return v1, v2


def _cgroup_mounts(mountinfo: str) -> list[tuple[str, str, str, list[str]]]:
    """(type, root within the hierarchy, mount point, super options); proc_pid_mountinfo(5)."""
    mounts = []
    for line in mountinfo.splitlines():
        before, dash, after = line.partition(" - ")
        left, right = before.split(), after.split()
        if dash and len(left) >= 6 and len(right) >= 3 and right[0] in ("cgroup", "cgroup2"):
            mounts.append((right[0], _unescaped(left[3]), _unescaped(left[4]), right[2].split(",")))
    return mounts


def _below(group: str, top: str) -> str:
    """The group's path below the mount, whose own root is `top`.

    A group that is not below it (`/../other`: a process in a group outside our cgroup namespace; or a container that
    sees its path on the host but only its own directory) is taken as the mount's root, the nearest that can be seen.
    """
    inside = group if top == "/" else group.removeprefix(top) if _starts(group, top) else ""
    parts = [part for part in inside.split("/") if part]
    return "" if ".." in parts else "/".join(parts)


def _starts(group: str, top: str) -> bool:
    return group == top or group.startswith(top + "/")


def _unescaped(field: str) -> str:
    r"""Spaces, tabs, newlines and backslashes are written as \040 \011 \012 \134 in mountinfo."""
    for code, letter in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        field = field.replace(code, letter)
    return field
