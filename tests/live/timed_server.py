"""The chat server with its accept() timed, as a program: `python -m tests.live.timed_server` prints its port, then
CLOCK_MONOTONIC in nanoseconds at each accepted connection, and ends with its stdin."""

from __future__ import annotations

import ctypes
import os
import select
import time
from typing import Any

from wstune.chat.options import Options
from wstune.chat.workers import Supervisor

_genuine = ctypes.PyDLL


class Timed:
    """The C library, whose accept4() tells when it has accepted one."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self._libc = _genuine(*arguments, **options)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._libc, name)

    def accept4(self, *arguments: Any) -> int:
        fd: int = self._libc.accept4(*arguments)
        if fd >= 0:
            os.write(1, b"%d\n" % time.monotonic_ns())
        return fd


def main() -> None:
    ctypes.PyDLL = Timed  # type: ignore[assignment, misc]
    supervisor = Supervisor("127.0.0.1", 0, 1, 4096, Options())
    os.write(1, b"%d\n" % supervisor.port)
    supervisor.watch(0)
    supervisor.start()
    while not select.select([0], [], [], 0)[0]:
        supervisor.poll(1.0)
    supervisor.kill()


if __name__ == "__main__":
    main()
