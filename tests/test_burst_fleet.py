"""The head of a burst on several machines: who is asked what, who is lost and when, and one answer of all."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest

from tests.burst.engine.kinds import same
from wstune.burst import fleet as module
from wstune.burst.cluster import Cluster
from wstune.burst.engine import events, wire
from wstune.burst.engine.events import Standing
from wstune.burst.engine.plan import Address, Plan, Route, ServerPlan
from wstune.burst.engine.records import MAX_ITEMS, MAX_TEXT
from wstune.burst.fleet import Fleet, Member
from wstune.burst.shares import MachineStanding

PLAN = Plan(Address("192.0.2.1", 80), (100,), (Route(),))
Seen = tuple[events.ProgressEvent, tuple[MachineStanding, ...]]


class Machines:
    """A cluster whose machines answer each command with the event of its kind, if there is one."""

    def __init__(self, *answers: events.CoordinatorEvent) -> None:
        self.answers = {type(answer): answer for answer in (events.ReadyEvent(1), *answers)}
        self.take: Callable[[Any], None] = lambda _: None
        self.told: list[tuple[str, wire.Command]] = []
        self.started: list[tuple[object, ...]] = []
        self.silent: set[str] = set()
        self.cancelled: list[str] = []

    def listen(self, _: str, take: Callable[[Any], None]) -> None:
        self.take = take

    def say(self, run: str, *told: events.Event) -> None:
        for event in told:
            self.take({"run": run, "text": wire.line_of(event)})

    def start(self, address: str, _: object, run: str, *arguments: object) -> SimpleNamespace:
        self.started.append(arguments)
        if address not in self.silent:
            self.say(run, events.StartedEvent(1), self.answers[events.ReadyEvent])
        return SimpleNamespace(status="pending", address=address)

    def tell(self, address: str, _: object, run: str, line: bytes) -> None:
        command = wire.read_command(line)
        self.told.append((address, command))
        answer = self.answers.get(cast("type[events.CoordinatorEvent]", command.answer))
        if address not in self.silent and answer is not None:
            self.say(run, answer)

    def cancel(self, future: Any) -> None:
        self.cancelled.append(future.address)

    def heard(self, *expected: wire.Command) -> bool:
        """Whether these commands, of the same kinds, are all that was told."""
        return same(tuple(command for _, command in self.told), expected)


def started(machines: Machines, count: int = 2, seen: list[Seen] | None = None) -> Fleet:
    members = [Member(f"gen{at}", f"a{at}", 100, PLAN, ahead=10.0 * at) for at in range(count)]
    kept = [] if seen is None else seen
    made = Fleet(cast("Cluster", machines), "run", members, lambda *progress: kept.append(progress))
    made.start(members)
    return made


def test_a_task_is_told_all_that_it_needs() -> None:
    """The plan as a line, until when it may start by its own clock, and what is not the plan's."""
    machines = Machines()
    member = Member("gen0", "a0", 100, PLAN, force=True, authority="PEM", ahead=1_000.0)
    Fleet(cast("Cluster", machines), "run", [member], lambda *_: None).start([member])
    ((topic, line, until, force, authority),) = machines.started
    assert isinstance(line, bytes)
    assert same(wire.read_plan(line), PLAN)
    assert (topic, force, authority) == ("wstune-run", True, "PEM")
    assert until == pytest.approx(time.monotonic() + module.START_SECONDS + 1_000.0, abs=5)


def test_one_answer_of_all() -> None:
    """The same moment on each one's own clock; counts added, the longest time."""
    machines = Machines(events.OpenEvent(1.5, Standing(open=100, pending=3)))
    fleet = started(machines)
    assert same(fleet.do(wire.OpenCommand()), events.OpenEvent(1.5, Standing(open=200, pending=6)))
    (_, first), (_, second) = machines.told
    assert isinstance(first, wire.OpenCommand)
    assert isinstance(second, wire.OpenCommand)
    assert second.at - first.at == pytest.approx(10.0)
    assert first.at > time.monotonic()
    assert fleet.began == first.at


def test_a_load_machine_says_nothing_of_the_server() -> None:
    """It has none: errors of accept() and workers that it tells of are not the server's."""
    made_up = events.ServerState(7, 9, 24)
    closed = events.CloseEvent(events.Counts(), 1, 1, 1, server=made_up)
    fleet = started(Machines(events.StatusEvent(1.0, Standing(100), made_up), closed))
    assert fleet.do(wire.StatusCommand()).server == events.ServerState()
    assert fleet.do(wire.CloseCommand(5)).server == events.ServerState()
    serving = [Member("gen0", "a0", 0, PLAN._replace(server=ServerPlan(1, 5)), server=True)]
    fleet = Fleet(cast("Cluster", Machines(closed)), "run", serving, lambda *_: None)
    fleet.start(serving)
    assert fleet.ask(serving[0], wire.CloseCommand(5)).server == made_up


def test_where_things_stand_is_answered() -> None:
    """The head's own question is marked, since each task asks too; those who have steps left are added up."""
    machines = Machines(events.StatusEvent(1.0, Standing(open=100, pending=2, ended=1), relayed=True))
    fleet = started(machines)
    assert fleet.do(wire.StatusCommand()).standing.pending == 4
    assert machines.heard(*[wire.StatusCommand(relayed=True)] * 2)
    answer = fleet.ask(fleet.members[0], wire.StatusCommand())
    assert (answer.standing.open, answer.standing.ended) == (100, 1)
    assert machines.told[-1][0] == "a0"
    assert machines.heard(*[wire.StatusCommand(relayed=True)] * 3)


def test_what_a_task_asks_for_itself_is_no_answer() -> None:
    """It is where its machine stands; whoever has asked is not answered by it."""
    machines = Machines()
    fleet = started(machines)
    machines.say(fleet.members[0].run, events.StatusEvent(1.0, Standing(open=7), relayed=False))
    fleet.watch(0.05)
    assert fleet.members[0].standing.open == 7
    assert fleet.members[0].answers == []


def test_one_speaks_and_all_listen() -> None:
    """A fan-out has one speaker; talkers and their rate are divided; so is what is closed."""
    machines = Machines(
        events.FanoutEvent(100, 100, 0.1, 1.0),
        events.TalkEvent(1, 100),
        events.CloseEvent(events.Counts(), 1, 1, 1),
    )
    fleet = started(machines)
    assert fleet.do(wire.FanoutCommand("x", 1.0)).delivered == 200
    assert same(fleet.do(wire.TalkCommand(3, 6.0, 40)), events.TalkEvent(2, 200))
    assert same(fleet.do(wire.CloseCommand(5, 100.0)), events.CloseEvent(events.Counts(), 2, 2, 2))
    (_, first), (_, second), *more = machines.told
    assert isinstance(first, wire.FanoutCommand)
    assert isinstance(second, wire.FanoutCommand)
    assert [(command.text, command.seconds, command.speak) for command in (first, second)] == [
        ("x", 1.0, True),
        ("x", 1.0, False),
    ]
    assert second.at - first.at == pytest.approx(10.0)
    assert first.at > time.monotonic() - 5
    assert same(
        tuple(command for _, command in more),
        (
            wire.TalkCommand(1, 2.0, 40, alone=False),
            wire.TalkCommand(2, 4.0, 40, alone=False),
            wire.CloseCommand(3, 50.0),
            wire.CloseCommand(3, 50.0),
        ),
    )


def test_those_who_talk_become_quiet_again() -> None:
    """0 talkers are 0 on each machine."""
    machines = Machines(events.TalkEvent(0, 100))
    started(machines).do(wire.TalkCommand(0, 0.0, 0))
    assert machines.heard(*[wire.TalkCommand(0, 0.0, 0, alone=False)] * 2)


def test_who_is_silent_is_lost_and_the_others_go_on() -> None:
    """What it had open is lost; its task is cancelled; what it says afterwards is not heard."""
    machines = Machines(events.PingEvent(100, 99))
    fleet = started(machines)
    fleet.began = time.monotonic()
    run = fleet.members[1].run
    machines.say(run, events.ProgressEvent(1.0, Standing(60, 1, 2)))
    fleet.watch(0.05)
    machines.silent.add("a1")
    fleet.members[1].heard -= module.SILENCE
    assert same(fleet.do(wire.PingCommand(1.0)), events.PingEvent(100, 99))
    (lost,) = fleet.lost
    assert (lost.name, lost.lost, lost.lost_open) == ("gen1", "it has said nothing for 5 s", 60)
    assert machines.cancelled == ["a1"]
    machines.say(run, events.PingEvent(100, 100))
    fleet.watch(0.1)
    assert fleet.members[1].answers == []
    standing = fleet.progress().standing
    assert (standing.open, standing.lost, standing.failed) == (0, 62, 1)
    assert fleet.machines()[1] == ("gen1", 0, 100, "it has said nothing for 5 s")


@pytest.mark.parametrize(
    ("event", "why"),
    [
        (events.GoneEvent(), "its coordinator was lost; look for the OOM killer in dmesg there"),
        (events.ErrorEvent(12, "no memory"), "no memory (errno 12)"),
        (events.StartedEvent(2), "its worker was lost and its task started again"),
        (events.AliveEvent(6.0, 1), "its coordinator has said nothing for 6 s"),
    ],
)
def test_each_loss_has_its_reason(event: events.Event, why: str) -> None:
    """Also when its task is started a second time: the connections of the first are gone."""
    machines = Machines()
    fleet = started(machines)
    machines.say(fleet.members[0].run, event)
    fleet.watch(0.05)
    assert [member.lost for member in fleet.members] == [why, ""]


def test_a_coordinator_may_be_silent_for_a_while() -> None:
    """As long as a machine may, and for as long as it takes while it closes."""
    machines = Machines(events.CloseEvent(events.Counts(), 1, 1, 1))
    fleet = started(machines)
    machines.say(fleet.members[0].run, events.AliveEvent(module.SILENCE, 1))
    fleet.watch(0.05)
    fleet.do(wire.CloseCommand(5))
    machines.say(fleet.members[0].run, events.AliveEvent(60.0, 1))
    fleet.watch(0.05)
    assert fleet.lost == []


@pytest.mark.parametrize(
    ("status", "why"),
    [
        ("error", "its task failed there"),
        ("lost", "its Dask worker was lost"),
        ("cancelled", "its Dask worker was lost"),
    ],
)
def test_the_scheduler_may_know_first(status: str, why: str) -> None:
    """A task that ended otherwise than it should is not waited for."""
    fleet = started(Machines())
    cast("Any", fleet.members[0].future).status = status
    fleet.watch(0.05)
    fleet._look_for_silence()
    assert fleet.members[0].lost == why


def test_an_error_of_the_servers_machine_ends_the_burst() -> None:
    """It could not listen: that is the sentence."""
    machines = Machines()
    fleet = started(machines)
    fleet.members[0].server = True
    machines.say(fleet.members[0].run, events.ErrorEvent(98, "the port is in use"))
    with pytest.raises(OSError, match="the port is in use") as raised:
        fleet.watch(0.1)
    assert raised.value.errno == 98


def test_the_end_is_no_loss() -> None:
    """A task that ended as it should is done, and not cancelled; the others are, at the end."""
    machines = Machines()
    fleet = started(machines)
    machines.say(fleet.members[0].run, events.EndEvent())
    fleet.watch(0.05)
    assert [member.live for member in fleet.members] == [False, True]
    assert fleet.lost == []
    fleet.end()
    assert machines.cancelled == ["a1"]


def test_a_machine_that_does_not_start_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    """It has its time to start, and the others are not held up for longer."""
    monkeypatch.setattr(module, "START_SECONDS", 0.2)
    machines = Machines()
    machines.silent.add("a1")
    fleet = started(machines)
    assert [member.lost for member in fleet.lost] == ["it has said nothing for 5 s"]
    assert [member.ready for member in fleet.members] == [events.ReadyEvent(1), None]


def test_progress_is_of_all() -> None:
    """Whenever one has said something, from the common start on."""
    seen: list[Seen] = []
    machines = Machines()
    fleet = started(machines, seen=seen)
    machines.say(fleet.members[0].run, events.ProgressEvent(0.5, Standing(5)))
    fleet.watch(0.05)
    assert seen == []
    fleet.began = time.monotonic()
    machines.say(fleet.members[1].run, events.ProgressEvent(0.5, Standing(7)))
    fleet.watch(0.05)
    event, rows = seen[-1]
    assert event.standing.open == 12
    assert 0 < event.seconds < 5
    assert [row[1] for row in rows] == [5, 7]


def test_what_was_measured_belongs_to_the_event_that_follows() -> None:
    """Before `ready`, before `open`; what counters grew by is of the whole."""
    machines = Machines()
    machines.silent.add("a0")
    member = Member("gen0", "a0", 100, PLAN)
    fleet = Fleet(cast("Cluster", machines), "run", [member], lambda *_: None)
    fleet._by_run["r"] = member
    first, second = events.MeasuredEvent(0.5, 10, 100), events.MeasuredEvent(1.5, 20, None)
    opened, closed = events.OpenEvent(1.0, Standing(100)), events.CloseEvent(events.Counts(), 1, 1, 1)
    machines.say("r", events.StartedEvent(1), first, events.ReadyEvent(5))
    fleet.watch(0.05)
    assert (member.at_ready, member.at_open) == (first, None)
    machines.say("r", second, opened, events.CountersEvent({"Tcp.RetransSegs": 7}), closed)
    fleet.watch(0.05)
    assert (member.at_ready, member.at_open) == (first, second)
    assert (member.ready, member.opened, member.closed) == (events.ReadyEvent(5), opened, closed)
    assert member.growth == {"Tcp.RetransSegs": 7}
    assert member.standing.open == 100


def said(event: events.Event, **changes: object) -> str:
    """An event's line with other fields; one that is `...` is left out."""
    fields = {**json.loads(wire.line_of(event)), **changes}
    return json.dumps({name: value for name, value in fields.items() if value is not ...})


PROGRESS = events.ProgressEvent(1.0, Standing(1))
STANDING = json.loads(wire.line_of(PROGRESS))["standing"]
CLOSED = events.CloseEvent(events.Counts(), 1, 1, 1)
COUNTERS = events.CountersEvent({"Tcp.RetransSegs": 7})
NESTED = '{"type": "PingEvent", "pings": ' + "[" * 100_000 + "]" * 100_000 + "}"
UNKNOWN = "instead of a message that is known here"

NO_ANSWERS = [
    ("{", "it is not JSON"),
    ("", "it is not JSON"),
    (b"\xff\xfe\xfd", "it is not JSON"),
    (b'{"type": "EndEvent\xff"}', "it is not JSON"),
    (said(PROGRESS)[:-1], "it is not JSON"),
    (said(PROGRESS) * 2, "it is not JSON"),
    (None, "it is not JSON"),
    (5, "it is not JSON"),
    (["x"], "it is not JSON"),
    ("[]", "it is a list instead of an object"),
    ("5", "it is 5 instead of an object"),
    ("null", "it is None instead of an object"),
    ("{}", f"type is None {UNKNOWN}"),
    ('{"type": []}', f"type is a list {UNKNOWN}"),
    ('{"type": "\\u001b[2J"}', f"type is '\\\\x1b[2J' {UNKNOWN}"),
    ('{"type": "nonsense"}', f"type is 'nonsense' {UNKNOWN}"),
    ('{"type": "%s"}' % ("x" * 100_000), f"type is '{'x' * 39}… {UNKNOWN}"),
    (wire.line_of(wire.EndCommand()), f"type is 'EndCommand' {UNKNOWN}"),
    (wire.line_of(PLAN), f"type is 'Plan' {UNKNOWN}"),
    (json.dumps(STANDING), f"type is 'Standing' {UNKNOWN}"),
    (NESTED, "it is nested more than 32 deep"),
    (said(PROGRESS, standing={**STANDING, "open": [[[]] * 3] * 3}), "standing.open is a list instead of a count"),
    (said(PROGRESS, standing={**STANDING, "open": "many"}), "standing.open is 'many' instead of a count"),
    (said(PROGRESS, standing={**STANDING, "open": -1}), "standing.open is -1 instead of a count"),
    (said(PROGRESS, standing={**STANDING, "open": 1.0}), "standing.open is 1.0 instead of a count"),
    (said(PROGRESS, standing={**STANDING, "open": True}), "standing.open is True instead of a count"),
    (said(PROGRESS, standing={**STANDING, "open": 1 << 64}), "standing.open is 18446744073709551616 instead of"),
    (said(PROGRESS, standing={**STANDING, "open": 10**4_000}), "a number has 4,001 digits"),
    (said(PROGRESS, standing={**STANDING, "more": 1}), "standing: 'more' is not a field of Standing"),
    (said(PROGRESS, standing={**STANDING, "type": "EndEvent"}), "standing.type is 'EndEvent' instead of Standing"),
    (said(PROGRESS, standing={"open": 1}), "standing.type is missing"),
    (said(PROGRESS, standing=[1, 0, 0, 0, 0]), "standing is a list instead of an object"),
    (said(PROGRESS, standing=None), "standing is None instead of an object"),
    (said(PROGRESS, standing=...), "standing is missing"),
    (said(PROGRESS, seconds=...), "seconds is missing"),
    (said(PROGRESS, seconds=float("nan")), "'NaN' is not a number"),
    (said(PROGRESS, seconds=float("inf")), "'Infinity' is not a number"),
    (said(PROGRESS, seconds="1"), "seconds is '1' instead of a number"),
    (said(PROGRESS, seconds=True), "seconds is True instead of a number"),
    (said(PROGRESS, seconds=1e15), "seconds is 1000000000000000.0 instead of a number"),
    (said(PROGRESS, more=1), "'more' is not a field of ProgressEvent"),
    (said(PROGRESS, **{"\x1b" * 9_000: 1}), "'\\\\x1b\\\\x1b"),
    (said(events.EndEvent(), more=1), "'more' is not a field of EndEvent"),
    ('{"type": "AliveEvent", "silent": 1e999, "available_bytes": 1}', "'1e999' is not a number"),
    ('{"type": "AliveEvent", "silent": -1e999, "available_bytes": 1}', "'-1e999' is not a number"),
    (said(events.AliveEvent(0.0, 1), available_bytes=-1), "available_bytes is -1 instead of a count"),
    (said(events.AliveEvent(0.0, 1), silent=...), "silent is missing"),
    (said(events.StartedEvent(1), pid=-1), "pid is -1 instead of a count"),
    (said(events.StartedEvent(1), pid=None), "pid is None instead of a count"),
    (said(events.ErrorEvent(1, "x"), errno="x"), "errno is 'x' instead of a count"),
    (said(events.ErrorEvent(1, "x"), message=[]), "message is a list instead of a text"),
    (said(events.ErrorEvent(1, "x" * (MAX_TEXT + 1))), "message is 'xxxxxxxxxxx"),
    (said(events.ReadyEvent(1), port=1 << 16), "port is 65536 instead of a number from 0 to 65,535"),
    (said(events.ReadyEvent(1), port=-1), "port is -1 instead of a number from 0 to 65,535"),
    (said(events.ReadyEvent(1), server_pids=[1, -1]), "server_pids[1] is -1 instead of a count"),
    (said(events.ReadyEvent(1), server_pids=[0] * (MAX_ITEMS + 1)), "server_pids is a list instead of"),
    (said(events.ReadyEvent(1), server_pids={}), "server_pids is an object instead of a list"),
    (said(events.MeasuredEvent(0.0, 1, 1), cpu_seconds=float("nan")), "'NaN' is not a number"),
    (said(events.MeasuredEvent(0.0, 1, 1), private_bytes=-1), "private_bytes is -1 instead of a count"),
    (said(events.MeasuredEvent(0.0, 1, 1), slab_bytes=-1), "slab_bytes is -1 instead of a count"),
    (said(events.MeasuredEvent(0.0, 1, 1), slab_bytes=...), "slab_bytes is missing"),
    (said(events.FanoutEvent(1, 1, 1.0, None), first_ms="x"), "first_ms is 'x' instead of a number"),
    (said(events.FanoutEvent(1, 1, 1.0, None), delivered=-1), "delivered is -1 instead of a count"),
    (said(events.StatusEvent(1.0, Standing()), relayed=1), "relayed is 1 instead of true or false"),
    (said(COUNTERS, growth=[]), "growth is a list instead of an object"),
    (said(COUNTERS, growth={"x": 1.5}), "growth.x is 1.5 instead of an integer"),
    (said(COUNTERS, growth={"x": 1 << 64}), "growth.x is 18446744073709551616 instead of an integer"),
    (said(COUNTERS, growth={"x": [1]}), "growth.x is a list instead of an integer"),
    (said(COUNTERS, growth={"x" * 100_000: None}), "growth"),
    (said(COUNTERS, growth={"\x1b[2J": None}), "growth"),
    (said(CLOSED, counts={"999999": 1}), "counts is an object instead of a tally"),
    (said(CLOSED, counts={"-1": 1}), "counts is an object instead of a tally"),
    (said(CLOSED, counts={"²": 1}), "counts is an object instead of a tally"),
    (said(CLOSED, counts={"9" * 5_000: 1}), "counts is an object instead of a tally"),
    (said(CLOSED, counts={"1": -1}), "counts is an object instead of a tally"),
    (said(CLOSED, counts={"1": 1.0}), "counts is an object instead of a tally"),
    (said(CLOSED, counts={"1": 1 << 64}), "counts is an object instead of a tally"),
    (said(CLOSED, counts={"1": float("nan")}), "'NaN' is not a number"),
    (said(CLOSED, counts=[0, 1]), "counts is a list instead of a tally"),
    (said(CLOSED, counts=...), "counts is missing"),
    (said(CLOSED, graceful=-1), "graceful is -1 instead of a count"),
    (said(CLOSED, stopped_by=5), "stopped_by is 5 instead of a text"),
    (said(CLOSED, stopped_why="x" * 5_000), "stopped_why is 'xxxxxxxxxxx"),
    (said(CLOSED, lost=[["generator", 5]]), "lost[0] is a list instead of an object"),
    (said(CLOSED, lost=[{"type": "LostProcess", "side": "generator", "pid": -5}]), "lost[0].pid is -5 instead of"),
    (said(CLOSED, server={"type": "ServerState", "alive": 0, "accept_errors": 0}), "server.errno is missing"),
]


@pytest.mark.parametrize(("text", "why"), NO_ANSWERS, ids=[why[:60] for _, why in NO_ANSWERS])
def test_what_is_no_answer_loses_the_machine_and_not_the_burst(text: object, why: str) -> None:
    """Broken, of another type, too deep, too large: it is lost with the reason, and the others go on."""
    machines = Machines(events.PingEvent(100, 100))
    fleet = started(machines, 3)
    first, second, _ = fleet.members
    machines.take({"run": first.run, "text": text})
    machines.take({"run": second.run, "text": text.encode() if isinstance(text, str) else text})
    fleet.watch(0.05)
    for member in (first, second):
        assert member.lost.startswith(f"it sent something that is not a wstune answer: {why}")
        assert member.lost.isprintable()
        assert len(member.lost) < 250
    assert sorted(machines.cancelled) == ["a0", "a1"]
    assert fleet.do(wire.PingCommand(1.0)).pongs == 100


def test_texts_of_another_machine_come_out_printable() -> None:
    """In what is shown, and in what is kept: no escape sequence of another machine gets to a terminal."""
    machines = Machines()
    fleet = started(machines)
    run = fleet.members[0].run
    closed = events.CloseEvent(
        events.Counts(), 1, 1, 1, (events.LostProcess("\x1b[1m", 5),), "memory\x1b", "\x9b2J, \u202e and \x1b[2J"
    )
    machines.say(run, events.CountersEvent({"Tcp.\x1b[2J": 7}), closed, events.ErrorEvent(12, "\x1b]0;x\x07 \ud800"))
    fleet.watch(0.05)
    member = fleet.members[0]
    assert member.closed is not None
    assert member.closed.lost == (("\\x1b[1m", 5),)
    assert member.closed.stopped_by == "memory\\x1b"
    assert member.closed.stopped_why.startswith("\\x9b2J, ")
    assert member.closed.stopped_why.isprintable()
    assert member.growth == {"Tcp.\\x1b[2J": 7}
    assert member.lost == "\\x1b]0;x\\x07 \\ud800 (errno 12)"


@pytest.mark.parametrize(
    "message", [None, [], "x", b"x", {}, {"run": []}, {"run": b"x"}, {"run": "another", "text": "{}"}, {"text": "{}"}]
)
def test_what_names_no_machine_is_nobodys(message: object) -> None:
    """It is not heard, and it is not kept."""
    machines = Machines()
    fleet = started(machines)
    machines.take(message)
    assert fleet._incoming.empty()
    fleet.watch(0.05)
    assert fleet.lost == []


@pytest.mark.parametrize("padding", [0, 4_000])
@pytest.mark.parametrize("form", [str, bytes])
def test_a_flood_is_bounded_and_loses_its_machine(form: type[str] | type[bytes], padding: int) -> None:
    """What waits to be heard does not grow with what is sent, and none of it is made anything of."""
    machines = Machines()
    fleet = started(machines)
    line = said(PROGRESS) + " " * padding
    for _ in range(20_000):
        machines.take({"run": fleet.members[0].run, "text": line if form is str else line.encode()})
    assert fleet._incoming.qsize() * (512 + len(line)) < 5 << 20
    fleet.watch(0.05)
    assert fleet.members[0].lost == "it sent more than 4 MiB"
    assert fleet.members[0].standing == Standing()


@pytest.mark.parametrize("event", [events.PingEvent(1, 1), CLOSED])
def test_what_nobody_asked_for_is_not_kept_for_ever(event: events.Event) -> None:
    """A machine may say an answer too much, not hundreds."""
    machines = Machines()
    fleet = started(machines)
    machines.say(fleet.members[0].run, *[event] * 200)
    fleet.watch(0.05)
    assert "nobody asked for" in fleet.members[0].lost
    assert len(fleet.members[0].answers) <= 101


def test_who_talks_and_does_not_answer_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its progress goes on, its answer never comes: the head does not wait for ever."""
    monkeypatch.setattr(module, "ANSWER_SECONDS", 0.2)
    machines = Machines()
    fleet = started(machines)
    machines.answers[events.PingEvent] = events.PingEvent(1, 1)
    machines.silent.add("a1")
    assert same(fleet.do(wire.PingCommand(1.0)), events.PingEvent(1, 1))
    assert [member.lost for member in fleet.members] == ["", "it did not answer `ping` within 0 s"]


@pytest.mark.parametrize(
    ("command", "seconds"),
    [
        (wire.OpenCommand(), 7.0),
        (wire.CloseCommand(5, 100.0), 2.0),
        (wire.CloseCommand(5), 0.0),
        (wire.PingCommand(5.0), 0.0),
    ],
)
def test_a_command_may_take_its_own_time(command: wire.Request[wire.Mergeable], seconds: float) -> None:
    """Opening its limit, closing what its rate makes of all connections; the others none."""
    members = [Member(f"gen{at}", f"a{at}", 100, PLAN._replace(seconds=limit)) for at, limit in enumerate((5.0, 7.0))]
    assert module._takes(command, members) == seconds


def test_of_nobody_left_there_is_an_answer() -> None:
    """When all machines are lost, it is what is merged of none."""
    machines = Machines()
    fleet = started(machines)
    for member in fleet.members:
        machines.say(member.run, events.GoneEvent())
    fleet.watch(0.1)
    assert fleet.generators == []
    assert same(fleet.do(wire.PingCommand(1.0)), events.PingEvent(0, 0))
    assert same(fleet.do(wire.OpenCommand()), events.OpenEvent(0.0, Standing()))
