"""One generator process: opens its share, holds it, and does with it what the coordinator's lines say.

Lean: forked by the hundred.
"""

from __future__ import annotations

import os
import select
import time

from wstune.burst import tally as t
from wstune.burst.connections import BATCH, OPEN, Connections
from wstune.burst.job import Job
from wstune.burst.opening import Opening

TYPE_CHECKING = False
if TYPE_CHECKING:
    from wstune.burst.tls import ClientTls

OPENED = b"opened\n"
"""What a generator writes to its pipe when its share is open, or has failed."""

_FOREVER = 3600.0


class Generator:
    """Reads one command a line from the pipe; the first word is what to do. Each is acknowledged in the tally."""

    def __init__(
        self, job: Job, words: memoryview, board: memoryview, commands: int, tls: ClientTls | None = None
    ) -> None:
        self.commands = commands
        self.connections = Connections(words, board, tls)
        self.connections.buffers = job.buffers
        self.connections.epoll.register(commands, select.EPOLLIN)
        way: type[Opening] = Opening
        if tls is not None or any(route.tunnel for route in job.routes):
            from wstune.burst.detours import Detours

            way = Detours
        self.opening = way(job, self.connections, commands, self.command)
        self.script = self.opening.script
        self.verbs = {
            b"expect": self.expect,
            b"say": self.connections.say,
            b"ping": lambda _: self.connections.ping(),
            b"unanswered": lambda _: self.connections.unanswered(),
            b"talk": self.talk,
            b"close": lambda count: self.connections.close(int(count)),
            b"reset": lambda _: self.connections.reset(),
            b"halt": self.halt,
        }
        self._talkers: list[int] = []
        self._talk_size = 0
        self._talk_gap = _FOREVER
        self._talk_at = 0.0
        self._talked = 0

    def run(self) -> None:
        """Open, say so, hold until the pipe is closed."""
        self.opening.run()
        os.write(self.commands, OPENED)
        connections = self.connections
        states, poll, script = connections.states, connections.epoll.poll, self.script
        while True:
            for fd, _ in poll(script.wait(self._wait()) if script else self._wait(), BATCH):
                if fd == self.commands:
                    self.command()
                elif states[fd] >= OPEN:
                    connections.receive(fd)
            if script:
                script.run_due()
            if self._talkers:
                self._talk()

    def command(self) -> None:
        """Do what has been asked for; leave when whoever asks is gone."""
        data = os.read(self.commands, 65_536)
        if not data:
            os._exit(0)
        for line in data.splitlines():
            verb, _, rest = line.partition(b" ")
            self.verbs[verb](rest)
            self.connections.words[t.ACKS] += 1

    def halt(self, _: bytes) -> None:
        """Begin no more connections."""
        self.opening.halted = True

    def expect(self, text: bytes) -> None:
        """The next fan-out says this."""
        from wstune.protocol import frames

        words = self.connections.words
        self.connections.fanout = frames.encode(frames.TEXT, text)
        words[t.DELIVERED] = words[t.FIRST_NS] = words[t.LAST_NS] = 0

    def talk(self, arguments: bytes) -> None:
        """`COUNT RATE SIZE`: so many connections say so many messages a second between them; `0 0 0` ends it."""
        count, rate, size = arguments.split()
        self._talkers = self.connections.opened()[: int(count)]
        self._talk_gap = 1 / float(rate) if float(rate) else _FOREVER
        self._talk_size = int(size)
        self._talk_at = time.monotonic() + self._talk_gap

    def _wait(self) -> float:
        return max(0.0, self._talk_at - time.monotonic()) if self._talkers else _FOREVER

    def _talk(self) -> None:
        now = time.monotonic()
        while now >= self._talk_at and self._talkers:
            self._talk_at += self._talk_gap
            fd = self._talkers[self._talked % len(self._talkers)]
            self._talked += 1
            if self.connections.states[fd] >= OPEN:
                self.connections.talk(fd, self._talk_size)
            else:
                self._talkers.remove(fd)
