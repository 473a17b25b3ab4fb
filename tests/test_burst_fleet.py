"""The head of a burst on several machines: who is asked what, who is lost and when, and one answer of all."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest

from wstune.burst import fleet as module
from wstune.burst.cluster import Cluster
from wstune.burst.fleet import Fleet, Member


class Machines:
    """A cluster whose machines answer each command as `answers` says: by its verb, the fields of the event."""

    def __init__(self, answers: dict[str, dict[str, Any]] | None = None) -> None:
        self.answers = {"ready": {"port": 1}, **(answers or {})}
        self.take: Callable[[Any], None] = lambda _: None
        self.told: list[tuple[str, dict[str, Any]]] = []
        self.silent: set[str] = set()
        self.cancelled: list[Any] = []

    def listen(self, _: str, take: Callable[[Any], None]) -> None:
        self.take = take

    def say(self, run: str, **event: Any) -> None:
        self.take({"run": run, "text": json.dumps(event)})

    def start(self, address: str, _: object, run: str, *__: object) -> SimpleNamespace:
        if address not in self.silent:
            self.say(run, event="started", pid=1)
            self.say(run, event="ready", **self.answers["ready"])
        return SimpleNamespace(status="pending", address=address)

    def tell(self, address: str, _: object, run: str, command: dict[str, Any]) -> None:
        self.told.append((address, command))
        if address not in self.silent and command["do"] in self.answers:
            self.say(run, event=command["do"], **self.answers[command["do"]])

    def cancel(self, future: Any) -> None:
        self.cancelled.append(future.address)


def started(machines: Machines, count: int = 2, on_progress: Callable[[Any], None] = lambda _: None) -> Fleet:
    members = [Member(f"gen{at}", f"a{at}", 100, {"shares": [100]}, ahead=10.0 * at) for at in range(count)]
    made = Fleet(cast("Cluster", machines), "run", members, on_progress)
    made.start(members)
    return made


OPENED = {"open": 100, "failed": 0, "lost": 0, "pending": 3, "ended": 0, "seconds": 1.5, "pids": []}
OPENED |= {"cpu_seconds": 0.1, "private_bytes": 1_000}


def test_one_answer_of_all() -> None:
    """The same moment on each one's own clock; counts added, the longest time."""
    machines = Machines({"open": OPENED})
    found = started(machines).do("open")
    assert (found["open"], found["seconds"]) == (200, 1.5)
    (_, first), (_, second) = machines.told
    assert second["at"] - first["at"] == pytest.approx(10.0)
    assert first["at"] > time.monotonic()


def test_where_things_stand_is_answered() -> None:
    """The head's own question is marked, since each task asks too; those who have steps left are added up."""
    machines = Machines({"status": {"open": 100, "failed": 0, "lost": 0, "pending": 2, "ended": 1}})
    fleet = started(machines)
    assert fleet.do("status")["pending"] == 4
    assert [command for _, command in machines.told] == [{"do": "status", "asked": True}] * 2
    fleet.ask(fleet.members[0], "status")
    assert machines.told[-1] == ("a0", {"do": "status", "asked": True})


def test_one_speaks_and_all_listen() -> None:
    """A fan-out has one speaker; talkers and their rate are divided; so is what is closed."""
    answers: dict[str, dict[str, Any]] = {
        "fanout": {"expected": 100, "delivered": 100, "seconds": 0.1, "first_ms": 1.0},
        "talk": {"talkers": 1, "listeners": 100},
        "close": {"words": {}, "wanted": 1, "closed": 1, "graceful": 1, "lost": [], "stopped_by": ""},
    }
    machines = Machines(answers)
    fleet = started(machines)
    assert fleet.do("fanout", text="x", seconds=1.0)["delivered"] == 200
    fleet.do("talk", talkers=3, rate=6.0, size=40)
    fleet.do("close", sample=5, rate=100.0)
    said = [command for _, command in machines.told]
    assert [command["speak"] for command in said[:2]] == [True, False]
    assert [(command["talkers"], command["rate"]) for command in said[2:4]] == [(1, 2.0), (2, 4.0)]
    assert [(command["sample"], command["rate"]) for command in said[4:]] == [(3, 50.0)] * 2


def test_who_is_silent_is_lost_and_the_others_go_on() -> None:
    """What it had open is lost; its task is cancelled; what it says afterwards is not heard."""
    machines = Machines({"ping": {"pings": 100, "pongs": 99}})
    fleet = started(machines)
    fleet.began = time.monotonic()
    run = fleet.members[1].run
    machines.say(run, event="progress", open=60, failed=1, lost=2, silent=0.0, available=1)
    fleet.watch(0.05)
    machines.silent.add("a1")
    fleet.members[1].heard -= module.SILENCE
    assert fleet.do("ping", seconds=1.0) == {"event": "ping", "pings": 100, "pongs": 99}
    (lost,) = fleet.lost
    assert (lost.name, lost.lost, lost.lost_open) == ("gen1", "it has said nothing for 5 s", 60)
    assert machines.cancelled == ["a1"]
    machines.say(run, event="ping", pings=100, pongs=100)
    fleet.watch(0.1)
    assert fleet.members[1].events == []
    progress = fleet.progress()
    assert (progress["lost"], progress["failed"]) == (62, 1)
    assert progress["machines"][1] == ("gen1", 0, 100, "it has said nothing for 5 s")


@pytest.mark.parametrize(
    ("event", "why"),
    [
        ({"event": "gone"}, "its coordinator was lost; look for the OOM killer in dmesg there"),
        ({"event": "error", "errno": 12, "what": "no memory"}, "no memory (errno 12)"),
        ({"event": "started", "pid": 2}, "its worker was lost and its task started again"),
        ({"event": "progress", "silent": 6.0}, "its coordinator has said nothing for 6 s"),
    ],
)
def test_each_loss_has_its_reason(event: dict[str, Any], why: str) -> None:
    """Also when its task is started a second time: the connections of the first are gone."""
    machines = Machines()
    fleet = started(machines)
    machines.say(fleet.members[0].run, **event)
    fleet.watch(0.05)
    assert [member.lost for member in fleet.members] == [why, ""]


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
    machines.say(fleet.members[0].run, event="error", errno=98, what="the port is in use")
    with pytest.raises(OSError, match="the port is in use"):
        fleet.watch(0.1)


def test_the_end_is_no_loss() -> None:
    """A task that ended as it should is done, and not cancelled; the others are, at the end."""
    machines = Machines()
    fleet = started(machines)
    machines.say(fleet.members[0].run, event="end")
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
    assert "ready" not in fleet.members[1].told


def test_progress_is_of_all() -> None:
    """Whenever one has said something, from the common start on."""
    seen: list[Any] = []
    machines = Machines()
    fleet = started(machines, on_progress=seen.append)
    machines.say(fleet.members[0].run, event="progress", open=5, failed=0, lost=0, silent=0.0)
    fleet.watch(0.05)
    assert seen == []
    fleet.began = time.monotonic()
    machines.say(fleet.members[1].run, event="progress", open=7, failed=0, lost=0, silent=0.0)
    fleet.watch(0.05)
    assert seen[-1]["open"] == 12
    assert [row[1] for row in seen[-1]["machines"]] == [5, 7]


NESTED = '{"event": "ping", "pings": ' + "[" * 100_000 + "]" * 100_000 + "}"
PROGRESS = {"event": "progress", "open": 1, "failed": 0, "lost": 0, "silent": 0.0}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{", "it is not JSON"),
        ("", "it is not JSON"),
        (None, "it is not JSON"),
        (5, "it is not JSON"),
        ("[]", "it is a list instead of an object"),
        ("5", "it is 5 instead of an object"),
        ("{}", "event is missing"),
        ('{"event": []}', "event is a list instead of a text"),
        ('{"event": "\\u001b[2J"}', "there is no event"),
        ('{"event": "nonsense"}', "there is no event 'nonsense'"),
        (NESTED, "it is nested more than 32 deep"),
        (json.dumps({**PROGRESS, "open": "many"}), "open is 'many' instead of a count"),
        (json.dumps({**PROGRESS, "open": -1}), "open is -1 instead of a count"),
        (json.dumps({**PROGRESS, "open": True}), "open is True instead of a count"),
        (json.dumps({**PROGRESS, "open": 10**4_000}), "a number has 4,001 digits"),
        (json.dumps({**PROGRESS, "silent": float("nan")}), "'NaN' is not a number"),
        ('{"event": "progress", "silent": 1e999}', "'1e999' is not a number"),
        (json.dumps({"event": "progress"}), "silent is missing"),
        (json.dumps({"event": "error", "errno": "x", "what": []}), "errno is 'x' instead of an integer"),
        (json.dumps({"event": "ready", "port": 1 << 16}), "port is 65536 instead of a port"),
        (json.dumps({"event": "close", "words": {"999999": 1}}), "words is an object instead of a tally"),
    ],
)
def test_what_is_no_answer_loses_the_machine_and_not_the_burst(text: object, why: str) -> None:
    """Broken, of another type, too deep, too large: it is lost with the reason, and the others go on."""
    machines = Machines({"ping": {"pings": 100, "pongs": 100}})
    fleet = started(machines)
    machines.take({"run": fleet.members[0].run, "text": text})
    fleet.watch(0.05)
    assert fleet.members[0].lost.startswith(f"it sent something that is not a wstune answer: {why}")
    assert "\x1b" not in fleet.members[0].lost
    assert fleet.do("ping", seconds=1.0)["pongs"] == 100


@pytest.mark.parametrize("message", [None, [], "x", {}, {"run": []}, {"run": "another", "text": "{}"}])
def test_what_names_no_machine_is_nobodys(message: object) -> None:
    """It is not heard, and it is not kept."""
    machines = Machines()
    fleet = started(machines)
    machines.take(message)
    fleet.watch(0.05)
    assert fleet.lost == []


def test_a_flood_is_bounded_and_loses_its_machine() -> None:
    """What waits to be heard does not grow with what is sent, and none of it is made anything of."""
    machines = Machines()
    fleet = started(machines)
    text = json.dumps({**PROGRESS, "why": "x" * 4_000})
    for _ in range(20_000):
        machines.take({"run": fleet.members[0].run, "text": text})
    assert fleet._incoming.qsize() < 2_000
    fleet.watch(0.05)
    assert fleet.members[0].lost == "it sent more than 4 MiB"


def test_what_nobody_asked_for_is_not_kept_for_ever() -> None:
    """A machine may say an answer too much, not hundreds."""
    machines = Machines()
    fleet = started(machines)
    for _ in range(200):
        machines.say(fleet.members[0].run, event="ping", pings=1, pongs=1)
    fleet.watch(0.05)
    assert "nobody asked for" in fleet.members[0].lost


def test_who_talks_and_does_not_answer_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its progress goes on, its answer never comes: the head does not wait for ever."""
    monkeypatch.setattr(module, "ANSWER_SECONDS", 0.2)
    machines = Machines()
    fleet = started(machines)
    machines.answers["ping"] = {"pings": 1, "pongs": 1}
    machines.silent.add("a1")
    assert fleet.do("ping", seconds=1.0) == {"event": "ping", "pings": 1, "pongs": 1}
    assert [member.lost for member in fleet.members] == ["", "it did not answer `ping` within 0 s"]
