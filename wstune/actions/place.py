"""Where this wstune is, and where it writes: boot and network namespace; the tree whose /etc is meant."""

from __future__ import annotations

from pathlib import Path

from wstune.errors import UsageError
from wstune.host import namespaces, writing
from wstune.host.files import reason
from wstune.host.trust import DistrustError
from wstune.model import HostFacts
from wstune.tuning.records import Place


def here(facts: HostFacts) -> Place:
    """The place of this process."""
    return Place(facts.boot_id, facts.netns, namespaces.cookie(), facts.initial_netns)


def etc_tree(path: str, *, ask: bool = True) -> str:
    """The root below which /etc is meant, as a path that means the same from everywhere: absolute, without links.

    Args:
        ask: whether root asks who could change the way to it, since it will be written.

    Raises UsageError: an empty name, as an unset variable leaves; no directory; one that others could exchange.
    """
    if not path:
        tip = "name the root of the tree, or leave it out for this host's own /etc"
        raise UsageError("--etc-root '': an empty name is no directory", tip)
    try:
        found = writing.resolve(path, ask=ask)
    except OSError as error:
        raise _unusable(path, error) from error
    if not Path(found).is_dir():
        raise UsageError(f"--etc-root {path}: there is no such directory", "name an existing directory")
    return found


def etc_path(tree: str, name: str) -> str:
    """The path of a file below the /etc of a tree, without links: those of the tree lead nowhere out of it.

    Raises UsageError where root would write what others could turn elsewhere.
    """
    directory, _, last = f"/etc/{name}".rpartition("/")
    try:
        return f"{writing.resolve(directory, tree)}/{last}"
    except DistrustError as error:
        raise _unusable(tree, error) from error
    except OSError:
        return f"{tree.rstrip('/')}/etc/{name}"  # whoever reads or writes it says why that is not possible


def _unusable(tree: str, error: OSError) -> UsageError:
    tip = "name a tree that only you may write" if isinstance(error, DistrustError) else "name the root of a tree"
    return UsageError(f"--etc-root {tree}: {reason(error)}", tip)
