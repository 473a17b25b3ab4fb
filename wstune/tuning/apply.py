"""Carry out a plan as a transaction: each act journaled before it, read back after it, and all undone if one fails.

Live values come first, in the plan's order; only when they hold are files written, so that nothing is persisted that
the kernel did not take. A change of severity error that fails undoes everything; any other is put back alone and told.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from wstune.changes import Change, Plan
from wstune.errors import ApplyError, PrivilegeError, RollbackError
from wstune.host import rlimits
from wstune.host.files import words
from wstune.host.host import Host
from wstune.host.sysctl import read_sysctl, write_sysctl
from wstune.model import Reading, Scope, Severity, Store
from wstune.tunables import find
from wstune.tuning import signals
from wstune.tuning.apply_file import write_files
from wstune.tuning.journal import Journal
from wstune.tuning.plan_files import without
from wstune.tuning.records import Act, ActKind, Place, Transaction, begin_line
from wstune.tuning.steps import Fatal, Refused, go_on, intend, note_done
from wstune.tuning.undo import Undone, take_back, undo
from wstune.tuning.undo_file import Scene

FULL = "make room there, or name another place with --state-dir"
"""The way out where the journal cannot be written."""


@dataclass(frozen=True, slots=True)
class Applied:
    """What an apply did.

    Attributes:
        txn: the transaction's number, to roll it back; "" when nothing was changed.
        skipped: changes that failed and were put back, with the reason; none of severity error.
    """

    txn: str
    done: tuple[Change, ...] = ()
    skipped: tuple[tuple[Change, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Origin:
    """Who applies, where and when: what the journal keeps of it."""

    here: Place
    at: str
    kernel: str
    ram_bytes: int
    argv: tuple[str, ...] = ()


@dataclass(slots=True)
class _Progress:
    done: list[Change] = field(default_factory=list)
    skipped: list[tuple[Change, str]] = field(default_factory=list)


def apply_plan(plan: Plan, host: Host, journal: Journal, origin: Origin) -> Applied:
    """Make the changes of a plan; the lock must be held and the journal prepared.

    Raises:
        ApplyError: something failed, or a signal came (Ctrl-C, SIGTERM), and everything was put back.
        RollbackError: something failed and not everything could be put back; the journal is kept.
    """
    transactions = journal.transactions()
    txn = Transaction(
        journal.next_id(), origin.at, origin.here, plan.profile, origin.kernel, origin.ram_bytes, origin.argv
    )
    progress = _Progress()
    with signals.held() as caught:
        scene = Scene(host, journal, [*transactions, txn], origin.here, caught=caught)
        try:
            size = journal.size()
            _write(scene, begin_line(txn), "begin")
        except (Fatal, OSError) as error:
            why = f"cannot write {journal.index}: {words(error).lower()}" if isinstance(error, OSError) else str(error)
            raise ApplyError(f"{why}; nothing was changed", FULL) from error
        try:
            _live(scene, txn, plan, progress)
            write_files(scene, txn, without(plan.files, {change.tunable for change, _ in progress.skipped}))
            go_on(scene)
            _write(scene, {"type": "commit", "txn": txn.id}, "commit")
        except Fatal as fatal:
            result = undo(scene, txn, "failed")
            if result.unwritten and result.restored_all:
                _forget(journal, size, result)
            raise _undone(result, str(fatal)) from fatal
        txn.committed = True
        if not any(act.stands for act in txn.acts):
            undo(scene, txn, "nothing was applied")
            return Applied("", (), tuple(progress.skipped))
    return Applied(txn.id, tuple(progress.done), tuple(progress.skipped))


def _live(scene: Scene, txn: Transaction, plan: Plan, progress: _Progress) -> None:
    makers: dict[Store, Callable[[Scene, Transaction, Change], None]] = {Store.SYSCTL: _sysctl, Store.RLIMIT: _rlimit}
    for change in plan.changes:
        try:
            makers[change.store](scene, txn, change)
        except Refused as refused:
            if change.severity is Severity.ERROR:
                raise Fatal(str(refused)) from refused
            progress.skipped.append((change, str(refused)))
        else:
            progress.done.append(change)
    for claim in plan.claims:
        act = _sysctl_act(txn, claim)
        act.claim = True
        intend(scene, txn, act)
        note_done(scene, act)


def _sysctl_act(txn: Transaction, change: Change) -> Act:
    tunable = find(change.tunable)
    return Act(
        txn=txn.id,
        number=len(txn.acts) + 1,
        kind=ActKind.SYSCTL,
        target=change.tunable,
        before=change.before,
        after=change.after,
        value_kind=tunable.kind,
        local=tunable.scope is Scope.NETNS,
    )


def _sysctl(scene: Scene, txn: Transaction, change: Change) -> None:
    key, root = change.tunable, scene.host.root
    act = _sysctl_act(txn, change)
    live = read_sysctl(root, key, act.value_kind)
    if live.value is None:
        raise Refused(f"{key}: {live.why}")
    if not act.same(live.value.raw, change.before):
        raise Fatal(f"{key} has become {live.value.raw} since the plan was made (it was {change.before})")
    act.before = live.value.raw
    intend(scene, txn, act)
    try:
        write_sysctl(root, key, act.after)
    except OSError as error:
        _put_back(scene, txn, act)
        raise Refused(f"{key}: the kernel refuses {act.after!r}: {_errno(error)}") from error
    found = read_sysctl(root, key, act.value_kind)
    if found.value is None or not act.same(found.value.raw, act.after):
        _put_back(scene, txn, act)
        kept = found.value.raw if found.value else found.why
        raise Refused(f"{key}: the kernel took {act.after!r} and kept {kept!r}")
    act.after = found.value.raw
    note_done(scene, act)


def _rlimit(scene: Scene, txn: Transaction, change: Change) -> None:
    pid = change.pid
    if pid is None:
        raise ValueError("a change of an rlimit names its process")
    root = scene.host.root
    started = change.started
    try:
        now = rlimits.start_time(pid, root)
    except OSError as error:
        raise Refused(f"process {pid}: {words(error)}") from error
    if started is not None and now != started:
        raise Refused(f"process {pid} has ended, and another one has its number")
    limits = rlimits.nofile(root, pid)
    if isinstance(limits, Reading):
        raise Refused(limits.why)
    before = f"{limits[0]} {limits[1]}"
    if before != change.before:
        raise Fatal(f"the file limit of process {pid} has become {before} since the plan was made")
    act = Act(txn.id, len(txn.acts) + 1, ActKind.RLIMIT, f"{pid}:{now}", before, change.after)
    intend(scene, txn, act)
    soft, hard = map(int, change.after.split())
    try:
        rlimits.set_nofile(pid, soft, hard)
    except (OSError, PrivilegeError) as error:
        _put_back(scene, txn, act)
        raise Refused(f"nofile of process {pid}: {error}") from error
    if rlimits.nofile(root, pid) != (soft, hard):
        _put_back(scene, txn, act)
        raise Refused(f"nofile of process {pid} was set to {change.after} and did not stay")
    note_done(scene, act)


def _put_back(scene: Scene, txn: Transaction, act: Act) -> None:
    """Put one act back right after it failed: what is there now is our own doing, whatever it is."""
    result = take_back(replace(scene, force=True), txn, act)
    if not result.complete:
        raise Fatal("; ".join(f"{target}: {what}" for target, what in result.failed))


def _write(scene: Scene, record: Mapping[str, Any], what: str) -> None:
    try:
        scene.journal.append(record)
    except OSError as error:
        raise Fatal(f"cannot write {scene.journal.index} ({what}): {words(error).lower()}") from error


def _forget(journal: Journal, size: int, result: Undone) -> None:
    """Where the disk is too full to say that all was put back: take the record away, which needs no room."""
    try:
        journal.cut_back(size)
    except OSError:
        return
    result.unwritten.clear()


def _undone(result: Undone, reason: str) -> ApplyError | RollbackError:
    if result.complete:
        put_back = "everything was put back" if result.restored else "nothing was changed"
        return ApplyError(f"{reason}; {put_back}", "wstune apply --dry-run shows what would be done")
    left = "; ".join(f"{target}: {what}" for target, what in [*result.drifted, *result.failed, *result.unwritten])
    return RollbackError(f"{reason}; and not everything could be put back: {left}", f"wstune rollback {result.txn}")


def _errno(error: OSError) -> str:
    name = errno.errorcode.get(error.errno or 0, "")
    return f"{name} ({words(error).lower()})" if name else words(error)
