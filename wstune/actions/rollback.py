"""`wstune rollback` without a terminal."""

from __future__ import annotations

import os
import time

from wstune.actions.place import here
from wstune.errors import PrivilegeError, UsageError
from wstune.host.host import Host
from wstune.tuning.journal import DEFAULT_STATE, Journal
from wstune.tuning.lock import locked
from wstune.tuning.rollback import rollback
from wstune.tuning.undo import Undone


def run_rollback(host: Host, *, txn: str | None = None, force: bool = False, state_dir: str = DEFAULT_STATE) -> Undone:
    """Take back one transaction, the last one unless named.

    Raises:
        UsageError: there is nothing to take back.
        PrivilegeError: not root.
        LockedError: another wstune is at work.
        RollbackError: it belongs to another network namespace.
    """
    facts = host.facts()
    if facts.euid != 0:
        raise PrivilegeError("rolling back needs root; nothing was changed", "run it with sudo")
    journal = Journal(state_dir)
    if not os.path.lexists(journal.index):
        raise UsageError("there is nothing to roll back: nothing was ever applied here", "wstune history")
    journal.prepare()
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    with locked(str(journal.state_dir), now=at, command=f"rollback {txn or ''}".strip()):
        try:
            return rollback(journal, host, here(facts), txn, force)
        finally:
            journal.close()
