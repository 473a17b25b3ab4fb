"""Take back a transaction: which one, whether it may be taken back from here, and what became of each of its acts."""

from __future__ import annotations

from collections.abc import Sequence

from wstune.errors import RollbackError, UsageError
from wstune.host import namespaces
from wstune.host.host import Host
from wstune.tuning import signals
from wstune.tuning.chain import belongs
from wstune.tuning.journal import Contents, Journal
from wstune.tuning.records import Place, Standing, Transaction
from wstune.tuning.undo import Undone, undo
from wstune.tuning.undo_file import Scene


def rollback(journal: Journal, host: Host, here: Place, txn_id: str | None = None, force: bool = False) -> Undone:
    """Take back one transaction; the lock must be held and the journal prepared.

    What is not as it was left is reported and kept, and the transaction then stays open.

    Args:
        txn_id: which one; None: the last that stands and belongs here.
        force: overwrite what somebody else has changed since, and give up what was in a namespace that has ended.

    Raises:
        UsageError: there is no such transaction, or none that stands.
        RollbackError: it belongs to another network namespace, or the journal has a hole; nothing was written.
    """
    contents = journal.read()
    require_whole(journal, contents)
    transactions = contents.transactions
    txn = choose(transactions, here, txn_id)
    require_place(txn, here, force)
    with signals.held():  # what has begun to be taken back is taken back
        return undo(Scene(host, journal, transactions, here, force), txn, "rolled back")


def require_whole(journal: Journal, contents: Contents) -> None:
    """Raise RollbackError, with what is missing, when the journal has a hole: what was done is not known then."""
    if contents.holes:
        more = f" (and {len(contents.holes) - 3} more)" if len(contents.holes) > 3 else ""
        raise RollbackError(
            f"{journal.index} is damaged: {'; '.join(contents.holes[:3])}{more}; what was done then is not known, and "
            "nothing was changed",
            "wstune rollback --abandon takes back what is known, tells the rest, and closes the record",
        )


def choose(transactions: Sequence[Transaction], here: Place, txn_id: str | None) -> Transaction:
    """The transaction to take back. Raises UsageError."""
    standing = [txn for txn in transactions if txn.standing is not Standing.CLOSED]
    if txn_id is not None:
        found = next((txn for txn in transactions if txn.id == txn_id), None)
        if found is None:
            raise UsageError(f"there is no transaction {txn_id}", "wstune history lists them")
        if found.standing is Standing.CLOSED:
            raise UsageError(f"transaction {txn_id} has been taken back already", "wstune history lists them")
        return found
    if not standing:
        raise UsageError("there is nothing to roll back", "wstune history lists what was applied")
    return next((txn for txn in reversed(standing) if belongs(txn.place, here)), standing[-1])


def cut_short(transactions: Sequence[Transaction], here: Place) -> Transaction | None:
    """A transaction of this place that a crash cut short, or whose undoing did not get to its end."""
    unfinished = (Standing.CUT, Standing.PARTLY)
    return next((txn for txn in transactions if txn.standing in unfinished and belongs(txn.place, here)), None)


def require_place(txn: Transaction, here: Place, force: bool) -> None:
    """Raise RollbackError when something of the transaction lives where we are not."""
    if belongs(txn.place, here) or not any(act.local and act.stands for act in txn.acts):
        return
    if txn.place.boot_id != here.boot_id:
        if txn.place.initial is not True:
            return  # that namespace ended with its boot; only the record is left
        raise RollbackError(
            f"transaction {txn.id} belongs to the host's own network namespace; nothing was written",
            "run wstune rollback on the host itself",
        )
    way = namespaces.way_into(txn.place.netns, txn.place.cookie) if txn.place.netns is not None else None
    this = f"and this is {here.netns}" if here.netns != txn.place.netns else "and this is another with its number"
    where = f"network namespace {txn.place.netns}, {this}"
    if way is not None:
        raise RollbackError(
            f"transaction {txn.id} belongs to {where}; nothing was written", f"{way} wstune rollback {txn.id}"
        )
    if not force:
        raise RollbackError(
            f"transaction {txn.id} belongs to {where}; no process is in it any more, so it is gone, and its values "
            "with it; nothing was written",
            f"wstune rollback {txn.id} --force closes the record",
        )
