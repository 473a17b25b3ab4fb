"""The vocabulary of who serves here: whose limits count, who listens, what has been hit, what a connection costs.

Only data, as in model.py; named tuples, which take a fifth of a dataclass's start-up.
"""

from __future__ import annotations

from typing import NamedTuple


class Listener(NamedTuple):
    """A TCP socket that listens.

    Attributes:
        backlog: what listen() was given, at most somaxconn as it was then.
        waiting: connections that wait for accept().
        inode: the socket's number, by which a descriptor names it (`socket:[4711]`).
    """

    port: int
    address: str
    backlog: int
    waiting: int
    uid: int
    inode: int


class Hit(NamedTuple):
    """A limit that was met since boot, by a counter of the kernel.

    Attributes:
        counter, count: as host.counters names it.
        name: the limit: a tunable's name, or a word such as `memory`.
        said: what that means, in a sentence without its subject: `the accept queue of a listener was full`.
        fix: what to do.
    """

    counter: str
    count: int  # type: ignore[assignment]  # it hides tuple.count, which nobody needs of a row
    name: str
    said: str
    fix: str


class Limits(NamedTuple):
    """What one who may serve is held to; None where it is not known, UNLIMITED for none.

    Attributes:
        title: the column's heading: `this shell`, `new login`, `the unit`, `the process`.
        who: whom it is about: `root`, `chat.service`, `process 4711`.
        nofile_soft, nofile_hard: files.
        nproc: processes of the user.
        tasks: processes of the control group (TasksMax, pids.max).
        memory: bytes of the control group (MemoryMax, memory.max).
        sources: where it says so, by field: `{"nofile_hard": "/etc/security/limits.conf:12"}`.
    """

    title: str
    who: str
    nofile_soft: int | None = None
    nofile_hard: int | None = None
    nproc: int | None = None
    tasks: int | None = None
    memory: int | None = None
    sources: tuple[tuple[str, str], ...] = ()

    def source(self, field: str) -> str:
        """Where a field's value comes from; empty when that is not known."""
        return dict(self.sources).get(field, "")


class Costs(NamedTuple):
    """Bytes of memory that one idle connection takes.

    Attributes:
        server, client: the kernel's, at the accepting and at the connecting end.
        source: where these two come from.
        app: the application's own, at the end that serves or forwards.
        app_source: `assumed`, `given`, or what it was measured on.
        tls: that of TLS at the serving end; 0 without.
        generator: the load generator's own.
    """

    server: int
    client: int
    source: str
    app: int
    app_source: str
    tls: int
    generator: int


class Machine(NamedTuple):
    """A machine on paper: bytes of memory, and cores."""

    ram_bytes: int
    cpus: int


class Share(NamedTuple):
    """What each machine of one kind in a fleet carries, and what must be set on it.

    Attributes:
        kind: `server` or `generator`.
        machines: how many it takes.
        holds: connections for which one has room.
        connections: those that one is given.
        processes: over how many it spreads them, one a core.
        sources: addresses that one connects from; 0 for a server.
        settings: limits and what is demanded of each, as in a profile: `("nofile", "≥ 106,024")`.
        seconds: how long opening takes if all open at once with wstune's own programs, by the rate of a core.
    """

    kind: str
    machine: Machine
    machines: int
    holds: int
    connections: int
    processes: int
    sources: int
    settings: tuple[tuple[str, str], ...]
    seconds: float
