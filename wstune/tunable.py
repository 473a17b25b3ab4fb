"""One limit of the kernel or the operating system: what its entry in the catalogue holds. Only data."""

from __future__ import annotations

from dataclasses import dataclass

from wstune.model import Direction, Scope, Store
from wstune.values import Kind


@dataclass(frozen=True, slots=True)
class Tunable:
    """One limit of the kernel or the operating system: the catalogue's row.

    Attributes:
        name: the field's own name: a sysctl key (`net.core.somaxconn`), `nofile`, `nofile.soft`, `cgroup.memory.max` ….
        store, kind, scope, direction: see the enums.
        unit: `files`, `pages`, `bytes`, `connections`, `packets`, `seconds`, `ports` ….
        summary: what it is, one line.
        caps: what it caps, in connections or connections a second; empty when it caps neither.
        symptom: what is seen when it is hit (errno, counter, dmesg line), and by which side.
        risk: the harm of too much (or of changing it at all).
        default: how the kernel arrives at the value it has untouched.
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
