"""Where text goes: reports to stdout or a file, errors and progress to stderr, colour only where a person looks."""

from __future__ import annotations

import os
import sys
from pathlib import Path
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
    if file is None:
        try:
            sys.stdout.write(text)
            sys.stdout.flush()
        except BrokenPipeError:
            _discard_stdout()
        except OSError as error:
            _discard_stdout()
            reason = (error.strerror or str(error)).lower()
            raise UsageError(f"cannot write to standard output: {reason}", "give -o FILE another place") from error
        return
    try:
        _write_atomically(Path(file), text)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise UsageError(
            f"cannot write {file}: {reason}", "give -o a file in a directory that you may write"
        ) from error


def check_writable(file: str | None) -> None:
    """Raise UsageError now rather than after the work, when what -o names cannot be written."""
    if file is None:
        return
    path = Path(file)
    folder = path.resolve().parent
    if path.is_dir():
        reason = "it is a directory"
    elif not folder.is_dir():
        reason = "there is no such directory"
    elif not os.access(path if _special(path) else folder, os.W_OK):
        reason = "permission denied"
    else:
        return
    raise UsageError(f"cannot write {file}: {reason}", "give -o a file in a directory that you may write")


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


def _special(path: Path) -> bool:
    """Whether it is there and no regular file: /dev/stdout, a FIFO; those are written through, not replaced."""
    return path.exists() and not path.is_file()


def _write_atomically(path: Path, text: str) -> None:
    if _special(path):
        path.write_text(text, encoding="utf-8")
        return
    path = path.resolve()  # a symbolic link keeps pointing where it does
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
