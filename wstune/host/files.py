"""The door to files: every path is resolved inside one root, `/` for this host or the top of a captured tree.

A captured tree may be hostile (a support archive from somebody else, a container's file system read by root), so below
any root but `/` the path is walked component by component (walk.Way): an absolute link starts again at the root, `..`
never leaves it, and nothing is opened before it is known to be a regular file.

Everything here raises OSError and nothing else: a NUL byte or a lone surrogate in a path is EINVAL, a file that is too
large EFBIG, one that is not a file EINVAL (directories EISDIR).
"""

from __future__ import annotations

import errno
import os
import stat

from wstune.host import walk

LIMIT = 1 << 20
"""Bytes read from one file unless the caller says otherwise: no kernel file that wstune reads is as large."""


class Root:
    """A file system to read: `Root()` is this host, `Root("tests/hosts/vm")` a captured tree."""

    __slots__ = ("live", "path")

    def __init__(self, path: str | os.PathLike[str] = "/") -> None:
        self.path = os.path.normpath(os.fspath(path))
        self.live = self.path == "/"
        """Whether this is the running host, whose system calls may then be asked as well."""

    def __repr__(self) -> str:
        return f"Root({self.path!r})"

    def read_text(self, path: str, limit: int = LIMIT) -> str:
        """The text of a regular file, bytes that are not UTF-8 replaced. Raises OSError (EFBIG above `limit` bytes)."""
        return self.read_bytes(path, limit).decode("utf-8", "replace")

    def read_bytes(self, path: str, limit: int = LIMIT) -> bytes:
        """The bytes of a regular file. Raises OSError (EFBIG above `limit` bytes)."""
        fd = self.open(path, os.O_RDONLY)
        try:
            chunks = []
            left = limit + 1
            # A proc file may give less than was asked for without being at its end.
            while left > 0 and (chunk := os.read(fd, min(left, 1 << 16))):
                chunks.append(chunk)
                left -= len(chunk)
        except OSError as error:
            raise _named(error, path) from None
        finally:
            os.close(fd)
        if left <= 0:
            raise OSError(errno.EFBIG, f"larger than {limit} bytes", path)
        return b"".join(chunks)

    def write_text(self, path: str, text: str) -> None:
        """Replace the content of a file that exists, by one write(2), as the kernel's own files want it.

        Raises OSError; EIO when fewer bytes were taken than given.
        """
        data = text.encode()
        fd = self.open(path, os.O_WRONLY | os.O_TRUNC)
        try:
            written = os.write(fd, data)
        except OSError as error:
            raise _named(error, path) from None
        finally:
            os.close(fd)
        if written != len(data):
            raise OSError(errno.EIO, f"only {written} of {len(data)} bytes were taken", path)

    def open(self, path: str, flags: int) -> int:
        """A descriptor of a regular file below the root; the caller closes it. Raises OSError."""
        if self.live:
            # O_NONBLOCK: a FIFO put where a file is expected must not hang us.
            try:
                fd = os.open(path, flags | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
            except ValueError as error:
                raise OSError(errno.EINVAL, str(error), path) from None
            try:
                _require_file(os.fstat(fd).st_mode, path)
            except OSError:
                os.close(fd)
                raise
            return fd
        try:
            with self._way(path) as way:
                _require_file(way.end.info.st_mode, path)
                return walk.reopen(way.end, flags | os.O_NONBLOCK)
        except OSError as error:
            raise _named(error, path) from None

    def stat(self, path: str) -> os.stat_result:
        """What the path leads to, links followed inside the root. Raises OSError."""
        if self.live:
            try:
                return os.stat(path)
            except ValueError as error:
                raise OSError(errno.EINVAL, str(error), path) from None
        with self._way(path) as way:
            return way.end.info

    def exists(self, path: str) -> bool:
        """Whether the path leads to something. What may not be looked at does not count as there."""
        try:
            self.stat(path)
        except OSError:
            return False
        return True

    def listdir(self, path: str) -> list[str]:
        """The names in a directory, sorted by code point. Raises OSError."""
        if self.live:
            try:
                return sorted(os.listdir(path))
            except ValueError as error:
                raise OSError(errno.EINVAL, str(error), path) from None
        with self._way(path) as way:
            try:
                return sorted(os.listdir(f"/proc/self/fd/{way.end.fd}/."))
            except OSError as error:
                raise _named(error, path) from None

    def readlink(self, path: str) -> str:
        """The text of the link that the path's last component is: nothing of it is resolved. Raises OSError."""
        if self.live:
            try:
                return os.readlink(path)
            except ValueError as error:
                raise OSError(errno.EINVAL, str(error), path) from None
        with self._way(path, last_link=False) as way:
            try:
                return os.readlink("", dir_fd=way.end.fd)
            except OSError as error:
                # readlinkat with an empty path says ENOENT, where readlink says EINVAL, when it is not a link.
                number = errno.EINVAL if error.errno == errno.ENOENT else error.errno
                raise OSError(number, os.strerror(number or errno.EINVAL), path) from None

    def _way(self, path: str, *, last_link: bool = True) -> walk.Way:
        """The way to what the path leads to; the caller closes it."""
        way = walk.Way(self.path)
        try:
            return way.go(path, last_link=last_link)
        except OSError as error:
            way.__exit__()
            raise _named(error, path) from None


def is_decimal(field: str) -> bool:
    """Whether a field is a plain unsigned number of the kernel's: ASCII digits, at most as many as 64 bits have."""
    return field.isascii() and field.isdecimal() and len(field) <= 20


def printable(text: str) -> str:
    """The text without what a terminal would obey: a captured tree may be anybody's."""
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in text)


def words(error: OSError) -> str:
    """What came of it, in words, without the path: `Permission denied`."""
    return error.strerror or (os.strerror(error.errno) if error.errno else str(error))


def reason(error: OSError) -> str:
    """The same in the middle of a sentence: `permission denied`. Names that it holds keep their capitals."""
    text = words(error)
    return text[:1].lower() + text[1:]


def _require_file(mode: int, path: str) -> None:
    if stat.S_ISDIR(mode):
        raise OSError(errno.EISDIR, os.strerror(errno.EISDIR), path)
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, "not a regular file", path)


def _named(error: OSError, path: str) -> OSError:
    """The same error, naming the path that was asked for rather than the descriptor that stood for it."""
    return OSError(error.errno, words(error), path)
