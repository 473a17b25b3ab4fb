"""Whether somebody else could have written a file that root is about to obey, or can steer where root writes."""

from __future__ import annotations

import errno
import os
import stat

from wstune.errors import UsageError
from wstune.host.files import reason
from wstune.host.walk import Look, Step, Way, absolute


class DistrustError(PermissionError):
    """Root may not rely on what it found on the way, since somebody else can change it: its words say who."""

    def __init__(self, culprit: str, path: str) -> None:
        super().__init__(errno.EPERM, culprit, path)


def require_trusted(path: str, *, directory: bool = False, link: bool = False) -> None:
    """Raise UsageError when, as root, what `path` names could be written by others than root and whoever called sudo.

    The whole way is looked at, each link on it too: whoever may write a directory may replace what is in it (unless it
    is sticky and the thing in it is not theirs). A caller without root obeys only himself, so nothing is asked. What is
    to be read is better opened by the way that is looked at: `profile_files` does.

    Args:
        directory: what must be there: a directory, else a regular file.
        link: whether it may be a symbolic link to one.
    """
    own = asked()
    if own is None:
        return
    try:
        with Way(look=looking(own)) as way:
            end = way.go(absolute(path), last_link=link).end
            if not (end.is_directory if directory else stat.S_ISREG(end.info.st_mode)):
                kind = "directory" if directory else "regular file"
                raise UsageError(f"{path} is not a {kind}, and root does not follow it", "name what it stands for")
            require(end, own)
    except DistrustError as error:
        raise disobedience(path, reason(error)) from error
    except OSError as error:
        raise UsageError(f"cannot look at {path}: {reason(error)}") from error


def disobedience(path: str, culprit: str) -> UsageError:
    """What root is told of a file that others could have written."""
    return UsageError(f"root does not obey {path}: {culprit}", "take write permission from others, or copy it")


def weak_spot(path: str, trusted: frozenset[int] | None = None) -> str:
    """Who else could write what `path` leads to, in words; "" when nobody. Raises UsageError when it cannot be seen.

    Args:
        trusted: user ids that count as oneself; None: root, and the user who called sudo.
    """
    own = trusted_users() if trusted is None else trusted
    try:
        with Way(look=looking(own)) as way:
            require(way.go(absolute(path)).end, own)
    except DistrustError as error:
        return reason(error)
    except OSError as error:
        raise UsageError(f"cannot look at {path}: {reason(error)}") from error
    return ""


def asked() -> frozenset[int] | None:
    """Whom to trust, when that is to be asked; None for a caller without root, who writes and obeys as himself.

    So does root of a user namespace, to whom all that is the host's looks foreign.
    """
    return trusted_users() if os.geteuid() == 0 and not _mapped_root() else None


def trusted_users() -> frozenset[int]:
    """Root, and the user on whose behalf sudo runs: he may become root anyway."""
    sudo = os.environ.get("SUDO_UID", "")
    return frozenset({0, int(sudo)} if sudo.isascii() and sudo.isdecimal() and len(sudo) < 11 else {0})


def looking(own: frozenset[int] | None) -> Look:
    """What raises DistrustError where somebody else could turn the way to another place. With None nothing is asked.

    A directory that others may write is passed only when it is sticky, and what is in it is ours or is no directory;
    then whoever opens it must still ask whose it is (`require`). A link must be ours and lie where only we may write.
    """

    def look(above: Step, found: Step) -> None:
        if own is None:
            return
        lasting = not found.is_link and (not found.is_directory or found.info.st_uid in own)
        require(above, own, sticky=lasting)
        if found.is_link and found.info.st_uid not in own:
            raise DistrustError(f"{found.path} is a link of user {found.info.st_uid}", found.path)

    return look


def require(step: Step, own: frozenset[int] | None, *, sticky: bool = False) -> None:
    """Raise DistrustError unless what was found is ours and nobody else may write it. With None nothing is asked.

    Args:
        sticky: whether a directory that everybody may write will do, as long as nobody may take away what is in it.
    """
    if own is None:
        return
    info, path = step.info, step.path
    if info.st_uid not in own:
        raise DistrustError(f"{path} belongs to user {info.st_uid}", path)
    if sticky and info.st_mode & stat.S_ISVTX:
        return  # what lies in it is ours, and nobody else may take that away
    mode = f"mode {stat.S_IMODE(info.st_mode):04o}"
    if info.st_mode & stat.S_IWOTH:
        raise DistrustError(f"{path} can be written by everyone ({mode})", path)
    if info.st_mode & stat.S_IWGRP and info.st_gid != 0:
        raise DistrustError(f"{path} can be written by group {info.st_gid} ({mode})", path)
    if info.st_mode & stat.S_IWGRP and _has_access_list(step):
        raise DistrustError(f"{path} can be written by those on its access list ({mode})", path)


def _has_access_list(step: Step) -> bool:
    """Whether the group's bits are the mask of an access list (acl(5)), which may name anybody."""
    try:
        return "system.posix_acl_access" in os.listxattr(f"/proc/self/fd/{step.fd}")
    except OSError:
        return False  # a file system without them


def _mapped_root() -> bool:
    """Whether this root is an ordinary user of the host, by a user namespace: then what is the host's looks foreign."""
    try:
        with open("/proc/self/uid_map", encoding="ascii") as stream:
            return stream.read().split()[:3] != ["0", "0", "4294967295"]
    except OSError:
        return False
