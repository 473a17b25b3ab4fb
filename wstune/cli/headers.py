"""--header of `wstune verify`: a line, a file of lines, and values out of the environment; no message shows a value.

What stands on a command line is seen by every user of the host (/proc/PID/cmdline). A file and the environment are not.
"""

from __future__ import annotations

import os
import re
import stat
import sys
from collections.abc import Iterable, Mapping

from wstune import redaction
from wstune.errors import UsageError

MOST_BYTES = 65_536
_TIP = "--header 'User-Agent: test', --header 'Authorization: {env:TOKEN}', or --header @FILE, one header a line"
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", re.ASCII)
"""A token of RFC 9110 section 5.6.2."""
_VARIABLE = re.compile(r"\{env:([^{}]*)\}")


def of_request(given: Iterable[str] | None, environment: Mapping[str, str] = os.environ) -> str:
    """The lines as they go into the request, each ended by CRLF. Raises UsageError, without the value."""
    lines = [line for text in given or () for line in (_of_file(text[1:]) if text.startswith("@") else (text,))]
    return "".join(f"{_line(line, environment)}\r\n" for line in lines)


def _line(line: str, environment: Mapping[str, str]) -> str:
    name, colon, value = line.partition(":")
    if not colon or not _NAME.fullmatch(name):
        raise UsageError(f"--header {redaction.header(line)}: expected Name: value", _TIP)
    value = _VARIABLE.sub(lambda found: _variable(name, found[1], environment), value.strip())
    if not value.isascii() or not value.isprintable():
        raise UsageError(f"--header {name}: …: the value has characters that no header has", "printable ASCII")
    return f"{name}: {value}"


def _variable(header: str, name: str, environment: Mapping[str, str]) -> str:
    try:
        return environment[name].strip()
    except KeyError:
        raise UsageError(f"--header {header}: there is no {name!r} in the environment", "export it first") from None


def _of_file(path: str) -> list[str]:
    """The lines of a file but for empty ones and comments. Raises UsageError."""
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - /dev/fd/N too
            data = file.read(MOST_BYTES + 1)
            mode = os.fstat(file.fileno()).st_mode
    except (OSError, ValueError) as error:
        why = (getattr(error, "strerror", None) or str(error)).lower()
        raise UsageError(f"--header @{path}: {why}", "a file with one header a line") from None
    if len(data) > MOST_BYTES:
        raise UsageError(f"--header @{path}: more than {MOST_BYTES >> 10} KiB, which are no headers")
    if stat.S_ISREG(mode) and mode & 0o077:
        sys.stderr.write(f"TIP   {path} is open to other users of this host: chmod 600\n")
    try:
        lines = data.decode("ascii").splitlines()
    except UnicodeDecodeError:
        raise UsageError(f"--header @{path}: a header is ASCII", "one header a line") from None
    return [line for line in lines if line.strip() and not line.startswith("#")]
