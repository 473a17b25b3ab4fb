"""What a host holds as it is: read once, for check and for capacity. `wstune capacity` without a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from wstune.actions.serving import Serving, serving
from wstune.host.host import Host
from wstune.host.memory import anonymous_bytes
from wstune.host.usage import Usage
from wstune.model import Capacity, HostFacts, Reading, Role
from wstune.readiness import capacity
from wstune.readiness.costs import costs, measured_app
from wstune.service import Costs, Listener
from wstune.tunables import CATALOGUE

NO_MEASURE = (
    "what process {pid} keeps for a connection cannot be measured yet: that takes 1,000 open files; {bytes:,} bytes "
    "are assumed (--app-bytes)"
)


class Scene(NamedTuple):
    """A host as it was read, and who serves on it."""

    host: Host
    facts: HostFacts
    readings: Mapping[str, Reading]
    usage: Usage
    costs: Costs
    serving: Serving
    listeners: tuple[Listener, ...] | None

    def holds(
        self,
        role: Role,
        *,
        processes: int | None = None,
        sources: int = 1,
        upstreams: int = 1,
        costs: Costs | None = None,
        reserve: int | None = None,
    ) -> Capacity:
        """What it holds in a role; as readiness.capacity has it."""
        return capacity.capacity(
            role,
            self.readings,
            self.facts,
            self.usage,
            costs or self.costs,
            processes=processes,
            sources=sources,
            upstreams=upstreams,
            pid=self.serving.pid,
            listening=self.listening,
            reserve=reserve,
        )

    @property
    def listening(self) -> tuple[int, ...] | None:
        """The ports listened on, each as low and high."""
        if self.listeners is None:
            return None
        ports = sorted({each.port for each in self.listeners})
        return tuple(number for port in ports for number in (port, port))


def look(
    host: Host,
    names: Iterable[str],
    *,
    facts: HostFacts | None = None,
    unit: str | None = None,
    user: str | None = None,
    app_bytes: int | None = None,
    tls: bool = False,
) -> Scene:
    """Read the tunables of these names, the load and the listeners, as who serves sees them.

    Args:
        facts: the host's, where they have been read already, by `host` as it is given.

    Raises UsageError for a unit, a user or a process that there is not.
    """
    who = serving(host.root, pid=host.pid, unit=unit, user=user)
    if who.pid != host.pid:
        host, facts = Host(host.root, who.pid), None
    facts = who.facts(facts or host.facts())
    readings = who.readings(host.read_all(CATALOGUE[name] for name in names))
    usage = host.usage()
    each = costs(app_bytes, tls=tls, measured=_measured(host, usage))
    return Scene(host, facts, readings, usage, each, who, _listeners(host))


def remarks(scene: Scene) -> tuple[str, ...]:
    """What is to be said of who serves."""
    notes = list(scene.serving.notes)
    if scene.serving.pid is not None and scene.costs.app_source == "assumed":
        notes.append(NO_MEASURE.format(pid=scene.serving.pid, bytes=scene.costs.app))
    return tuple(notes)


def _measured(host: Host, usage: Usage) -> tuple[int, str] | None:
    if host.pid is None:
        return None
    each = measured_app(anonymous_bytes(host.root, host.pid), usage.open_files)
    return None if each is None else (each, f"process {host.pid} with {usage.open_files:,} open files")


def _listeners(host: Host) -> tuple[Listener, ...] | None:
    """Those of the network namespace; None of a captured tree, and where the kernel does not tell."""
    if not host.root.live:
        return None
    from wstune.host.sock_diag import listeners

    try:
        return listeners(host.elsewhere())
    except OSError:
        return None
