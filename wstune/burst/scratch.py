"""A directory for the run that nobody else may enter: Dask's own is in /tmp, under a name that anybody can take."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import tempfile
from collections.abc import Iterator

_JANITOR = """trap '' HUP INT TERM; read -r _ && exit 0; rm -rf -- "$1"; sleep 2; rm -rf -- "$1" """
"""Waits for a word; when the input ends without one, its maker was killed: what uses the directory ends just then."""
_END_SECONDS = 5.0


@contextlib.contextmanager
def private_directory() -> Iterator[str]:
    """A fresh directory of mode 0700; it is removed afterwards, also when this process is killed. Raises OSError."""
    directory = tempfile.mkdtemp(prefix="wstune-")
    janitor = subprocess.Popen(
        ["/bin/sh", "-c", _JANITOR, "sh", directory],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)
        with contextlib.suppress(OSError, subprocess.TimeoutExpired):
            janitor.communicate(b"done\n", _END_SECONDS)
