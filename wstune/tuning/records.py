"""What the journal says, as data: transactions, their acts, and which of them still stand. Pure.

A transaction is a `begin` line, then for each act an `intent` line before it (with all that undoing needs) and a `done`
or `failed` line after it, then `commit`. Undoing writes an `undone` line an act and closes with `end`. So a
transaction that was cut short, by a kill or by the power, is one with neither `commit` nor `end`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, NamedTuple

from wstune.values import Kind, parse

FORMAT = 2
"""Version of the journal's lines; a later version that this wstune cannot undo must raise it. 1: without numbers."""

ABANDONED = "abandoned"
"""Why a transaction has ended that could not be wholly taken back, and of how an act of it went away."""


class ActKind(Enum):
    """What an act changes."""

    SYSCTL = "sysctl"
    RLIMIT = "rlimit"
    FILE = "file"
    DIRECTORY = "directory"


class Standing(Enum):
    """How far a transaction is."""

    CUT = "cut short"
    APPLIED = "applied"
    PARTLY = "partly rolled back"
    CLOSED = "rolled back"


class Place(NamedTuple):
    """Where a transaction was made: one boot of one machine, one network namespace.

    An inode number is reused after its namespace has ended, also within one boot; the cookie (SO_NETNS_COOKIE, since
    5.14) never is. None where it could not be read.
    """

    boot_id: str | None
    netns: int | None
    cookie: int | None
    initial: bool | None


@dataclass(slots=True)
class Act:
    """One change, as intended and as it went.

    Attributes:
        target: a sysctl key, `PID:STARTTIME`, or an absolute path as it would be on the host itself.
        before, after: kernel texts; `SOFT HARD`; for files the SHA-256 of the content, "" for absent.
        claim: True when nothing was written, because an earlier transaction of wstune had already made it so. It keeps
            the value in place when that earlier one is taken back first.
        pre: name of the pre-image file in the journal's `pre` directory; "" when the file was absent.
        entries: for files: (key, value, what it replaced) of each line that this transaction wants.
        style: for files: `sysctl`, `limits` or `unit`, which decides how entries are written.
        value_kind: for sysctls: how its text is compared.
        local: for sysctls: whether the key belongs to the network namespace.
        done: whether it is known to have been made; between intent and that, a crash leaves it open.
        undone: "" while it stands, else how it went away: `restored`, `already` (somebody else put it back), `unlinked`
            (a later transaction stands above it), `left` (it ended with its process, namespace or boot), `abandoned`.
    """

    txn: str
    number: int
    kind: ActKind
    target: str
    before: str
    after: str
    claim: bool = False
    pre: str = ""
    entries: tuple[tuple[str, str, str], ...] = ()
    style: str = ""
    value_kind: Kind = Kind.TEXT
    local: bool = False
    done: bool = False
    undone: str = ""
    intended_at: int = 0
    undone_at: int = 0
    """Which records of the journal told of it and undid it: the order of both counts in a chain."""
    sha: str = ""
    """For files: what undoing this act left in the file, "" when that is nothing."""

    @property
    def label(self) -> str:
        """The target in words."""
        return f"nofile of process {self.target.partition(':')[0]}" if self.kind is ActKind.RLIMIT else self.target

    @property
    def stands(self) -> bool:
        """Whether it may still have an effect on the host."""
        return not self.undone

    def same(self, one: str, other: str) -> bool:
        """Whether two texts mean the same value of this act's target."""
        if self.kind is not ActKind.SYSCTL or self.value_kind is Kind.TEXT:
            return one.split() == other.split()
        try:
            return parse(self.value_kind, one).same(parse(self.value_kind, other))
        except ValueError:
            return one.split() == other.split()


@dataclass(slots=True)
class Transaction:
    """One apply."""

    id: str
    at: str
    place: Place
    profile: str
    kernel: str
    ram_bytes: int
    argv: tuple[str, ...] = ()
    acts: list[Act] = field(default_factory=list)
    committed: bool = False
    ended: str = ""
    """"" while it stands, else why it ended: `rolled back`, `failed`, `abandoned`."""

    @property
    def standing(self) -> Standing:
        """How far it is."""
        if self.ended:
            return Standing.CLOSED
        if not self.committed:
            return Standing.CUT
        return Standing.PARTLY if any(act.undone for act in self.acts) else Standing.APPLIED


def replay(lines: Iterable[Mapping[str, Any]]) -> list[Transaction]:
    """The transactions that these journal records tell of, oldest first. Lines it does not know are passed over."""
    found: dict[str, Transaction] = {}
    acts: dict[tuple[str, int], Act] = {}
    for number, line in enumerate(lines):
        txn_id, what = str(line.get("txn", "")), line.get("type")
        if what == "begin":
            found[txn_id] = _transaction(txn_id, line)
            continue
        txn = found.get(txn_id)
        if txn is None:
            continue
        if what == "intent":
            intended = _act(txn_id, line)
            intended.intended_at = number
            acts[txn_id, intended.number] = intended
            txn.acts.append(intended)
        elif what == "commit":
            txn.committed = True
        elif what == "end":
            end(txn, str(line.get("why", "rolled back")), number)
        elif what in ("done", "undone") and (act := acts.get((txn_id, int(line["n"])))):
            if what == "done":
                act.done = True
                act.after = str(line.get("live", act.after))
            elif what == "undone":
                act.undone = str(line.get("how", "restored"))
                act.undone_at = number
                act.sha = str(line.get("sha", ""))
    return list(found.values())


def end(txn: Transaction, why: str, number: int) -> None:
    """Close a transaction; what stands of one that is abandoned counts no more from that record on."""
    txn.ended = why
    for act in txn.acts:
        if why == ABANDONED and act.stands:
            act.undone, act.undone_at = ABANDONED, number


def next_record(transactions: Iterable[Transaction]) -> int:
    """Later than all that these tell of, for what is added to them before the journal is read again."""
    return max((max(act.intended_at, act.undone_at) for txn in transactions for act in txn.acts), default=0) + 1


def begin_line(txn: Transaction) -> dict[str, Any]:
    """The record that opens a transaction."""
    return {
        "format": FORMAT,
        "type": "begin",
        "txn": txn.id,
        "at": txn.at,
        "boot_id": txn.place.boot_id,
        "netns": txn.place.netns,
        "netns_cookie": txn.place.cookie,
        "initial_netns": txn.place.initial,
        "profile": txn.profile,
        "kernel": txn.kernel,
        "ram_bytes": txn.ram_bytes,
        "argv": list(txn.argv),
    }


def intent_line(act: Act) -> dict[str, Any]:
    """The record that comes before an act and holds all that undoing it needs, except a file's content."""
    line: dict[str, Any] = {
        "type": "intent",
        "txn": act.txn,
        "n": act.number,
        "act": act.kind.value,
        "target": act.target,
        "before": act.before,
        "after": act.after,
    }
    if act.claim:
        line["claim"] = True
    if act.kind is ActKind.SYSCTL:
        line |= {"kind": act.value_kind.value, "local": act.local}
    if act.kind is ActKind.FILE:
        line |= {"pre": act.pre, "style": act.style, "entries": [list(entry) for entry in act.entries]}
    return line


def _transaction(txn_id: str, line: Mapping[str, Any]) -> Transaction:
    return Transaction(
        id=txn_id,
        at=str(line.get("at", "")),
        place=Place(line.get("boot_id"), line.get("netns"), line.get("netns_cookie"), line.get("initial_netns")),
        profile=str(line.get("profile", "")),
        kernel=str(line.get("kernel", "")),
        ram_bytes=int(line.get("ram_bytes") or 0),
        argv=tuple(map(str, line.get("argv", ()))),
    )


def _act(txn_id: str, line: Mapping[str, Any]) -> Act:
    return Act(
        txn=txn_id,
        number=int(line["n"]),
        kind=ActKind(line["act"]),
        target=str(line["target"]),
        before=str(line["before"]),
        after=str(line["after"]),
        claim=bool(line.get("claim", False)),
        pre=str(line.get("pre", "")),
        entries=tuple((str(key), str(value), str(old)) for key, value, old in line.get("entries", ())),
        style=str(line.get("style", "")),
        value_kind=Kind(line.get("kind", "text")),
        local=bool(line.get("local", False)),
    )
