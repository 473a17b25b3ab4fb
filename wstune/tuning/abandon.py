"""Close a transaction that cannot be wholly taken back: undo what can be, and say what is left to do by hand."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from typing import NamedTuple

from wstune.errors import RollbackError
from wstune.host.files import words
from wstune.host.host import Host
from wstune.tuning import signals
from wstune.tuning.chain import Link, chain, position, target_key
from wstune.tuning.journal import Journal
from wstune.tuning.records import ABANDONED, Act, ActKind, Place, Standing, Transaction, end, next_record
from wstune.tuning.rollback import choose, require_place
from wstune.tuning.undo import Undone, shown, undo
from wstune.tuning.undo_file import Scene


class ByHand(NamedTuple):
    """What could not be taken back.

    Attributes:
        target: a sysctl, a path, or a process's limit in words. wanted: what it was, in words.
        command: a line for the shell that makes it so; "" when there is none.
    """

    target: str
    wanted: str
    command: str


class Abandoned(NamedTuple):
    """What came of it. `undone` is None where no transaction stands, and only holes of the journal were closed."""

    undone: Undone | None
    by_hand: tuple[ByHand, ...]
    holes: tuple[str, ...]


def abandon(
    journal: Journal,
    host: Host,
    here: Place,
    agree: Callable[[Abandoned], None],
    txn_id: str | None = None,
    force: bool = False,
) -> Abandoned:
    """Take back what can be, tell the rest to `agree`, which raises when the record is to stay, and close the record.

    The lock must be held and the journal prepared. Pre-images are kept.

    Raises:
        UsageError: there is no such transaction, and the journal has no hole.
        RollbackError: it belongs to another network namespace, or the record could not be closed.
    """
    contents = journal.read()
    standing = any(txn.standing is not Standing.CLOSED for txn in contents.transactions)
    txn = choose(contents.transactions, here, txn_id) if standing or txn_id or not contents.holes else None
    undone = None
    by_hand: tuple[ByHand, ...] = ()
    with signals.held():
        if txn is not None:
            require_place(txn, here, force)
            scene = Scene(host, journal, contents.transactions, here, force)
            undone = undo(scene, txn, "rolled back")
            by_hand = tuple(_by_hand(scene, txn, act) for act in txn.acts if act.stands)
    result = Abandoned(undone, by_hand, contents.holes)
    if txn is not None and txn.ended and not contents.holes:
        return result
    agree(result)
    with signals.held():
        _close(journal, contents.transactions, txn, contents.holes)
    return result


def _close(journal: Journal, transactions: list[Transaction], txn: Transaction | None, holes: tuple[str, ...]) -> None:
    try:
        if holes:
            journal.append({"type": "acknowledge", **({"txn": txn.id} if txn else {})})
        if txn is not None and not txn.ended:
            journal.append({"type": "end", "txn": txn.id, "why": ABANDONED})
            end(txn, ABANDONED, next_record(transactions))
    except OSError as error:
        what = f"transaction {txn.id}" if txn else "the hole in the journal"
        raise RollbackError(
            f"{what} could not be closed: cannot write {journal.index}: {words(error).lower()}",
            "make room there, then do it again",
        ) from error


def _by_hand(scene: Scene, txn: Transaction, act: Act) -> ByHand:
    links = chain(scene.transactions, target_key(txn, act))
    link = links[position(links, act)]
    match act.kind:
        case ActKind.SYSCTL:
            return ByHand(
                act.label, shown(link.before), f"sysctl -w {shlex.quote(f'{act.target}={shown(link.before)}')}"
            )
        case ActKind.RLIMIT:
            soft, _, hard = link.before.partition(" ")
            command = f"prlimit --nofile={soft}:{hard} --pid {act.target.partition(':')[0]}"
            return ByHand(act.label, link.before, command)
        case ActKind.DIRECTORY:
            return ByHand(act.label, "not there", f"rmdir {shlex.quote(act.target)}")
        case ActKind.FILE:
            return _file_by_hand(scene, act, link)


def _file_by_hand(scene: Scene, act: Act, link: Link) -> ByHand:
    if not link.before:
        return ByHand(act.target, "not there", f"rm {shlex.quote(act.target)}")
    kept = scene.journal.pre / link.pre
    try:
        scene.journal.load_image(link.pre)
    except OSError as error:
        lost = (
            f"the file whose SHA-256 is {link.before}; {kept}, which held it, cannot be read ({words(error).lower()})"
        )
        return ByHand(act.target, f"{lost}: bring it back from a backup", "")
    program = (
        'import base64,json,sys; sys.stdout.buffer.write(base64.b64decode(json.load(open(sys.argv[1]))["content"]))'
    )
    command = f"python3 -c {shlex.quote(program)} {shlex.quote(str(kept))} > {shlex.quote(act.target)}"
    return ByHand(act.target, f"the file that is kept in {kept}", command)
