"""A host as the rest of wstune sees it: readings of tunables, facts, and the present load."""

from __future__ import annotations

import os
from collections.abc import Iterable

from wstune.host import cgroup, kernel, memory, rlimits
from wstune.host.files import Root
from wstune.host.sysctl import read_sysctl
from wstune.host.usage import Usage, read_usage
from wstune.model import HostFacts, Reading, Store, Tunable
from wstune.values import Kind, make


class Host:
    """This host, or the tree below `root`, as this process sees it, or as `pid` does."""

    def __init__(self, root: Root | str | os.PathLike[str] = "/", pid: int | None = None) -> None:
        self.root = root if isinstance(root, Root) else Root(root)
        self.pid = pid

    def read(self, tunable: Tunable) -> Reading:
        """The live value of a tunable, or why there is none."""
        match tunable.store:
            case Store.SYSCTL:
                return read_sysctl(self.root, tunable.name, tunable.kind)
            case Store.RLIMIT:
                return self._rlimit(tunable.name)
            case Store.CGROUP:
                return cgroup.read_limit(self.root, tunable.name, self.pid)

    def read_all(self, tunables: Iterable[Tunable]) -> dict[str, Reading]:
        """The live values by name."""
        return {tunable.name: self.read(tunable) for tunable in tunables}

    def _rlimit(self, name: str) -> Reading:
        """`nofile` is the hard limit, `nofile.soft` and `nproc` the soft one, which is what the kernel goes by."""
        found = rlimits.limit(self.root, name.partition(".")[0], self.pid)
        return found if isinstance(found, Reading) else Reading(make(Kind.INTEGER, found[name == "nofile"]))

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
            initial_netns=kernel.initial_netns(root),
            user_namespace=kernel.in_user_namespace(root, pid),
            euid=kernel.effective_uid(status),
            capabilities=kernel.capabilities(status),
            cgroup_version=next((found.version for found in chains if found), None),
            cgroup_memory_headroom=chains[0].headroom if chains[0] else None,
            cgroup_pids_headroom=chains[1].headroom if chains[1] else None,
            notes=tuple(self._notes()),
        )

    def usage(self) -> Usage:
        """The present load."""
        return read_usage(self.root, self.pid)

    def _meminfo(self) -> dict[str, int]:
        try:
            return memory.meminfo(self.root)
        except OSError:
            return {}

    def _notes(self) -> Iterable[str]:
        if kernel.sysctls_read_only(self.root):
            yield "/proc/sys is mounted read-only here: its values are set from outside"
