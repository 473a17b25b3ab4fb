"""Whether listeners that are there have the backlog that a burst needs. Pure.

The accept queue of a listener is min(backlog, somaxconn) + 1 as both were at listen(): a somaxconn that is raised later
changes nothing for it.
"""

from __future__ import annotations

from collections.abc import Sequence

from wstune.service import Listener

_NAMED = 4


def short_backlogs(
    listeners: Sequence[Listener], needed: int | None, own: tuple[str, frozenset[int]] | None
) -> tuple[str, ...]:
    """Sentences about listeners that are too short, and about those whose queue is full at this moment.

    Args:
        needed: the backlog that the profile asks for; None when it asks for none.
        own: words for who serves, and the inodes of its sockets; None when they are not known, and then nobody's
            backlog is called too short.
    """
    full = [each for each in listeners if each.waiting > each.backlog]
    said = [f"the accept queue of {_places(full)} is full at this moment"] if full else []
    if own is not None and needed is not None:
        words, inodes = own
        if short := [each for each in listeners if each.inode in inodes and each.backlog < needed]:
            said.append(
                f"{words} listens with a backlog of {min(each.backlog for each in short):,} ({_places(short)}) "
                f"where {needed:,} are needed: give listen() more and restart it, for it counts at listen()"
            )
    return tuple(said)


def _places(listeners: Sequence[Listener]) -> str:
    ports = sorted({each.port for each in listeners})
    more = f" and {len(ports) - _NAMED} more" if len(ports) > _NAMED else ""
    return f"port{'' if len(ports) == 1 else 's'} {', '.join(map(str, ports[:_NAMED]))}{more}"
