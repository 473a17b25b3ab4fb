"""What every act of an apply has in common: its intent is on disk before it, its outcome after it."""

from __future__ import annotations

from wstune.host.files import words
from wstune.tuning.records import Act, Transaction, intent_line, next_record
from wstune.tuning.undo_file import Scene


class Refused(Exception):
    """The host will not have one change; it is as it was before it."""


class Fatal(Exception):
    """The transaction cannot go on."""


def go_on(scene: Scene) -> None:
    """Raise Fatal when a signal came that is to end this program."""
    if name := scene.caught():
        raise Fatal(f"interrupted by {name}")


def intend(scene: Scene, txn: Transaction, act: Act) -> None:
    """Make an act's intent durable; from then on the transaction has it. Raises Fatal, and then it must not be made."""
    go_on(scene)
    try:
        scene.journal.append(intent_line(act))
    except OSError as error:
        raise Fatal(f"cannot write {scene.journal.index}: {words(error).lower()}") from error
    act.intended_at = next_record(scene.transactions)
    txn.acts.append(act)


def note_done(scene: Scene, act: Act) -> None:
    """Make it durable that an act was made, with what is there now. Raises Fatal."""
    act.done = True
    try:
        scene.journal.append({"type": "done", "txn": act.txn, "n": act.number, "live": act.after})
    except OSError as error:
        raise Fatal(f"cannot write {scene.journal.index}: {words(error).lower()}") from error
