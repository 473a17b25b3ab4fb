"""The burst's coordinator: a program that reads a plan and then commands as JSON lines on stdin, and writes events as
JSON lines on stdout, so that a terminal, a test or a machine of a cluster drives it the same way.

When stdin ends it tears everything down: whoever started it may die at any time. Each command is answered by an event
of its name; progress comes ten times a second while connections are opened. All of them are in engine.wire.
"""

from __future__ import annotations

import errno
import gc
import os
import select
import sys
import time
from typing import assert_never

from wstune import signals
from wstune.burst import tally as t
from wstune.burst.engine import events, wire
from wstune.burst.load_guard import LoadGuard
from wstune.burst.tree import Tree
from wstune.host import guard, worker

TYPE_CHECKING = False
if TYPE_CHECKING:
    from wstune.burst.engine.events import CoordinatorEvent, Standing
    from wstune.burst.engine.plan import Plan
    from wstune.burst.engine.wire import Command

_TICK = 0.1
_FIRST_TICK = 0.02
_ACK_SECONDS = 30.0
_STDIN, _STDOUT = 0, 1
_CLOSE_EACH = 0.05
_STUCK_SECONDS = 2.0


def command_line(package_root: str) -> list[str]:
    """How to start a coordinator: isolated, without site-packages, so that what it forks is small."""
    program = f"import sys; sys.path.insert(0, {package_root!r}); from wstune.burst.coordinator import main; main()"
    return [sys.executable, "-I", "-S", "-c", program]


class Coordinator:
    """Does with the processes of one burst what the commands say."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.tree = Tree(plan, (_STDIN,))
        self.began = 0.0
        self.stopped_by, self.stopped_why = "", ""
        self.load = LoadGuard(plan.others_share)
        self.finished = False
        self._halted = False
        self._most, self._grew = 0, time.monotonic()
        self._input = b""
        self._deadline = time.monotonic() + plan.seconds

    def tell(self, event: CoordinatorEvent) -> None:
        line = wire.line_of(event)
        try:
            while line:
                line = line[os.write(_STDOUT, line) :]
        except BrokenPipeError:
            self.finished = True

    def seconds(self) -> float:
        """Since the start of opening."""
        return time.monotonic() - self.began if self.began else 0.0

    def standing(self) -> Standing:
        total = self.tree.total
        return events.Standing(total(t.OPEN), total(t.FAILED), total(t.LOST), total(t.PENDING), total(t.ENDED))

    def run(self) -> None:
        """Obey until `close`, or until stdin ends."""
        self.tree.start_server()
        self.tell(events.ReadyEvent(self.tree.port, tuple(self.tree.server_pids())))
        while not self.finished:
            self.wait(_TICK)

    def wait(self, seconds: float) -> None:
        """Obey a command if there is one; notice dead workers. At most `seconds` long."""
        readable, _, _ = select.select([_STDIN], [], [], seconds)
        if readable:
            data = os.read(_STDIN, 65_536)
            if not data:
                self.finished = True
            self._input += data
        self.tree.reap()
        while b"\n" in self._input and not self.finished:
            line, _, self._input = self._input.partition(b"\n")
            self.obey(wire.read_command(line))

    def obey(self, command: Command) -> None:
        match command:
            case wire.OpenCommand(at):
                self.open(at)
            case wire.StatusCommand(relayed):
                self.tell(events.StatusEvent(self.seconds(), self.standing(), self.tree.server_state(), relayed))
            case wire.PingCommand(seconds):
                self.ping(seconds)
            case wire.FanoutCommand():
                self.fanout(command)
            case wire.TalkCommand():
                self.talk(command)
            case wire.CloseCommand(sample, rate):
                self.close(sample, rate)
            case wire.EndCommand():
                self.tree.end()
                self.tell(events.EndEvent())
                self.finished = True
            case _:
                assert_never(command)

    def each(self, line: bytes) -> None:
        """Send a line to every generator and wait until each has done it, or has died."""
        tree = self.tree
        before = {index: tree.tallies[index][t.ACKS] for index in tree.pipes}
        for index in before:
            self.say(index, line)
        until = time.monotonic() + _ACK_SECONDS
        while time.monotonic() < until and not self.finished:
            if all(tree.tallies[index][t.ACKS] > count for index, count in before.items() if index in tree.pipes):
                return
            self.wait(0.002)

    def say(self, index: int, line: bytes) -> None:
        try:
            os.write(self.tree.pipes[index], line)
        except BrokenPipeError:
            return  # it has died: reap() will say so

    # Opening.

    def open(self, at: float) -> None:
        """Start the generators: when paced all at once, else in waves, `openers` opening while the others hold.

        `at`: CLOCK_MONOTONIC of the common start of several machines; 0 is now.
        """
        tree, plan, poller, launched = self.tree, self.plan, select.poll(), 0
        opening: set[int] = set()
        openers = tree.generators if plan.phases else plan.openers
        self.began = at or time.monotonic()
        start = self.began + (0.2 + 0.002 * tree.generators if plan.phases else 0.0)
        while (early := self.began - time.monotonic()) > 0 and not self.finished:
            self.wait(min(early, _TICK))
        next_tick = self.began + _FIRST_TICK  # early: who is interrupted at once still has a count to report
        while (launched < tree.generators or opening) and not self.finished:
            while launched < tree.generators and len(opening) < openers and not self._halted:
                try:
                    pipe = tree.start_generator(launched, start)
                except OSError as error:
                    self.stopped_by, self._halted = "pids-reserve", True
                    self.stopped_why = f"fork: {error.strerror} with {launched:,} of {tree.generators:,} started"
                    break
                poller.register(pipe, select.POLLIN)
                opening.add(pipe)
                launched += 1
            if self._halted and not opening:
                break
            tree.steer()
            for pipe, _ in poller.poll(20):
                poller.unregister(pipe)
                opening.discard(pipe)
            now = time.monotonic()
            if now >= next_tick:
                next_tick = now + _TICK
                self.wait(0)
                self.tell(events.ProgressEvent(self.seconds(), self.standing()))
                self.look_after_the_host()
        tree.steer(end=True)
        last = max((words[t.OPENED_NS] for words in tree.tallies), default=0) / 1e9
        seconds = (last or time.monotonic()) - self.began
        self.tell(events.OpenEvent(seconds, self.standing(), tuple(tree.pids)))

    def look_after_the_host(self) -> None:
        """Stop opening before the host, or whoever else lives on it, is harmed; or when it leads nowhere any more."""
        if self._halted:
            return
        try:
            self.stopped_by, self.stopped_why = self._danger()
        except OSError as error:
            if error.errno != errno.ENFILE:
                raise
            self.stopped_by = "file-max-reserve"  # others were faster than the guard
            self.stopped_why = "not one file more could be opened on this host"
        if self.stopped_by or self.tree.lost or self._is_stuck():
            self._halted = True
            self.each(b"halt\n")

    def _is_stuck(self) -> bool:
        """Whether connections fail and none has been opened for longer than a handshake may take: the wall is found."""
        opened, now = self.tree.total(t.OPEN), time.monotonic()
        if opened > self._most or not self.tree.total(t.FAILED):
            self._most, self._grew = max(opened, self._most), now
        return now - self._grew > self.plan.timeout + _STUCK_SECONDS

    def _danger(self) -> tuple[str, str]:
        """The guard that says stop, a name of readiness.walls, and what it saw; both empty when none does."""
        plan = self.plan
        if time.monotonic() > self._deadline:
            return "time-limit", f"{plan.seconds:,.1f} s were over"
        reserve = plan.reserve_bytes
        if reserve:
            available = guard.available_bytes()
            if available < reserve:
                return "memory-reserve", f"MemAvailable fell to {_mb(available)}, {_mb(reserve)} are left alone"
            left = guard.cgroup_room(plan.cgroup_levels)
            if left is not None and left < reserve // 4:
                return "cgroup-memory-reserve", f"the cgroup had {_mb(left)} left, {_mb(reserve // 4)} are left alone"
        if plan.reserve_files:
            used, most = guard.file_nr()
            if most - used < plan.reserve_files:
                why = f"{most - used:,} of {most:,} files were left, {plan.reserve_files:,} are left alone"
                return "file-max-reserve", why
        if self.load.share and (busy := self._others()):
            return "load-guard", busy
        return "", ""

    def _others(self) -> str:
        """What others do on this host that is a reason to stop. The canary is one of them: one client's worth."""
        now = time.monotonic()
        if not self.load.is_due(now):
            return ""
        own = guard.process_ticks([os.getpid(), os.getppid(), *self.tree.server_pids(), *self.tree.pids])
        return self.load.look(now, *guard.processor_ticks(), own)

    # Using.

    def ping(self, seconds: float) -> None:
        """PING every connection, a few generators at a time (a million answers at once would only queue).

        Whoever has not answered when nothing has come for `seconds` is lost.
        """
        tree = self.tree
        waiting = list(tree.pipes)
        active: dict[int, tuple[int, int, float]] = {}  # index → acknowledgements before, answers seen, since when
        while (waiting or active) and not self.finished:
            while waiting and len(active) < self.plan.openers:
                index = waiting.pop()
                if index in tree.pipes:
                    active[index] = (tree.tallies[index][t.ACKS], -1, time.monotonic())
                    self.say(index, b"ping\n")
            self.wait(0.002)
            now = time.monotonic()
            for index, (acks, seen, moved) in list(active.items()):
                words = tree.tallies[index]
                done = words[t.ACKS] > acks and words[t.PONGS] >= words[t.PINGS]
                if done or now - moved > seconds or index not in tree.pipes:
                    del active[index]
                elif words[t.PINGS] + words[t.PONGS] != seen:
                    active[index] = (acks, words[t.PINGS] + words[t.PONGS], now)
        pings, pongs = tree.total(t.PINGS), tree.total(t.PONGS)
        self.each(b"unanswered\n")
        self.tell(events.PingEvent(pings, pongs))

    def fanout(self, command: wire.FanoutCommand) -> None:
        """One message to everybody: one connection says it, every one must hear it."""
        tree, text, at = self.tree, command.text.encode(), command.at
        self.each(b"expect " + text + b"\n")
        expected = tree.total(t.OPEN)
        tree.board[0] = max(0, int(at * 1e9))
        while (early := at - time.monotonic()) > 0 and not self.finished:
            self.wait(min(early, 0.005))
        speaker = next((index for index in tree.pipes if tree.tallies[index][t.OPEN]), None)
        if speaker is not None and command.speak:
            self.say(speaker, b"say " + text + b"\n")
        if speaker is not None:
            self.until_still(t.DELIVERED, expected, command.seconds)
        total, said = t.merge(tree.tallies), tree.board[0]
        first, last = total[t.FIRST_NS], total[t.LAST_NS]
        seconds = max(0, last - said) / 1e9 if first else 0.0
        first_ms = max(0, first - said) / 1e6 if first else None
        self.tell(events.FanoutEvent(expected, total[t.DELIVERED], seconds, first_ms))

    def talk(self, command: wire.TalkCommand) -> None:
        """Let some connections talk, or be quiet again."""
        tree, talkers = self.tree, command.talkers
        indices = [index for index in tree.pipes if tree.tallies[index][t.OPEN]]
        for at, index in enumerate(indices):
            own = talkers * (at + 1) // len(indices) - talkers * at // len(indices)
            share = command.rate * own / talkers if talkers else 0.0
            self.say(index, b"talk %d %f %d\n" % (own, share, command.size))
        if not talkers:  # what is on its way still counts, and the last word is known when each has heard this
            self.each(b"talk 0 0 0\n")
            expected = tree.total(t.TALK_SAID) * tree.total(t.OPEN) if command.alone else 1 << 62
            self.until_still(t.TALK_HEARD, expected, 1.0)
        self.tell(events.TalkEvent(talkers, tree.total(t.OPEN)))

    def until_still(self, word: int, expected: int, seconds: float) -> None:
        """Wait until a counter reaches `expected`, or has not moved for `seconds`."""
        seen, moved = -1, time.monotonic()
        while not self.finished:
            count, now = self.tree.total(word), time.monotonic()
            if count >= expected or now - moved > seconds:
                return
            if count != seen:
                seen, moved = count, now
            self.wait(0.005)

    # The end.

    def close(self, sample: int, rate: float) -> None:
        """Close a sample with a closing handshake; then end the generators.

        With `rate` everything is closed with a closing handshake, at that many a second: what a server elsewhere is
        owed. The tally is taken before. A worker of the server, if it is ours, lives on until `end`.
        """
        tree = self.tree
        self._halted = True  # it may come in the middle of opening: nobody begins any more
        words = t.merge(tree.tallies)
        before, in_grace = tree.total(t.CLOSED), tree.total(t.GRACEFUL)  # sessions of a scenario close by themselves
        wanted = self.close_at(rate) if rate else self.close_sample(sample)
        self.until_still(t.CLOSED, before + wanted, 1.0)
        closed, graceful = tree.total(t.CLOSED) - before, tree.total(t.GRACEFUL) - in_grace
        tree.reap()
        state = tree.server_state()
        if self.plan.server is None:
            self.each(b"reset\n")
        tree.end_generators()
        counts, lost, why = events.Counts(tuple(words)), tuple(tree.lost), (self.stopped_by, self.stopped_why)
        self.tell(events.CloseEvent(counts, wanted, closed, graceful, lost, *why, state))

    def close_sample(self, sample: int) -> int:
        pipes = self.tree.pipes
        each = -(-sample // max(1, len(pipes)))
        wanted = sum(min(each, self.tree.tallies[index][t.OPEN]) for index in pipes)
        self.each(b"close %d\n" % each)
        return wanted

    def close_at(self, rate: float) -> int:
        tree = self.tree
        wanted = tree.total(t.OPEN)
        each = max(1, round(rate * _CLOSE_EACH / max(1, len(tree.pipes))))
        begun = 0
        while begun < wanted and not self.finished and tree.pipes:
            self.each(b"close %d\n" % each)
            begun += each * len(tree.pipes)
            self.wait(_CLOSE_EACH)
        return wanted


def _mb(size: int) -> str:
    return f"{size / 2**20:,.0f} MB"


def main() -> None:
    """Read the plan from the first line of stdin and go."""
    signals.leave_to_parent()
    gc.disable()
    worker.begin(os.getppid())
    worker.raise_nofile()
    line = b""
    while not line.endswith(b"\n"):
        byte = os.read(_STDIN, 1)
        if not byte:
            return
        line += byte
    plan = wire.read_plan(line)
    if not plan.phases:  # a pacer that waits for its turn would be late
        worker.go_in_batches()
    coordinator = Coordinator(plan)
    try:
        coordinator.run()
    except OSError as error:
        coordinator.tell(events.ErrorEvent(error.errno or 0, error.strerror or str(error)))
    finally:
        coordinator.tree.end()
