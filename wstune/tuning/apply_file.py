"""Write our own files as part of a transaction."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from wstune.changes import FileChange
from wstune.host import own_files, systemd
from wstune.host.files import reason, words
from wstune.tuning.chain import ABSENT, PRESENT, standing_targets
from wstune.tuning.persist import read_own
from wstune.tuning.records import Act, ActKind, Transaction
from wstune.tuning.steps import Fatal, intend, note_done
from wstune.tuning.undo_file import Scene


def write_files(scene: Scene, txn: Transaction, files: Sequence[FileChange]) -> None:
    """Write each file whole and durably, its directories first. Raises Fatal: what cannot be kept is not half kept."""
    for change in files:
        try:
            _directories(scene, txn, Path(change.path).parent)
            _file(scene, txn, change)
        except OSError as error:
            raise Fatal(f"cannot write {change.path}: {reason(error)}") from error
    try:
        systemd.reload_for(change.path for change in files)
    except OSError as error:
        raise Fatal(words(error)) from error


def _directories(scene: Scene, txn: Transaction, directory: Path) -> None:
    """Make the directories that are missing, and note those that a standing transaction made for us."""
    made = standing_targets(scene.transactions, ActKind.DIRECTORY)
    missing = [place for place in (directory, *directory.parents) if not place.is_dir()]
    claimed = [place for place in (directory, *directory.parents) if str(place) in made and place.is_dir()]
    for place in [*reversed(claimed), *reversed(missing)]:
        claim = place in claimed
        if claim and any(act.target == str(place) for act in txn.acts):
            continue
        before = PRESENT if claim else ABSENT
        act = Act(txn.id, len(txn.acts) + 1, ActKind.DIRECTORY, str(place), before, PRESENT, claim=claim)
        intend(scene, txn, act)
        if not claim:
            own_files.make_directory(str(place))
        note_done(scene, act)


def _file(scene: Scene, txn: Transaction, change: FileChange) -> None:
    present = own_files.capture(change.path)
    before = present.content.decode("utf-8", "replace") if present else None
    if before != change.before:
        raise Fatal(f"{change.path} has changed since the plan was made")
    number = len(txn.acts) + 1
    image = _image(change.after, present)
    act = Act(
        txn=txn.id,
        number=number,
        kind=ActKind.FILE,
        target=change.path,
        before=present.sha if present else "",
        after=image.sha,
        claim=present == image,
        pre=scene.journal.save_image(txn.id, number, present) if present else "",
        entries=change.entries,
        style=change.style,
    )
    intend(scene, txn, act)
    if not act.claim:
        own_files.replace(change.path, image)
    note_done(scene, act)


_ACCESS_LIST = "system.posix_acl_access"


def _image(text: str, present: own_files.FileImage | None) -> own_files.FileImage:
    """The file to be: as the one there is where that is ours; else root's, 0644, with nothing of the stranger's.

    What others might write, root would obey at the next boot: neither owner, mode nor access list may let them.
    """
    mine = own_files.FileImage(text.encode(), 0o644, os.geteuid(), os.getegid(), {})
    own = read_own(present.content.decode("utf-8", "replace")) if present else None
    if present is None or own is None or not own.intact or present.uid != mine.uid:
        return mine
    xattrs = dict(present.xattrs)
    if present.mode & 0o022:
        xattrs.pop(_ACCESS_LIST, None)
    return present._replace(content=mine.content, mode=present.mode & 0o755, xattrs=xattrs)
