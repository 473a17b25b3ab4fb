"""One wstune at a time: flock(2) on a file in the state directory, which nobody else can open.

The kernel lets go when the process ends, however it ends, so what an old file says is no obstacle. Whoever can
open a file, if only to read, can hold its lock; so it lies in the directory that only its owner may enter (0700).
"""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from wstune.errors import LockedError, UsageError
from wstune.host import writing
from wstune.host.files import reason
from wstune.host.processes import holds_lock

NAME = "pre/lock"


@contextmanager
def locked(state_dir: str, *, now: str, command: str) -> Iterator[None]:
    """Hold the lock of a state directory (which must exist).

    Args:
        now: the time in words, for whoever finds it taken.
        command: what this wstune is doing, for the same.

    Raises:
        LockedError: another one holds it; says which, doing what, since when.
        UsageError: the file cannot be opened.
    """
    path = f"{state_dir}/{NAME}"
    try:
        writing.make_private_directory(str(Path(path).parent))
        fd = writing.open_kept(path, 0o600)
    except OSError as error:
        raise UsageError(f"cannot open {path}: {reason(error)}", "name another place with --state-dir") from error
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise _taken(fd) from None
        except OSError as error:
            raise UsageError(f"cannot lock {path}: {reason(error)}") from error
        _sign(fd, f"pid {os.getpid()}, {command}, since {now}\n")
        yield
    finally:
        os.close(fd)


def require_free(state_dir: str) -> None:
    """Raise LockedError when somebody holds the lock right now. Creates nothing."""
    try:
        fd = os.open(f"{state_dir}/{NAME}", os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return  # never taken, or not ours to look at
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        raise _taken(fd) from None
    except OSError:
        return
    finally:
        os.close(fd)


def _taken(fd: int) -> LockedError:
    said = os.pread(fd, 200, 0).decode("utf-8", "replace").split("\n")[0]
    signed = _SIGNED.match(said)
    if signed and holds_lock(int(signed[1]), os.fstat(fd).st_ino):
        return LockedError(f"another wstune is at work: {said}", "wait until it has ended, then try again")
    return LockedError("somebody holds the lock of the journal", "wait until they let go: lslocks tells who it is")


_SIGNED = re.compile(r"pid (\d{1,9}), ")
"""What a holder writes; the one before may have left it, who has ended."""


def _sign(fd: int, text: str) -> None:
    """Say who holds it. Only for the reader's sake: a full disk must not keep anyone from the lock."""
    try:
        os.ftruncate(fd, 0)
        os.pwrite(fd, text.encode(), 0)
    except OSError:
        pass
