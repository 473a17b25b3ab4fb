"""`apply`, `rollback` and `history` as JSON documents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from wstune.changes import Change, FileChange, Plan
from wstune.model import Store
from wstune.report.json import Document, Head, head_document, value_document
from wstune.tunables import find
from wstune.values import parse


def apply_document(
    plan: Plan,
    head: Head,
    *,
    dry_run: bool,
    txn: str = "",
    skipped: Sequence[tuple[Change, str]] = (),
    verdict: str | None = None,
    unmet: Sequence[str] = (),
    not_restarted: str = "",
) -> Document:
    """`wstune apply --format json`: the plan, and unless it is a dry run what came of it.

    `verdict` and `unmet` are those of the check after it; null and empty for a dry run.
    """
    return {
        **head_document(head),
        "profile": plan.profile,
        "dry_run": dry_run,
        "changes": [_change(change) for change in plan.changes],
        "refused": [_change(change) for change in plan.refused],
        "claims": [_change(change) for change in plan.claims],
        "files": [_file(file) for file in plan.files],
        "notes": list(plan.notes),
        "transaction": txn or None,
        "skipped": [{"tunable": change.tunable, "reason": why} for change, why in skipped],
        "verdict": verdict,
        "unmet": list(unmet),
        "not_restarted": not_restarted or None,
    }


def rollback_document(
    txn: str | None,
    outcomes: Mapping[str, Sequence[tuple[str, str]]],
    complete: bool,
    head: Head,
    *,
    abandoned: bool = False,
    by_hand: Sequence[tuple[str, str, str]] = (),
    unknown: Sequence[str] = (),
) -> Document:
    """`wstune rollback --format json`: what became of each act, by outcome.

    Args:
        abandoned: whether the record was closed all the same. by_hand: target, what it was, and a command, of each that
            could not be taken back. unknown: what is missing in the journal.
    """
    return {
        **head_document(head),
        "transaction": txn,
        "complete": complete,
        "abandoned": abandoned,
        "by_hand": [{"target": target, "wanted": what, "command": line or None} for target, what, line in by_hand],
        "unknown": list(unknown),
        "acts": [
            {"target": target, "outcome": outcome, "words": words}
            for outcome, acts in outcomes.items()
            for target, words in acts
        ],
    }


def _change(change: Change) -> Document:
    return {
        "tunable": change.tunable,
        "store": change.store.value,
        "from": _value(change, change.before),
        "to": _value(change, change.after) if change.after else None,
        "severity": change.severity.value,
        "why": change.why,
        "pid": change.pid,
        "refusal": change.refusal.name.lower().replace("_", "-") if change.refusal else None,
        "reason": change.reason,
        "takes_effect": change.takes_effect,
    }


def _value(change: Change, text: str) -> Document | None:
    """A kernel value; an rlimit's is the pair of soft and hard; null where there is none."""
    if change.store is Store.SYSCTL and (text or change.before):
        return value_document(parse(find(change.tunable).kind, text))
    numbers = [int(part) for part in text.split()]
    return {"raw": text, "value": numbers, "unlimited": False} if numbers else None


def _file(file: FileChange) -> Document:
    return {
        "path": file.path,
        "style": file.style,
        "before": file.before,
        "after": file.after,
        "takes_effect": file.takes_effect,
        "overridden": [{"key": key, "source": source, "why": why} for key, source, why in file.overridden],
    }
