"""What runs on a machine of a cluster, inside its Dask worker: the check of a generator, and the task of a burst.

The task starts the same coordinator as a burst on one host does, passes the head's commands on to it, and its events
back as they came, by `log_event`; while it runs there is an event every second, so that the head can tell silence. It
ends with the coordinator, or when the head has cancelled it, is gone, or the worker closes.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from wstune.burst.engine import events, wire
from wstune.burst.engine.plan import Plan
from wstune.burst.engine.records import Json, to_json
from wstune.burst.process import Burst
from wstune.burst.room import GUARDED_FILES, holds
from wstune.burst.shares import Limit, MachineRoom
from wstune.errors import InconclusiveError
from wstune.host import cgroup, counters, guard, memory, processes, rlimits
from wstune.host.addresses import is_ours
from wstune.host.host import Host
from wstune.model import Role
from wstune.readiness.constants import reserve

if TYPE_CHECKING:
    from distributed import Worker

RECORD_SECONDS = 1.0
_POLL_SECONDS = 0.2

_runs: dict[str, Burst] = {}
"""Bursts under way in this worker, by run id and machine."""
_seen: set[str] = set()


def check(sources: tuple[str, ...], loopback: bool, server: bool = False, tls: bool = False) -> Json:
    """The MachineRoom, as JSON, of this machine as a generator, or as a server (`server`).

    `sources`: addresses to come from, of which those count that are this machine's. `loopback`: towards 127.0.0.0/8
    every source address of it will do, and ports bind nothing. `tls`: what it connects to is wss.
    """
    host = Host()
    facts = host.facts()
    own = [source for source in sources if is_ours(source)]
    found = holds(host, facts, Role.SERVER if server else Role.GENERATOR, tls=tls, sources=max(1, len(own)))
    nofile = rlimits.nofile(host.root)
    room = MachineRoom(
        limits=tuple(
            Limit(limit.name, limit.connections, limit.fix)
            for limit in found.limits
            if limit.connections is not None
            and not limit.per_process
            and not (loopback and limit.name == "net.ipv4.ip_local_port_range")
        ),
        boot_id=facts.boot_id or "",
        netns=facts.netns or 0,
        cpus=facts.cpus or 1,
        nofile=nofile[1] if isinstance(nofile, tuple) else 0,
        ram_bytes=facts.ram_bytes,
        sources=tuple(own),
    )
    return to_json(room)


def clock() -> tuple[float, float]:
    """CLOCK_MONOTONIC and the wall clock here."""
    return time.monotonic(), time.time()


def command(run: str, line: bytes) -> None:
    """Pass a command on, as it came, to the coordinator of a run; for one that is over it means nothing."""
    burst = _runs.get(run)
    if burst is None:
        return
    try:
        burst.send_line(line)
    except (InconclusiveError, OSError):
        return  # it is gone: its task says so


def burst(run: str, topic: str, line: bytes, until: float, force: bool = False, authority: str = "") -> str:
    """The task: one burst of this machine. Returns in words why it ended.

    `line`: its plan. `force`: without the guards. `authority`: the certificates that the server's is checked by, in
    PEM: their file is the head's. `run` is good for one start, and only until `until` (CLOCK_MONOTONIC here): a
    scheduler that lost a worker may hand its task to the next one. Raises RuntimeError for a second start.
    """
    from distributed import get_worker

    worker = get_worker()
    if run in _seen or time.monotonic() > until:
        raise RuntimeError(f"run {run} has been started already")
    _seen.add(run)
    relay = _Relay(worker, str(worker.get_current_task()), run, topic)
    host = Host()
    before = counters.snapshot(host.root)
    with _authority(wire.read_plan(line), authority) as plan:
        started = Burst(_guarded(plan, host, force=force), lambda _: None)
        _runs[run] = started
        try:
            return relay.run(started, host, before)
        finally:
            del _runs[run]
            started.end()


@contextlib.contextmanager
def _authority(plan: Plan, text: str) -> Iterator[Plan]:
    """The plan with the certificates, which came as text, in a file of this machine."""
    if not text or plan.tls is None:
        yield plan
        return
    with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:
        file.write(text)
        file.flush()
        yield plan._replace(tls=plan.tls._replace(ca=file.name))


def _guarded(plan: Plan, host: Host, *, force: bool) -> Plan:
    """The plan with the guards, which are this machine's own."""
    facts = host.facts()
    kept = 0 if force else reserve(facts.available_bytes or 0)
    levels = cgroup.guarded(host.root)
    return plan._replace(reserve_bytes=kept, reserve_files=GUARDED_FILES if kept else 0, cgroup_levels=levels)


class _Relay:
    """Events of a coordinator on their way to the head, as they come; what is measured here goes before them."""

    def __init__(self, worker: Worker, key: str, run: str, topic: str) -> None:
        self._worker = worker
        self._key = key
        self._run = run
        self._topic = topic
        self._progress = b""
        self._pids: tuple[int, ...] = ()

    def forward(self, line: bytes) -> None:
        self._worker.log_event(self._topic, {"run": self._run, "text": line})

    def tell(self, event: events.TaskEvent) -> None:
        self.forward(wire.line_of(event))

    def run(self, started: Burst, host: Host, before: dict[str, int]) -> str:
        self.tell(events.StartedEvent(os.getpid()))
        told = answered = time.monotonic()
        while True:
            try:
                line = started.next_line(_POLL_SECONDS)
            except InconclusiveError:
                self.tell(events.GoneEvent())
                return "the coordinator was lost"
            now = time.monotonic()
            if line is not None:
                answered = now
                event = wire.read_event(line)
                if self._measured(event, line, host, before):
                    self.forward(line)
                if isinstance(event, events.EndEvent):
                    return "done"
            if now - told >= RECORD_SECONDS:
                told = now
                if self._progress:
                    self.forward(self._progress)
                    self._progress = b""
                silent = now - answered if now - answered > 2 * RECORD_SECONDS else 0.0
                self.tell(events.AliveEvent(silent, guard.available_bytes()))
                command(self._run, wire.line_of(wire.StatusCommand()))
            if self._is_given_up():
                return "given up"

    def _measured(self, event: events.CoordinatorEvent, line: bytes, host: Host, before: dict[str, int]) -> bool:
        """Whether the event goes on at once; what is measured at its moment is gone by then."""
        match event:
            case events.ProgressEvent() | events.StatusEvent(relayed=False):
                self._progress = line  # until the next second
                return False
            case events.ReadyEvent(server_pids=pids):
                self._pids = pids
                self._measure(host)
            case events.OpenEvent(pids=pids):
                self._pids, self._progress = self._pids or pids, b""  # what was before it is out of date
                self._measure(host)
            case events.CloseEvent():
                self.tell(events.CountersEvent(counters.growth(before, counters.snapshot(host.root))))
            case _:
                pass
        return True

    def _measure(self, host: Host) -> None:
        seconds, own = processes.cpu_seconds(self._pids), memory.private_bytes(self._pids)
        self.tell(events.MeasuredEvent(seconds, own, memory.socket_slab_bytes(host.root)))

    def _is_given_up(self) -> bool:
        """Whether nobody waits for this task any more: cancelled, or the head, the scheduler or the worker is going."""
        task = self._worker.state.tasks.get(self._key)
        running = self._worker.status.name in ("running", "paused")
        return not running or task is None or task.state not in ("executing", "long-running")
