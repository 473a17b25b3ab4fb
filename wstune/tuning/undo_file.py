"""Take back what a transaction wrote in one of our files: to the byte, or written anew for those who still want it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from wstune.host import own_files
from wstune.host.host import Host
from wstune.host.own_files import FileImage
from wstune.tuning.chain import Link, standing_entries
from wstune.tuning.journal import Journal
from wstune.tuning.persist import Machine, render
from wstune.tuning.records import Act, ActKind, Place, Transaction
from wstune.tuning.signals import never


@dataclass(frozen=True, slots=True)
class Scene:
    """Where undoing happens: the host, the journal and all it tells, from where, and whether drift is overwritten.

    `caught` names a signal that came and is to end the program once this is safe (see signals), else "".
    """

    host: Host
    journal: Journal
    transactions: Sequence[Transaction]
    here: Place
    force: bool = False
    caught: Callable[[], str] = never


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of taking back one act.

    Attributes:
        how: `restored`, `already`, `unlinked`, `left`, `drifted` or `failed`.
        sha: for a file that others still want, the SHA-256 of what it holds now.
    """

    how: str
    words: str
    sha: str = ""


def take_back_file(scene: Scene, act: Act, links: Sequence[Link]) -> Verdict:
    """Put the file back as it was before all of wstune, or write it for the others who stand. Raises OSError.

    Args:
        links: the chain of the file, `act`'s link among them.
    """
    path, newest = act.target, links[-1]
    shared = len(links) > 1
    own_files.clear_temporary(path)
    present = own_files.capture(path)
    wanted = _for_the_others(scene, act, present) if shared else _original(scene, newest)
    left = wanted.sha if shared and wanted else ""
    if present == wanted:
        return Verdict("already", "is as it should be", left)
    ours = {newest.after, wanted.sha if wanted else ""}
    if not newest.act.done:
        ours.add(newest.before)
    if (present.sha if present else "") not in ours and not scene.force:
        return Verdict("drifted", "somebody has edited it since" if present else "somebody has removed it since")
    when = "; it counts once the service is restarted" if act.style == "unit" else ""
    if wanted is None:
        own_files.remove(path)
        return Verdict("restored", f"removed{when}")
    own_files.replace(path, wanted)
    how = "written anew for who still wants it" if shared else "put back as it was"
    return Verdict("restored", f"{how}{when}", left)


def _original(scene: Scene, link: Link) -> FileImage | None:
    return scene.journal.load_image(link.pre) if link.pre else None


def _for_the_others(scene: Scene, act: Act, present: FileImage | None) -> FileImage:
    """What the file says without this act, with the owner and mode that it has."""
    path = act.target
    newest = [txn for txn in scene.transactions if any(_wants(other, act) for other in txn.acts)][-1]
    entries, _ = standing_entries(scene.transactions, path, without=act)
    text = render(act.style, entries, Machine(newest.kernel, newest.ram_bytes))
    base = present or FileImage(b"", 0o644, 0, 0, {})
    return base._replace(content=text.encode())


def _wants(other: Act, act: Act) -> bool:
    return other.kind is ActKind.FILE and other.target == act.target and other.stands and other is not act
