"""Every file and directory that wstune makes: written where it has looked, whole, and durably.

The way is walked one component at a time on descriptors (walk.Way), and root asks of each who else could change it
(trust.looking). A file is written beside its place under a random name, synced, renamed over it, and the directory
synced: whenever the power goes, the old or the new file is there whole.

All of it raises OSError; DistrustError, which is one, says in words who could have steered root elsewhere.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from wstune.host import trust
from wstune.host.walk import Step, Way, absolute

_LONGEST_NAME = 255
"""Bytes (NAME_MAX)."""

_MARK = ".wstune-"
_RANDOM = re.compile(r"[0-9a-f]{16}|new")
"""What follows the mark in a temporary name; `new` was all of it until 0.12."""


@contextmanager
def folder(path: str, *, links: bool = False, shared: bool = False) -> Iterator[Step]:
    """A directory, held open while it is worked in.

    Args:
        links: whether links on the way are followed, where they are to be trusted; else one is ELOOP.
        shared: whether a sticky directory that others write too (/tmp) will do.
    """
    if not path.startswith("/"):
        raise OSError(errno.EINVAL, "not an absolute path", path)
    own = trust.asked()
    with Way(look=trust.looking(own)) as way:
        end = way.go(path, links=links).end
        _require_directory(end)
        trust.require(end, own, sticky=shared)
        yield end


def resolve(path: str, top: str = "/", *, ask: bool = True) -> str:
    """Where a path leads, without a link in it; its end may be missing.

    Args:
        top: a tree that links and `..` do not lead out of; itself an absolute path without links.
        ask: whether root asks who could change the way.
    """
    with Way(look=trust.looking(trust.asked() if ask else None)) as way:
        if top != "/":
            way.go(top, links=False)
            way.confine()
        way.go(path if top != "/" else absolute(path), lacking=True)
        return way.path


def make_directories(path: str, mode: int) -> str:
    """Make a directory of this mode, and those above it that lack (0755), durably; one that is there is left alone.

    None is made where others could take it away, and it may itself be no link. Returns its path without links.
    """
    own = trust.asked()
    with Way(look=trust.looking(own)) as way:
        if way.go(absolute(path), last_link=False, lacking=True).end.is_link:
            raise OSError(errno.ELOOP, "it is a symbolic link", path)
        missing = way.missing.split("/") if way.missing else []
        for name in missing:
            _require_directory(way.end)
            trust.require(way.end, own, sticky=True)
            _make(way.end, name, mode if name is missing[-1] else 0o755)
            way.missing = ""
            way.go(name, links=False)
        _require_directory(way.end)
        trust.require(way.end, own)
        return way.end.path


def make_private_directory(path: str) -> str:
    """Make a directory that only its owner may enter (0700); one that is there is tightened. Returns its path."""
    found = make_directories(path, 0o700)
    with folder(found) as where:
        if stat.S_IMODE(where.info.st_mode) & 0o077:
            os.chmod(f"/proc/self/fd/{where.fd}", 0o700)
    return found


def make_directory(path: str, mode: int = 0o755) -> None:
    """Make one directory durably, whatever the umask. Raises FileExistsError among others."""
    with folder(os.path.dirname(path)) as where:
        _make(where, os.path.basename(path), mode)


def replace(
    where: Step, name: str, data: bytes, *, mode: int = 0o600, finish: Callable[[int], None] | None = None
) -> None:
    """Put a file into a directory, whole and durably, whatever of that name is there. The old one stays if it fails.

    Args:
        mode: with which it is made, less the umask.
        finish: is given the descriptor of the new file before it is synced, to give it its owner, mode and attributes.
    """
    temporary = temporary_name(name)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    fd = os.open(temporary, flags, mode, dir_fd=where.fd)
    try:
        try:
            write_all(fd, data)
            if finish is not None:
                finish(fd)
            os.fsync(fd)
        finally:
            os.close(fd)
        os.rename(temporary, name, src_dir_fd=where.fd, dst_dir_fd=where.fd)
    except BaseException:
        with suppress(OSError):  # what went wrong first is what counts; the next write or rollback removes it
            os.unlink(temporary, dir_fd=where.fd)
        raise
    sync(where)


def create(where: int | None, name: str, data: bytes, mode: int) -> None:
    """Make a file that must not be there yet: FileExistsError, also where the name is a link.

    Args:
        where: the descriptor of its directory; None: `name` is a path, in a directory that is known to be ours.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    fd = os.open(name, flags, mode, dir_fd=where)
    try:
        write_all(fd, data)
    finally:
        os.close(fd)


def open_kept(path: str, mode: int, *, append: bool = False) -> int:
    """A descriptor, to read and write, of a file of ours that stays from run to run; made durably if it is not there.

    Its mode is made no wider than `mode`. Raises EINVAL when it is no regular file, ELOOP for a link.
    """
    own = trust.asked()
    flags = os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | (os.O_APPEND if append else 0)
    with folder(os.path.dirname(path)) as where:
        name, made = os.path.basename(path), False
        try:
            fd = os.open(name, flags, dir_fd=where.fd)
        except FileNotFoundError:
            fd, made = os.open(name, flags | os.O_CREAT | os.O_EXCL, mode, dir_fd=where.fd), True
        try:
            info = os.fstat(fd)
            if not stat.S_ISREG(info.st_mode):
                raise OSError(errno.EINVAL, "not a regular file", path)
            if own is not None and info.st_uid not in own:
                raise trust.DistrustError(f"{path} belongs to user {info.st_uid}", path)
            if made or stat.S_IMODE(info.st_mode) & ~mode:
                os.fchmod(fd, mode if made else stat.S_IMODE(info.st_mode) & mode)
            if made:
                sync(where)
        except BaseException:
            os.close(fd)
            raise
        return fd


class Tree:
    """A directory that files and links are put below, each directory on the way made or entered, no link followed.

    A context manager that closes its descriptor.
    """

    def __init__(self, fd: int) -> None:
        self._fd = fd

    @classmethod
    def make(cls, where: Step, name: str) -> Tree:
        """Make it (0700)."""
        os.mkdir(name, 0o700, dir_fd=where.fd)
        return cls(_enter(where.fd, name))

    @classmethod
    def at(cls, where: Step) -> Tree:
        """An existing one."""
        return cls(_enter(where.fd, "."))

    def __enter__(self) -> Tree:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._fd)

    def write(self, path: str, text: str) -> None:
        """Put a file there, which must not be there yet."""
        with self._folder(path) as (fd, name):
            create(fd, name, text.encode(), 0o644)

    def link(self, path: str, target: str) -> None:
        """Put a symbolic link there."""
        with self._folder(path) as (fd, name):
            os.symlink(target, name, dir_fd=fd)

    @contextmanager
    def _folder(self, path: str) -> Iterator[tuple[int, str]]:
        """The directory that a path is in, made where it lacks, and the path's last name."""
        *above, name = [part for part in path.split("/") if part not in ("", ".")]
        fd = os.dup(self._fd)
        try:
            for part in above:
                with suppress(FileExistsError):
                    os.mkdir(part, 0o755, dir_fd=fd)
                inner = _enter(fd, part)
                os.close(fd)
                fd = inner
            yield fd, name
        finally:
            os.close(fd)


def temporary_name(name: str) -> str:
    """A name under which a file is written first: hidden, not `.conf`, so that no loader reads it, and not foreseen."""
    return _stem(name) + os.urandom(8).hex()


def is_temporary_of(name: str, candidate: str) -> bool:
    """Whether a name in a directory is one under which a write of `name` that was cut short may have left a file."""
    stem = _stem(name)
    return candidate.startswith(stem) and _RANDOM.fullmatch(candidate[len(stem) :]) is not None


def write_all(fd: int, data: bytes) -> None:
    """Write all of it."""
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def sync(where: Step) -> None:
    """Wait until the names in a directory are on disk."""
    fd = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=where.fd)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _stem(name: str) -> str:
    room = _LONGEST_NAME - len(_MARK) - 17
    return f".{os.fsdecode(os.fsencode(name)[:room])}{_MARK}"


def _enter(fd: int, name: str) -> int:
    return os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=fd)


def _make(where: Step, name: str, mode: int) -> None:
    os.mkdir(name, mode, dir_fd=where.fd)
    fd = _enter(where.fd, name)
    try:
        os.fchmod(fd, mode)  # the umask may have taken bits away
    finally:
        os.close(fd)
    sync(where)


def _require_directory(step: Step) -> None:
    if not step.is_directory:
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), step.path)
