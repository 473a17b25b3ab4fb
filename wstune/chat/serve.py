"""The program that `wstune serve` becomes: a lean process that forks the workers and waits for signals.

Its one argument is a plan, as JSON, that actions/serve.py has checked; the listening sockets are inherited.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys

from wstune.chat import stats as s
from wstune.chat.listeners import configure
from wstune.chat.options import Options
from wstune.chat.systemd import notify
from wstune.chat.workers import Supervisor
from wstune.host import worker


def main() -> None:
    """Serve until SIGTERM or SIGINT; a second one ends the farewell."""
    plan = json.loads(sys.argv[1])
    options = Options(**plan["options"])
    options.origins = frozenset(origin.encode() for origin in plan["options"]["origins"])
    if plan["cert"]:
        from wstune.chat.tls import context

        options.tls = context(plan["cert"], plan["key"])
    worker.raise_nofile()
    given = _given(plan["given"], options)
    for fd in plan["held"]:  # bound, not listening: they have kept the port for us while this program was started
        os.set_inheritable(fd, False)
    supervisor = Supervisor(
        plan["address"], plan["port"], plan["workers"], plan["backlog"], options, given=given or None, restart=True
    )
    for fd in plan["held"]:
        os.close(fd)
    signals = _Signals(supervisor)
    supervisor.start()
    _wait_until_up(supervisor)
    os.write(1, plan["announcement"].encode() + b"\n")
    notify("READY=1")
    while not signals.count:
        supervisor.poll(1.0)
        signals.clear()
    notify("STOPPING=1")
    supervisor.drain(lambda: signals.count > 1)


def _given(descriptors: list[int], options: Options) -> list[socket.socket]:
    """The sockets that systemd has bound, with what connections inherit set on them."""
    sockets = [socket.socket(fileno=fd) for fd in descriptors]
    for one in sockets:
        one.set_inheritable(False)
        configure(one, options)
    return sockets


class _Signals:
    """Counts SIGTERM and SIGINT, and wakes the supervisor's poll."""

    def __init__(self, supervisor: Supervisor) -> None:
        self.count = 0
        self._reader, writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        supervisor.watch(self._reader)
        signal.set_wakeup_fd(writer)
        signal.signal(signal.SIGTERM, self._note)
        signal.signal(signal.SIGINT, self._note)

    def _note(self, number: int, frame: object) -> None:
        self.count += 1

    def clear(self) -> None:
        try:
            os.read(self._reader, 64)
        except BlockingIOError:
            pass


def _wait_until_up(supervisor: Supervisor) -> None:
    for _ in range(1000):
        if supervisor.stats.total(s.ALIVE) == supervisor.stats.workers:
            return
        supervisor.poll(0.01)
