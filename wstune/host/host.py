"""A host as the rest of wstune sees it: readings of tunables, facts, and the present load."""

from __future__ import annotations

import os
from collections.abc import Iterable

from wstune.host import cgroup, kernel, memory, rlimits
from wstune.host.files import Root, words
from wstune.host.sysctl import absence_of, parsed, path_of, read_sysctl
from wstune.host.usage import CONNTRACK_COUNT, Usage, first_number, read_usage
from wstune.model import Absence, HostFacts, Reading, Store
from wstune.tunable import Tunable
from wstune.values import UNLIMITED, Kind, make, parse


class Host:
    """This host, or the tree below `root`, as this process sees it, or as `pid` does: with that process's limits, its
    control groups, and the sysctls of its network namespace.
    """

    def __init__(self, root: Root | str | os.PathLike[str] = "/", pid: int | None = None) -> None:
        self.root = root if isinstance(root, Root) else Root(root)
        self.pid = pid

    def read(self, tunable: Tunable) -> Reading:
        """The live value of a tunable, or why there is none."""
        match tunable.store:
            case Store.SYSCTL:
                if _of_netns(tunable) and (pid := self.elsewhere()):
                    return self._inside(pid, [tunable])[tunable.name]
                return read_sysctl(self.root, tunable.name, tunable.kind)
            case Store.RLIMIT:
                return self._rlimit(tunable.name)
            case Store.CGROUP:
                return cgroup.read_limit(self.root, tunable.name, self.pid)
            case Store.MACHINE:
                return self._memory_total()

    def read_all(self, tunables: Iterable[Tunable]) -> dict[str, Reading]:
        """The live values by name."""
        every = tuple(tunables)
        pid = self.elsewhere()
        readings = self._inside(pid, [tunable for tunable in every if _of_netns(tunable)]) if pid else {}
        return {tunable.name: readings.get(tunable.name) or self.read(tunable) for tunable in every}

    def elsewhere(self) -> int | None:
        """`pid`, when it is, or may be, in another network namespace than this process; else None."""
        if self.pid is None or not self.root.live:
            return None
        return self.pid if kernel.netns(self.root, self.pid) != kernel.netns(self.root) else None

    @staticmethod
    def _inside(pid: int, tunables: list[Tunable]) -> dict[str, Reading]:
        """Readings from within the network namespace of `pid`, or why it cannot be entered."""
        from wstune.host.inside import read_files  # only --pid needs it

        paths = {tunable.name: path_of(tunable.name) for tunable in tunables}
        try:
            found = read_files(pid, tuple(paths.values()))
        except OSError as error:
            why = f"process {pid} may be in another network namespace, which cannot be entered: {words(error)}"
            return dict.fromkeys(paths, Reading(absence=Absence.DENIED, why=why))
        readings = {}
        for tunable in tunables:
            path = paths[tunable.name]
            text = found[path]
            if isinstance(text, OSError):
                readings[tunable.name] = absence_of(path, text)
            else:
                readings[tunable.name] = parsed(path, text, tunable.kind)
        return readings

    def _rlimit(self, name: str) -> Reading:
        """`nofile` is the hard limit, `nofile.soft` and `nproc` the soft one, which is what the kernel goes by."""
        found = rlimits.limit(self.root, name.partition(".")[0], self.pid)
        if isinstance(found, Reading):
            return found
        number = found[name == "nofile"]
        return Reading(parse(Kind.INTEGER, "unlimited" if number >= UNLIMITED else str(number)))

    def _memory_total(self) -> Reading:
        """`memory.total`: MemTotal of /proc/meminfo, in bytes."""
        try:
            total = memory.meminfo(self.root).get("MemTotal")
        except OSError as error:
            return absence_of("/proc/meminfo", error)
        if total is None:
            return Reading(absence=Absence.UNREADABLE, why="/proc/meminfo has no MemTotal")
        return Reading(make(Kind.INTEGER, total))

    def facts(self) -> HostFacts:
        """What this host is, as far as it can be read."""
        root, pid = self.root, self.pid
        info = self._meminfo()
        status = kernel.status(root, pid)
        groups = [cgroup.chain(root, controller, pid) for controller in (cgroup.MEMORY, cgroup.PIDS)]
        chains = [None if isinstance(found, Reading) else found for found in groups]
        return HostFacts(
            kernel=kernel.release(root),
            hostname=kernel.hostname(root),
            boot_id=kernel.boot_id(root),
            ram_bytes=info.get("MemTotal"),
            available_bytes=info.get("MemAvailable"),
            page_size=memory.page_size(root),
            cpus=kernel.cpus(root),
            container=kernel.container(root),
            netns=kernel.netns(root, pid),
            initial_netns=self._initial_netns(),
            user_namespace=kernel.in_user_namespace(root, pid),
            euid=kernel.effective_uid(status),
            capabilities=kernel.capabilities(status),
            cgroup_version=next((found.version for found in chains if found), None),
            cgroup_memory_headroom=chains[0].headroom if chains[0] else None,
            cgroup_pids_headroom=chains[1].headroom if chains[1] else None,
            sysctls_read_only=kernel.sysctls_read_only(root),
            notes=tuple(self._notes()),
        )

    def usage(self) -> Usage:
        """The present load."""
        usage = read_usage(self.root, self.pid)
        pid = self.elsewhere()
        if pid is None:
            return usage
        from wstune.host.inside import read_files

        try:
            text = read_files(pid, (CONNTRACK_COUNT,))[CONNTRACK_COUNT]
        except OSError:
            text = ""
        return usage._replace(conntrack_count=None if isinstance(text, OSError) else first_number(text))

    def _initial_netns(self) -> bool | None:
        """Of `pid`: when it is known not to be in ours, and ours is the initial one, its own is not."""
        ours = kernel.initial_netns(self.root)
        if self.elsewhere() is None:
            return ours
        return False if ours and kernel.netns(self.root, self.pid) is not None else None

    def _meminfo(self) -> dict[str, int]:
        try:
            return memory.meminfo(self.root)
        except OSError:
            return {}

    def _notes(self) -> Iterable[str]:
        if kernel.sysctls_read_only(self.root):
            yield "/proc/sys is mounted read-only here: its values are set from outside"
        if kernel.in_cgroup_namespace(self.root):
            yield "limits of control groups above this cgroup namespace cannot be seen"


def _of_netns(tunable: Tunable) -> bool:
    """Whether a sysctl is looked up in the reader's network namespace: all of net.* is (net/sysctl_net.c)."""
    return tunable.store is Store.SYSCTL and tunable.name.startswith(("net.", "net/"))
