"""Configuration files of a directory, as their loaders see them."""

from __future__ import annotations

from collections.abc import Iterable

from wstune.host.files import Root


def conf_files(root: Root, places: Iterable[str]) -> list[tuple[str, str]]:
    """(path, text) of each `.conf` file in the directories, and of the places that are files, in that order.

    A link to /dev/null, which masks files of its name elsewhere, has no text; what cannot be read is left out.
    """
    found = []
    for place in places:
        try:
            paths = [f"{place}/{name}" for name in root.listdir(place) if name.endswith(".conf")]
        except NotADirectoryError:
            paths = [place]
        except OSError:
            continue
        found += [(path, text) for path, text in ((path, _text(root, path)) for path in paths) if text is not None]
    return found


def _text(root: Root, path: str) -> str | None:
    try:
        return root.read_text(path)
    except OSError:
        pass
    try:
        return "" if root.readlink(path) == "/dev/null" else None
    except OSError:
        return None
