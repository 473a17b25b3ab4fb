"""Overlapping transactions: per target a chain of those that stand, so that they come off in either order. Pure.

The idea is saptune's (`parameter/<key>`: start, note A, note B …): taking back one that is not the last only unlinks
it, and the next one then remembers what the unlinked one had found.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from wstune.tuning.records import ABANDONED, Act, ActKind, Place, Transaction

ABSENT, PRESENT = "absent", "present"
"""`before` and `after` of a directory."""


@dataclass(slots=True)
class Link:
    """An act that stands, with what it would put back and what it left.

    Attributes:
        before: kernel text or SHA-256 to put back; inherited from links below that have been taken out.
        pre: for files, the pre-image that `before` is the hash of ("" for an absent file).
        after: what the target holds while this link is the last.
    """

    act: Act
    before: str
    pre: str
    after: str


def belongs(place: Place, here: Place) -> bool:
    """Whether what was made at `place` can be seen from `here`.

    The initial network namespace is the same one after a reboot; another one ends with its boot at the latest.
    """
    if place.boot_id != here.boot_id:
        return place.initial is True and here.initial is True
    return place.netns == here.netns and (None in (place.cookie, here.cookie) or place.cookie == here.cookie)


def target_key(txn: Transaction, act: Act) -> tuple[str, ...]:
    """What two acts must share to be about the same thing."""
    key = (act.kind.value, act.target)
    if act.kind is ActKind.SYSCTL and act.local and txn.place.initial is not True:
        return (*key, str(txn.place.boot_id), str(txn.place.netns), str(txn.place.cookie))
    if act.kind is ActKind.RLIMIT:
        return (*key, str(txn.place.boot_id))
    return key


def chain(transactions: Iterable[Transaction], key: tuple[str, ...]) -> list[Link]:
    """The links that stand on one target, oldest first, worked out from all that was done and undone so far."""
    acts = [act for txn in transactions for act in txn.acts if target_key(txn, act) == key]
    events = [(act.intended_at, False, act) for act in acts]
    events += [(act.undone_at, True, act) for act in acts if act.undone]
    links: list[Link] = []
    # As it went: what is undone hands what it had found to the one above it at that time, and to nobody who came later.
    for _, undone, act in sorted(events, key=lambda event: event[:2]):
        if undone:
            _unlink(links, links[position(links, act)])
        else:
            links.append(Link(act, act.before, act.pre, act.after))
    return links


def _unlink(links: list[Link], link: Link) -> None:
    index = links.index(link)
    links.pop(index)
    if index < len(links) and link.act.undone != ABANDONED:  # else what it had found may be lost
        following = links[index]
        if following.act.same(following.before, link.after):
            following.before, following.pre = link.before, link.pre
    if link.act.sha and links:
        # Undoing a file act writes the file anew for those that still stand: the last of them owns what is there now.
        links[-1].after = link.act.sha


def position(links: Sequence[Link], act: Act) -> int:
    """Where `act` is in its chain. Raises ValueError when it does not stand any more."""
    for index, link in enumerate(links):
        if link.act is act:
            return index
    raise ValueError(f"{act.target} of transaction {act.txn} does not stand any more")


def standing_targets(transactions: Iterable[Transaction], kind: ActKind) -> frozenset[str]:
    """The targets of that kind which some transaction has changed and not taken back."""
    return frozenset(act.target for txn in transactions for act in txn.acts if act.kind is kind and act.stands)


def standing_sysctls(transactions: Sequence[Transaction], here: Place) -> dict[str, tuple[str, frozenset[str]]]:
    """Per key that wstune has set and not taken back, seen from `here`: the text it left, and for which profiles."""
    found: dict[str, tuple[str, frozenset[str]]] = {}
    for txn in transactions:
        for act in txn.acts:
            if act.kind is ActKind.SYSCTL and act.stands and not (act.local and not belongs(txn.place, here)):
                profiles = found.get(act.target, ("", frozenset[str]()))[1]
                found[act.target] = (act.after, profiles | {txn.profile})
    return found


def standing_entries(
    transactions: Iterable[Transaction], path: str, without: Act | None = None
) -> tuple[tuple[tuple[str, str, str], ...], frozenset[str]]:
    """The lines that those who stand want in a file of ours, the later ones winning, by key; and for which profiles."""
    merged: dict[str, tuple[str, str, str]] = {}
    profiles = set()
    for txn in transactions:
        for act in txn.acts:
            if act.kind is ActKind.FILE and act.target == path and act.stands and act is not without:
                profiles.add(txn.profile)
                for key, value, replaced in act.entries:
                    # What the first one replaced is what the machine had by itself.
                    merged[key] = (key, value, merged[key][2] if key in merged else replaced)
    return tuple(merged[key] for key in sorted(merged)), frozenset(profiles)
