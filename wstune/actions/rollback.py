"""`wstune rollback` without a terminal."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from wstune.actions.place import here
from wstune.errors import PrivilegeError, UsageError
from wstune.host.host import Host
from wstune.tuning.abandon import Abandoned, abandon
from wstune.tuning.journal import DEFAULT_STATE, Journal
from wstune.tuning.lock import locked
from wstune.tuning.records import Place
from wstune.tuning.rollback import rollback
from wstune.tuning.undo import Undone


def run_rollback(host: Host, *, txn: str | None = None, force: bool = False, state_dir: str = DEFAULT_STATE) -> Undone:
    """Take back one transaction, the last one unless named.

    Raises:
        UsageError: there is nothing to take back.
        PrivilegeError: not root.
        LockedError: another wstune is at work.
        RollbackError: it belongs to another network namespace, or the journal has a hole.
    """
    with _at_work(host, f"rollback {txn or ''}".strip(), state_dir) as (journal, where):
        return rollback(journal, host, where, txn, force)


def run_abandon(
    host: Host,
    agree: Callable[[Abandoned], None],
    *,
    txn: str | None = None,
    force: bool = False,
    state_dir: str = DEFAULT_STATE,
) -> Abandoned:
    """Take back what can be of one transaction, and close its record once `agree` has not raised. Raises as above."""
    with _at_work(host, f"rollback --abandon {txn or ''}".strip(), state_dir) as (journal, where):
        return abandon(journal, host, where, agree, txn, force)


@contextmanager
def _at_work(host: Host, command: str, state_dir: str) -> Iterator[tuple[Journal, Place]]:
    """The existing journal, under the lock, and where we are."""
    facts = host.facts()
    if facts.euid != 0:
        raise PrivilegeError("rolling back needs root; nothing was changed", "run it with sudo")
    journal = Journal(state_dir)
    if not os.path.lexists(journal.index):
        raise UsageError("there is nothing to roll back: nothing was ever applied here", "wstune history")
    journal.prepare()
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    with locked(str(journal.state_dir), now=at, command=command):
        try:
            yield journal, here(facts)
        finally:
            journal.close()
