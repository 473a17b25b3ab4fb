"""What runs on a machine of a cluster, inside its Dask worker: the check of a generator, and the task of a burst.

The task starts the same coordinator as a burst on one host does, passes the head's commands on to it, and its events
back, by `log_event`; while it runs there is a record every second, so that the head can tell silence. It ends with the
coordinator, or when the head has cancelled it, is gone, or the worker closes.
"""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from wstune.burst import budget
from wstune.burst.process import Burst, Event
from wstune.errors import InconclusiveError
from wstune.host import cgroup, counters, guard, memory, processes, rlimits
from wstune.host.addresses import is_ours
from wstune.host.host import Host
from wstune.model import Role
from wstune.readiness import capacity
from wstune.readiness.constants import GENERATOR_BYTES
from wstune.readiness.costs import costs
from wstune.tunables import CATALOGUE

if TYPE_CHECKING:
    from distributed import Worker

RECORD_SECONDS = 1.0
RESERVE_FILES = 4_096
_POLL_SECONDS = 0.2

_runs: dict[str, Burst] = {}
"""Bursts under way in this worker, by run id and machine."""
_seen: set[str] = set()


def check(sources: tuple[str, ...], loopback: bool, server: bool = False, tls: bool = False) -> dict[str, Any]:
    """The room of this machine as a generator (as a server: `server`): its limits by name, and what a plan needs.

    `sources`: addresses to come from, of which those count that are this machine's. `loopback`: towards 127.0.0.0/8
    every source address of it will do, and ports bind nothing. `tls`: what it connects to is wss.
    """
    host = Host()
    facts = host.facts()
    own = [source for source in sources if is_ours(source)]
    readings = host.read_all(CATALOGUE[name] for name in capacity.NEEDS)
    role = Role.SERVER if server else Role.GENERATOR
    each = costs()._replace(generator=GENERATOR_BYTES + (budget.TLS_GENERATOR_BYTES if tls else 0))
    found = capacity.capacity(role, readings, facts, host.usage(), each, sources=max(1, len(own)))
    nofile = rlimits.nofile(host.root)
    return {
        "limits": [
            (limit.name, limit.connections, limit.fix)
            for limit in found.limits
            if limit.connections is not None
            and not limit.per_process
            and not (loopback and limit.name == "net.ipv4.ip_local_port_range")
        ],
        "boot_id": facts.boot_id or "",
        "netns": facts.netns or 0,
        "cpus": facts.cpus or 1,
        "nofile": nofile[1] if isinstance(nofile, tuple) else 0,
        "ram_bytes": facts.ram_bytes,
        "sources": own,
    }


def clock() -> tuple[float, float]:
    """CLOCK_MONOTONIC and the wall clock here."""
    return time.monotonic(), time.time()


def command(run: str, line: Event) -> None:
    """Pass a command on to the coordinator of a run; for one that is over it means nothing."""
    burst = _runs.get(run)
    if burst is None:
        return
    try:
        burst.send(line)
    except (InconclusiveError, OSError):
        return  # it is gone: its task says so


def burst(run: str, topic: str, plan: Event, until: float) -> str:
    """The task: one burst of this machine. Returns in words why it ended.

    `run` is good for one start, and only until `until` (CLOCK_MONOTONIC here): a scheduler that lost a worker may hand
    its task to the next one. Raises RuntimeError for a second start.
    """
    from distributed import get_worker

    worker = get_worker()
    if run in _seen or time.monotonic() > until:
        raise RuntimeError(f"run {run} has been started already")
    _seen.add(run)
    relay = _Relay(worker, str(worker.get_current_task()), run, topic)
    host = Host()
    _at_home(plan, host)
    before = counters.snapshot(host.root)
    with _authority(plan):
        started = Burst(plan, relay.latest)
        _runs[run] = started
        try:
            return relay.run(started, host, before)
        finally:
            del _runs[run]
            started.end()


@contextlib.contextmanager
def _authority(plan: Event) -> Iterator[None]:
    """The certificates that the server's is checked by came in the plan as text; they are a file meanwhile."""
    if not (plan.get("tls") and plan["tls"].get("text")):
        yield
        return
    with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:
        file.write(plan["tls"].pop("text"))
        file.flush()
        plan["tls"]["ca"] = file.name
        yield


def _at_home(plan: Event, host: Host) -> None:
    """Fill in the guards, which are this machine's own."""
    facts = host.facts()
    reserve = budget.reserve(budget.Room(facts.cpus or 1, 0, ram_bytes=facts.ram_bytes))
    plan["reserve_bytes"] = 0 if plan.pop("force") else reserve
    plan["reserve_files"] = RESERVE_FILES if plan["reserve_bytes"] else 0
    plan["cgroup_levels"] = cgroup.guarded(host.root)


class _Relay:
    """Events of a coordinator on their way to the head."""

    def __init__(self, worker: Worker, key: str, run: str, topic: str) -> None:
        self._worker = worker
        self._key = key
        self._run = run
        self._topic = topic
        self._progress: Event = {}
        self._pids: list[int] = []
        self._opened: Event = {}

    def latest(self, event: Event) -> None:
        """Remember a progress event until the next record is due."""
        self._progress = event

    def tell(self, event: Event) -> None:
        # JSON, since msgpack takes no keys of dictionaries but texts.
        self._worker.log_event(self._topic, {"run": self._run, "text": json.dumps(event)})

    def run(self, started: Burst, host: Host, before: dict[str, int]) -> str:
        self.tell({"event": "started", "pid": os.getpid()})
        told = answered = time.monotonic()
        while True:
            try:
                event = started.next_event(_POLL_SECONDS)
            except InconclusiveError:
                self.tell({"event": "gone"})
                return "the coordinator was lost"
            now = time.monotonic()
            if event is not None:
                answered = now
                self._pass_on(event, host, before)
                if event["event"] == "end":
                    return "done"
            if now - told >= RECORD_SECONDS:
                told = now
                silent = now - answered if now - answered > 2 * RECORD_SECONDS else 0.0
                available = guard.available_bytes()
                self.tell({**self._progress, "event": "progress", "silent": silent, "available": available})
                command(self._run, {"do": "status"})
            if self._is_given_up():
                return "given up"

    def _pass_on(self, event: Event, host: Host, before: dict[str, int]) -> None:
        match event["event"]:
            case "progress" | "status":
                self._progress = {**event, "event": "progress"}
                if not event.get("asked"):
                    return
            case "ready":
                self._pids = event["server_pids"]
                event["slab"] = memory.socket_slab_bytes(host.root)
            case "open":
                self._pids = self._pids or event["pids"]
                event["cpu_seconds"] = processes.cpu_seconds(self._pids)
                event["private_bytes"] = memory.private_bytes(self._pids)
                event["slab"] = memory.socket_slab_bytes(host.root)
            case "close":
                event["counters"] = counters.growth(before, counters.snapshot(host.root))
            case _:
                pass
        self.tell(event)

    def _is_given_up(self) -> bool:
        """Whether nobody waits for this task any more: cancelled, or the head, the scheduler or the worker is going."""
        task = self._worker.state.tasks.get(self._key)
        running = self._worker.status.name in ("running", "paused")
        return not running or task is None or task.state not in ("executing", "long-running")
