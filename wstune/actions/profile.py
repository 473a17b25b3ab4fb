"""A profile by its name, found on this machine and resolved for a target: what every verb starts with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from wstune.host import profile_files
from wstune.host.host import Host
from wstune.model import HostFacts, Profile
from wstune.readiness.profiles import Load, Target, resolve


def loader(profile_dirs: Iterable[str] = (), *, obeyed: bool = False) -> Load:
    """What finds a profile's text by its name or path: first in these directories, then where they are installed.

    `obeyed`: this host is changed by what they say, so that as root none may be one that others could have written.
    """
    folders = tuple(profile_dirs)
    found: dict[str, tuple[str, str]] = {}

    def load(name: str) -> tuple[str, str]:
        if name not in found:
            found[name] = profile_files.find(name, folders, obeyed=obeyed)
        return found[name]

    return load


def target(
    facts: HostFacts, connections: int | None = None, processes: int | None = None, settings: Mapping[str, int] = {}
) -> Target:
    """A target on a machine of that size. None is the profile's own default."""
    return Target(connections, processes, settings, facts.ram_bytes, facts.page_size, facts.cpus)


def load(
    name: str,
    *,
    profile_dirs: Iterable[str] = (),
    connections: int | None = None,
    processes: int | None = None,
    settings: Mapping[str, int] = {},
    facts: HostFacts | None = None,
) -> Profile:
    """The profile of that name or path, resolved for this host or for one of these facts.

    Raises:
        UsageError: there is no such profile, or the target makes no sense.
        ProfileError: it cannot be used, with file and line.
        InconclusiveError: it needs a size of the machine that could not be read.
    """
    facts = facts or Host().facts()
    return resolve(name, loader(profile_dirs), target=target(facts, connections, processes, settings))
