"""`wstune verify --around PROFILE`: a burst, apply, the same burst: what the tuning changed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from wstune.actions.apply import ApplyOptions, Prepared, carry_out, prepare, require_possible
from wstune.actions.rollback import run_rollback
from wstune.actions.verify import Progress, VerifyOptions, run
from wstune.errors import WstuneError
from wstune.host.host import Host
from wstune.verification import VerifyReport


@dataclass(frozen=True, slots=True)
class Around:
    """Both reports, the transaction in between (empty when there was nothing to change), and whether it was undone."""

    before: VerifyReport
    after: VerifyReport
    txn: str
    rolled_back: bool


def around(
    options: VerifyOptions,
    applying: ApplyOptions,
    agree: Callable[[Prepared], None],
    on_progress: Callable[[Progress], None],
    *,
    roll_back: bool,
    argv: tuple[str, ...] = (),
) -> Around:
    """Verify, apply, verify, and take back if asked, also when the second burst fails.

    `agree` shows the plan and raises when it is not to be carried out; it is asked before the first burst. Raises what
    apply, rollback and verify raise.
    """
    host = Host()
    prepared = prepare(applying, host)
    if not prepared.plan.empty:
        require_possible(prepared, applying)
        agree(prepared)
    before = run(options, on_progress, host)
    txn = "" if prepared.plan.empty else carry_out(prepared, applying, host, argv).txn or ""
    try:
        after = run(options, on_progress, host)
    except WstuneError:
        if roll_back and txn:
            run_rollback(host, txn=txn, state_dir=applying.state_dir)
        raise
    if roll_back and txn:
        run_rollback(host, txn=txn, state_dir=applying.state_dir)
    return Around(before, after, txn, bool(roll_back and txn))
