"""What runs on a machine of a cluster: its check, and a task that starts once and passes on what is said, as it is."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import distributed
import pytest

from tests.burst.engine.kinds import same
from wstune.burst import agent, process
from wstune.burst.answers import cleaned
from wstune.burst.cluster import Cluster
from wstune.burst.engine import events, wire
from wstune.burst.engine.events import Standing
from wstune.burst.engine.plan import Address, Plan, Route, ServerPlan, TlsPlan
from wstune.burst.engine.records import parsed, read
from wstune.burst.fleet import Fleet, Member
from wstune.burst.process import Burst
from wstune.burst.room import GUARDED_FILES
from wstune.burst.shares import MachineRoom
from wstune.errors import InconclusiveError
from wstune.host import counters, memory, processes
from wstune.host.host import Host

if TYPE_CHECKING:
    from distributed import Worker

PLAN = Plan(Address("127.0.0.1", 0), (), ())


def room(sources: tuple[str, ...] = (), *, loopback: bool = False) -> MachineRoom:
    return read(MachineRoom, cleaned(agent.check(sources, loopback)))


def test_the_check_tells_room_limits_and_place() -> None:
    """Every limit is a name, a number and a remedy; a process's own file limit is none, for load is spread."""
    found = room()
    limits = {limit.name: limit for limit in found.limits}
    assert limits["net.ipv4.ip_local_port_range"].connections > 0
    assert limits["fs.file-max"].fix
    assert "nofile" not in limits
    assert found.cpus >= 1
    assert found.boot_id


def test_ports_bind_nothing_over_loopback() -> None:
    """Towards 127.0.0.0/8 every address of it will do as a source."""
    assert "net.ipv4.ip_local_port_range" not in {limit.name for limit in room(loopback=True).limits}


def test_only_addresses_of_this_machine_are_sources() -> None:
    """Of the addresses of a whole fleet each machine takes its own."""
    assert room(("127.0.0.1", "192.0.2.1")).sources == ("127.0.0.1",)


def test_a_run_starts_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A scheduler that has lost a worker may hand its task on: a second start, or a late one, is refused."""
    monkeypatch.setattr(distributed, "get_worker", lambda: SimpleNamespace())
    with pytest.raises(RuntimeError, match="has been started already"):
        agent.burst("late", "topic", wire.line_of(PLAN), time.monotonic() - 1)
    monkeypatch.setattr(agent, "_seen", {"once"})
    with pytest.raises(RuntimeError, match="has been started already"):
        agent.burst("once", "topic", wire.line_of(PLAN), time.monotonic() + 10)


def test_a_command_for_a_run_that_is_over_does_nothing() -> None:
    """The head may speak while the task ends."""
    agent.command(f"none-{os.getpid()}", wire.line_of(wire.StatusCommand()))


def test_the_guards_are_the_machines_own() -> None:
    """Whatever the head's plan has; with --force there are none."""
    plan = PLAN._replace(reserve_bytes=5, reserve_files=6, cgroup_levels=((7, "/elsewhere", "8"),))
    own = agent._guarded(plan, Host(), force=False)
    assert own.reserve_bytes > 100 << 20
    assert own.reserve_files == GUARDED_FILES
    assert not own.cgroup_levels or own.cgroup_levels != plan.cgroup_levels
    bare = agent._guarded(plan, Host(), force=True)
    assert (bare.reserve_bytes, bare.reserve_files) == (0, 0)
    assert own._replace(reserve_bytes=5, reserve_files=6, cgroup_levels=plan.cgroup_levels) == plan


def test_certificates_that_came_as_text_are_a_file_meanwhile() -> None:
    """Of this machine; nothing of it is left."""
    plan = PLAN._replace(tls=TlsPlan("/of/the/head.pem", insecure=False))
    with agent._authority(plan, "PEM") as own:
        assert own.tls is not None
        assert own.tls.ca != "/of/the/head.pem"
        assert Path(own.tls.ca).read_text() == "PEM"
        assert own._replace(tls=plan.tls) == plan
    assert not Path(own.tls.ca).exists()
    with agent._authority(plan, "") as same_plan:
        assert same_plan == plan
    with agent._authority(PLAN, "PEM") as without:
        assert without == PLAN


class Here:
    """A Dask worker, for what the task asks of it; what is logged is kept, and given to `take`."""

    def __init__(self) -> None:
        self.take: Callable[[Any], None] = lambda _: None
        self.lines: list[bytes] = []
        self.topics: set[tuple[str, str]] = set()
        self.state = SimpleNamespace(tasks={"key": SimpleNamespace(state="executing")})
        self.status = SimpleNamespace(name="running")

    def get_current_task(self) -> str:
        return "key"

    def log_event(self, topic: str, message: dict[str, Any]) -> None:
        self.topics.add((topic, message["run"]))
        self.lines.append(message["text"])
        self.take(message)

    @property
    def events(self) -> list[events.Event]:
        return [wire.event_of(parsed(line)) for line in self.lines]


class Lines:
    """A coordinator that says these lines, and is lost then; what it is told it forgets."""

    def __init__(self, *lines: bytes | events.CoordinatorEvent) -> None:
        self.left = [line if isinstance(line, bytes) else wire.line_of(line).rstrip(b"\n") for line in lines]

    def next_line(self, _: float) -> bytes | None:
        if not self.left:
            raise InconclusiveError("lost")
        return self.left.pop(0) or None


def relayed(worker: Here, *lines: bytes | events.CoordinatorEvent) -> tuple[str, agent._Relay]:
    """Why the task ended that passed these on."""
    relay = agent._Relay(cast("Worker", worker), "key", "run", "topic")
    return relay.run(cast("Burst", Lines(*lines)), Host(), {}), relay


def test_the_head_gets_an_answer_to_what_it_asks() -> None:
    """Where things stand is asked for by the task itself, every second, for its records; that answer stays there."""
    worker = Here()
    own, asked = (events.StatusEvent(1.0, Standing(5 + at), relayed=at > 0) for at in range(2))
    why, relay = relayed(worker, own, asked, events.EndEvent())
    assert why == "done"
    assert same(tuple(worker.events), (events.StartedEvent(os.getpid()), asked, events.EndEvent()))
    assert same(wire.read_event(relay._progress), own)
    assert worker.topics == {("topic", "run")}


def test_where_the_connections_stand_is_told_once_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    """The latest, as it came, and once; then that the machine is there, which is told without it too."""
    monkeypatch.setattr(agent, "RECORD_SECONDS", 0.0)
    worker = Here()
    line = b'{"standing": {"ended":0,"pending":0,"lost":0,"failed":0,"open":5, "type":"Standing"}, "seconds": 1.50, '
    line += b'"type": "ProgressEvent"}'
    relayed(worker, line, b"", events.EndEvent())
    started, passed, *alive = worker.lines
    assert same(wire.event_of(parsed(started)), events.StartedEvent(os.getpid()))
    assert passed == line
    kinds = [type(wire.event_of(parsed(each))) for each in alive]
    assert kinds == [events.AliveEvent, events.AliveEvent, events.EndEvent]


def test_what_was_told_before_the_opening_was_over_is_out_of_date(monkeypatch: pytest.MonkeyPatch) -> None:
    """It does not follow: a machine that is lost then would have lost less than it had open."""
    monkeypatch.setattr(agent, "RECORD_SECONDS", 1e9)
    worker, opened = Here(), events.OpenEvent(1.0, Standing(5))
    _, relay = relayed(worker, events.ProgressEvent(0.5, Standing(3)), opened, events.EndEvent())
    assert relay._progress == b""
    told = [type(event) for event in worker.events]
    assert told == [events.StartedEvent, events.MeasuredEvent, events.OpenEvent, events.EndEvent]


def test_a_coordinator_that_says_nothing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """For how many seconds, once it is longer than two records; and what memory the machine has left."""
    now = [100.0]

    class Slow(Lines):
        def next_line(self, seconds: float) -> bytes | None:
            now[0] += 1.0
            return super().next_line(seconds)

    monkeypatch.setattr(agent, "time", SimpleNamespace(monotonic=lambda: now[0]))
    worker = Here()
    relay = agent._Relay(cast("Worker", worker), "key", "run", "topic")
    relay.run(cast("Burst", Slow(*[b""] * 4, events.PingEvent(1, 1), b"", events.EndEvent())), Host(), {})
    alive = [event for event in worker.events if isinstance(event, events.AliveEvent)]
    assert [event.silent for event in alive] == [0.0, 0.0, 3.0, 4.0, 0.0, 0.0]
    assert all(event.available_bytes > 1 << 20 for event in alive)


def test_a_coordinator_that_is_lost_is_told() -> None:
    """It is the last that the head hears of this machine."""
    worker = Here()
    why, _ = relayed(worker)
    assert why == "the coordinator was lost"
    assert same(tuple(worker.events), (events.StartedEvent(os.getpid()), events.GoneEvent()))


@pytest.mark.parametrize("how", ["cancelled", "forgotten", "closing"])
def test_a_task_that_nobody_waits_for_ends(how: str) -> None:
    """Its coordinator has said nothing wrong."""
    worker = Here()
    if how == "closing":
        worker.status.name = "closing"
    elif how == "forgotten":
        worker.state.tasks.clear()
    else:
        worker.state.tasks["key"].state = "cancelled"
    assert relayed(worker, b"", b"", b"")[0] == "given up"


def test_what_is_measured_comes_before_the_event_that_it_belongs_to(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the server's processes where they are here, else of the generators; counters by what they were before."""
    monkeypatch.setattr(processes, "cpu_seconds", lambda pids: 0.5 * sum(pids))
    monkeypatch.setattr(memory, "private_bytes", lambda pids: 1_000 * sum(pids))
    monkeypatch.setattr(memory, "socket_slab_bytes", lambda _: 77)
    monkeypatch.setattr(counters, "growth", lambda *_: {"Tcp.RetransSegs": 9})
    opened = events.OpenEvent(1.0, Standing(5), (5, 6))
    closed, end = events.CloseEvent(events.Counts(), 1, 1, 1), events.EndEvent()
    ping = events.PingEvent(5, 5)
    grown = events.CountersEvent({"Tcp.RetransSegs": 9})
    for servers, at_ready, at_open in (
        ((), events.MeasuredEvent(0.0, 0, 77), events.MeasuredEvent(5.5, 11_000, 77)),
        ((2,), events.MeasuredEvent(1.0, 2_000, 77), events.MeasuredEvent(1.0, 2_000, 77)),
    ):
        worker, ready = Here(), events.ReadyEvent(4, servers)
        relayed(worker, ready, opened, ping, closed, end)
        expected = (at_ready, ready, at_open, opened, ping, grown, closed, end)
        assert same(tuple(worker.events[1:]), expected)


class Machine:
    """A cluster of one worker, which is a thread of this process; nothing is between it and the head."""

    def __init__(self, worker: Here) -> None:
        self.worker = worker
        self.threads: list[threading.Thread] = []
        self.arrived: list[dict[str, bytes]] = []
        self.told: list[bytes] = []
        self.results: list[str] = []

    def listen(self, _: str, take: Callable[[Any], None]) -> None:
        def both(message: dict[str, bytes]) -> None:
            self.arrived.append(message)
            take(message)

        self.worker.take = both

    def start(self, _: str, function: Callable[..., str], *arguments: object) -> SimpleNamespace:
        thread = threading.Thread(target=lambda: self.results.append(function(*arguments)), daemon=True)
        self.threads.append(thread)
        thread.start()
        return SimpleNamespace(status="pending")

    def tell(self, _: str, function: Callable[..., None], run: str, line: bytes) -> None:
        self.told.append(line)
        function(run, line)

    def cancel(self, _: object) -> None:
        self.worker.state.tasks.clear()

    def join(self) -> None:
        for thread in self.threads:
            thread.join(20)
            assert not thread.is_alive()


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Iterator[Machine]:
    worker = Here()
    monkeypatch.setattr(distributed, "get_worker", lambda: worker)
    made = Machine(worker)
    yield made
    worker.state.tasks.clear()
    made.join()


def begun(machine: Machine, plan: Plan) -> tuple[Fleet, Member]:
    member = Member("gen1", "tls://127.0.0.1:1", sum(plan.shares), plan)
    fleet = Fleet(cast("Cluster", machine), f"{os.getpid()}-{time.monotonic_ns()}", [member], lambda *_: None)
    fleet.start([member])
    return fleet, member


SAID = [
    b'{"server_pids":[],   "port": 7,"type": "ReadyEvent"}',
    b'{ "type" : "ProgressEvent", "standing": {"open": 3, "type":"Standing", "failed": 0, "lost": 0,'
    b' "pending": 0, "ended": 0}, "seconds": 0.2500 }',
    b'\t{"pids": [], "seconds": 1.50e0, "type": "\\u004fpenEvent", "standing": {"type":"Standing","open":5,'
    b'"failed":0,"lost":0,"pending":0,"ended":0}} ',
    b'{"pongs": 4, "pings": 5, "type": "PingEvent"}',
    '{"stopped_why":"é \\u00e9","type":"CloseEvent","counts":{"1":5,"0":5},"wanted":1,"closed":1,"graceful":1,'
    '"lost":[],"stopped_by":"","server":{"errno":0,"alive":0,"accept_errors":0,"type":"ServerState"}}'.encode(),
    b'{"type":"EndEvent"}',
]
"""Each an event, and none as `line_of` would write it."""

PROGRAM = """
import sys
sys.stdin.readline()
sys.stdout.buffer.write(open(sys.argv[1], "rb").read())
"""


def test_the_head_gets_the_very_lines_that_the_coordinator_wrote(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Byte for byte, in their order: what passes them on reads them, and writes none of them anew."""
    place = tmp_path / "said"
    place.write_bytes(b"".join(line + b"\n" for line in SAID))
    monkeypatch.setattr(process, "command_line", lambda _: [sys.executable, "-IS", "-c", PROGRAM, str(place)])
    monkeypatch.setattr(agent, "RECORD_SECONDS", 0.0)  # progress is told at once
    fleet, member = begun(machine, PLAN)
    machine.join()
    assert machine.results == ["done"]
    assert all(isinstance(message["text"], bytes) for message in machine.arrived)
    assert machine.worker.topics == {(f"wstune-{fleet._run}", member.run)}
    assert [message["text"] for message in machine.arrived if message["text"] in SAID] == SAID
    others = [wire.event_of(parsed(message["text"])) for message in machine.arrived if message["text"] not in SAID]
    assert {type(event) for event in others} == {
        events.StartedEvent,
        events.MeasuredEvent,
        events.AliveEvent,
        events.CountersEvent,
    }
    fleet.watch(0.2)
    assert (member.lost, member.done) == ("", True)
    assert member.closed is not None
    assert (member.closed.counts.words[:2], member.closed.stopped_why) == ((5, 5), "é é")
    assert member.opened == events.OpenEvent(1.5, Standing(5))


def test_a_command_reaches_the_coordinator_as_the_head_wrote_it(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Byte for byte, too; the plan has the machine's guards in it, and is otherwise the head's."""
    heard = tmp_path / "heard"
    program = """
import sys
with open(sys.argv[1], "wb", buffering=0) as heard:
    heard.write(sys.stdin.buffer.readline())
    print('{"type":"ReadyEvent","port":7,"server_pids":[]}', flush=True)
    for line in sys.stdin.buffer:
        heard.write(line)
        if b"PingCommand" in line: print('{"type":"PingEvent","pings":5,"pongs":5}', flush=True)
        if b"EndCommand" in line: print('{"type":"EndEvent"}', flush=True)
"""
    monkeypatch.setattr(process, "command_line", lambda _: [sys.executable, "-IS", "-c", program, str(heard)])
    fleet, _ = begun(machine, PLAN._replace(seed=12))
    assert fleet.do(wire.PingCommand(2.5)).pongs == 5
    fleet.do(wire.EndCommand())
    machine.join()
    plan, *commands = heard.read_bytes().splitlines(keepends=True)
    assert [line for line in commands if b"StatusCommand" not in line] == machine.told
    assert same(tuple(map(wire.read_command, machine.told)), (wire.PingCommand(2.5), wire.EndCommand()))
    told = wire.read_plan(plan)
    assert told.reserve_files == GUARDED_FILES
    own = agent._guarded(PLAN._replace(seed=12), Host(), force=False)
    assert same(told._replace(reserve_bytes=0), own._replace(reserve_bytes=0))


def test_a_burst_of_a_real_coordinator(machine: Machine) -> None:
    """Against its own server: opened, asked, closed and ended by the head; what was measured is there with each."""
    plan = Plan(Address("127.0.0.1", 0), (5,), (Route(),), ServerPlan(1, 128), timeout=10.0)
    fleet, member = begun(machine, plan)
    assert member.lost == ""
    assert member.ready is not None
    assert member.at_ready is not None
    assert fleet.do(wire.OpenCommand()).standing.open == 5
    assert member.at_open is not None
    assert member.at_open.private_bytes > 0
    assert same(fleet.do(wire.PingCommand(5.0)), events.PingEvent(5, 5))
    status = fleet.do(wire.StatusCommand())
    assert (status.standing.open, status.server.alive) == (5, 1)
    closed = fleet.do(wire.CloseCommand(5))
    assert (closed.wanted, closed.closed, closed.server.alive) == (5, 5, 1)
    assert member.growth is not None
    fleet.do(wire.EndCommand())
    machine.join()
    assert (machine.results, member.lost, member.done) == (["done"], "", True)
    assert agent._runs == {}
