"""What a host holds as it is: read once, for check and for capacity. `wstune capacity` without a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, NamedTuple

from wstune.actions.serving import Serving, serving
from wstune.errors import InconclusiveError, UsageError
from wstune.host.host import Host
from wstune.host.memory import anonymous_bytes
from wstune.host.usage import Usage
from wstune.model import Capacity, CapacityReport, HostFacts, Profile, Reading, Role
from wstune.readiness import capacity
from wstune.readiness.costs import ASSUMED, costs, measured_app
from wstune.service import Costs, Listener, Machine
from wstune.tunables import CATALOGUE
from wstune.tunables.processes import MEMORY

if TYPE_CHECKING:
    from wstune.verification import VerifyReport

ROLES = (Role.SERVER, Role.GENERATOR, Role.PROXY)
"""Those that are told of unless one is asked for."""

ON_PAPER = (
    "net.netfilter.* matters only where firewall rules or NAT track these connections",
    "on paper: idle connections and their memory; what the application computes, and what a network carries, a burst "
    "against it shows (wstune verify ws://…)",
)

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


class Asked(NamedTuple):
    """What `wstune capacity` is asked. None is not given.

    Attributes:
        connections: the target.
        server, generator: machines on paper: (bytes of memory, cores), either of which may be missing.
        calibrate: a report of verify, and what it is called.
        reserve: bytes left alone; None is the usual.
    """

    connections: int | None = None
    role: Role | None = None
    processes: int | None = None
    sources: int = 1
    upstreams: int = 1
    app_bytes: int | None = None
    tls: bool = False
    unit: str | None = None
    user: str | None = None
    server: tuple[int | None, int | None] = (None, None)
    generator: tuple[int | None, int | None] = (None, None)
    calibrate: tuple[VerifyReport, str] | None = None
    reserve: int | None = None


def run_capacity(asked: Asked, host: Host) -> CapacityReport:
    """The capacity of a host as it is; or, where a machine's size is given, the fleet that a target takes.

    Raises:
        UsageError: a process, unit or user that there is not; a size without a target; a report that is too small.
        InconclusiveError: the size of this host is needed, and cannot be read.
    """
    on_paper = any(each is not None for each in (*asked.server, *asked.generator))
    if on_paper:
        return _on_paper(asked, host)
    scene = look(host, capacity.NEEDS, unit=asked.unit, user=asked.user, app_bytes=asked.app_bytes, tls=asked.tls)
    scene = scene._replace(costs=_calibrated(scene.costs, asked))
    held = tuple(
        scene.holds(
            role,
            processes=asked.processes,
            sources=asked.sources,
            upstreams=asked.upstreams,
            reserve=asked.reserve,
        )
        for role in (ROLES if asked.role is None else (asked.role,))
    )
    return CapacityReport(
        scene.facts, asked.connections, scene.costs, held, scene.serving.limits, sentences=remarks(scene)
    )


def _on_paper(asked: Asked, host: Host) -> CapacityReport:
    from wstune.actions.profile import loader
    from wstune.readiness.fleet import fleet
    from wstune.readiness.profiles import Target, resolve

    if asked.connections is None:
        raise UsageError("a machine's size is given, and no target", "give one: -n 10M")
    here = host.facts() if None in (*asked.server[:1], *asked.server[1:]) else HostFacts()
    server = Machine(*_sizes(asked.server, (here.ram_bytes, here.cpus)))
    generator = Machine(*_sizes(asked.generator, server))
    load = loader()

    def demanded(name: str, connections: int, processes: int, machine: Machine) -> Profile:
        target = Target(connections, processes, {}, machine.ram_bytes, here.page_size, machine.cpus)
        return resolve(name, load, target=target)

    each = _calibrated(costs(asked.app_bytes, tls=asked.tls), asked)
    found = fleet(asked.connections, server, generator, each, demanded)
    if found is None:
        raise UsageError("no machine of that size has room for a connection", "give a larger --ram")
    return CapacityReport(None, asked.connections, each, fleet=found, sentences=ON_PAPER)


def _sizes(given: tuple[int | None, int | None], otherwise: tuple[int | None, int | None]) -> tuple[int, int]:
    ram, cpus = (other if one is None else one for one, other in zip(given, otherwise, strict=True))
    if ram is None or cpus is None:
        raise InconclusiveError("the size of this machine cannot be read", "give --ram and --cpus")
    return ram, cpus


def _calibrated(each: Costs, asked: Asked) -> Costs:
    if asked.calibrate is None:
        return each
    from wstune.readiness.calibrate import calibrated

    report, source = asked.calibrate
    try:
        return calibrated(each, report, source)
    except ValueError as error:
        raise UsageError(f"--calibrate {source}: {error}", "verify with more connections") from None


def remarks(scene: Scene) -> tuple[str, ...]:
    """What is to be said of who serves."""
    notes = list(scene.serving.notes)
    if scene.serving.pid is not None and scene.costs.app_source == ASSUMED:
        notes.append(NO_MEASURE.format(pid=scene.serving.pid, bytes=scene.costs.app))
    return tuple(notes)


def assumed_short(scene: Scene, held: Capacity, connections: int) -> tuple[str, ...]:
    """A remark where memory holds the target only if the application keeps less than is assumed."""
    number = next((each.connections for each in held.limits if each.name == MEMORY), None)
    if scene.costs.app_source != ASSUMED or number is None or number >= connections:
        return ()
    return (
        f"were the application to keep the assumed {scene.costs.app:,} bytes for each, memory here would be enough for "
        f"about {number:,}; --app-bytes tells what it keeps",
    )


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
