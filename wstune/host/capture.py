"""A tree of this host that can be read elsewhere (`check --root`): what is on a list, nothing else, and no secrets.

The list is the catalogue's sysctls and the files that wstune's own readers read. Of what could hold more than that
(mounts, process status, environment, configuration) only the lines that those readers use are kept.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable

from wstune.errors import UsageError
from wstune.host import capture_configuration, cgroup, memory
from wstune.host.counters import GROUP_EVENTS
from wstune.host.files import Root
from wstune.host.sysctl import path_of

_SYSCTLS = (
    "fs.file-nr",
    "kernel.hostname",
    "kernel.osrelease",
    "kernel.random.boot_id",
    "net.ipv4.tcp_available_congestion_control",
    "net.netfilter.nf_conntrack_count",
)
_FILES = (
    "/.dockerenv",
    "/etc/os-release",
    "/proc/1/comm",
    "/proc/loadavg",
    "/proc/meminfo",
    "/proc/net/netstat",
    "/proc/net/snmp",
    "/proc/net/sockstat",
    "/proc/net/softnet_stat",
    "/proc/net/stat/nf_conntrack",
    "/proc/self/cgroup",
    "/proc/self/limits",
    "/proc/self/uid_map",
    "/run/.containerenv",
    "/run/systemd/container",
    "/sys/devices/system/cpu/online",
    "/sys/module/nf_conntrack/initstate",
    "/sys/module/nf_conntrack/parameters/hashsize",
)
_LINKS = tuple(f"/proc/self/ns/{kind}" for kind in ("cgroup", "net", "pid", "user"))
_MOUNTS = ("/", "/proc", "/proc/sys", "/sys", "/sys/fs/cgroup")
_STATUS = ("Name:", "Uid:", "Gid:", "CapEff:", "CapBnd:", "NoNewPrivs:", "Seccomp:", "Threads:")
_ENVIRONMENT = "container="
_SLAB_ROWS = ("slabinfo", "#")


def capture(root: Root, destination: str, keys: Iterable[str]) -> tuple[str, ...]:
    """Copy what can be read of `root`, and of the sysctls `keys`, to a new directory. Returns the paths copied, sorted.

    What cannot be read is not there in the copy. Raises UsageError when `destination` exists and is not an empty
    directory, OSError when it cannot be written.
    """
    _new_directory(destination)
    copied: dict[str, None] = {}
    for path, keep in _listed(root, keys):
        if ".." in path.split("/"):
            continue  # a hostile tree's mount point: the copy would be written beside itself
        try:
            text = keep(root.read_text(path))
        except OSError:
            continue
        _write(destination, path, text)
        copied[path] = None
    for path in (*_LINKS, *_slab_links(root), *capture_configuration.links(root)):
        try:
            target = root.readlink(path)
        except OSError:
            continue
        if path not in copied:
            _link(destination, path, target)
            copied[path] = None
    return tuple(sorted(copied))


def _listed(root: Root, keys: Iterable[str]) -> Iterable[tuple[str, Callable[[str], str]]]:
    """(path, what of its text is kept)."""
    paths = [
        path_of(key) for key in dict.fromkeys((*keys, *_SYSCTLS)) if not key.endswith(capture_configuration.SECRET)
    ]
    for path in paths:
        yield path, str
    for path in (*_FILES, *_group_files(root)):
        yield path, str
    yield "/proc/self/mountinfo", _mounts
    yield "/proc/self/status", _lines_with(_STATUS)
    yield "/proc/1/environ", _container_name
    yield "/proc/vmstat", _lines_with(("oom_kill ",))
    yield "/proc/slabinfo", _lines_with((*_SLAB_ROWS, *(f"{name} " for name in _slab_names(root))))
    yield from capture_configuration.files(root, frozenset(paths))


def _group_files(root: Root) -> Iterable[str]:
    for controller in (cgroup.MEMORY, cgroup.PIDS):
        found = cgroup.chain(root, controller)
        if isinstance(found, cgroup.Chain):
            yield f"{found.mount}/cgroup.controllers"
            for level in found.levels:
                events = (name for name, _ in GROUP_EVENTS[controller, found.version])
                for name in (*cgroup.files_of(controller, found.version), *events):
                    yield f"{level.path}/{name}"


def _slab_names(root: Root) -> list[str]:
    """Slabs that hold sockets, under the names that /proc/slabinfo shows."""
    return sorted({*(memory.socket_slabs(root) or {}), "sock_inode_cache", "dentry"})


def _slab_links(root: Root) -> Iterable[str]:
    for name in sorted({*memory.SOCKET_SLABS, *_slab_names(root)}):
        yield f"/sys/kernel/slab/{name}"


def _lines_with(starts: tuple[str, ...]) -> Callable[[str], str]:
    return lambda text: "".join(line for line in text.splitlines(keepends=True) if line.startswith(starts))


def _mounts(text: str) -> str:
    """Only what is mounted at the places that are read; others' names may say more than their owner wants."""
    kept = []
    for line in text.splitlines(keepends=True):
        point = (line.split()[4:5] or [""])[0]
        if point in _MOUNTS or point.startswith("/sys/fs/cgroup/"):
            kept.append(_mount(line))
    return "".join(kept)


def _mount(line: str) -> str:
    """A line of mountinfo without what its file system was given: a server, a user's name (proc(5))."""
    before, separator, after = line.rstrip("\n").partition(" - ")
    kind, source, options = [*after.split(" "), "", "", ""][:3]
    group = kind.startswith("cgroup")  # whose options are the names of its controllers
    told = [option for option in options.split(",") if option in ("rw", "ro") or group]
    source = source if source.startswith("/dev/") or not set("/@:") & set(source) else "none"
    return f"{before}{separator}{kind} {source} {','.join(told)}\n"


def _container_name(text: str) -> str:
    return "".join(f"{entry}\0" for entry in text.split("\0") if entry.startswith(_ENVIRONMENT))


def _new_directory(path: str) -> None:
    try:
        os.mkdir(path, 0o700)
    except FileExistsError:
        if not os.path.isdir(path) or os.path.islink(path) or os.listdir(path):
            raise UsageError(f"{path} exists and is not an empty directory", "name a new one") from None


def _place(destination: str, path: str) -> str:
    """Where a path goes below the destination; its directories made. It was empty: nothing there is another's."""
    place = os.path.join(destination, path.lstrip("/"))
    os.makedirs(os.path.dirname(place), exist_ok=True)
    return place


def _write(destination: str, path: str, text: str) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
    fd = os.open(_place(destination, path), flags, 0o644)
    try:
        data = text.encode()
        while data:
            data = data[os.write(fd, data) :]
    finally:
        os.close(fd)


def _link(destination: str, path: str, target: str) -> None:
    os.symlink(target, _place(destination, path))
