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
    """Serve until SIGTERM, SIGINT or SIGHUP; a second one ends the farewell. Exits with 128 + its number."""
    plan = json.loads(sys.argv[1])
    options = Options(**plan["options"])
    options.origins = frozenset(origin.encode() for origin in plan["options"]["origins"])
    if plan["token"] is not None:
        options.token = _read_token(plan["token"])
    if plan["cert"]:
        from wstune.chat.tls import context

        options.tls = context(plan["cert"], plan["key"])
    worker.raise_nofile()
    given = _given(plan["given"], options)
    for fd in plan["held"]:  # bound, not listening: they have kept the port for us while this program was started
        os.set_inheritable(fd, False)
    supervisor = Supervisor(
        plan["address"],
        plan["port"],
        plan["workers"],
        plan["backlog"],
        options,
        given=given or None,
        figures=_figures(plan["figures"]),
        restart=True,
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
    sys.exit(128 + signals.first)


def _read_token(fd: int) -> bytes:
    """The token, of a file in memory: neither the command line nor the environment has it."""
    with open(fd, "rb") as stream:
        return stream.read()


def _figures(fd: int | None) -> socket.socket | None:
    """The socket that listens for /stats and /metrics."""
    if fd is None:
        return None
    listener = socket.socket(fileno=fd)
    listener.set_inheritable(False)
    listener.setblocking(False)
    return listener


def _given(descriptors: list[int], options: Options) -> list[socket.socket]:
    """The sockets that systemd has bound, with what connections inherit set on them."""
    sockets = [socket.socket(fileno=fd) for fd in descriptors]
    for one in sockets:
        one.set_inheritable(False)
        configure(one, options)
    return sockets


class _Signals:
    """Counts SIGTERM, SIGINT and SIGHUP, and wakes the supervisor's poll. One that was ignored when we were started
    stays ignored: nohup(1), and what a script has in its background."""

    def __init__(self, supervisor: Supervisor) -> None:
        self.count = self.first = 0
        self._reader, writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        supervisor.watch(self._reader)
        signal.set_wakeup_fd(writer)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, self._note)

    def _note(self, number: int, frame: object) -> None:
        self.count += 1
        self.first = self.first or number

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
