"""Where profiles lie: --profile-dir, /etc/wstune/profiles, then those that come with wstune.

A name is looked up there and nowhere else, never in the current directory; what contains a slash or ends in `.toml` is
a path and is looked up nowhere else.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable

from wstune.errors import ProfileError

ETC = "/etc/wstune/profiles"
MAX_BYTES = 1 << 20
_TIP = "wstune profiles list shows those that there are"


def is_path(name: str) -> bool:
    """Whether it is meant as a path rather than looked up by name."""
    return "/" in name or name.endswith(".toml")


def packaged() -> str:
    """The directory of the profiles that come with wstune: in the package of a wheel, beside it in a checkout."""
    package = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    inside = os.path.join(package, "profiles")
    return inside if os.path.isdir(inside) else os.path.join(os.path.dirname(package), "profiles")


def comes_with_wstune(path: str) -> bool:
    """Whether a profile's file is one of the package: it has the trust of the code beside it."""
    return os.path.dirname(os.path.realpath(path)) == os.path.realpath(packaged())


def directories(profile_dirs: Iterable[str] = (), etc: str = ETC) -> tuple[str, ...]:
    """The directories in the order in which they are searched."""
    return (*map(os.fspath, profile_dirs), etc, packaged())


def find(name: str, profile_dirs: Iterable[str] = (), *, etc: str = ETC) -> tuple[str, str]:
    """The text of a profile and the path of its file, from a name or a path. Raises ProfileError."""
    if is_path(name):
        path = _tidied(name)
        return _read(path), path
    dirs = directories(profile_dirs, etc)
    if name and name not in (".", "..") and "\0" not in name:
        for directory in dirs:
            path = os.path.join(directory, f"{name}.toml")
            if os.path.lexists(path):
                return _read(path), path
    from difflib import get_close_matches

    known = list(list_profiles(profile_dirs, etc=etc))
    close = get_close_matches(name, known, n=1)
    tip = f"did you mean {close[0]}?" if close else f"there are: {', '.join(known)}; a path has a slash, as ./my.toml"
    raise ProfileError("", f"no profile is named {name[:80]!r}", tip)


def list_profiles(profile_dirs: Iterable[str] = (), *, etc: str = ETC) -> dict[str, str]:
    """Path by name of every profile that a name finds, sorted; the first directory that has a name wins.

    Raises ProfileError for a --profile-dir that cannot be listed.
    """
    named = tuple(map(os.fspath, profile_dirs))
    found: dict[str, str] = {}
    for directory in directories(named, etc):
        try:
            entries = sorted(os.listdir(directory))
        except OSError as error:
            if directory in named:
                raise ProfileError(directory, f"cannot be listed: {_words(error)}", _TIP) from None
            continue
        for entry in entries:
            stem, suffix = os.path.splitext(entry)
            if suffix == ".toml" and stem:
                found.setdefault(stem, os.path.join(directory, entry))
    return dict(sorted(found.items()))


def _tidied(path: str) -> str:
    """Without `.` and `..` on the way, where that leads to the same file: one file has one name."""
    if "/./" not in path and "/.." not in path:
        return path
    tidied = os.path.normpath(path)
    if path.startswith("./") and not tidied.startswith("."):
        tidied = f"./{tidied}"
    return tidied if os.path.realpath(tidied) == os.path.realpath(path) else os.path.realpath(path)


def _read(path: str) -> str:
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise ProfileError(path, "is not a file")
        with open(path, "rb") as file:
            data = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        raise ProfileError(path, f"cannot be read: {_words(error)}", _TIP) from None
    if len(data) > MAX_BYTES:
        raise ProfileError(path, "is larger than 1 MiB, which no profile is")
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ProfileError(f"{path}:{line}", "is not UTF-8 text") from None


def _words(error: Exception) -> str:
    return (getattr(error, "strerror", None) or str(error)).lower()
