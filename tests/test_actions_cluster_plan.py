"""Who takes part in a burst over a cluster: the server's machine, those that make load, their shares and plans."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wstune.actions.cluster_plan import Generator, allotted, checked, members, room_of, server_of
from wstune.actions.verify_options import VerifyOptions
from wstune.actions.verify_target import Security, Target
from wstune.burst import agent, scenario
from wstune.burst.answers import Probe, cleaned
from wstune.burst.cluster import Cluster, Worker
from wstune.burst.engine.plan import Address, Plan, Route, ServerPlan, TimedPhase, TlsPlan
from wstune.burst.engine.records import Json, read, to_json
from wstune.burst.shares import Limit, MachineRoom
from wstune.errors import InconclusiveError, UsageError
from wstune.readiness.constants import TLS_GENERATOR_BYTES

ELSEWHERE = Target("ws://192.0.2.1/", "192.0.2.1", 80, places=(scenario.Place(Address("192.0.2.1", 80), "192.0.2.1"),))
ROOM = MachineRoom((Limit("memory", 9_000, "buy"),), "boot", 1, cpus=2, nofile=20_000)


def worker(name: str, address: str = "tls://10.0.0.1:5000") -> Worker:
    return Worker(name, address, Probe("3.11", "/usr/bin/python3", 1000, f"{name}.example", None, None))


def generator(name: str, room: int = 10_000, *, neighbours: int = 1, clock: float = 0.0, **about: Any) -> Generator:
    found = ROOM._replace(**about)
    return Generator(worker(name), found, Limit("memory", room, "buy more"), 0.25, 0.001, clock, neighbours)


class Asked:
    """A cluster of machines that answer what they are told to, and remember what they were asked."""

    def __init__(self, rooms: Mapping[str, MachineRoom | Exception]) -> None:
        self.rooms = {at: room if isinstance(room, Exception) else to_json(room) for at, room in rooms.items()}
        self.checks: dict[str, tuple[Any, ...]] = {}

    def ask(self, calls: dict[str, tuple[Any, ...]], function: Callable[..., Any]) -> dict[str, Any]:
        if function is agent.clock:
            return {address: (time.monotonic() + 5, time.time() + 2) for address in calls}
        self.checks.update(calls)
        return {address: self.rooms[address] for address in calls}


def look(
    rooms: Mapping[str, MachineRoom | Exception], options: VerifyOptions, *, local: bool = False
) -> tuple[list[Generator], Asked]:
    cluster = Asked(rooms)
    workers = [worker(f"gen{at + 1}", address) for at, address in enumerate(rooms)]
    return checked(cast("Cluster", cluster), workers, options, local=local), cluster


@pytest.mark.parametrize("name", ["gen2", "gen2.example", "10.0.0.2", "tls://10.0.0.2:5000"])
def test_the_servers_machine_is_found_by_each_of_its_names(name: str) -> None:
    """--serve-on: the worker's name, its host's, its address."""
    workers = [worker("gen1"), worker("gen2", "tls://10.0.0.2:5000")]
    assert server_of(workers, name) is workers[1]


def test_the_servers_machine_may_have_an_address_of_ipv6() -> None:
    """Without the brackets that it has in a URL."""
    workers = [worker("gen1"), worker("gen2", "tls://[2001:db8::2]:5000")]
    assert server_of(workers, "2001:db8::2") is workers[1]


def test_a_machine_that_is_not_there_is_refused() -> None:
    """With the names of those that are."""
    with pytest.raises(UsageError, match="--serve-on gen9") as refused:
        server_of([worker("gen1"), worker("gen2")], "gen9")
    assert refused.value.tip == "there are gen1, gen2"


def test_every_machine_is_asked_for_the_sources_of_the_scenario() -> None:
    """Its addresses count as those of --source do, which come before it; each machine takes its own."""
    meant = scenario.Scenario((scenario.Session("s"),), sources=("10.0.0.1", "10.0.0.2"), where="burst.toml")
    own = {"a": ROOM._replace(sources=("10.0.0.1",)), "b": ROOM._replace(netns=2, sources=("10.0.0.2",))}
    machines, cluster = look(own, VerifyOptions(target=ELSEWHERE, scenario=meant))
    assert {asked[0] for asked in cluster.checks.values()} == {("10.0.0.1", "10.0.0.2")}
    assert [machine.room.sources for machine in machines] == [("10.0.0.1",), ("10.0.0.2",)]
    _, cluster = look(own, VerifyOptions(target=ELSEWHERE, scenario=meant, sources=("10.0.0.9",)))
    assert {asked[0] for asked in cluster.checks.values()} == {("10.0.0.9",)}


@pytest.mark.parametrize("given", ["--source", "the sources of burst.toml"])
def test_a_machine_that_has_none_of_the_sources_is_named(given: str) -> None:
    """Without one it would come from an address that nobody meant."""
    sources = ("10.0.0.1",)
    meant = scenario.Scenario((scenario.Session("s"),), sources=sources, where="burst.toml")
    options = VerifyOptions(target=ELSEWHERE, sources=sources if given == "--source" else (), scenario=meant)
    with pytest.raises(UsageError, match=f"^{given}: none of these addresses is of gen1"):
        look({"a": ROOM}, options)


def test_every_machine_is_asked_for_its_room_for_tls() -> None:
    """A wss connection takes a hundred times the user memory of a ws one."""
    _, cluster = look({"a": ROOM}, VerifyOptions(target=ELSEWHERE))
    assert cluster.checks["a"] == ((), False, False, False)
    secured = Target("wss://192.0.2.1/", "192.0.2.1", 443, security=Security())
    _, cluster = look({"a": ROOM}, VerifyOptions(target=secured))
    assert cluster.checks["a"] == ((), False, False, True)
    rooms = (read(MachineRoom, cleaned(agent.check((), False, False, way))) for way in (False, True))
    plain, tls = ({limit.name: limit.connections for limit in room.limits} for room in rooms)
    assert tls["memory"] < plain["memory"] * 5_000 / TLS_GENERATOR_BYTES
    assert tls["net.ipv4.ip_local_port_range"] == plain["net.ipv4.ip_local_port_range"]


def test_one_worker_of_a_network_namespace_is_enough() -> None:
    """Two of them would share its ports; a cluster that is here on purpose keeps all."""
    rooms = {"a": ROOM, "b": ROOM, "c": ROOM._replace(netns=2)}
    machines, _ = look(rooms, VerifyOptions(target=ELSEWHERE))
    assert [machine.worker.name for machine in machines] == ["gen1", "gen3"]
    assert [machine.neighbours for machine in machines] == [2, 2]
    assert [machine.budget for machine in machines] == [Limit("memory", 4_500, "buy")] * 2
    machines, _ = look(rooms, VerifyOptions(target=ELSEWHERE), local=True)
    assert len(machines) == 3


def test_clocks_are_compared() -> None:
    """CLOCK_MONOTONIC for the common start, the wall clock for certificates and logs."""
    machines, _ = look({"a": ROOM}, VerifyOptions(target=ELSEWHERE))
    assert machines[0].ahead == pytest.approx(5, abs=0.05)
    assert machines[0].clock == pytest.approx(2, abs=0.05)
    assert 0 <= machines[0].unsure < 0.05


def test_a_machine_that_cannot_be_checked_is_named() -> None:
    """What it raised is the reason."""
    with pytest.raises(InconclusiveError, match="gen2 cannot be checked: ValueError"):
        look({"a": ROOM, "b": ValueError("no")}, VerifyOptions(target=ELSEWHERE))


SAID = cast("dict[str, Json]", to_json(ROOM))
LIMIT = cast("dict[str, Json]", to_json(ROOM.limits[0]))
DEEP: Json = []
for _ in range(40):
    DEEP = [DEEP]


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (None, "it is None instead of an object"),
        ([], "it is a list instead of an object"),
        ({}, "type is missing"),
        ({**SAID, "type": "Probe"}, "type is 'Probe' instead of MachineRoom"),
        ({**SAID, "more": 1}, "'more' is not a field of MachineRoom"),
        ({name: value for name, value in SAID.items() if name != "nofile"}, "nofile is missing"),
        ({**SAID, "nofile": -1}, "nofile is -1 instead of a count"),
        ({**SAID, "nofile": float("nan")}, "nofile is nan instead of a count"),
        ({**SAID, "nofile": 10**400}, "nofile is 1000"),
        ({**SAID, "cpus": "2"}, "cpus is '2' instead of a count"),
        ({**SAID, "cpus": -2}, "cpus is -2 instead of a count"),
        ({**SAID, "ram_bytes": 1.5}, "ram_bytes is 1.5 instead of a count"),
        ({**SAID, "boot_id": "x" * 5_000}, "boot_id is 'xxxx"),
        ({**SAID, "boot_id": None}, "boot_id is None instead of a text"),
        ({**SAID, "sources": "10.0.0.1"}, "sources is '10.0.0.1' instead of a list"),
        ({**SAID, "sources": [1]}, "sources[0] is 1 instead of a text"),
        ({**SAID, "sources": [""] * 100_001}, "sources is a list instead of a list of at most 100,000"),
        ({**SAID, "limits": [["memory"]]}, "limits[0] is a list instead of an object"),
        ({**SAID, "limits": [LIMIT, {**LIMIT, "connections": -1}]}, "limits[1].connections is -1 instead of a count"),
        ({**SAID, "limits": [{**LIMIT, "fix": None}]}, "limits[0].fix is None instead of a text"),
        ({**SAID, "sources": DEEP}, "it is nested more than 32 deep"),
    ],
)
def test_what_is_no_room_names_the_machine(answer: Json, why: str) -> None:
    """One sentence, which can be printed, and what to look at."""
    with pytest.raises(InconclusiveError) as refused:
        room_of(worker("gen1"), answer)
    assert str(refused.value).startswith(f"gen1 sent something that is not a wstune answer: {why}")
    assert str(refused.value).isprintable()
    assert len(str(refused.value)) < 250
    assert refused.value.tip == "see what answers there: ssh gen1"


def test_what_a_machine_says_of_itself_is_printable() -> None:
    """Its texts come to be shown."""
    limit = Limit("memory\x1b[2J", 9_000, "buy\x9b")
    assert room_of(worker("gen1"), to_json(ROOM._replace(limits=(limit,)))).limits == (
        Limit("memory\\x1b[2J", 9_000, "buy\\x9b"),
    )


@pytest.mark.parametrize("cpus", [0, 65_537, 1 << 40])
def test_a_number_of_processors_that_no_machine_has_is_refused(cpus: int) -> None:
    """It would be divided by."""
    with pytest.raises(InconclusiveError, match=rf"cpus is {cpus} instead of 1 to 65,536 processors"):
        room_of(worker("gen1"), to_json(ROOM._replace(cpus=cpus)))


@pytest.mark.parametrize("said", [None, [], [1.0], [1.0, "x"], [float("nan"), 1.0], [1e300, 1.0], ValueError("no")])
def test_what_is_no_clock_is_none(said: object) -> None:
    """Without a common start there is no burst: the machine is named."""

    class Timeless(Asked):
        def ask(self, calls: dict[str, tuple[Any, ...]], function: Callable[..., Any]) -> dict[str, Any]:
            found = super().ask(calls, function)
            return dict.fromkeys(calls, said) if function is agent.clock else found

    with pytest.raises(InconclusiveError, match="gen1 does not tell its clock"):
        checked(cast("Cluster", Timeless({"a": ROOM})), [worker("gen1", "a")], VerifyOptions(), local=True)


def test_shares_keep_to_the_rooms_and_say_so() -> None:
    """Who has less than an even share takes what it has; a clock that is off is told."""
    machines = [generator("gen1", 500), generator("gen2", clock=-3.0), generator("gen3")]
    own, remarks = allotted(machines, 3_000, VerifyOptions())
    assert own == [500, 1250, 1250]
    assert remarks == [
        "gen1 takes 500 instead of 1,000: memory there has room for no more; buy more",
        "the clock of gen2 differs from the one here by -3.0 s",
    ]


def test_what_does_not_fit_names_the_machine_and_its_fix() -> None:
    """Nothing is opened; with --force all is split evenly, whatever there is room for."""
    machines = [generator("gen1", 500), generator("gen2", 600)]
    with pytest.raises(
        InconclusiveError, match="room for 1,100: gen1 for 500, by memory; nothing was opened"
    ) as refused:
        allotted(machines, 3_000, VerifyOptions())
    assert refused.value.tip.startswith("for gen1: buy more; there: sudo wstune apply load-generator -n 1500")
    assert allotted(machines, 3_000, VerifyOptions(force=True)) == ([1500, 1500], [])


def base(*phases: TimedPhase, tls: TlsPlan | None = None) -> Plan:
    """Of a coordinator for the whole."""
    server = ServerPlan(1, 128)
    return Plan(Address("192.0.2.1", 80), (1,), (Route(),), server, window=999, phases=phases, seed=7, tls=tls)


def test_every_member_has_its_part_of_the_plan() -> None:
    """Its share over its processes, a seed of its own, its sources, no server; who has no share is not asked."""
    machines = [generator("gen1", sources=("10.0.0.1",)), generator("gen2"), generator("gen3", neighbours=2)]
    found = members(machines, [3_000, 0, 1_001], base(), VerifyOptions(target=ELSEWHERE, force=True))
    assert [(member.name, member.share, sum(member.plan.shares)) for member in found] == [
        ("gen1", 3_000, 3_000),
        ("gen3", 1_001, 1_001),
    ]
    assert [member.plan.seed for member in found] == [7, 9]
    assert [member.plan.sources for member in found] == [("10.0.0.1",), ()]
    assert [(member.plan.openers, member.plan.window) for member in found] == [(2, 256), (1, 256)]
    assert all(member.plan.server is None and member.force for member in found)
    assert [(member.plan.target, member.plan.routes) for member in found] == [(base().target, base().routes)] * 2
    assert found[0].ahead == 0.25
    assert not members(machines, [10, 0, 0], base(), VerifyOptions(target=ELSEWHERE))[0].force


def test_all_machines_have_one_time() -> None:
    """What each adds to its own CLOCK_MONOTONIC is the same moment for all: this host's wall clock."""
    (member,) = members([generator("gen1")], [10], base(), VerifyOptions(target=ELSEWHERE))
    there = time.monotonic_ns() + int(member.ahead * 1e9)
    assert there + member.plan.clock_ns == pytest.approx(time.time_ns(), abs=1e9)


@given(st.lists(st.integers(1, 60_000), min_size=1, max_size=6))
def test_no_two_connections_have_one_number(own: list[int]) -> None:
    """Numbers of all machines' connections, as their generators count them, are each there once."""
    machines = [generator(f"gen{at}") for at in range(len(own))]
    end = 0
    for member in members(machines, own, base(), VerifyOptions(target=ELSEWHERE)):
        shares, first = member.plan.shares, member.plan.first_number
        assert first >= end
        end = max(first + part + place * len(shares) + 1 for part, share in enumerate(shares) for place in (share - 1,))


def test_phases_are_split_in_the_same_shares() -> None:
    """A paced burst: each machine at its part of the rate, over as many processes as it takes."""
    whole = base(TimedPhase(40.0, 40.0, 400, 10.0, poisson=True))
    found = members([generator("gen1"), generator("gen2")], [300, 100], whole, VerifyOptions())
    assert [member.plan.phases for member in found] == [
        (TimedPhase(30.0, 30.0, 300, 10.0, poisson=True),),
        (TimedPhase(10.0, 10.0, 100, 10.0, poisson=True),),
    ]
    assert [sum(member.plan.shares) for member in found] == [300, 100]
    assert [member.plan.window for member in found] == [999, 999]


def test_over_loopback_no_two_machines_come_from_one_address() -> None:
    """Workers of `--cluster local` share 127.0.0.0/8."""
    found = members([generator("local-1"), generator("local-2")], [20_000, 20_000], base(), VerifyOptions())
    first, other = (set(member.plan.sources) for member in found)
    assert first
    assert other
    assert not first & other


def test_a_file_of_authorities_goes_along_as_text(tmp_path: Path) -> None:
    """Its path means nothing on another machine."""
    file = tmp_path / "ca.pem"
    file.write_text("PEM")
    tls = TlsPlan(str(file), insecure=False)
    (member,) = members([generator("gen1")], [10], base(tls=tls), VerifyOptions(target=ELSEWHERE))
    assert (member.plan.tls, member.authority) == (tls, "PEM")
    (member,) = members(
        [generator("gen1")], [10], base(tls=TlsPlan("", insecure=True)), VerifyOptions(target=ELSEWHERE)
    )
    assert member.authority == ""


def test_too_few_files_for_any_burst() -> None:
    """The machine is named."""
    with pytest.raises(InconclusiveError, match="no burst fits gen1"):
        members([generator("gen1", nofile=10)], [10], base(), VerifyOptions(target=ELSEWHERE))
