"""A systemd unit of a host: its files, and the process that runs for it. Works on a captured tree too."""

from __future__ import annotations

from typing import NamedTuple

from wstune.host.files import Root, is_decimal
from wstune.readiness.unit_files import DIRECTORIES, full_name, names

_MANAGER_DIRECTORIES = (
    "/etc/systemd/system.conf.d",
    "/run/systemd/system.conf.d",
    "/usr/local/lib/systemd/system.conf.d",
    "/usr/lib/systemd/system.conf.d",
)
_MANAGER_CONF = ("/etc/systemd/system.conf", "/run/systemd/system.conf", "/usr/lib/systemd/system.conf")
_GROUP_MOUNTS = ("/sys/fs/cgroup", "/sys/fs/cgroup/systemd", "/sys/fs/cgroup/unified")

Files = tuple[tuple[str, str], ...]


class UnitFiles(NamedTuple):
    """A unit's file and its drop-ins, (path, text) in the order in which they count. `masked`: it may not start."""

    name: str
    files: Files
    masked: bool = False


def unit_files(root: Root, unit: str) -> UnitFiles | None:
    """The files of a unit; None when there is no such unit. What cannot be read is left out."""
    name = full_name(unit)
    path = _path(root, name)
    if path is None:
        return None
    if _is_masked(root, path):
        return UnitFiles(name, (), masked=True)
    text = _text(root, path)
    return UnitFiles(name, (*(() if text is None else ((path, text),)), *drop_ins(root, name)))


def drop_ins(root: Root, unit: str) -> Files:
    """The drop-ins of a unit in the order in which they count, whether it has a file of its own or not."""
    name = full_name(unit)
    path = _path(root, name)
    every = names(name, _target(root, path) if path else "")
    return _drop_ins(root, [f"{directory}/{each}.d" for each in every for directory in DIRECTORIES])


def _path(root: Root, name: str) -> str | None:
    """Where a unit's own file is, or its template's."""
    stem, _, kind = name.rpartition(".")
    prefix, at, instance = stem.partition("@")
    own = [name, f"{prefix}@.{kind}"] if at and instance else [name]
    return next((found for each in own if (found := _first(root, DIRECTORIES, each))), None)


def manager_files(root: Root) -> Files:
    """systemd's own configuration, in the order in which it counts."""
    conf = next((path for path in _MANAGER_CONF if root.exists(path)), None)
    text = _text(root, conf) if conf else None
    own = ((conf, text),) if conf and text is not None else ()
    return (*own, *_drop_ins(root, list(_MANAGER_DIRECTORIES)))


def has_systemd(root: Root) -> bool:
    """Whether systemd is what starts services there; of a captured tree, whether it has units of its own."""
    if root.exists("/run/systemd/system") or _text(root, "/proc/1/comm") == "systemd\n":
        return True
    return not root.live and root.exists("/etc/systemd/system")


def drop_in_directories(root: Root) -> tuple[str, ...]:
    """The units that have a directory for drop-ins below /etc/systemd/system; none where it cannot be listed."""
    try:
        names = root.listdir("/etc/systemd/system")
    except OSError:
        return ()
    return tuple(sorted(name.removesuffix(".d") for name in names if name.endswith(".d")))


def first_process(root: Root, group: str) -> int | None:
    """The first process in a control group of that path; None when there is none or it cannot be seen."""
    for mount in _GROUP_MOUNTS:
        first = (_text(root, f"{mount}{group}/cgroup.procs") or "").split()[:1]
        if first and is_decimal(first[0]) and first[0] != "0":
            return int(first[0])
    return None


def _first(root: Root, directories: tuple[str, ...], name: str) -> str | None:
    """The first file, or link, of that name."""
    for directory in directories:
        path = f"{directory}/{name}"
        if root.exists(path) or _link(root, path) is not None:
            return path
    return None


def _drop_ins(root: Root, directories: list[str]) -> Files:
    """`*.conf` of all, sorted by name; of those with one name the first directory's counts."""
    found: dict[str, str] = {}
    for directory in directories:
        try:
            listed = root.listdir(directory)
        except OSError:
            continue
        for name in listed:
            if name.endswith(".conf"):
                found.setdefault(name, f"{directory}/{name}")
    texts = ((path, None if _is_masked(root, path) else _text(root, path)) for _, path in sorted(found.items()))
    return tuple((path, text) for path, text in texts if text)


def _is_masked(root: Root, path: str) -> bool:
    """A link to /dev/null, or an empty file (systemd.unit(5))."""
    if _link(root, path) == "/dev/null":
        return True
    try:
        return root.stat(path).st_size == 0
    except OSError:
        return False


def _target(root: Root, path: str) -> str:
    """The name of the unit that a unit's file is a link to; empty when it is none."""
    return (_link(root, path) or "").rpartition("/")[2]


def _link(root: Root, path: str) -> str | None:
    try:
        return root.readlink(path)
    except OSError:
        return None


def _text(root: Root, path: str) -> str | None:
    try:
        return root.read_text(path)
    except OSError:
        return None
