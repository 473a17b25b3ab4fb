"""What stands against carrying out a plan, known before anything is touched."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from wstune import quoting
from wstune.actions.place import here
from wstune.changes import Change, Refusal
from wstune.errors import ApplyError, PrivilegeError, RollbackError, UsageError
from wstune.model import Severity, Store
from wstune.tuning.journal import Journal
from wstune.tuning.lock import require_free
from wstune.tuning.rollback import cut_short, require_whole

if TYPE_CHECKING:
    from wstune.actions.apply import ApplyOptions, Prepared

SHARD = "or spread the connections over more processes, which needs no privilege: wstune check says how many"


def require_possible(prepared: Prepared, options: ApplyOptions, *, holding: bool = False) -> None:
    """Raise what stands against carrying a plan out, before anything is touched.

    Args:
        holding: whether the lock is held, so that a transaction that is not finished is nobody's who is at work.

    Raises:
        PrivilegeError: not root; or a limit that was asked for by name may not be raised.
        RollbackError: a transaction was cut short and must be taken back first, or the journal is damaged.
        ApplyError: the kernel is known to refuse a change of severity error.
        UsageError: a file that is to be written was edited by somebody else.
    """
    facts = prepared.report.host
    if facts.euid != 0:
        raise PrivilegeError("applying a profile needs root; nothing was changed", "run it with sudo, or --dry-run")
    journal = Journal(options.state_dir)
    contents = journal.read()
    require_whole(journal, contents)
    cut = cut_short(contents.transactions, here(facts))
    if cut is not None and not holding:
        require_free(options.state_dir)
        again = Journal(options.state_dir).transactions()
        cut = next((txn for txn in again if txn.id == cut.id and cut_short([txn], here(facts))), None)
    if cut is not None:
        raise RollbackError(
            f"transaction {cut.id} ({cut.profile}, {cut.at}) is {cut.standing.value}; nothing was changed",
            f"take it back first: wstune rollback {cut.id} (with --abandon if that does not come to its end)",
        )
    if prepared.foreign and not options.force:
        raise UsageError(
            f"{prepared.foreign[0]} was written or edited by somebody else; nothing was changed",
            "move it away, or --force to replace it (rollback brings it back to the byte)",
        )
    require_settable(prepared)


def require_settable(prepared: Prepared) -> None:
    """Raise when something that must be changed cannot be: "could not" is not "need not".

    Raises:
        PrivilegeError: a limit that was asked for by name, or that must be met, may not be raised by this root.
        ApplyError: this host takes no such value, or none at all.
    """
    facts = prepared.report.host
    must = [change for change in prepared.plan.refused if change.severity is Severity.ERROR]
    read_only = [change for change in must if change.refusal is Refusal.READ_ONLY]
    if read_only:
        names = ", ".join(change.tunable for change in read_only)
        raise ApplyError(
            f"cannot set {names}: {read_only[0].reason}; nothing was changed", elsewhere(read_only, facts.initial_netns)
        )
    for change in prepared.plan.refused:
        if change.refusal is Refusal.PRIVILEGE and (change.pid is not None or change.severity is Severity.ERROR):
            raise PrivilegeError(f"{change.reason}; nothing was changed", SHARD if change.pid else "run it on the host")
        by_name = change.store is Store.RLIMIT and change.refusal is Refusal.GUARD
        refused = change.refusal is Refusal.OUT_OF_RANGE and change.severity is Severity.ERROR
        if by_name or refused:
            tip = f"wstune explain {change.tunable}"
            raise ApplyError(f"{change.tunable}: {change.reason}; nothing was changed", tip)


def elsewhere(changes: Sequence[Change], initial_netns: bool | None) -> str:
    """Where sysctls are set that are read-only here, as a tip.

    Of a network namespace of its own where the container is started; else on the host, for docker takes neither the
    host's own nor, with --network host, net.* (docker-run(1), --sysctl).
    """
    settings = [quoting.shell(f"{change.tunable}={change.after}") for change in changes]
    if initial_netns:
        return f"set it on the host: sudo sysctl -w {' '.join(settings)}"
    return f"set it where the container is started: docker run --sysctl {' --sysctl '.join(settings)} …"
