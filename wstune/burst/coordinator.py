"""The burst's process tree: a server (if it is to be ours) and generators, forked from this lean process.

It is started as a program of its own (`command_line`), reads a plan and then commands as JSON lines on stdin, and
writes events as JSON lines on stdout, so that the terminal, or a machine of a cluster, drives it the same way. When
stdin ends it tears everything down: whoever started it may die at any time.

Commands, each answered by an event of the same name: `open`; `ping` (`seconds`); `fanout` (`text`, `seconds`); `close`
(`sample`). In between `progress` events come ten times a second while something moves.
"""

from __future__ import annotations

import errno
import gc
import json
import mmap
import os
import select
import signal
import socket
import sys
import time

from wstune.burst import tally as t
from wstune.burst.generator import Generator, Job
from wstune.burst.ports import share
from wstune.chat import stats
from wstune.chat.server import Options
from wstune.chat.workers import Supervisor, port_is_taken
from wstune.host import guard, worker

_TICK = 0.1
_ACK_SECONDS = 10.0


def command_line(package_root: str) -> list[str]:
    """How to start a coordinator: isolated, without site-packages, so that what it forks is small."""
    program = f"import sys; sys.path.insert(0, {package_root!r}); from wstune.burst.coordinator import main; main()"
    return [sys.executable, "-I", "-S", "-c", program]


class Coordinator:
    """Starts the processes of one burst and does with them what the commands say."""

    def __init__(self, plan: dict, commands: int, events: int) -> None:  # type: ignore[type-arg]  # JSON
        self.plan = plan
        self.commands = commands
        self.events = events
        self.generators = len(plan["shares"])
        self.words = memoryview(mmap.mmap(-1, self.generators * t.LENGTH * 8)).cast("Q")
        self.tallies = [self.words[at * t.LENGTH : (at + 1) * t.LENGTH] for at in range(self.generators)]
        self.pids: dict[int, int] = {}  # generator's pid → index
        self.pipes: dict[int, int] = {}  # index → the end that commands are written to
        self.lost: list[tuple[str, int]] = []  # (server or generator, pid) of workers that ended by themselves
        self.supervisor: Supervisor | None = None
        self.server_pid = 0
        self.began = 0.0
        self.stopped_by = ""
        self.finished = False
        self._input = b""

    # Telling and hearing.

    def tell(self, event: str, **fields: object) -> None:
        line = json.dumps({"event": event, **fields}).encode() + b"\n"
        try:
            while line:
                line = line[os.write(self.events, line) :]
        except BrokenPipeError:
            self.finished = True

    def progress(self) -> dict[str, object]:
        opened, failed, lost = (sum(self.words[word :: t.LENGTH]) for word in (t.OPEN, t.FAILED, t.LOST))
        return {"seconds": time.monotonic() - self.began, "open": opened, "failed": failed, "lost": lost}

    def run(self) -> None:
        """Serve commands until `close`, or until stdin ends."""
        if self.plan["server"]:
            self.start_server()
        self.tell("ready", port=self.plan["target"][1], server_pids=self.server_pids())
        while not self.finished:
            self.wait(_TICK)
        self.end()

    def wait(self, seconds: float) -> None:
        """Take a command if there is one; notice dead workers. At most `seconds` long."""
        readable, _, _ = select.select([self.commands], [], [], seconds)
        if readable:
            data = os.read(self.commands, 65_536)
            if not data:
                self.finished = True
            self._input += data
        self.reap()
        while b"\n" in self._input and not self.finished:
            line, _, self._input = self._input.partition(b"\n")
            command = json.loads(line)
            getattr(self, "do_" + command.pop("do"))(**command)

    # Processes.

    def start_server(self) -> None:
        server = self.plan["server"]
        options = Options()
        options.reset_on_close = True
        address, port = self.plan["target"]
        if port and port_is_taken(address, port):
            raise OSError(errno.EADDRINUSE, "the port is in use")
        self.supervisor = Supervisor(address, port, server["processes"], server["backlog"], options)
        self.plan["target"][1] = self.supervisor.port
        me = os.getpid()
        gc.freeze()
        self.server_pid = os.fork()
        if self.server_pid == 0:
            _supervise(self.supervisor, self.commands, me)
        for listener in self.supervisor.listeners:
            listener.close()
        until = time.monotonic() + _ACK_SECONDS
        while not all(self.server_pids()) and time.monotonic() < until:
            time.sleep(0.002)

    def server_pids(self) -> list[int]:
        if self.supervisor is None:
            return []
        return [int(self.supervisor.stats.row(at)[stats.PID]) for at in range(self.supervisor.stats.workers)]

    def server_alive(self) -> int:
        return 0 if self.supervisor is None else self.supervisor.stats.total(stats.ALIVE)

    def start_generator(self, index: int) -> None:
        plan = self.plan
        job = Job(plan["shares"][index], share(plan["sources"], self.generators, index), tuple(plan["target"]))
        job.path, job.window, job.timeout = plan["path"].encode(), plan["window"], plan["timeout"]
        ours, theirs = socket.socketpair()
        me = os.getpid()
        pid = os.fork()
        if pid == 0:
            try:
                worker.begin(me)
                signal.signal(signal.SIGINT, signal.SIG_IGN)
                ours.close()
                for pipe in self.pipes.values():
                    os.close(pipe)
                os.close(self.commands)
                generator = Generator(job, self.tallies[index], theirs.detach())
                generator.open()
                os.write(generator.commands, b"opened\n")
                generator.hold()
            finally:
                os._exit(0)
        theirs.close()
        self.pids[pid] = index
        self.pipes[index] = ours.detach()

    def reap(self) -> None:
        """Notice workers that ended by themselves: killed, most likely by the OOM killer."""
        while True:
            try:
                pid, _ = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                break
            if pid == 0:
                break
            if pid == self.server_pid:
                self.server_pid = 0
                self.lost.append(("server", pid))
            elif pid in self.pids:
                index = self.pids.pop(pid)
                os.close(self.pipes.pop(index))
                words = self.tallies[index]
                words[t.LOST] += words[t.OPEN]
                words[t.OPEN], words[t.DONE] = 0, 1
                self.lost.append(("generator", pid))
        if self.supervisor is not None and self.server_pid:
            for at, pid in enumerate(self.server_pids()):
                if pid and not self.supervisor.stats.row(at)[stats.ALIVE] and ("server", pid) not in self.lost:
                    self.lost.append(("server", pid))

    def broadcast(self, line: bytes) -> None:
        """Send a line to every generator and wait until each has done it, or has died."""
        before = {index: self.tallies[index][t.ACKS] for index in self.pipes}
        for index, pipe in list(self.pipes.items()):
            try:
                os.write(pipe, line)
            except OSError:
                before.pop(index)
        until = time.monotonic() + _ACK_SECONDS
        while time.monotonic() < until and not self.finished:
            self.reap()
            if all(self.tallies[index][t.ACKS] > count for index, count in before.items() if index in self.pipes):
                return
            self.wait(0.002)

    # Commands.

    def do_open(self) -> None:
        """Start the generators in waves: as many open at a time as the plan says, the others hold."""
        plan, poller, launched = self.plan, select.poll(), 0
        opening: set[int] = set()
        reserve = plan["reserve_bytes"]
        self.began = time.monotonic()
        next_tick = self.began + _TICK
        while (launched < self.generators or opening) and not self.finished:
            while launched < self.generators and len(opening) < plan["openers"] and not self.stopped_by:
                self.start_generator(launched)
                poller.register(self.pipes[launched], select.POLLIN)
                opening.add(self.pipes[launched])
                launched += 1
            if self.stopped_by and not opening:
                break
            for pipe, _ in poller.poll(20):
                poller.unregister(pipe)
                opening.discard(pipe)
            now = time.monotonic()
            if now >= next_tick:
                next_tick = now + _TICK
                self.wait(0)
                self.tell("progress", **self.progress())
                if reserve and not self.stopped_by and guard.available_bytes() < reserve:
                    self.stopped_by = "memory-reserve"
                    self.broadcast(b"halt\n")
        last = max((words[t.OPENED_NS] for words in self.tallies), default=0) / 1e9
        self.tell(
            "open", **{**self.progress(), "seconds": (last or time.monotonic()) - self.began, "pids": list(self.pids)}
        )

    def do_ping(self, seconds: float) -> None:
        """PING every connection, a few generators at a time (a million answers at once would only queue)."""
        waiting = list(self.pipes)
        active: dict[int, tuple[int, int, float]] = {}  # index → acks before, answers seen, since when
        while (waiting or active) and not self.finished:
            while waiting and len(active) < self.plan["openers"]:
                index = waiting.pop()
                if index in self.pipes:
                    active[index] = (self.tallies[index][t.ACKS], -1, time.monotonic())
                    os.write(self.pipes[index], b"ping wstune\n")
            self.wait(0.002)
            now = time.monotonic()
            for index, (acks, seen, moved) in list(active.items()):
                words = self.tallies[index]
                done = words[t.ACKS] > acks and words[t.PONGS] >= words[t.PINGS]
                if done or now - moved > seconds or index not in self.pipes:
                    del active[index]
                elif words[t.PINGS] + words[t.PONGS] != seen:
                    active[index] = (acks, words[t.PINGS] + words[t.PONGS], now)
        self.tell("ping", pings=sum(self.words[t.PINGS :: t.LENGTH]), pongs=sum(self.words[t.PONGS :: t.LENGTH]))

    def do_fanout(self, text: str, seconds: float) -> None:
        """One message to everybody: one connection says it, every one must hear it."""
        self.broadcast(b"expect " + text.encode() + b"\n")
        expected = sum(self.words[t.OPEN :: t.LENGTH])
        speaker = next((index for index in self.pipes if self.tallies[index][t.OPEN]), None)
        if speaker is not None:
            os.write(self.pipes[speaker], b"say " + text.encode() + b"\n")
            self.until_still(t.DELIVERED, expected, seconds)
        total = t.merge(self.tallies)
        said, first, last = total[t.SAID_NS], total[t.FIRST_NS], total[t.LAST_NS]
        self.tell(
            "fanout",
            expected=expected,
            delivered=total[t.DELIVERED],
            seconds=max(0, last - said) / 1e9,
            first_ms=max(0, first - said) / 1e6 if first else None,
        )

    def until_still(self, word: int, expected: int, seconds: float) -> None:
        """Wait until a counter reaches `expected`, or has not moved for `seconds`."""
        seen, moved = -1, time.monotonic()
        while not self.finished:
            count, now = sum(self.words[word :: t.LENGTH]), time.monotonic()
            if count >= expected or now - moved > seconds:
                return
            if count != seen:
                seen, moved = count, now
            self.wait(0.005)

    def do_status(self) -> None:
        self.tell("status", **self.progress())

    def do_close(self, sample: int) -> None:
        """Close a sample with a closing handshake, then end every process: the server's reset leaves no TIME_WAIT."""
        total = t.merge(self.tallies)
        each = -(-sample // max(1, len(self.pipes)))
        self.broadcast(b"close %d\n" % each)
        wanted = sum(min(each, self.tallies[index][t.OPEN]) for index in self.pipes)
        self.until_still(t.CLOSED, wanted, 1.0)
        graceful = sum(self.words[t.GRACEFUL :: t.LENGTH])
        self.reap()
        server = {"alive": self.server_alive(), "errno": 0, "accept_errors": 0}
        if self.supervisor is not None:
            server["accept_errors"] = self.supervisor.stats.total(stats.ACCEPT_ERRORS)
            server["errno"] = max(
                int(self.supervisor.stats.row(at)[stats.LAST_ERRNO]) for at in range(self.supervisor.stats.workers)
            )
        self.end()
        self.tell(
            "close",
            words={at: word for at, word in enumerate(total) if word},
            graceful=graceful,
            closed=wanted,
            lost=self.lost,
            stopped_by=self.stopped_by,
            server=server,
        )
        self.finished = True

    def end(self) -> None:
        """End every process and wait for it."""
        for pid in (*self.server_pids(), *self.pids) if self.server_pid else tuple(self.pids):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        if self.server_pid:
            os.kill(self.server_pid, signal.SIGTERM)
        for pid in [*self.pids, *([self.server_pid] if self.server_pid else [])]:
            try:
                os.waitpid(pid, 0)
            except ChildProcessError:
                continue
        self.pids, self.server_pid = {}, 0


def _supervise(supervisor: Supervisor, commands: int, parent: int) -> None:
    """The server's own process: relays between its workers until SIGTERM."""
    stop: list[int] = []
    try:
        worker.begin(parent)
        signal.signal(signal.SIGTERM, lambda number, _: stop.append(number))
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        os.close(commands)
        supervisor.start()
        while not stop:
            supervisor.poll(0.5)
    finally:
        supervisor.kill()
        os._exit(0)


def main() -> None:
    """Read the plan from the first line of stdin and go."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever started us decides what Ctrl-C means
    gc.disable()
    worker.raise_nofile()
    line = b""
    while not line.endswith(b"\n"):
        byte = os.read(0, 1)
        if not byte:
            return
        line += byte
    coordinator = None
    try:
        coordinator = Coordinator(json.loads(line), 0, 1)
        coordinator.run()
    except OSError as error:
        os.write(1, json.dumps({"event": "error", "errno": error.errno, "what": str(error)}).encode() + b"\n")
    finally:
        if coordinator is not None:
            coordinator.end()
