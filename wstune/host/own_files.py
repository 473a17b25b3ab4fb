"""Files of our own below /etc: taken as they are, replaced whole and durably, put back to the byte.

A file is written beside its place under a name that no loader reads, synced, renamed over it, and the directory synced:
whenever the power goes, the old or the new file is there whole. No symbolic link is followed at the last component.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from typing import NamedTuple

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
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        return None
    with os.fdopen(fd, "rb") as stream:
        info = os.fstat(fd)
        if not stat.S_ISREG(info.st_mode):
            raise OSError(errno.EINVAL, "not a regular file", path)
        if info.st_size > MAX_SIZE:
            raise OSError(errno.EFBIG, f"larger than {MAX_SIZE} bytes", path)
        content = stream.read()
        return FileImage(content, stat.S_IMODE(info.st_mode), info.st_uid, info.st_gid, _xattrs(fd))


def replace(path: str, image: FileImage) -> None:
    """Put `image` at `path`, whole and durably, whatever is there. Raises OSError, with the old file still in place."""
    directory = os.path.dirname(path)
    temporary = temporary_of(path)
    _remove_if_there(temporary)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    fd = os.open(temporary, flags, 0o600)
    try:
        try:
            written = 0
            while written < len(image.content):
                written += os.write(fd, image.content[written:])
            info = os.fstat(fd)
            if (info.st_uid, info.st_gid) != (image.uid, image.gid):
                os.fchown(fd, image.uid, image.gid)
            os.fchmod(fd, image.mode)
            present = _xattrs(fd)
            for name, value in image.xattrs.items():
                if present.get(name) != value:
                    os.setxattr(fd, name, value)
            os.fsync(fd)
        finally:
            os.close(fd)
        os.rename(temporary, path)
    except OSError:
        try:
            _remove_if_there(temporary)
        except OSError:
            pass  # what went wrong first is what counts; the next write or rollback removes it
        raise
    sync_directory(directory)


def remove(path: str) -> None:
    """Remove a file durably; one that is not there is no error. Raises OSError."""
    if _remove_if_there(path):
        sync_directory(os.path.dirname(path))


def clear_temporary(path: str) -> None:
    """Remove what a write of `path` that was cut short may have left beside it. Raises OSError."""
    if _remove_if_there(temporary_of(path)):
        sync_directory(os.path.dirname(path))


def temporary_of(path: str) -> str:
    """The name under which `path` is written first: hidden, and not `.conf`, so that no loader reads it."""
    return os.path.join(os.path.dirname(path), f".{os.path.basename(path)}.wstune-new")


def make_directory(path: str) -> None:
    """Make a directory (0755) durably, whose parent exists. Raises OSError, FileExistsError among them."""
    os.mkdir(path, 0o755)
    os.chmod(path, 0o755)  # noqa: S103 - what all of /etc has; the umask may have taken bits away
    sync_directory(os.path.dirname(path))


def remove_directory(path: str) -> bool:
    """Remove a directory durably if it is empty; False when it is not. Raises OSError; one that is gone is no error."""
    try:
        os.rmdir(path)
    except FileNotFoundError:
        return True
    except OSError as error:
        if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
            return False
        raise
    sync_directory(os.path.dirname(path))
    return True


def sync_directory(path: str) -> None:
    """Wait until the names in a directory are on disk. Raises OSError."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _remove_if_there(path: str) -> bool:
    try:
        os.unlink(path)
    except FileNotFoundError:
        return False
    return True


def _xattrs(fd: int) -> dict[str, bytes]:
    try:
        names = os.listxattr(fd)
    except OSError as error:
        if error.errno == errno.ENOTSUP:
            return {}
        raise
    return {name: os.getxattr(fd, name) for name in names}
