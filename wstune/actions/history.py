"""`wstune history` without a terminal: what the journal tells, as text or as a document."""

from __future__ import annotations

from wstune import redaction
from wstune.report.json import Document, Head, head_document
from wstune.report.words import counted, wrapped
from wstune.tuning.journal import DEFAULT_STATE, Contents, Journal
from wstune.tuning.records import ABANDONED, Act, ActKind, Standing, Transaction
from wstune.tuning.undo import shown


def run_history(state_dir: str = DEFAULT_STATE) -> Contents:
    """The journal's contents. Raises UsageError when it cannot be read."""
    return Journal(state_dir).read()


def history_text(contents: Contents, *, width: int = 80) -> str:
    """The transactions, the newest first, ending in a newline."""
    lines = [line for txn in reversed(contents.transactions) for line in _lines(txn, width)]
    if not lines:
        lines = ["nothing was applied"]
    for hole in contents.holes:
        lines += wrapped(f"the journal is damaged: {hole}", width, "")
    if contents.damaged:
        lines.append(f"{counted(contents.damaged, 'line')} of the journal cannot be read: torn by a crash, or damaged")
    return "\n".join(lines) + "\n"


def history_document(contents: Contents, head: Head) -> Document:
    """`wstune history --format json`."""
    return {
        **head_document(head),
        "damaged_lines": contents.damaged,
        "unknown": list(contents.holes),
        "transactions": [
            {
                "id": txn.id,
                "at": txn.at,
                "profile": txn.profile,
                "state": ABANDONED if txn.ended == ABANDONED else _STATES[txn.standing],
                "ended": txn.ended or None,
                "boot_id": txn.place.boot_id,
                "netns": txn.place.netns,
                "initial_netns": txn.place.initial,
                "kernel": txn.kernel,
                "argv": list(redaction.argv(txn.argv)),
                "acts": [_act(act) for act in txn.acts],
            }
            for txn in contents.transactions
        ],
    }


_STATES = {
    Standing.CUT: "cut-short",
    Standing.APPLIED: "applied",
    Standing.PARTLY: "partly-rolled-back",
    Standing.CLOSED: "rolled-back",
}


def _lines(txn: Transaction, width: int) -> list[str]:
    state = txn.ended or txn.standing.value
    where = "" if txn.place.initial else f", in network namespace {txn.place.netns}"
    lines = wrapped(f"{txn.profile:<16} {state}{where}", width, " " * 28, f"{txn.id:>4}  {txn.at}  ")
    for act in txn.acts:
        if not act.claim:
            undone = f" ({act.undone})" if act.undone else "" if act.done else " (not known to be made)"
            lines += wrapped(f"{_what(act)}{undone}", width, " " * 8, " " * 6)
    return lines


def _what(act: Act) -> str:
    match act.kind:
        case ActKind.SYSCTL:
            return f"{act.target}: {shown(act.before)} → {shown(act.after)}"
        case ActKind.RLIMIT:
            return f"{act.label}: {act.before} → {act.after}"
        case ActKind.FILE:
            return f"{act.target}: {'changed' if act.before else 'made'}"
        case ActKind.DIRECTORY:
            return f"{act.target}: made"


def _act(act: Act) -> Document:
    return {
        "kind": act.kind.value,
        "target": act.target,
        "before": act.before,
        "after": act.after,
        "claim": act.claim,
        "done": act.done,
        "undone": act.undone or None,
    }
