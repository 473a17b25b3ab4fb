"""A conversation with another machine, in bounds: one deadline and one size for the whole of it, however it comes."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from wstune.burst.engine.records import WireError
from wstune.errors import InconclusiveError

if TYPE_CHECKING:
    import asyncssh

ANSWER_SECONDS = 20.0
MOST_BYTES = 1 << 20
_CHUNK = 1 << 16


class Bounds:
    """What is left of one conversation: seconds until its deadline, bytes until its size."""

    def __init__(self, who: str, seconds: float = ANSWER_SECONDS, most: int = MOST_BYTES) -> None:
        self._who = who
        self._seconds = seconds
        self._until = time.monotonic() + seconds
        self._most = self._left = most

    def seconds(self) -> float:
        """Until the deadline, 0 after it."""
        return max(0.0, self._until - time.monotonic())

    def took(self, size: int) -> None:
        """So many bytes came. Raises InconclusiveError when that is more than may come in all."""
        self._left -= size
        if self._left < 0:
            raise InconclusiveError(
                f"{self._who} sent more than {self._most >> 20} MiB", f"see what it says: ssh {self._who}"
            )

    def late(self) -> InconclusiveError:
        """The error that the deadline is."""
        return InconclusiveError(
            f"{self._who} did not answer within {self._seconds:.0f} s", f"see what it does: ssh {self._who}"
        )

    def broken(self, error: BaseException) -> InconclusiveError:
        """The error that the end of the connection is."""
        why = getattr(error, "reason", "") or getattr(error, "strerror", "") or str(error) or type(error).__name__
        return InconclusiveError(f"{self._who} broke off: {why}", f"see why: ssh {self._who}")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command on another machine has said; what is not UTF-8 is replaced."""

    stdout: str
    stderr: str
    exit_status: int | None


async def run(connection: asyncssh.SSHClientConnection, command: str, bounds: Bounds, given: str = "") -> Answer:
    """Run a command there, give it an input, and hear what it says, all within the bounds. Raises InconclusiveError."""
    import asyncssh

    try:
        async with asyncio.timeout(bounds.seconds()):
            process = await connection.create_process(command, encoding=None)
            try:
                process.stdin.write(given.encode())
                process.stdin.write_eof()
                heard = await asyncio.gather(_all(process.stdout, bounds), _all(process.stderr, bounds))
                await process.wait_closed()
            finally:
                process.close()
    except TimeoutError:
        raise bounds.late() from None
    except (OSError, asyncssh.Error) as error:
        raise bounds.broken(error) from None
    stdout, stderr = (said.decode(errors="replace") for said in heard)
    return Answer(stdout, stderr, process.exit_status)


async def _all(reader: asyncssh.SSHReader[bytes], bounds: Bounds) -> bytes:
    said = bytearray()
    while data := await reader.read(_CHUNK):
        bounds.took(len(data))
        said += data
    return bytes(said)


@contextlib.contextmanager
def said_by(who: str) -> Iterator[None]:
    """What is not an answer of wstune is an error that names the machine. Raises InconclusiveError."""
    try:
        yield
    except WireError as error:
        raise InconclusiveError(
            f"{who} sent something that is not a wstune answer: {error}", f"see what answers there: ssh {who}"
        ) from None
