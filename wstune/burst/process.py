"""A coordinator as seen from whoever started it: commands go in, events come out, both as JSON lines."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import wstune
from wstune.burst.coordinator import command_line
from wstune.burst.engine import events, wire
from wstune.burst.engine.plan import Plan
from wstune.errors import InconclusiveError

Answer = TypeVar("Answer", bound=wire.Mergeable)
_END_SECONDS = 10.0


class Burst:
    """A running coordinator; `on_progress` hears of its progress."""

    def __init__(self, plan: Plan, on_progress: Callable[[events.ProgressEvent], None]) -> None:
        """Start it, and send the plan. Raises InconclusiveError if it does not start."""
        self._on_progress = on_progress
        self._buffer = b""
        commands, self._commands = os.pipe()
        self._events, theirs = os.pipe()
        try:
            self._process = subprocess.Popen(
                command_line(str(Path(wstune.__file__).parent.parent)),
                stdin=commands,
                stdout=theirs,
                start_new_session=True,  # Ctrl-C is ours to handle: it must not reach the workers first
            )
        except OSError as error:
            os.close(self._commands)
            os.close(self._events)
            raise InconclusiveError(
                f"the burst's coordinator could not be started: {error.strerror}",
                "see the limits on processes with: wstune capacity",
            ) from None
        finally:
            os.close(commands)
            os.close(theirs)
        self.send(plan)

    def send(self, message: Plan | wire.Command | wire.Request[wire.Mergeable]) -> None:
        """Send one line. Raises InconclusiveError if the coordinator is gone."""
        self.send_line(wire.line_of(message))

    def send_line(self, line: bytes) -> None:
        """Send a line as it is. Raises InconclusiveError if the coordinator is gone."""
        try:
            os.write(self._commands, line)
        except BrokenPipeError:
            raise InconclusiveError("the burst's coordinator was lost", "look for the OOM killer in dmesg") from None

    def do(self, command: wire.Request[Answer]) -> Answer:
        """Send a command and wait for its answer."""
        self.send(command)
        return self.wait_for(command.answer)

    def wait_for(self, kind: type[Answer], seconds: float | None = None) -> Answer:
        """The next event of that kind; progress is reported on the way. Raises OSError for an `ErrorEvent`.

        Raises InconclusiveError at the end of the stream, and after so many seconds.
        """
        until = None if seconds is None else time.monotonic() + seconds
        while True:
            event = self.next_event(None if until is None else max(0.0, until - time.monotonic()))
            if event is None:
                raise InconclusiveError(f"the burst's coordinator did not answer within {seconds:.0f} s")
            if isinstance(event, kind):
                return event
            self._take(event)

    def ready(self, seconds: float) -> events.ReadyEvent:
        """When the server listens, if there is one. Raises as `wait_for`."""
        return self.wait_for(events.ReadyEvent, seconds)

    def watch(self, seconds: float) -> None:
        """Let time pass; report progress once a second. Returns early if the coordinator says that it is over."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            self.do(wire.StatusCommand())
            time.sleep(min(left, 1.0))

    def _take(self, event: events.CoordinatorEvent) -> None:
        match event:
            case events.ProgressEvent():
                self._on_progress(event)
            case events.OpenEvent():  # for which nobody waits any more: it has its counts, too
                self._on_progress(events.ProgressEvent(event.seconds, event.standing))
            case events.ErrorEvent(number, message):
                raise OSError(number, message)
            case _:
                pass

    def next_event(self, seconds: float | None) -> events.CoordinatorEvent | None:
        """One event, None after `seconds` without. Raises InconclusiveError at the end of the stream."""
        line = self.next_line(seconds)
        return None if line is None else wire.read_event(line)

    def next_line(self, seconds: float | None) -> bytes | None:
        """One event as it came, None after `seconds` without. Raises InconclusiveError at the end of the stream."""
        while b"\n" not in self._buffer:
            ready, _, _ = select.select([self._events], [], [], seconds)
            if not ready:
                return None
            data = os.read(self._events, 1 << 16)
            if not data:
                raise InconclusiveError("the burst's coordinator was lost", "look for the OOM killer in dmesg")
            self._buffer += data
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line

    def end(self) -> None:
        """Leave nothing behind: closing stdin makes the coordinator tear down; after a while it is killed, and its
        workers with it (PR_SET_PDEATHSIG)."""
        os.close(self._commands)
        try:
            self._hear_the_last()
            self._process.wait(_END_SECONDS)
        except (subprocess.TimeoutExpired, KeyboardInterrupt):
            self._kill()
        os.close(self._events)

    def _hear_the_last(self) -> None:
        """Take what is told until the coordinator is gone: it counts, also for whoever was interrupted twice.

        An opening that is cut short ends with its counts, however early that was.
        """
        until = time.monotonic() + _END_SECONDS
        try:
            while (event := self.next_event(max(0.0, until - time.monotonic()))) is not None:
                self._take(event)
        except (InconclusiveError, OSError):
            return  # the end of what it tells, or a failure of which there is no more to say

    def _kill(self) -> None:
        """End the coordinator and its workers, which are of its session, and wait until the last has closed its
        sockets."""
        group = self._process.pid
        os.killpg(group, signal.SIGKILL)
        self._process.wait()
        until = time.monotonic() + _END_SECONDS
        while time.monotonic() < until:
            try:
                os.killpg(group, 0)
            except ProcessLookupError:
                return
            time.sleep(0.01)
