"""Files of our own below /etc: taken as they are, replaced whole and durably, put back to the byte.

All that is made is made by `writing`. A path here is absolute and has no link in it: one that has come to be
there since it was resolved is an error, wherever on the way it is.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from typing import NamedTuple

from wstune.host import writing
from wstune.host.walk import Way, reopen

MAX_SIZE = 1 << 20
"""Bytes: what is larger is no file of ours."""


class FileImage(NamedTuple):
    """A regular file: its bytes, permission bits, owner, group and extended attributes (ACLs and labels among them)."""

    content: bytes
    mode: int
    uid: int
    gid: int
    xattrs: dict[str, bytes]

    @property
    def sha(self) -> str:
        """SHA-256 of the content, in hex."""
        return hashlib.sha256(self.content).hexdigest()


def capture(path: str) -> FileImage | None:
    """The file at `path`, or None when there is none. Raises OSError: ELOOP for a link, EINVAL for no regular file."""
    if not path.startswith("/"):
        raise OSError(errno.EINVAL, "not an absolute path", path)
    try:
        with Way() as way:
            step = way.go(path, links=False, last_link=False).end
            if step.is_link:
                raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)
            if not stat.S_ISREG(step.info.st_mode):
                raise OSError(errno.EINVAL, "not a regular file", path)
            fd = reopen(step, os.O_RDONLY)
    except FileNotFoundError:
        return None
    with os.fdopen(fd, "rb") as stream:
        info = os.fstat(fd)
        if info.st_size > MAX_SIZE:
            raise OSError(errno.EFBIG, f"larger than {MAX_SIZE} bytes", path)
        content = stream.read(MAX_SIZE + 1)
        return FileImage(content, stat.S_IMODE(info.st_mode), info.st_uid, info.st_gid, _xattrs(fd))


def replace(path: str, image: FileImage) -> None:
    """Put `image` at `path`, whole and durably, whatever is there. Raises OSError, with the old file still in place."""

    def finish(fd: int) -> None:
        info = os.fstat(fd)
        if (info.st_uid, info.st_gid) != (image.uid, image.gid):
            os.fchown(fd, image.uid, image.gid)
        os.fchmod(fd, image.mode)
        present = _xattrs(fd)
        for name, value in image.xattrs.items():
            if present.get(name) != value:
                os.setxattr(fd, name, value)

    clear_temporary(path)
    with writing.folder(os.path.dirname(path)) as where:
        writing.replace(where, os.path.basename(path), image.content, finish=finish)


def remove(path: str) -> None:
    """Remove a file durably; one that is not there is no error. Raises OSError."""
    with writing.folder(os.path.dirname(path)) as where:
        # Looked for first: of a name that is not there, a file system that is read-only says just that.
        if not _is_there(where.fd, os.path.basename(path)):
            return
        os.unlink(os.path.basename(path), dir_fd=where.fd)
        writing.sync(where)


def clear_temporary(path: str) -> None:
    """Remove what a write of `path` that was cut short may have left beside it. Raises OSError.

    Only regular files of whoever runs this: what else has such a name is not ours, and in nobody's way.
    """
    name = os.path.basename(path)
    try:
        with writing.folder(os.path.dirname(path)) as where:
            left = [entry for entry in _names(where.fd) if writing.is_temporary_of(name, entry)]
            mine = [entry for entry in left if _is_mine(where.fd, entry)]
            for entry in mine:
                os.unlink(entry, dir_fd=where.fd)
            if mine:
                writing.sync(where)
    except FileNotFoundError:
        return


def make_directory(path: str) -> None:
    """Make a directory (0755) durably, whose parent exists. Raises OSError, FileExistsError among them."""
    writing.make_directory(path)


def remove_directory(path: str) -> bool:
    """Remove a directory durably if it is empty; False when it is not. Raises OSError; one that is gone is no error."""
    try:
        with writing.folder(os.path.dirname(path)) as where:
            if _is_there(where.fd, os.path.basename(path)):
                os.rmdir(os.path.basename(path), dir_fd=where.fd)
                writing.sync(where)
    except FileNotFoundError:
        return True
    except OSError as error:
        if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
            return False
        raise
    return True


def _is_there(fd: int, name: str) -> bool:
    try:
        os.stat(name, dir_fd=fd, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def _names(fd: int) -> list[str]:
    readable = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=fd)
    try:
        return os.listdir(readable)
    finally:
        os.close(readable)


def _is_mine(fd: int, name: str) -> bool:
    try:
        info = os.stat(name, dir_fd=fd, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return stat.S_ISREG(info.st_mode) and info.st_uid == os.geteuid()


def _xattrs(fd: int) -> dict[str, bytes]:
    try:
        names = os.listxattr(fd)
    except OSError as error:
        if error.errno == errno.ENOTSUP:
            return {}
        raise
    return {name: os.getxattr(fd, name) for name in names}
