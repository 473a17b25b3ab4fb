"""Take back one act: look what is there, and put back what was before only where what is there is still ours.

Used by `rollback`, and by `apply` when a change fails. Whatever happens to one act, the others are still taken back.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from wstune.errors import PrivilegeError
from wstune.host import own_files, rlimits, systemd
from wstune.host.files import words
from wstune.host.host import Host
from wstune.host.live_limits import in_use
from wstune.host.sysctl import read_sysctl, write_sysctl
from wstune.model import Absence, Reading
from wstune.tunables import CATALOGUE
from wstune.tuning.chain import ABSENT, Link, belongs, chain, position, standing_targets, target_key
from wstune.tuning.records import Act, ActKind, Transaction, next_record
from wstune.tuning.undo_file import Scene, Verdict, take_back_file
from wstune.values import Kind, parse


@dataclass(slots=True)
class Undone:
    """What became of each act of a transaction: (target, words)."""

    txn: str
    restored: list[tuple[str, str]] = field(default_factory=list)
    unlinked: list[tuple[str, str]] = field(default_factory=list)
    left: list[tuple[str, str]] = field(default_factory=list)
    drifted: list[tuple[str, str]] = field(default_factory=list)
    failed: list[tuple[str, str]] = field(default_factory=list)
    unwritten: list[tuple[str, str]] = field(default_factory=list)
    """What the journal could not take: the host is as it was, and the record does not say so."""

    @property
    def restored_all(self) -> bool:
        """Whether nothing of the transaction is left on the host."""
        return not (self.drifted or self.failed)

    @property
    def complete(self) -> bool:
        """Whether nothing is left on the host, and the record is closed."""
        return self.restored_all and not self.unwritten


def undo(scene: Scene, txn: Transaction, why: str) -> Undone:
    """Take back what stands of a transaction, last act first, and close it when nothing is left.

    Args:
        why: what the journal says of the end: `rolled back`, `failed`.
    """
    result = Undone(txn.id)
    for act in reversed(txn.acts):
        if act.stands:
            _undo_act(scene, txn, act, result)
    try:
        systemd.reload_for(act.target for act in txn.acts if act.kind is ActKind.FILE)
    except OSError as error:
        result.failed.append(("systemd", words(error)))
    if result.complete:
        try:
            scene.journal.append({"type": "end", "txn": txn.id, "why": why})
            txn.ended = why
        except OSError as error:
            result.unwritten.append((str(scene.journal.index), f"cannot write the journal: {words(error)}"))
    return result


def take_back(scene: Scene, txn: Transaction, act: Act) -> Undone:
    """Take back a single act, of a transaction that goes on."""
    result = Undone(txn.id)
    _undo_act(scene, txn, act, result)
    return result


def _undo_act(scene: Scene, txn: Transaction, act: Act, result: Undone) -> None:
    links = chain(scene.transactions, target_key(txn, act))
    index = position(links, act)
    takers: dict[ActKind, Callable[[], Verdict]] = {
        ActKind.SYSCTL: lambda: _sysctl(scene, txn, act, links, index),
        ActKind.RLIMIT: lambda: _rlimit(scene, txn, act, links, index),
        ActKind.FILE: lambda: take_back_file(scene, act, links),
        ActKind.DIRECTORY: lambda: _directory(scene, act, links, index),
    }
    try:
        verdict = takers[act.kind]()
    except (OSError, PrivilegeError) as error:
        verdict = Verdict("failed", words(error) if isinstance(error, OSError) else str(error))
    getattr(result, "restored" if verdict.how == "already" else verdict.how).append((act.label, verdict.words))
    if verdict.how in ("failed", "drifted"):
        return
    record = {"type": "undone", "txn": txn.id, "n": act.number, "how": verdict.how}
    if verdict.sha:
        record["sha"] = verdict.sha
    # In memory even if the journal cannot take it: the next look at the host will find it so.
    act.undone, act.sha, act.undone_at = verdict.how, verdict.sha, next_record(scene.transactions)
    try:
        scene.journal.append(record)
    except OSError as error:
        result.unwritten.append((act.label, f"taken back, but the journal could not be written: {words(error)}"))


def _sysctl(scene: Scene, txn: Transaction, act: Act, links: list[Link], index: int) -> Verdict:
    if act.local and not belongs(txn.place, scene.here):
        return Verdict("left", "its network namespace has ended")
    if index < len(links) - 1:
        return Verdict("unlinked", f"kept: transaction {links[-1].act.txn} wants it as well")
    root, link = scene.host.root, links[index]
    reading = read_sysctl(root, act.target, act.value_kind)
    live = _text(reading)
    if live is None:
        if reading.absence is Absence.ABSENT and txn.place.boot_id != scene.here.boot_id:
            return Verdict("left", "the key is not there after this boot")
        return Verdict("failed", reading.why)
    if act.same(live, link.before):
        return Verdict("already", f"is {shown(link.before)} again")
    ours = act.same(live, link.after) or (not act.done and _half_written(act, live, link))
    if not ours:
        if txn.place.boot_id != scene.here.boot_id:
            return Verdict(
                "left", f"is {shown(live)} since the last boot, which is not what was applied ({shown(link.after)})"
            )
        if not scene.force:
            return Verdict(
                "drifted", f"somebody has changed it to {shown(live)} since it was set to {shown(link.after)}"
            )
    if refusal := _guard(scene, act, live, link.before):
        return Verdict("failed", f"stays {shown(live)}: {refusal}")
    write_sysctl(root, act.target, link.before)
    found = _text(read_sysctl(root, act.target, act.value_kind))
    if found is None or not act.same(found, link.before):
        return Verdict("failed", f"wrote {shown(link.before)}, and read back {shown(found or '')}")
    note = "" if txn.kernel in ("", scene.host.facts().kernel) else f", what it was under kernel {txn.kernel}"
    return Verdict("restored", f"{shown(live)} → {shown(link.before)}{note}")


def _guard(scene: Scene, act: Act, live: str, before: str) -> str:
    """Why a value that would be lowered may not be, now that it is in use; "" when it may."""
    guard = CATALOGUE[act.target].guard if act.target in CATALOGUE else None
    if guard is None or int(before) >= int(live):
        return ""
    return guard.refuses(int(before), in_use(scene.host.root, guard.in_use))


def _half_written(act: Act, live: str, link: Link) -> bool:
    """Whether a vector holds some of our numbers and else what was before: the kernel stores element by element."""
    try:
        now, old, new = (parse(act.value_kind, text).numbers for text in (live, link.before, link.after))
    except ValueError:
        return False
    if act.value_kind is Kind.PORTS or not len(now) == len(old) == len(new):
        return False
    return all(number in pair for number, *pair in zip(now, old, new, strict=True))


def _rlimit(scene: Scene, txn: Transaction, act: Act, links: list[Link], index: int) -> Verdict:
    pid, _, started = act.target.partition(":")
    root, link = scene.host.root, links[index]
    if txn.place.boot_id != scene.here.boot_id or not is_process(scene.host, int(pid), int(started)):
        return Verdict("left", f"process {pid} has ended")
    if index < len(links) - 1:
        return Verdict("unlinked", f"kept: transaction {links[-1].act.txn} wants it as well")
    limits = rlimits.nofile(root, int(pid))
    if isinstance(limits, Reading):
        return Verdict("failed", limits.why)
    live = f"{limits[0]} {limits[1]}"
    if live == link.before:
        return Verdict("already", f"is {live}")
    if live != link.after and not scene.force:
        return Verdict("drifted", f"somebody has changed it to {shown(live)} since it was set to {shown(link.after)}")
    soft, hard = map(int, link.before.split())
    rlimits.set_nofile(int(pid), soft, hard)
    return Verdict("restored", f"{shown(live)} → {shown(link.before)}")


def is_process(host: Host, pid: int, started: int) -> bool:
    """Whether the process of that number is still the one that started then."""
    try:
        return rlimits.start_time(pid, host.root) == started
    except ProcessLookupError:
        return False


def _directory(scene: Scene, act: Act, links: list[Link], index: int) -> Verdict:
    if index < len(links) - 1:
        return Verdict("unlinked", f"kept: transaction {links[-1].act.txn} wants it as well")
    if links[index].before != ABSENT:
        return Verdict("already", "was there before")
    if own_files.remove_directory(act.target):
        return Verdict("restored", "removed")
    if any(kept.startswith(f"{act.target}/") for kept in standing_targets(scene.transactions, ActKind.FILE)):
        return Verdict("failed", "a file of ours is still in it")
    return Verdict("left", "not empty: somebody else keeps something in it")


def shown(text: str) -> str:
    """A kernel text in one line."""
    return " ".join(text.split()) or "none"


def _text(reading: Reading) -> str | None:
    return None if reading.value is None else reading.value.raw
