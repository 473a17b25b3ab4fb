"""A burst over a cluster, before anything is opened: what cannot be, the budget, the server's address and its plan."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast

import pytest

from tests.burst.engine.kinds import same
from tests.test_actions_cluster_plan import ROOM, base, generator, worker
from wstune.actions import verify_cluster
from wstune.actions.verify_options import VerifyOptions
from wstune.actions.verify_outcome import BurstRefused
from wstune.actions.verify_target import HOST, Security, Target, target_of
from wstune.burst import budget, scenario
from wstune.burst.cluster import Cluster
from wstune.burst.cluster_entry import Where
from wstune.burst.engine import events, wire
from wstune.burst.engine.plan import Address, TimedPhase
from wstune.burst.engine.records import to_json
from wstune.burst.fleet import Member
from wstune.burst.shares import Limit, MachineRoom
from wstune.errors import InconclusiveError, UsageError
from wstune.host.host import Host
from wstune.readiness.constants import TLS_GENERATOR_BYTES

HOSTS = Where(hosts=("gen1", "gen2"))
ELSEWHERE = Target("ws://192.0.2.1/", "192.0.2.1", 80, places=(scenario.Place(Address("192.0.2.1", 80), "192.0.2.1"),))


def scoped() -> Target:
    place = scenario.Place(Address("fe80::1", 80, 0, 2), "[fe80::1]")
    return Target("ws://[fe80::1%25eth0]/", "fe80::1%2", 80, places=(place,))


@pytest.mark.parametrize(
    ("options", "where", "sentence"),
    [
        (VerifyOptions(target=target_of("ws://127.0.0.1:1/")), HOSTS, "every load machine would connect to itself"),
        (VerifyOptions(target=ELSEWHERE), replace(HOSTS, server="gen3"), "--serve-on starts the built-in server"),
        (VerifyOptions(target=scoped()), HOSTS, "^fe80::1%2 is for one interface of this host"),
        (VerifyOptions(target=ELSEWHERE, sources=("fe80::2%eth0",)), HOSTS, "^fe80::2%eth0 is for one interface"),
    ],
    ids=["loopback", "serve-on", "scope", "scope of a source"],
)
def test_what_cannot_be(options: VerifyOptions, where: Where, sentence: str) -> None:
    """One sentence, before anybody is logged in to."""
    ended = verify_cluster.run(options, where, lambda _: None)
    assert isinstance(ended, BurstRefused)
    assert isinstance(ended.error, UsageError)
    assert re.search(sentence, str(ended.error))


def test_loopback_is_good_for_workers_that_are_here() -> None:
    """--cluster local:2 reaches it."""
    verify_cluster._require(VerifyOptions(target=target_of("ws://127.0.0.1:1/")), Where(local=2))
    verify_cluster._require(VerifyOptions(), HOSTS)


class Answers:
    """A cluster whose machines answer the check of a server with this."""

    def __init__(self, answer: MachineRoom | Exception | None) -> None:
        self.answer = answer if isinstance(answer, Exception) else to_json(answer)

    def ask(self, calls: dict[str, tuple[Any, ...]], _: Callable[..., Any]) -> dict[str, Any]:
        assert set(calls.values()) == {((), False, True)}
        return dict.fromkeys(calls, self.answer)


def planned(
    options: VerifyOptions, total: int, answer: MachineRoom | Exception | None = None
) -> tuple[budget.Budget, list[str]]:
    server = worker("gen9") if answer is not None else None
    cluster, machines = cast("Cluster", Answers(answer)), [generator("gen1"), generator("gen2", nofile=1_024)]
    made, _, remarks, _ = verify_cluster._planned(cluster, options, HOSTS, Host(), server, machines, total)
    return made, remarks


def test_the_budget_of_a_server_elsewhere_is_that_of_the_load_machines() -> None:
    """The profile's number, or what there is room for; the smallest file limit counts; TLS takes its own memory."""
    made, remarks = planned(VerifyOptions(target=ELSEWHERE), 20_000)
    assert made.connections == 20_000
    assert made.single_process_limit < 1_024
    assert remarks == ["the profile is for 100,000 connections; the load machines have room for 20,000"]
    secured = replace(ELSEWHERE, security=Security())
    plain, tls = (planned(VerifyOptions(connections=5_000, target=way), 20_000)[0] for way in (ELSEWHERE, secured))
    assert tls.bytes_needed - plain.bytes_needed == 5_000 * TLS_GENERATOR_BYTES


def test_the_servers_machine_must_have_room() -> None:
    """It is named with its limit and its fix; --force tries all the same."""
    room = ROOM._replace(limits=(Limit("fs.file-max", 3_000, "raise it"),))
    with pytest.raises(
        InconclusiveError, match=r"fs.file-max of the server's machine gen9 has room for 3,000"
    ) as refused:
        planned(VerifyOptions(connections=5_000), 20_000, room)
    assert refused.value.tip == "for gen9: raise it; or --force to try all the same"
    assert planned(VerifyOptions(connections=5_000, force=True), 20_000, room)[0].connections == 5_000
    with pytest.raises(InconclusiveError, match="gen9 cannot be checked"):
        planned(VerifyOptions(connections=5_000), 20_000, ValueError("no"))


def crew(server: str = "") -> verify_cluster._Crew:
    there = worker("srv", server) if server else None
    room = ROOM._replace(cpus=4) if server else None
    return verify_cluster._Crew([generator("gen1")], [1_000], there, room, [])


@pytest.mark.parametrize(
    ("server", "where", "address"),
    [
        ("tls://10.0.0.9:5000", HOSTS, "10.0.0.9"),
        ("tls://[2001:db8::9]:5000", HOSTS, "2001:db8::9"),
        ("", Where(local=2), "127.0.0.1"),
    ],
)
def test_the_servers_address(server: str, where: Where, address: str) -> None:
    """The machine's, or loopback for workers that are here; a server elsewhere keeps its own."""
    cluster = cast("Cluster", None)
    aimed = verify_cluster._aimed(cluster, crew(server), VerifyOptions(target=HOST), where)
    assert aimed.target.address == address
    options = VerifyOptions(target=ELSEWHERE)
    assert verify_cluster._aimed(cluster, crew(server), options, where) is options


def test_the_address_towards_a_machine() -> None:
    """Our own on the way there."""
    assert verify_cluster._towards("tls://127.0.0.1:8786") == "127.0.0.1"


def test_the_servers_coordinator_makes_no_load() -> None:
    """No shares, no phases, no sources; as many processes as its machine needs."""
    whole = base(TimedPhase(1.0, 1.0, 5, 1.0))._replace(sources=("127.0.0.1",), programs=((),), seed=12)
    assert verify_cluster._served(crew(), whole) is None
    served = verify_cluster._served(crew("tls://10.0.0.9:5000"), whole)
    assert served is not None
    assert (served.name, served.address) == ("srv", "tls://10.0.0.9:5000")
    assert (served.server, served.share, served.force, served.authority) == (True, 0, False, "")
    plan = served.plan
    assert not any((plan.shares, plan.phases, plan.sources, plan.routes, plan.programs))
    assert (plan.target, plan.seed) == (whole.target, 12)
    assert plan.server is not None
    assert (plan.server.processes, plan.server.backlog) == (4, 65_535)
    elsewhere = whole._replace(server=None)
    assert verify_cluster._served(crew("tls://10.0.0.9:5000"), elsewhere) is None


class Fleet:
    """Load machines that answer `close` and `status`, and a machine with the server that answers as it does."""

    def __init__(self) -> None:
        self.started: list[list[Member]] = []
        self.asked: list[str] = []
        self.members: list[Member] = []

    def start(self, members: list[Member]) -> None:
        self.started.append(members)
        for member in members:
            member.ready = events.ReadyEvent(4_000 if member.server else 0, (7, 8))

    def do(self, command: wire.Request[Any]) -> Any:
        self.asked.append(f"load {type(command).__name__}")
        return ANSWERS[command.answer]

    def ask(self, _: Member, command: wire.Request[Any]) -> Any:
        self.asked.append(f"server {type(command).__name__}")
        return ANSWERS[command.answer]._replace(server=events.ServerState(2, 9, 24))


ANSWERS: dict[Any, Any] = {
    events.OpenEvent: events.OpenEvent(1.0, events.Standing(5)),
    events.StatusEvent: events.StatusEvent(1.0, events.Standing(5)),
    events.CloseEvent: events.CloseEvent(events.Counts(), 5, 5, 5, (events.LostProcess("server", 8),)),
}


def both(fleet: Fleet, monkeypatch: pytest.MonkeyPatch, *, remote: bool) -> verify_cluster._Both:
    """One load machine, and the server on another, or on none of them."""
    load = Member("gen1", "a1", 5, base())
    server = Member("srv", "a9", 0, base(), server=True) if remote else None

    def made(_: Cluster, __: str, members: list[Member], ___: object) -> Fleet:
        fleet.members = members
        return fleet

    monkeypatch.setattr(verify_cluster, "Fleet", made)
    return verify_cluster._Both(cast("Cluster", None), [load], server, base(), lambda *_: None)


def test_the_server_is_ready_before_those_who_go_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its port is in their plans then; its processes are another machine's, and mean nothing here."""
    fleet = Fleet()
    driver = both(fleet, monkeypatch, remote=True)
    assert same(driver.ready(5.0), events.ReadyEvent(4_000))
    assert [[member.name for member in members] for members in fleet.started] == [["srv"], ["gen1"]]
    assert [member.plan.target.port for member in fleet.members] == [4_000, 80]


@pytest.mark.parametrize("lost", ["it has said nothing for 5 s", ""])
def test_a_servers_machine_that_is_not_ready_ends_the_burst(monkeypatch: pytest.MonkeyPatch, lost: str) -> None:
    """There is nothing to connect to: it is named with its reason."""
    fleet = Fleet()
    driver = both(fleet, monkeypatch, remote=True)

    def start(members: list[Member]) -> None:
        for member in members:
            member.lost = lost

    monkeypatch.setattr(fleet, "start", start)
    with pytest.raises(OSError, match=f"the server's machine srv: {lost}"):
        driver.ready(5.0)


def test_a_server_elsewhere_is_where_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is started for it, and nothing is asked of it."""
    fleet = Fleet()
    driver = both(fleet, monkeypatch, remote=False)
    driver._base = driver._base._replace(server=None)
    assert same(driver.ready(5.0), events.ReadyEvent(80))
    assert [[member.name for member in members] for members in fleet.started] == [["gen1"]]
    assert driver.do(wire.CloseCommand(5)) == ANSWERS[events.CloseEvent]
    assert fleet.asked == ["load CloseCommand"]


def test_generators_are_closed_before_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """What they counted is taken before the server ends its side; where it stands is told with where they stand."""
    fleet = Fleet()
    driver = both(fleet, monkeypatch, remote=True)
    status = driver.do(wire.StatusCommand())
    assert status.server == events.ServerState(2, 9, 24)
    closed = driver.do(wire.CloseCommand(5))
    assert closed.server == events.ServerState(2, 9, 24)
    assert closed.lost == (events.LostProcess("server", 8),) * 2
    assert driver.do(wire.OpenCommand()).standing.open == 5
    assert fleet.asked == [
        "load StatusCommand",
        "server StatusCommand",
        "load CloseCommand",
        "server CloseCommand",
        "load OpenCommand",
    ]


def test_a_server_that_was_lost_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its machine's answer would not come."""
    fleet = Fleet()
    driver = both(fleet, monkeypatch, remote=True)
    assert driver.remote is not None
    driver.remote.lost = "it has said nothing for 5 s"
    assert driver.do(wire.CloseCommand(5)).server == events.ServerState()
    assert fleet.asked == ["load CloseCommand"]


def test_a_server_here_is_a_coordinator_of_this_host(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without load, started first, asked last, and ended with the fleet."""
    said: list[str] = []

    class Server:
        def __init__(self, plan: Any, _: object) -> None:
            said.append(f"started {plan.shares} {plan.server.processes}")

        def ready(self, seconds: float) -> events.ReadyEvent:
            return events.ReadyEvent(4_001, (7, 8))

        def do(self, command: wire.Request[Any]) -> Any:
            said.append(type(command).__name__)
            return ANSWERS[command.answer]._replace(server=events.ServerState(1))

        def end(self) -> None:
            said.append("ended")

    fleet = Fleet()
    monkeypatch.setattr(verify_cluster, "Burst", Server)
    monkeypatch.setattr(fleet, "end", lambda: said.append("fleet ended"), raising=False)
    driver = both(fleet, monkeypatch, remote=False)
    assert same(driver.ready(5.0), events.ReadyEvent(4_001, (7, 8)))
    assert [member.plan.target.port for member in fleet.members] == [4_001]
    assert driver.do(wire.StatusCommand()).server == events.ServerState(1)
    driver.end()
    assert said == ["started () 1", "StatusCommand", "fleet ended", "ended"]
