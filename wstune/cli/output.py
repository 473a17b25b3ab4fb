"""Where text goes: reports to stdout or a file, errors and progress to stderr, colour only where a person looks."""

from __future__ import annotations

import errno
import os
import sys
from typing import TextIO

from wstune.errors import UsageError
from wstune.printable import printable, printable_report

_RED, _CYAN, _OFF = "\x1b[31m", "\x1b[36m", "\x1b[0m"


def wants_color(stream: TextIO) -> bool:
    """Whether to colour what is written there: NO_COLOR says no, FORCE_COLOR yes, else whether it is a terminal."""
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def print_error(message: str, tip: str = "") -> None:
    """One sentence and a way out, on stderr."""
    red, cyan, off = (_RED, _CYAN, _OFF) if wants_color(sys.stderr) else ("", "", "")
    lines = f"{red}ERROR{off} {printable(message)}\n" + (f"{cyan}TIP{off}   {printable(tip)}\n" if tip else "")
    try:
        sys.stderr.write(lines)
    except OSError:
        pass  # nobody listens; the exit code still tells


def write_report(text: str, file: str | None, *, verbatim: bool = False) -> None:
    """Write a report to stdout, or whole or not at all to a file. Raises UsageError when the file cannot be written.

    Control characters are spelled out, unless the text is `verbatim`: a document in which they stand for themselves.
    A reader of stdout that goes away early (`wstune check | head -1`) changes no verdict.
    """
    text = text if verbatim else printable_report(text, color=file is None and wants_color(sys.stdout))
    if not text.endswith("\n"):
        text += "\n"
    from wstune.host import outputs
    from wstune.host.files import reason

    if file is None or outputs.descriptor(file) == 1:
        try:
            sys.stdout.write(text)
            sys.stdout.flush()
        except BrokenPipeError:
            _discard_stdout()
        except OSError as error:
            _discard_stdout()
            raise UsageError(
                f"cannot write to standard output: {reason(error)}", "give -o FILE another place"
            ) from error
        return
    try:
        outputs.write(file, text.encode("utf-8", "surrogateescape"))
    except BrokenPipeError:
        pass  # its reader has gone, as that of stdout may
    except OSError as error:
        raise _unwritable(file, error) from error


def check_writable(file: str | None) -> None:
    """Raise UsageError now rather than after the work, when what -o names cannot be written."""
    if file is None:
        return
    from wstune.host import outputs

    try:
        outputs.require_writable(file)
    except OSError as error:
        raise _unwritable(file, error) from error


def _unwritable(file: str, error: OSError) -> UsageError:
    from wstune.host.files import reason
    from wstune.host.trust import DistrustError

    if isinstance(error, DistrustError):
        tip = "name a file where only you may write, or let the shell write it: … > FILE"
    elif isinstance(error, NotADirectoryError):
        error, tip = OSError(error.errno, "there is no such directory"), "give -o a file in an existing directory"
    elif error.errno == errno.ENXIO:
        tip = "start what reads from it first"
    else:
        tip = "give -o a file in a directory that you may write"
    return UsageError(f"cannot write {file or repr(file)}: {reason(error)}", tip)


def write_outcome(text: str, file: str | None, outcome: str) -> None:
    """Write the report of something that was done; raise UsageError, with what was done, when it cannot be written."""
    try:
        write_report(text, file)
    except UsageError as error:
        raise UsageError(f"{error}; {outcome}", "wstune history tells what was done") from error


def close_quietly(code: int) -> int:
    """Flush stdout before the interpreter does, so that a reader that went away costs no traceback."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        _discard_stdout()
    return code


def _discard_stdout() -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
