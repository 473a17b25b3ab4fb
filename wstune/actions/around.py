"""`wstune verify --around PROFILE`: a burst, apply, the same burst: what the tuning changed."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import dataclass
from typing import assert_never

from wstune import signals
from wstune.actions.apply import ApplyOptions, Prepared, carry_out, prepare
from wstune.actions.apply_possible import require_possible
from wstune.actions.rollback import run_rollback
from wstune.actions.verify import run
from wstune.actions.verify_options import Progress, VerifyOptions
from wstune.actions.verify_outcome import BurstFinished, BurstInterrupted, BurstLost, BurstRefused, Outcome
from wstune.errors import ApplyError, RollbackError
from wstune.host.host import Host
from wstune.tuning.journal import DEFAULT_STATE
from wstune.verification import VerifyReport


@dataclass(frozen=True, slots=True)
class Around:
    """The burst before, the outcome of that after it, the transaction in between (empty when there was nothing to
    change), and whether it was undone.

    `before` is None where the burst before did not come to its end: then its outcome is `after`, and nothing was
    applied. `failed`: why it was not undone, where it should have been.
    """

    before: VerifyReport | None
    after: Outcome
    txn: str
    rolled_back: bool
    failed: RollbackError | None = None


def around(
    options: VerifyOptions,
    applying: ApplyOptions,
    agree: Callable[[Prepared], None],
    on_progress: Callable[[Progress], None],
    *,
    roll_back: bool,
    argv: tuple[str, ...] = (),
) -> Around:
    """Verify, apply, verify, and take back if asked, whatever ends the second burst.

    `agree` shows the plan and raises when it is not to be carried out; it is asked before the first burst. Raises what
    apply and rollback raise; what ended the second burst early says what became of the profile: in the report, or, of
    an error, in a note.
    """
    host = Host()
    prepared = prepare(applying, host)
    if not prepared.plan.empty:
        require_possible(prepared, applying)
        agree(prepared)
    with signals.held():  # but for the bursts, which let them in
        match first := run(options, on_progress, host):
            case BurstFinished(before) | BurstLost(before):
                pass
            case BurstInterrupted():
                said = f"interrupted in the burst before it, so {applying.profile} was not applied"
                return Around(None, first.saying(said), "", False)
            case BurstRefused():
                return Around(None, first, "", False)
            case _:
                assert_never(first)
        txn = "" if prepared.plan.empty else _apply(prepared, applying, host, argv)
        back, failed = roll_back and bool(txn), None
        try:
            after = run(options, on_progress, host)
        except BaseException as ended:  # a defect
            failed = _take_back(host, txn, applying) if back else None
            if failed is not None:
                raise failed from ended
            ended.add_note(_became(applying, txn, back, failed))
            raise
        failed = _take_back(host, txn, applying) if back else None
    match after:
        case BurstFinished() | BurstLost():
            pass
        case BurstInterrupted():
            after = after.saying(f"interrupted in the burst after it; {_became(applying, txn, back, failed)}")
        case BurstRefused(error):
            error.add_note(_became(applying, txn, back, failed))
        case _:
            assert_never(after)
    return Around(before, after, txn, back and failed is None, failed)


def label(txn: str, *, rolled_back: bool) -> str:
    """What the first burst is called, where it is compared with the second."""
    how = f"before {txn or 'nothing was changed'}"
    return f"{how}, since taken back" if rolled_back else how


def _apply(prepared: Prepared, applying: ApplyOptions, host: Host, argv: tuple[str, ...]) -> str:
    """Apply, and give the transaction's number. Raises Interrupted where a signal has undone it."""
    try:
        return carry_out(prepared, applying, host, argv).txn or ""
    except ApplyError as error:
        if number := signals.waiting():
            raise signals.Interrupted(number, str(error)) from error
        raise


def _take_back(host: Host, txn: str, applying: ApplyOptions) -> RollbackError | None:
    """Take the transaction back; why that could not be done, or None. Raises what rollback raises."""
    undone = run_rollback(host, txn=txn, state_dir=applying.state_dir)
    if undone.complete:
        return None
    left = "; ".join(f"{target}: {what}" for target, what in [*undone.drifted, *undone.failed])
    return RollbackError(f"transaction {txn} could not be taken back whole: {left}", _command(txn, applying))


def _became(applying: ApplyOptions, txn: str, back: bool, failed: RollbackError | None) -> str:
    """What became of what was applied, in words."""
    if failed is not None:
        return f"{failed} ({failed.tip})"
    if back:
        return f"transaction {txn} was taken back"
    if not txn:
        return "nothing was changed"
    return f"{applying.profile} stays applied, as transaction {txn}: {_command(txn, applying)} takes it back"


def _command(txn: str, applying: ApplyOptions) -> str:
    moved = "" if applying.state_dir == DEFAULT_STATE else f" --state-dir {shlex.quote(applying.state_dir)}"
    return f"wstune rollback {txn}{moved}"
