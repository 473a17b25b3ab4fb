"""What `-o` names: a file that is replaced whole, or a stream that is written: a FIFO, a terminal, a descriptor."""

from __future__ import annotations

import errno
import os
import re
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager

from wstune.host import trust, writing
from wstune.host.walk import Step, Way, absolute, reopen

WAIT_SECONDS = 5.0
"""How long a FIFO may be without a reader."""

_DESCRIPTOR = re.compile(r"/(?:dev|proc/self)/fd/(\d{1,9})")
_NAMED = {"-": 1, "/dev/stdout": 1, "/dev/stderr": 2}


def descriptor(path: str) -> int | None:
    """The descriptor of this process that a path stands for: `-`, /dev/stdout, /dev/fd/63 (a shell's `>(…)`)."""
    found = _DESCRIPTOR.fullmatch(path)
    return int(found[1]) if found else _NAMED.get(path)


def write(path: str, data: bytes) -> None:
    """Write to what the path names. Raises OSError, with a file that was there still whole.

    ENXIO when nobody opens a FIFO for reading within WAIT_SECONDS; EPIPE when its reader goes away.
    """
    number = descriptor(path)
    if number is not None:
        writing.write_all(number, data)
        return
    with _target(path) as (where, name):
        if name:
            _replace(where, name, data)
            return
        fd = _open_stream(where)
        try:
            writing.write_all(fd, data)
        finally:
            os.close(fd)


def require_writable(path: str) -> None:
    """Raise OSError now rather than after the work, when it cannot be written. A FIFO is not opened yet."""
    number = descriptor(path)
    if number is not None:
        os.fstat(number)
        return
    with _target(path) as (where, _):
        if not os.access(f"/proc/self/fd/{where.fd}", os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)


@contextmanager
def _target(path: str) -> Iterator[tuple[Step, str]]:
    """The directory and the name to write there; or a stream, and no name."""
    own = trust.asked()
    with Way(look=trust.looking(own)) as way:
        end = way.go(absolute(path), lacking=True).end
        mode = end.info.st_mode
        if way.missing:
            if "/" in way.missing or path.endswith("/") or not end.is_directory:
                raise FileNotFoundError(errno.ENOENT, "there is no such directory", path)
            trust.require(end, own, sticky=True)
            yield end, way.missing
        elif stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, "it is a directory", path)
        elif stat.S_ISREG(mode):
            where = way.held[-2]
            trust.require(where, own, sticky=True)
            yield where, os.path.basename(end.path)
        else:
            if not (stat.S_ISFIFO(mode) or stat.S_ISCHR(mode)):
                raise OSError(errno.EINVAL, "it is a socket or a disk", path)
            if stat.S_ISFIFO(mode) and own is not None and end.info.st_uid not in own:
                raise trust.DistrustError(f"{end.path} belongs to user {end.info.st_uid}", path)
            yield end, ""


def _replace(where: Step, name: str, data: bytes) -> None:
    """As any new file of the caller's: its mode is what the umask leaves."""
    try:
        writing.replace(where, name, data, mode=0o666)
    except PermissionError:
        raise
    except OSError as error:
        # A directory that cannot be synced (network and FUSE file systems) has the report all the same.
        if error.errno not in (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP) or not _is_there(where, name, data):
            raise


def _is_there(where: Step, name: str, data: bytes) -> bool:
    try:
        return os.stat(name, dir_fd=where.fd, follow_symlinks=False).st_size == len(data)
    except OSError:
        return False


def _open_stream(step: Step) -> int:
    if not stat.S_ISFIFO(step.info.st_mode):
        return reopen(step, os.O_WRONLY)
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        try:
            fd = reopen(step, os.O_WRONLY | os.O_NONBLOCK)
        except OSError as error:
            if error.errno != errno.ENXIO:
                raise
            if time.monotonic() > deadline:
                raise OSError(errno.ENXIO, f"nobody reads from it (waited {WAIT_SECONDS:.0f} s)", step.path) from None
            time.sleep(0.02)
            continue
        os.set_blocking(fd, True)
        return fd
