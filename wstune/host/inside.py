"""What files say inside another process's network namespace: /proc/sys/net shows that of whoever reads it."""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence

from wstune.host.child import CLONE_NEWNET, CLONE_NEWUSER, run, setns
from wstune.host.files import Root, words

_SECONDS = 2.0


def read_files(pid: int, paths: Sequence[str], seconds: float = _SECONDS) -> dict[str, str | OSError]:
    """Each file's text, or the error, as a process in the network namespace of `pid` reads it.

    A forked child enters the namespace and reads. Raises OSError when it may not enter (EPERM, EACCES: root may, and
    the owner of a user namespace that the process is in) or the process is gone (ENOENT).
    """
    texts, errors = run(lambda: _read(pid, paths), seconds)
    found: dict[str, str | OSError] = dict(texts)
    found.update((path, OSError(number, text, path)) for path, (number, text) in errors.items())
    return found


def _read(pid: int, paths: Sequence[str]) -> tuple[dict[str, str], dict[str, tuple[int, str]]]:
    """In the child."""
    enter(pid)
    root = Root()
    texts: dict[str, str] = {}
    errors: dict[str, tuple[int, str]] = {}
    for path in paths:
        try:
            texts[path] = root.read_text(path)
        except OSError as error:
            errors[path] = (error.errno or errno.EIO, words(error))
    return texts, errors


def enter(pid: int) -> None:
    """Be in the network namespace of `pid`, for good: in a forked child. Raises OSError."""
    # Opened before anything is entered: /proc/PID/ns is looked up with the rights that we have now.
    network = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    user = os.open(f"/proc/{pid}/ns/user", os.O_RDONLY | os.O_CLOEXEC)
    try:
        setns(network, CLONE_NEWNET)
    except PermissionError:
        # A rootless container's: whoever made its user namespace has every capability in it.
        setns(user, CLONE_NEWUSER)
        setns(network, CLONE_NEWNET)
