"""The standard streams, whatever this process was given: none of the three is missing, and that nobody listens is no
error.

Cron, daemons and `>&-` start a program without some of them: Python then has None in its place, and the next file or
socket that is opened gets its number, and what is printed.
"""

from __future__ import annotations

import errno
import io
import os
import stat
import sys


def prepare() -> None:
    """Open what is closed, and let what is written to nobody be lost. To be called before anything is opened."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        _open_if_closed(number, name)
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if type(stream) is io.TextIOWrapper:  # whoever calls `main` with streams of another class keeps them
            stream.flush()
            encoding, lines = stream.encoding, stream.line_buffering
            # A terminal that cannot show ≥ shows ?, not a traceback.
            made = _Patient(stream.detach(), encoding=encoding, errors="replace", line_buffering=lines)
            made.any_error = name == "stderr"
            setattr(sys, name, made)


def _open_if_closed(number: int, name: str) -> None:
    try:
        os.fstat(number)
    except OSError:
        nothing = os.open(os.devnull, os.O_RDWR)  # the least number that is free: those below are open
        if nothing != number:
            os.dup2(nothing, number)
            os.close(nothing)
        os.set_inheritable(number, True)
    if getattr(sys, name) is None:
        mode = "w" if number else "r"
        setattr(sys, name, open(number, mode, encoding="utf-8", errors="replace", closefd=False))  # noqa: SIM115


class _Patient(io.TextIOWrapper):
    """A stream whose reader may go away: then all that is written goes nowhere, and changes no verdict.

    A full disk is still an error, unless `any_error` is none: of what is said beside the report.
    """

    any_error = False

    def write(self, text: str, /) -> int:
        try:
            return super().write(text)
        except OSError as error:
            self._discard(error)
            return len(text)

    def flush(self) -> None:
        try:
            super().flush()
        except OSError as error:
            self._discard(error)

    def _discard(self, error: OSError) -> None:
        """Write to nowhere from now on. Raises the error where somebody ought to know of it."""
        fd = self.fileno()
        # EIO of a terminal: it has been hung up.
        gone = error.errno == errno.EPIPE or (error.errno == errno.EIO and stat.S_ISCHR(os.fstat(fd).st_mode))
        if not (gone or self.any_error):
            raise error
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, fd)
        os.close(nowhere)
        super().flush()
