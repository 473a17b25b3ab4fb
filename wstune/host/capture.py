"""A tree of this host that can be read elsewhere (`check --root`): what is on a list, nothing else, and no secrets.

The list is the catalogue's sysctls and the files that wstune's own readers read. Of what could hold more than that
(mounts, process status, environment, configuration) only the lines that those readers use are kept.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from wstune.errors import UsageError
from wstune.host import capture_configuration, cgroup, memory, trust
from wstune.host.counters import GROUP_EVENTS
from wstune.host.files import Root
from wstune.host.sysctl import path_of
from wstune.host.walk import Way, absolute
from wstune.host.writing import Tree

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
    directory, OSError when it cannot be written, or when somebody else could put something into it.
    """
    with _new_directory(destination) as tree:
        return _copy(root, tree, keys)


def _copy(root: Root, tree: Tree, keys: Iterable[str]) -> tuple[str, ...]:
    copied: dict[str, None] = {}
    for path, keep in _listed(root, keys):
        if ".." in path.split("/"):
            continue  # a hostile tree's mount point: the copy would be written beside itself
        if path in copied:
            continue
        try:
            text = keep(root.read_text(path))
        except OSError:
            continue
        tree.write(path, text)
        copied[path] = None
    for path in (*_LINKS, *_slab_links(root), *capture_configuration.links(root)):
        try:
            target = root.readlink(path)
        except OSError:
            continue
        if path not in copied:
            tree.link(path, target)
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


@contextmanager
def _new_directory(path: str) -> Iterator[Tree]:
    """A directory that is new, or empty and nobody else's, held open."""
    own = trust.asked()
    with Way(look=trust.looking(own)) as way:
        way.go(absolute(path), last_link=False, lacking=True)
        if way.missing:
            if "/" in way.missing:
                raise FileNotFoundError(errno.ENOENT, "there is no such directory above it", path)
            trust.require(way.end, own, sticky=True)
            tree = Tree.make(way.end, way.missing)
        else:
            if not way.end.is_directory or os.listdir(f"/proc/self/fd/{way.end.fd}/."):
                raise UsageError(f"{path} exists and is not an empty directory", "name a new one")
            trust.require(way.end, own)
            tree = Tree.at(way.end)
        with tree:
            yield tree
