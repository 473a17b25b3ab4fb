"""The vocabulary: a Profile lists Requirements on Tunables, a Host gives Readings, judge makes Findings.

Only data: nothing here reads, decides or writes.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from wstune.service import Costs, Hit, Limits, Listener, Share
from wstune.values import Value


class Store(Enum):
    """Where a limit is kept."""

    SYSCTL = "sysctl"
    RLIMIT = "rlimit"
    CGROUP = "cgroup"
    MACHINE = "machine"
    """Not kept anywhere: what the machine has, such as its memory."""


class Scope(Enum):
    """Who shares one value of a limit."""

    GLOBAL = "global"
    NETNS = "network namespace"
    USER = "user"
    PROCESS = "process"
    CGROUP = "cgroup"


class Direction(Enum):
    """Which way of changing a limit allows more connections."""

    HIGHER = "higher"
    LOWER = "lower"
    WIDER = "wider"
    NONE = "none"
    """Neither: a policy, or something that does not bind connections."""


class Role(Enum):
    """The end of the connection that a host, or a requirement, is about."""

    SERVER = "server"
    GENERATOR = "generator"
    PROXY = "proxy"
    BOTH = "both"


class Severity(Enum):
    """What it means when a requirement is not met."""

    ERROR = "error"
    WARN = "warn"
    INFO = "info"


class Outcome(Enum):
    """What judging a requirement came to."""

    PASS = "pass"  # noqa: S105  no password
    FAIL = "fail"
    WARN = "warn"
    UNKNOWN = "unknown"
    """The value could not be read: neither a pass nor a fail."""
    NOT_APPLICABLE = "not-applicable"
    """Absent here, for example a host-wide key inside a container: the host decides."""


class Absence(Enum):
    """Why a reading has no value."""

    ABSENT = "absent"
    DENIED = "denied"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class Reading:
    """A value, or why there is none. Exactly one of `value` and `absence` is set."""

    value: Value | None = None
    absence: Absence | None = None
    why: str = ""
    """Words for the absence: what was tried and what came of it."""


class Operator(Enum):
    """How a requirement compares; each is written as this key in a profile."""

    AT_LEAST = "at_least"
    AT_MOST = "at_most"
    EQUALS = "equals"
    COVERS = "covers"
    """A port range that includes the operand's."""
    ONE_OF = "one_of"
    CONTAINS = "contains"
    """A list of reserved ports that includes the operand's."""


@dataclass(frozen=True, slots=True)
class Requirement:
    """What a profile demands of one tunable, its expressions already worked out.

    Attributes:
        operands: the demanded values. AT_LEAST, AT_MOST, EQUALS, COVERS, CONTAINS: one; ONE_OF: the alternatives.
            For a triple of which only some fields are demanded, the others are None in `fields`.
        fields: for a TRIPLE the three demanded numbers, None where anything goes; empty for other kinds.
        where: `FILE:LINE` of the table in the profile.
    """

    tunable: str
    operator: Operator
    operands: tuple[Value, ...]
    severity: Severity
    why: str
    fields: tuple[int | None, ...] = ()
    roles: tuple[Role, ...] = (Role.SERVER, Role.GENERATOR, Role.PROXY)
    refs: tuple[str, ...] = ()
    where: str = ""


@dataclass(frozen=True, slots=True)
class Profile:
    """A named list of requirements, resolved for one target and one machine size."""

    name: str
    summary: str
    requirements: tuple[Requirement, ...]
    variables: dict[str, int]
    """`connections`, `processes`, … as used."""
    where: str = ""
    role: Role = Role.BOTH
    """The end that is judged unless the user names one."""


@dataclass(frozen=True, slots=True)
class Persisted:
    """The value that wins at the next boot, and the `file:line` that says so."""

    value: Value
    source: str


class NextBoot(NamedTuple):
    """What a tunable will be after the next boot, as far as files tell.

    Attributes:
        persisted: None when no file sets it and what it is by itself is not known.
        by_procps: what `sysctl --system`, which other programs run later, makes of the same files, where it differs.
        settled: whether nothing is known that may make it another value.
        why: why it is not settled, or what the kernel refuses; empty when there is nothing to say.
        managers: who else sets it, and when; sentences.
    """

    persisted: Persisted | None = None
    by_procps: Persisted | None = None
    settled: bool = True
    why: str = ""
    managers: tuple[str, ...] = ()


class Effect(Enum):
    """What writing the demanded value would do on this host."""

    NOTHING = "nothing"
    RAISES = "raises"
    LOWERS = "lowers"
    CHANGES = "changes"
    """Raises one number and lowers another, or is not ordered."""
    REFUSED = "refused"
    """This kernel answers with an error; which one is in the finding's `why`."""
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Finding:
    """One requirement judged: explains itself (what, have, need, why, how to fix)."""

    tunable: str
    store: Store
    outcome: Outcome
    severity: Severity
    live: Reading
    requirement: Requirement
    why: str
    fix: str
    effect: Effect
    persisted: Persisted | None = None
    survives_reboot: bool | None = None
    """Whether the demand is met after the next boot; None when that is not known."""
    by_procps: Persisted | None = None
    boot_note: str = ""
    """Why that is not known: see NextBoot, as for `managers`."""
    managers: tuple[str, ...] = ()
    note: str = ""
    """What else should be known: the reason of unknown or not-applicable, the kernel's refusal, a lowering."""


class Confidence(Enum):
    """How sure a number of connections is."""

    HARD = "hard"
    ESTIMATE = "estimate"


@dataclass(frozen=True, slots=True)
class CapacityLimit:
    """The connections that one limit allows, for one role. `connections` None: it does not bind."""

    name: str
    connections: int | None
    confidence: Confidence
    why: str
    fix: str = ""
    per_process: bool = False
    """True for limits that more processes get round (nofile)."""
    per_source: bool = False
    """True for limits that more source addresses or server ports get round (ip_local_port_range)."""


@dataclass(frozen=True, slots=True)
class Capacity:
    """What one host can hold in one role, as it is: limits in rising order of connections."""

    role: Role
    limits: tuple[CapacityLimit, ...]

    @property
    def bottleneck(self) -> CapacityLimit | None:
        """The limit that binds first; None when nothing is known to bind."""
        return next((limit for limit in self.limits if limit.connections is not None), None)


@dataclass(frozen=True, slots=True)
class HostFacts:
    """What a host is, as far as it could be read; None where it could not."""

    kernel: str | None = None
    hostname: str | None = None
    boot_id: str | None = None
    ram_bytes: int | None = None
    available_bytes: int | None = None
    page_size: int = 4096
    cpus: int | None = None
    container: str | None = None
    """`docker`, `kubernetes`, `lxc`, `systemd-nspawn`, … or None when it is not one."""
    netns: int | None = None
    """Inode of the network namespace."""
    initial_netns: bool | None = None
    user_namespace: bool = False
    """Whether this is not the initial user namespace."""
    euid: int | None = None
    capabilities: tuple[str, ...] = ()
    """Effective ones, as `CAP_SYS_RESOURCE`."""
    cgroup_version: int | None = None
    cgroup_memory_headroom: int | None = None
    """Bytes left in the tightest ancestor's memory limit; None when unlimited or unknown."""
    cgroup_pids_headroom: int | None = None
    sysctls_read_only: bool | None = None
    """Whether /proc/sys is mounted read-only, as container runtimes do."""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CheckReport:
    """What `wstune check` found. `verdict` is `ready`, `not-ready` or `inconclusive`."""

    verdict: str
    profile: str
    connections: int
    processes: int
    role: Role
    host: HostFacts
    findings: tuple[Finding, ...]
    capacity: tuple[Capacity, ...]
    sentences: tuple[str, ...] = ()
    """The verdict in words, the last line of the terminal report last."""
    costs: Costs | None = None
    """Bytes of a connection that the capacity rests on."""
    invariants: tuple[Finding, ...] = ()
    """What must hold between limits whatever the target; `requirement.refs[0]` is the other limit."""
    hits: tuple[Hit, ...] = ()
    """Limits that were met already since boot."""
    limits: tuple[Limits, ...] = ()
    """Whose limits are what: this shell, a new login, a unit, a running process."""
    listeners: tuple[Listener, ...] | None = None
    """Of the network namespace; None where they could not be seen."""


class CapacityReport(NamedTuple):
    """What `wstune capacity` found: of a host as it is, of a fleet on paper, or both.

    Attributes:
        host: None when no host was looked at, since the machine's size was given.
        connections: the target; None when there is none.
        fleet: servers and generators of a size; empty when none was asked for.
        sentences: remarks, and what it comes to last.
    """

    host: HostFacts | None
    connections: int | None
    costs: Costs
    capacity: tuple[Capacity, ...] = ()
    limits: tuple[Limits, ...] = ()
    fleet: tuple[Share, ...] = ()
    sentences: tuple[str, ...] = ()
