"""A forked child that goes where this process must not, and brings back a value: bounded in time, never left behind."""

from __future__ import annotations

import marshal
import os
import select
import signal
import time
from collections.abc import Callable
from typing import Any

CLONE_NEWUSER = 0x10000000
CLONE_NEWNET = 0x40000000
"""linux/sched.h."""


def run(function: Callable[[], Any], seconds: float) -> Any:
    """What `function` returns (numbers, texts, bytes, tuples, lists, dicts, None) when called in a forked child.

    Raises OSError: the one that it raised there; ETIMEDOUT, after SIGKILL, when it took longer than `seconds`; ECHILD
    when it died. The child shares nothing with this process but what was there at the fork.
    """
    reader, writer = os.pipe2(os.O_CLOEXEC)
    pid = os.fork()
    if pid == 0:
        _child(function, writer)
    os.close(writer)
    try:
        data = _read_all(reader, time.monotonic() + seconds)
    finally:
        os.close(reader)
        os.kill(pid, signal.SIGKILL)  # it has answered, or is late; a zombie does not mind
        os.waitpid(pid, 0)
    if data is None:
        raise TimeoutError(f"no answer within {seconds} s")
    if not data:
        raise ChildProcessError("the child died without an answer")
    # Our own forked code wrote it.
    number, value = marshal.loads(data)  # noqa: S302
    if number:
        raise OSError(number, value)
    return value


def _child(function: Callable[[], Any], writer: int) -> None:
    """Never returns: nothing of the parent's (handlers, buffers, finally blocks) may run twice."""
    try:
        try:
            answer = (0, function())
        except OSError as error:
            answer = (error.errno or 5, error.strerror or str(error))
        data = marshal.dumps(answer)
        while data:
            data = data[os.write(writer, data) :]
    finally:
        os._exit(0)


def _read_all(reader: int, deadline: float) -> bytes | None:
    """Everything until the other end closes; None when that does not come in time."""
    chunks: list[bytes] = []
    poll = select.poll()
    poll.register(reader, select.POLLIN)
    while poll.poll(max(0, round((deadline - time.monotonic()) * 1000))):
        chunk = os.read(reader, 1 << 16)
        if not chunk:
            return b"".join(chunks)
        chunks.append(chunk)
    return None


def make_ready() -> None:
    """Load what the system calls below need: to be called in the child before it gives up rights to read files."""
    if not hasattr(os, "unshare"):  # of Python 3.12
        import ctypes  # noqa: F401 - in the child only: it takes 5 ms


def unshare(flags: int) -> None:
    """unshare(2). Raises OSError."""
    _call("unshare", flags)


def setns(fd: int, kind: int) -> None:
    """setns(2). Raises OSError."""
    _call("setns", fd, kind)


def _call(name: str, *arguments: int) -> None:
    ready = getattr(os, name, None)
    if ready is not None:
        ready(*arguments)
        return
    import ctypes

    if getattr(ctypes.CDLL(None, use_errno=True), name)(*arguments):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
