"""The way to a file, one component at a time, each held by an O_PATH descriptor: what was looked at is what is used.

There is no moment at which a link could be put in between: a name is opened once, in the directory that is held open
above it, and what its descriptor stands for is then looked at. Imported by workers: it brings no other module.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable

_MAX_LINKS = 40
"""As the kernel's MAXSYMLINKS (include/linux/namei.h)."""


class Step:
    """Something on the way: its descriptor, the path that it was found at (no link in it), and what it is."""

    __slots__ = ("fd", "info", "path")

    def __init__(self, fd: int, path: str) -> None:
        self.fd = fd
        self.path = path
        self.info = os.fstat(fd)

    @property
    def is_link(self) -> bool:
        """Whether it is a symbolic link."""
        return stat.S_ISLNK(self.info.st_mode)

    @property
    def is_directory(self) -> bool:
        """Whether it is a directory."""
        return stat.S_ISDIR(self.info.st_mode)


Look = Callable[[Step, Step], None]
"""Given a directory on the way and what was found in it; raises OSError where that must not be relied on."""


def _anything(above: Step, found: Step) -> None:
    """Looks at nothing."""


class Way:
    """The steps from a top directory down to where a path leads; `..` and absolute links never leave the top.

    A context manager that closes all of its descriptors.
    """

    __slots__ = ("_look", "held", "missing")

    def __init__(self, top: str = "/", look: Look = _anything) -> None:
        self.held = [Step(os.open(top, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC), top)]
        self.missing = ""
        """What of the path is not there, below the last step; only after `go(…, lacking=True)`."""
        self._look = look

    def __enter__(self) -> Way:
        return self

    def __exit__(self, *_: object) -> None:
        while self.held:
            os.close(self.held.pop().fd)

    @property
    def end(self) -> Step:
        """Where the way has led to."""
        return self.held[-1]

    @property
    def path(self) -> str:
        """The path of that, and of what is missing, without a link in it."""
        return join(self.end.path, self.missing) if self.missing else self.end.path

    def confine(self) -> None:
        """Make where it has led to the top, which nothing that follows leaves."""
        for step in self.held[:-1]:
            os.close(step.fd)
        del self.held[:-1]

    def go(self, path: str, *, links: bool = True, last_link: bool = True, lacking: bool = False) -> Way:
        """Walk on along a path.

        Args:
            links: whether links are followed on the way; else one is an error.
            last_link: whether the last component is followed when it is a link; else that link is the end.
            lacking: whether the path may end in components that are not there yet (`missing`).

        Raises OSError: ELOOP for a link too many; what `look` raises.
        """
        ahead = path.split("/")[::-1]
        followed = 0
        while ahead:
            name = ahead.pop()
            if name in ("", "."):
                continue
            if name == "..":
                if len(self.held) > 1:
                    os.close(self.held.pop().fd)
                continue
            try:
                step = self._open(name)
            except FileNotFoundError:
                rest = [name, *(part for part in reversed(ahead) if part not in ("", "."))]
                if not lacking or ".." in rest:
                    raise
                self.missing = "/".join(rest)
                return self
            if not step.is_link or (not any(ahead) and not last_link):
                self.held.append(step)
                continue
            try:
                target = os.readlink("", dir_fd=step.fd)
            finally:
                os.close(step.fd)
            followed += 1
            if not links or followed > _MAX_LINKS:
                raise OSError(errno.ELOOP, os.strerror(errno.ELOOP) if links else "a symbolic link", step.path)
            if target.startswith("/"):
                while len(self.held) > 1:
                    os.close(self.held.pop().fd)
            ahead += target.split("/")[::-1]
        return self

    def _open(self, name: str) -> Step:
        above = self.held[-1]
        try:
            fd = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=above.fd)
        except ValueError as error:
            raise OSError(errno.EINVAL, str(error), join(above.path, name)) from None
        step = Step(fd, join(above.path, name))
        try:
            self._look(above, step)
        except BaseException:
            os.close(fd)
            raise
        return step


def reopen(step: Step, flags: int) -> int:
    """A descriptor for use of what a step stands for, through its magic link, which resolves nothing again.

    Raises OSError.
    """
    return os.open(f"/proc/self/fd/{step.fd}", flags | os.O_NOCTTY | os.O_CLOEXEC)


def absolute(path: str) -> str:
    """The path from the top, nothing of it resolved. Raises OSError: EINVAL for no path at all."""
    if not path:
        raise OSError(errno.EINVAL, "an empty name names nothing", path)
    return path if path.startswith("/") else join(os.getcwd(), path)


def join(directory: str, name: str) -> str:
    """A path below a directory."""
    return f"{directory.rstrip('/')}/{name}"
