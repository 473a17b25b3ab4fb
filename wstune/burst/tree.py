"""The processes of one burst: a server (if it is to be ours) and generators, forked from one lean process.

Whoever dies, the rest follows: every process has PR_SET_PDEATHSIG, and the server's listener is set to reset what it
closes, so that nothing is left, not even a TIME_WAIT.
"""

from __future__ import annotations

import errno
import gc
import mmap
import os
import select
import signal
import socket
import time

from wstune import signals
from wstune.burst import tally as t
from wstune.burst.connections import BOARD_WORDS, CLOCK_NS
from wstune.burst.engine.events import LostProcess, ServerState
from wstune.burst.generator import Generator
from wstune.burst.job import Job
from wstune.burst.steering import Steering
from wstune.chat import stats
from wstune.chat.server import Options
from wstune.chat.workers import Supervisor, port_is_taken
from wstune.host import worker

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from wstune.burst.engine.plan import Plan, TlsPlan
    from wstune.burst.tls import ClientTls

_START_SECONDS = 10.0
_END_SECONDS = 60.0
_FIN_SECONDS = 1.0


class Tree:
    """Processes, their tallies in shared memory, and the pipes to the generators.

    Attributes:
        words: all tallies; `tallies[i]` is that of generator i. pids: generator's pid → i. pipes: i → descriptor.
        lost: processes that ended by themselves. port: of the server.
    """

    def __init__(self, plan: Plan, inherited: tuple[int, ...]) -> None:
        self.plan = plan
        self.port = plan.target.port
        self.generators = len(plan.shares)
        self.words = memoryview(mmap.mmap(-1, max(1, self.generators) * t.LENGTH * 8)).cast("Q")
        self.tallies = [self.words[at * t.LENGTH : (at + 1) * t.LENGTH] for at in range(self.generators)]
        self.board = memoryview(mmap.mmap(-1, BOARD_WORDS * 8)).cast("Q")
        self.board[CLOCK_NS] = plan.clock_ns
        self.pids: dict[int, int] = {}
        self.pipes: dict[int, int] = {}
        self.lost: list[LostProcess] = []
        self.supervisor: Supervisor | None = None
        self.steering: Steering | None = None
        self.server_pid = 0
        self.tls = _tls(plan.tls) if plan.tls else None  # once, for all that are forked
        self._inherited = inherited
        self._dead_servers: set[int] = set()

    def total(self, word: int) -> int:
        """One counter, summed over the generators."""
        return sum(self.words[word :: t.LENGTH])

    # The server.

    def start_server(self) -> None:
        """Listen and fork the workers, if the server is to be ours; `port` is its own then. Raises OSError."""
        plan, server = self.plan, self.plan.server
        if server is None:
            return
        options = Options()
        options.reset_on_close = True
        address, port = plan.target.host, plan.target.port
        if port and port_is_taken(address, port):
            raise OSError(errno.EADDRINUSE, "the port is in use")
        supervisor = self.supervisor = Supervisor(address, port, server.processes, server.backlog, options)
        self.port = supervisor.port
        me = os.getpid()
        gc.freeze()
        self.server_pid = os.fork()
        if self.server_pid == 0:
            _supervise(supervisor, self._inherited, me)
        if server.processes > plan.openers and self.generators and not plan.phases:
            many = server.processes, plan.openers, sum(plan.shares)
            self.steering = Steering(supervisor.listeners[0].dup(), *many)
        for listener in supervisor.listeners:
            listener.close()
        until = time.monotonic() + _START_SECONDS
        while not all(self.server_pids()) and time.monotonic() < until:
            time.sleep(0.002)

    def steer(self, *, end: bool = False) -> None:
        """Let those servers have the next connections whose turn it is; at the `end`, and once one is lost, all."""
        if self.steering is None:
            return
        if end or self.lost:
            self.steering.end()
            self.steering = None
        else:
            self.steering.move(self.total(t.STARTED))

    def server_pids(self) -> list[int]:
        supervisor = self.supervisor
        return [] if supervisor is None else [int(supervisor.stats.row(at)[stats.PID]) for at in self._workers()]

    def server_state(self) -> ServerState:
        """What our server says of itself."""
        supervisor = self.supervisor
        if supervisor is None:
            return ServerState()
        return ServerState(
            supervisor.stats.total(stats.ALIVE),
            supervisor.stats.total(stats.ACCEPT_ERRORS),
            max(int(supervisor.stats.row(at)[stats.LAST_ERRNO]) for at in self._workers()),
        )

    def _workers(self) -> range:
        return range(self.supervisor.stats.workers if self.supervisor else 0)

    # Generators.

    def start_generator(self, index: int, start: float) -> int:
        """Fork one. Returns the pipe to it. Raises OSError (EAGAIN: pids)."""
        ours, theirs = socket.socketpair()
        me = os.getpid()
        try:
            pid = os.fork()
        except OSError:
            ours.close()
            theirs.close()
            raise
        if pid == 0:
            try:
                worker.begin(me)
                signals.leave_to_parent()
                ours.close()
                for fd in (*self.pipes.values(), *self._inherited):
                    os.close(fd)
                if self.steering is not None:
                    self.steering.close()
                job = Job.of(self.plan, index, self.port, start)
                Generator(job, self.tallies[index], self.board, theirs.detach(), self.tls).run()
            except Exception:
                import traceback

                os.write(2, traceback.format_exc().encode())  # a bug of ours: say it where it is seen
            finally:
                os._exit(1)
        theirs.close()
        self.pids[pid] = index
        self.pipes[index] = ours.detach()
        return self.pipes[index]

    # Both.

    def reap(self) -> None:
        """Notice processes that ended by themselves: killed, most likely by the OOM killer."""
        while True:
            try:
                pid, _ = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                break
            if pid == 0:
                break
            if pid == self.server_pid:
                self.server_pid = 0
                self.lost.append(LostProcess("server", pid))
            elif pid in self.pids:
                index = self.pids.pop(pid)
                os.close(self.pipes.pop(index))
                words = self.tallies[index]
                words[t.LOST] += words[t.OPEN]
                words[t.OPEN], words[t.DONE] = 0, 1
                self.lost.append(LostProcess("generator", pid))
        if self.supervisor is not None and self.server_pid:
            for at in self._workers():
                row = self.supervisor.stats.row(at)
                if row[stats.PID] and not row[stats.ALIVE] and at not in self._dead_servers:
                    self._dead_servers.add(at)
                    self.lost.append(LostProcess("server", int(row[stats.PID])))

    def end_generators(self) -> None:
        """End every generator, and every server worker but one, and wait for the generators.

        One worker lives on to serve whoever comes after the burst. The others end first, while the generators stand
        still: then each connection costs the kernel one reset, and nobody's Python has to notice a million ends.

        The one that lives on stands still while the generators end: a reset that comes just when the kernel puts a
        TIME_WAIT in the place of a socket that its process has left reaches neither, and the TIME_WAIT stays
        (net/ipv4/tcp_minisocks.c tcp_time_wait; seen with one connection of some 100,000). On a busy host the kernel
        does that in a thread of its own, after the process has ended: hence the wait for the last FIN's answer.
        """
        servers = self.server_pids() if self.server_pid else []
        _signal(self.pids, signal.SIGSTOP)
        _kill_and_wait(servers[1:])
        _signal(servers[:1], signal.SIGSTOP)
        _signal(self.pids, signal.SIGKILL)
        for pid in self.pids:
            os.waitpid(pid, 0)
        if servers:
            _until_every_fin_is_answered(self.port)
        _signal(servers[:1], signal.SIGCONT)
        for pipe in self.pipes.values():
            os.close(pipe)
        self.pids, self.pipes = {}, {}

    def end(self) -> None:
        """End every process, the server's first, and wait for them."""
        if self.server_pid:
            _signal(self.pids, signal.SIGSTOP)
            _kill_and_wait(
                [self.server_pid, *self.server_pids()]
            )  # it has the listeners, and with them who waits there
            os.waitpid(self.server_pid, 0)
            self.server_pid = 0
        self.end_generators()


def _tls(plan: TlsPlan) -> ClientTls:
    from wstune.burst.tls import ClientTls, context

    return ClientTls(context(plan.ca, insecure=plan.insecure))


def _signal(pids: Iterable[int], number: int) -> None:
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue


def _kill_and_wait(pids: list[int]) -> None:
    """SIGKILL processes that are not our children, and wait until they have closed everything (pidfd_open(2))."""
    poll, ends = select.poll(), []
    for pid in pids:
        try:
            ends.append(os.pidfd_open(pid))
        except OSError:
            continue  # it is gone already
        poll.register(ends[-1], select.POLLIN)
        try:
            signal.pidfd_send_signal(ends[-1], signal.SIGKILL)
        except ProcessLookupError:
            continue  # since a moment ago: it can be read already
    waiting, until = len(ends), time.monotonic() + _END_SECONDS
    while waiting and time.monotonic() < until:
        for end, _ in poll.poll(100):
            poll.unregister(end)
            waiting -= 1
    for end in ends:
        os.close(end)


def _until_every_fin_is_answered(port: int) -> None:
    """Wait until the kernel has put away all that sent its FIN to that port; not longer than a second."""
    from wstune.host.sock_diag import with_unanswered_fin

    until = time.monotonic() + _FIN_SECONDS
    try:
        while with_unanswered_fin(port) and time.monotonic() < until:
            time.sleep(0.005)
    except OSError:
        time.sleep(0.05)  # a kernel that does not tell; this is for tidiness only


def _supervise(supervisor: Supervisor, inherited: tuple[int, ...], parent: int) -> None:
    """The server's own process: relays between its workers until it is killed."""
    try:
        worker.begin(parent)
        signals.leave_to_parent()
        for fd in inherited:
            os.close(fd)
        supervisor.start()
        while True:
            supervisor.poll(0.5)
    finally:
        supervisor.kill()
        os._exit(0)
