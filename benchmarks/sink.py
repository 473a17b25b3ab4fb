"""wstune's chat server, but for one thing: what is said reaches nobody. `python -m benchmarks.sink WORKERS` prints its
port and serves until its stdin ends.

So the messages of a scenario cost what their sender and their receiver pay, and no fan-out.
"""

from __future__ import annotations

import os
import resource
import sys
import threading

from wstune.chat import stats as s
from wstune.chat import workers
from wstune.chat.options import Options
from wstune.chat.server import Worker
from wstune.protocol import frames


class Sink(Worker):
    """A worker that counts messages and passes none on."""

    def receive(self, fd: int, data: bytes) -> None:
        if data[0] & 0x0F > frames.BINARY:
            super().receive(fd, data)
        else:
            self.row[s.MESSAGES_IN] += 1

    def speak(self, fd: int, opcode: int, payload: bytes) -> None:
        self.row[s.MESSAGES_IN] += 1


def main() -> None:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    workers.Worker = Sink  # type: ignore[attr-defined]
    options = Options(reset_on_close=True, expose_metrics=True)
    supervisor = workers.Supervisor("127.0.0.1", 0, int(sys.argv[1]), 65_535, options)
    supervisor.start()
    sys.stdout.write(f"{supervisor.port}\n")
    sys.stdout.flush()

    def wait() -> None:
        sys.stdin.read()
        supervisor.kill()
        os._exit(0)

    threading.Thread(target=wait, daemon=True).start()
    while True:
        supervisor.poll(0.5)


if __name__ == "__main__":
    main()
