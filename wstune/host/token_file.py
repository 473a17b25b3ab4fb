"""A token that is read from a file: on a command line everybody on the host would see it (ps, /proc/PID/cmdline)."""

from __future__ import annotations

import os
import re
import stat

from wstune.errors import UsageError

_MOST = 4096
_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]{16,1024}=*")
"""RFC 6750 section 2.1; so short a one could be guessed."""


def read_token(option: str, text: str) -> str:
    """The token in the file that `@FILE` names: one line. Raises UsageError, which never shows what was given.

    A regular file must not be readable by everybody; a pipe (`@/dev/fd/63`) may be.
    """
    if not text.startswith("@") or text == "@":
        raise UsageError(
            f"{option} takes @FILE: a token on the command line is seen by everybody on this host", f"{option} @FILE"
        )
    path = text[1:]
    try:
        with open(path, "rb") as stream:
            mode = os.fstat(stream.fileno()).st_mode
            data = stream.read(_MOST + 1)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise UsageError(f"{option} {path!r}: {why.lower()}", "name a file that holds the token, one line") from None
    if stat.S_ISREG(mode) and mode & stat.S_IROTH:
        raise UsageError(f"{option} {path!r}: everybody on this host may read that file", "chmod o-r on it")
    token = data[:_MOST].decode("ascii", "replace").removesuffix("\n").removesuffix("\r")
    if len(data) > _MOST or not _TOKEN.fullmatch(token):
        raise UsageError(
            f"{option} {path!r}: expected one line of 16 to 1,024 letters, digits or -._~+/", "openssl rand -hex 32"
        )
    return token
