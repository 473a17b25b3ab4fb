"""One wstune at a time: flock(2) on a file in the state directory.

The kernel lets go when the process ends, however it ends, so what an old file says is no obstacle.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager

from wstune.errors import LockedError, UsageError

NAME = "lock"


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
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise UsageError(f"cannot open {path}: {(error.strerror or str(error)).lower()}") from error
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise _taken(fd) from None
        except OSError as error:
            raise UsageError(f"cannot lock {path}: {(error.strerror or str(error)).lower()}") from error
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
    holder = os.pread(fd, 200, 0).decode("utf-8", "replace").split("\n")[0]
    return LockedError(
        f"another wstune is at work{': ' + holder if holder else ''}", "wait until it has ended, then try again"
    )


def _sign(fd: int, text: str) -> None:
    """Say who holds it. Only for the reader's sake: a full disk must not keep anyone from the lock."""
    try:
        os.ftruncate(fd, 0)
        os.pwrite(fd, text.encode(), 0)
    except OSError:
        pass
