"""One limit of the kernel or the operating system: what its entry in the catalogue holds. Data, and pure functions.

All that is known of a limit is in its entry, so that one that binds connections is added there, and in the profiles
that demand something of it: `check`, `capacity`, `apply`, `verify`, `export` and `explain` go by the catalogue.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from enum import Enum
from typing import NamedTuple, Protocol

from wstune.model import CapacityLimit, Direction, HostFacts, Role, Scope, Store
from wstune.values import Kind, Value

COUNTED = "whoever counted it"
"""The side of a limit that each end has for itself: whose it is follows from who counted the error."""

KILLED = "KILLED"
"""Not an errno: a process of the server was killed."""

APPLY = "sudo wstune apply high-conn -n {wanted}"
"""The way round a wall that the shipped profile raises."""


class Usage(Protocol):
    """Of the present load, what capacity subtracts (host.usage has it); None where it could not be read."""

    @property
    def files_allocated(self) -> int | None: ...
    @property
    def time_wait(self) -> int | None: ...
    @property
    def tcp_mem_pages(self) -> int | None: ...
    @property
    def conntrack_count(self) -> int | None: ...
    @property
    def threads(self) -> int | None: ...
    @property
    def open_files(self) -> int | None: ...


class View(Protocol):
    """What a limit looks at to say how many connections it allows (readiness.view): a host as it was read.

    `ends` of each connection, or of each proxied pair, are on this host; `both` says so in words, where they are two.
    `pid`: the running process that serves; None is one yet to start. `listening`: ports that listeners hold.
    """

    @property
    def role(self) -> Role: ...
    @property
    def facts(self) -> HostFacts: ...
    @property
    def usage(self) -> Usage: ...
    @property
    def processes(self) -> int: ...
    @property
    def pairs(self) -> int: ...
    @property
    def pid(self) -> int | None: ...
    @property
    def listening(self) -> tuple[int, ...] | None: ...
    @property
    def ends(self) -> int: ...
    @property
    def both(self) -> str: ...

    def value(self, name: str) -> Value | None:
        """A tunable's value; None where it could not be read."""

    def number(self, name: str) -> int | None:
        """The same, of an INTEGER."""

    def spare(self, name: str) -> int:
        """How much of a limit is left to the rest of the host, in its unit."""

    def unknown(self, name: str) -> CapacityLimit:
        """A limit that is not known to bind: absent here, or not readable."""

    def files(self) -> tuple[str, int, int] | None:
        """(the limit's name, files of one process, those of them that are not for connections); None if not known."""

    def connections_each(self) -> int | None:
        """Connections of one process, by its descriptors."""

    def memory(self, name: str, room: int, fix: str, *, group: bool) -> CapacityLimit:
        """The connections that so many bytes hold; of a control group, or of the whole host."""


class Size(NamedTuple):
    """What a kernel works its defaults out from."""

    ram_bytes: int
    page_size: int


class WallKind(NamedTuple):
    """What it means for a burst to meet a limit.

    Attributes:
        side: `server`, `generator`, `host` (both ends of a burst over loopback share it) or COUNTED.
        meaning: what it is that bound, a sentence without its full stop.
        fix: the way round it, one sentence; `{wanted}`, `{processes}` and `{sources}` are filled in.
        share: for a wall of the host, how many times as many connections the server alone would have held, had the
            generator been elsewhere; `inf` when the server alone would not have met it at all.
    """

    side: str
    meaning: str
    fix: str
    share: float = 1.0


class Cause(NamedTuple):
    """Errors of this kind point to a limit. Of all causes that fit the one of the lowest order counts.

    Attributes:
        errnos: symbolic names or our own words; a trailing `*` stands for anything.
        phases: where it was met; empty: anywhere.
        by: the end that counted it; empty: either.
        counters: kernel counters, one of which must have grown at least half as often as the errors; `A>B` is the
            growth of A beyond that of B. Empty: the errno is enough.
        server_had: an errno that the server must have counted in accept(), or KILLED: its clients see this of it.
        firm: whether it proves the limit; a symptom (False) yields to a plateau, and to a CPU that was always busy.
        order: 10 an errno that proves it, 20 addresses and ports, 30 what the server had, 40 a counter, 50 a symptom.
        limit: a tunable's name or one of readiness.walls.WALLS; an entry of the catalogue leaves it out: its own.
    """

    errnos: tuple[str, ...]
    phases: tuple[str, ...] = ()
    by: str = ""
    counters: tuple[str, ...] = ()
    server_had: str = ""
    firm: bool = True
    order: int = 10
    limit: str = ""


OPENING = ("connect", "upgrade")
CUT_OFF = ("TIMEOUT", "ETIMEDOUT", "ECONNRESET", "EPIPE", "EOF")
"""What clients see of a server, or a way to it, that drops them."""


class Plateau(NamedTuple):
    """A number of connections at which the world's bursts stop, and why (each reported by users, many times over)."""

    low: int
    high: int
    remark: str
    limit: str = ""
    """As in Cause."""


class Sign(NamedTuple):
    """A kernel counter that tells that a limit was met since boot, what it means, and what to do.

    `counter` may be `A>B>C`: the part of A that is beyond B and C.
    """

    counter: str
    said: str
    fix: str


class InUse(Enum):
    """What a host uses of a limit, or may come to use: what a lower value must not go below (host.live_limits)."""

    HARD_NOFILE = "the highest hard file limit of all processes, logins and services"
    FILES = "open files of the host"


class Guard(NamedTuple):
    """What stands against lowering a limit: `refuses(wanted, in use)` is why not, empty when it may be."""

    in_use: InUse
    refuses: Callable[[int, int | None], str]


class Tunable(NamedTuple):
    """One limit of the kernel or the operating system: the catalogue's row.

    Attributes:
        name: the field's own name: a sysctl key (`net.core.somaxconn`), `nofile`, `nofile.soft`, `cgroup.memory.max` ….
        store, kind, scope, direction: see the enums.
        unit: `files`, `pages`, `bytes`, `connections`, `packets`, `seconds`, `ports` ….
        summary: what it is, one line.
        caps: what it caps, in connections or connections a second; empty when it caps neither.
        symptom: what is seen when it is hit (errno, counter, dmesg line), and by which side.
        risk: the harm of too much (or of changing it at all).
        default: how the kernel arrives at the value it has untouched, in words.
        since: first kernel that has it, or has it in this scope; empty when as old as the hills.
        sources: kernel file and function, man page, RFC section.
        minimum, maximum: what the kernel accepts for each number; outside them a write is EINVAL. None: no bound of
            its own, so that of a C int.
        grammar: of a TEXT, the regular expression that the whole value must match.
        latched: when a new value counts: "" at once, else e.g. `at listen()`, `at socket creation`, `at login`.
        order: rank in apply (lower first); rollback goes the other way. facts: reserved ports before the port range,
            nr_open before nofile.
        writable_in_netns: whether a child network namespace may write it.
        fields: names of a TRIPLE's numbers in order, as profiles write them: e.g. `min`, `default`, `max`.
        read_only: the kernel lets nobody write it (a boot parameter, or gone).
        absent: what it means when the host does not have it: the sentence of a not-applicable finding.
        synonyms: what else people call it: a command, a setting, an errno.
        stock: the value of a kernel that nobody has touched: its text, or its numbers by the size of the machine; None
            when it is not known. stock_at_boot: what systemd makes of it before anything else, if more.
        counted_by: who shares what is counted against it, where that is not `scope`.
        bounded_by: the tunable that is the ceiling of this one.
        allows: the connections that it allows on a host; None when it caps none. needs: other tunables it looks at.
        raised_by: how a limit of a control group is raised, with `{demanded}`.
        guard: what stands against lowering it, beside that nobody asked for it.
        wall, causes, plateaus: what meeting it in a burst means, which errors point to it, and which numbers do.
        signs: kernel counters that tell that it was met.
    """

    name: str
    store: Store
    kind: Kind
    scope: Scope
    direction: Direction
    unit: str
    summary: str
    caps: str
    symptom: str
    risk: str
    default: str
    sources: tuple[str, ...]
    since: str = ""
    minimum: int | None = None
    maximum: int | None = None
    grammar: str = ""
    latched: str = ""
    order: int = 50
    writable_in_netns: bool = False
    fields: tuple[str, ...] = ()
    read_only: bool = False
    absent: str = ""
    synonyms: tuple[str, ...] = ()
    stock: str | Callable[[Size], tuple[int, ...]] | None = None
    stock_at_boot: str = ""
    counted_by: Scope | None = None
    bounded_by: str = ""
    allows: Callable[[View], Iterator[CapacityLimit]] | None = None
    needs: tuple[str, ...] = ()
    raised_by: str = ""
    guard: Guard | None = None
    wall: WallKind | None = None
    causes: tuple[Cause, ...] = ()
    plateaus: tuple[Plateau, ...] = ()
    signs: tuple[Sign, ...] = ()
