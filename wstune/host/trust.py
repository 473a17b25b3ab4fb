"""Whether somebody else could have written a file that root is about to obey."""

from __future__ import annotations

import os
import stat

from wstune.errors import UsageError


def require_trusted(path: str, *, directory: bool = False, link: bool = False) -> None:
    """Raise UsageError when, as root, what `path` names could be written by others than root and whoever called sudo.

    The whole way is looked at: whoever may write a directory may replace what is in it (unless it is sticky and the
    thing in it is not theirs). Links are followed, and the way of their target is looked at as well. A caller without
    root obeys only himself, so nothing is asked.

    Args:
        directory: what must be there: a directory, else a regular file.
        link: whether it may be a symbolic link to one.
    """
    if os.geteuid() != 0 or _mapped_root():
        return
    try:
        info = os.stat(path, follow_symlinks=link)
    except OSError as error:
        raise UsageError(f"cannot look at {path}: {(error.strerror or str(error)).lower()}") from error
    if not (stat.S_ISDIR(info.st_mode) if directory else stat.S_ISREG(info.st_mode)):
        kind = "directory" if directory else "regular file"
        raise UsageError(f"{path} is not a {kind}, and root does not follow it", "name what it stands for")
    culprit = weak_spot(path)
    if culprit:
        raise UsageError(f"root does not obey {path}: {culprit}", "take write permission from others, or copy it")


def weak_spot(path: str, trusted: frozenset[int] | None = None) -> str:
    """Who else could write what `path` leads to, in words; "" when nobody. Raises UsageError when it cannot be seen.

    Args:
        trusted: user ids that count as oneself; None: root, and the user who called sudo.
    """
    own = trusted_users() if trusted is None else trusted
    absolute = os.path.abspath(path)
    for way in dict.fromkeys((absolute, os.path.realpath(absolute))):
        place = way
        inner: os.stat_result | None = None
        while True:
            try:
                info = os.lstat(place)
            except OSError as error:
                raise UsageError(f"cannot look at {place}: {(error.strerror or str(error)).lower()}") from error
            words = _weakness(place, info, own, sticky_matters=inner is not None)
            if words:
                return words
            if place == "/":
                break
            inner, place = info, os.path.dirname(place)
    return ""


def trusted_users() -> frozenset[int]:
    """Root, and the user on whose behalf sudo runs: he may become root anyway."""
    sudo = os.environ.get("SUDO_UID", "")
    return frozenset({0, int(sudo)} if sudo.isascii() and sudo.isdecimal() else {0})


def _mapped_root() -> bool:
    """Whether this root is an ordinary user of the host, by a user namespace: then what is the host's looks foreign."""
    try:
        with open("/proc/self/uid_map", encoding="ascii") as stream:
            return stream.read().split()[:3] != ["0", "0", "4294967295"]
    except OSError:
        return False


def _weakness(place: str, info: os.stat_result, own: frozenset[int], *, sticky_matters: bool) -> str:
    if info.st_uid not in own:
        return f"{place} belongs to user {info.st_uid}"
    if stat.S_ISLNK(info.st_mode):
        return ""  # its mode means nothing; its directory and its target are looked at
    if sticky_matters and info.st_mode & stat.S_ISVTX:
        return ""  # what lies in it is ours, and nobody else may take that away
    if info.st_mode & stat.S_IWOTH:
        return f"{place} can be written by everyone (mode {stat.S_IMODE(info.st_mode):04o})"
    if info.st_mode & stat.S_IWGRP and info.st_gid != 0:
        return f"{place} can be written by group {info.st_gid} (mode {stat.S_IMODE(info.st_mode):04o})"
    return ""
