"""`wstune status` without a terminal: is what was applied still so, will a boot leave it so, is it still better."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from wstune.actions.drift import Drift, drift_lines, drifts
from wstune.actions.place import etc_path, etc_tree, here
from wstune.errors import RollbackError
from wstune.host import own_files, rlimits
from wstune.host.files import Root, words
from wstune.host.host import Host
from wstune.host.sysctl import read_sysctl
from wstune.host.units import drop_in_directories
from wstune.model import HostFacts, Reading
from wstune.report.json import Document, Head, head_document
from wstune.report.words import wrapped
from wstune.tunables import CATALOGUE
from wstune.tuning.ageing import Aged, aged
from wstune.tuning.chain import belongs, chain, target_key
from wstune.tuning.journal import DEFAULT_STATE, Journal
from wstune.tuning.persist import LIMITS_FILE, SYSCTL_FILE, UNIT_FILE, Machine, read_own
from wstune.tuning.records import Act, ActKind, Standing, Transaction
from wstune.tuning.undo import is_process, shown


class Held(NamedTuple):
    """One thing that was applied, and what it is now.

    Attributes:
        state: `as-applied`, `changed`, `gone` (with its process), `unreadable`.
        now: kernel text, or words.
    """

    txn: str
    target: str
    applied: str
    now: str
    state: str


@dataclass(frozen=True, slots=True)
class Status:
    """What stands here. `cut` are transactions that a crash cut short, `elsewhere` those of other namespaces."""

    held: tuple[Held, ...]
    cut: tuple[Transaction, ...]
    elsewhere: tuple[Transaction, ...]
    aged: tuple[Aged, ...]
    drifts: tuple[Drift, ...] = ()
    holes: tuple[str, ...] = ()
    """What is missing in the journal, in sentences: what was done then is not known."""
    unrecorded: tuple[str, ...] = ()
    """Files that wstune wrote, of which the journal has no record."""

    @property
    def clean(self) -> bool:
        """Whether everything is as applied, will be so after a boot, and nothing of it lowers a default."""
        changed = any(each.state in ("changed", "unreadable") for each in self.held)
        lost = any(each.lost for each in self.drifts)
        return not (self.cut or self.aged or changed or lost or self.holes or self.unrecorded)

    @property
    def exit_code(self) -> int:
        """5 where the journal has a hole, 1 where something is not as applied, else 0."""
        return RollbackError.exit_code if self.holes else int(not self.clean)


def run_status(host: Host, state_dir: str = DEFAULT_STATE, etc_root: str = "/") -> Status:
    """Look at all that stands. Needs no root, but for files that only root may read. Raises UsageError."""
    etc_root = etc_tree(etc_root, ask=False)
    facts = host.facts()
    place = here(facts)
    contents = Journal(state_dir).read()
    transactions = contents.transactions
    standing = [txn for txn in transactions if txn.standing is not Standing.CLOSED]
    held = []
    applied: dict[str, str] = {}
    wished: dict[str, str] = {}
    for txn in standing:
        for act in txn.acts:
            links = chain(transactions, target_key(txn, act)) if act.stands and belongs(txn.place, place) else []
            if links and links[-1].act is act and act.kind is not ActKind.DIRECTORY:
                held.append(_held(host, act, links[-1].after))
                if act.kind is ActKind.SYSCTL and act.target in CATALOGUE:
                    applied[act.target] = links[-1].after
            if links and act.style == "sysctl":
                wished.update((key, value) for key, value, _ in act.entries if key in CATALOGUE)
    return Status(
        held=tuple(held),
        cut=tuple(txn for txn in standing if txn.standing is not Standing.APPLIED and belongs(txn.place, place)),
        elsewhere=tuple(txn for txn in standing if not belongs(txn.place, place)),
        aged=aged_lines(host, facts, etc_root),
        drifts=drifts(host, facts, applied, wished, etc_root),
        holes=contents.holes,
        unrecorded=_unrecorded(host, transactions, etc_root),
    )


def _unrecorded(host: Host, transactions: list[Transaction], etc_root: str) -> tuple[str, ...]:
    """Files of ours that no transaction says it wrote: their journal is lost, or is another one."""
    root = host.root if etc_root == "/" else Root(etc_root)
    recorded = {act.target for txn in transactions for act in txn.acts if act.kind is ActKind.FILE and act.stands}
    units = drop_in_directories(root)
    names = [SYSCTL_FILE, LIMITS_FILE, *(UNIT_FILE.format(unit=unit) for unit in units)]
    return tuple(path for name in names if _is_ours(root, name) and (path := etc_path(etc_root, name)) not in recorded)


def _is_ours(root: Root, name: str) -> bool:
    try:
        return read_own(root.read_text(f"/etc/{name}")) is not None
    except (OSError, ValueError):
        return False


def aged_lines(host: Host, facts: HostFacts, etc_root: str = "/") -> tuple[Aged, ...]:
    """The lines of our own sysctl file that have come to lower a default of this machine; empty without such a file."""
    try:
        text = (host.root if etc_root == "/" else Root(etc_root)).read_text(f"/etc/{SYSCTL_FILE}")
    except OSError:
        return ()
    own = read_own(text)
    if own is None:
        return ()
    fresh: dict[str, str] = {}
    if host.root.live:
        from wstune.host.fresh import fresh_values  # brings ctypes

        fresh = fresh_values(entry[0] for entry in own.entries)
    return aged(own, Machine(facts.kernel or "", facts.ram_bytes or 0), fresh)


def aged_sentence(line: Aged) -> str:
    """What is to be said of such a line."""
    verb = "lowers" if line.default is not None else "may lower"
    return f"/etc/{SYSCTL_FILE} {verb} a default: {line.key} = {line.ours}; {line.words}"


def status_text(status: Status, *, width: int = 80) -> str:
    """For people: what has changed first, ending in a newline."""
    lines = []
    for hole in status.holes:
        lines += wrapped(f"the journal is damaged: {hole}; what was done then is not known", width, "")
    if status.holes:
        lines += wrapped("wstune rollback --abandon takes back what is known, tells the rest, and closes it", width, "")
    for txn in status.cut:
        lines.append(f"transaction {txn.id} ({txn.profile}) is {txn.standing.value}: wstune rollback {txn.id}")
    for each in sorted(status.held, key=lambda each: each.state == "as-applied"):
        applied = "" if each.state == "as-applied" else f", applied was {shown(each.applied)}"
        text = f"{each.target} = {shown(each.now)}{applied} (transaction {each.txn})"
        lines += wrapped(text, width, " " * 12, f"{each.state:<11} ")
    lines += [part for line in status.aged for part in wrapped(aged_sentence(line), width, "")]
    for path in status.unrecorded:
        what = f"{path} was written by wstune, and this journal has no record of it: keep it, or remove it by hand"
        lines += wrapped(what, width, "")
    nothing = not lines and not status.elsewhere
    for drift in sorted(status.drifts, key=lambda drift: not drift.lost):
        lines += drift_lines(drift, width=width)
    for txn in status.elsewhere:
        lines.append(f"transaction {txn.id} ({txn.profile}) stands in network namespace {txn.place.netns}")
    if nothing:
        lines.append("nothing is applied here")
    elif status.clean:
        lines.append("everything is as it was applied")
    return "\n".join(lines) + "\n"


def status_document(status: Status, head: Head) -> Document:
    """`wstune status --format json`."""
    return {
        **head_document(head),
        "clean": status.clean,
        "held": [each._asdict() for each in status.held],
        "cut_short": [txn.id for txn in status.cut],
        "elsewhere": [{"id": txn.id, "netns": txn.place.netns} for txn in status.elsewhere],
        "aged": [line._asdict() for line in status.aged],
        "unknown": list(status.holes),
        "unrecorded": list(status.unrecorded),
        "drift": [{**each._asdict(), "managers": list(each.managers)} for each in status.drifts],
    }


def _held(host: Host, act: Act, applied: str) -> Held:
    if act.kind is ActKind.FILE:
        return _held_file(act, applied)
    if act.kind is ActKind.SYSCTL:
        reading = read_sysctl(host.root, act.target, act.value_kind)
        if reading.value is None:
            return Held(act.txn, act.label, applied, reading.why, "unreadable")
        state = "as-applied" if act.same(reading.value.raw, applied) else "changed"
        return Held(act.txn, act.label, applied, reading.value.raw, state)
    pid, _, started = act.target.partition(":")
    if not is_process(host, int(pid), int(started)):
        return Held(act.txn, act.label, applied, "the process has ended", "gone")
    limits = rlimits.nofile(host.root, int(pid))
    if isinstance(limits, Reading):
        return Held(act.txn, act.label, applied, limits.why, "unreadable")
    now = f"{limits[0]} {limits[1]}"
    return Held(act.txn, act.label, applied, now, "as-applied" if now == applied else "changed")


def _held_file(act: Act, applied: str) -> Held:
    try:
        image = own_files.capture(act.target)
    except OSError as error:
        return Held(act.txn, act.label, "as written", words(error).lower(), "unreadable")
    if image is None:
        return Held(act.txn, act.label, "as written", "removed", "changed")
    same = image.sha == applied
    return Held(
        act.txn, act.label, "as written", "as written" if same else "edited", "as-applied" if same else "changed"
    )
