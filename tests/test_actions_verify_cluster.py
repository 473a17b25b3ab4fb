"""A burst over a cluster, before anything is opened: what cannot be, the budget, the server's address and its plan."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast

import pytest

from tests.test_actions_cluster_plan import ROOM, generator, worker
from wstune.actions import verify_cluster
from wstune.actions.verify import VerifyOptions
from wstune.actions.verify_target import HOST, Security, Target, target_of
from wstune.burst import budget, scenario
from wstune.burst.cluster import Cluster
from wstune.burst.cluster_entry import Where
from wstune.errors import InconclusiveError, UsageError
from wstune.host.host import Host

HOSTS = Where(hosts=("gen1", "gen2"))
ELSEWHERE = Target("ws://192.0.2.1/", "192.0.2.1", 80, places=(scenario.Place(("192.0.2.1", 80), "192.0.2.1"),))


def scoped(*more: str) -> Target:
    place = scenario.Place(("fe80::1", 80, 0, 2), "[fe80::1]")
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
    with pytest.raises(UsageError, match=sentence):
        verify_cluster.run(options, where, lambda _: None)


def test_loopback_is_good_for_workers_that_are_here() -> None:
    """--cluster local:2 reaches it."""
    verify_cluster._require(VerifyOptions(target=target_of("ws://127.0.0.1:1/")), Where(local=2))
    verify_cluster._require(VerifyOptions(), HOSTS)


class Answers:
    """A cluster whose machines answer the check of a server with this."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer

    def ask(self, calls: dict[str, tuple[Any, ...]], _: Callable[..., Any]) -> dict[str, Any]:
        assert set(calls.values()) == {((), False, True)}
        return dict.fromkeys(calls, self.answer)


def planned(options: VerifyOptions, total: int, answer: Any = None) -> tuple[budget.Budget, list[str]]:
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
    assert tls.bytes_needed - plain.bytes_needed == 5_000 * budget.TLS_GENERATOR_BYTES


def test_the_servers_machine_must_have_room() -> None:
    """It is named with its limit and its fix; --force tries all the same."""
    room = {**ROOM, "limits": [("fs.file-max", 3_000, "raise it")]}
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
    return verify_cluster._Crew([generator("gen1")], [1_000], there, {"cpus": 4, "nofile": 20_000}, [])


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
    base = {"server": {"processes": 1}, "shares": [1], "phases": [1], "sources": ["a"], "routes": [1], "programs": [1]}
    assert verify_cluster._served(crew(), base) is None
    served = verify_cluster._served(crew("tls://10.0.0.9:5000"), base)
    assert served is not None
    assert (served.server, served.share) == (True, 0)
    assert not any(served.plan[name] for name in ("shares", "phases", "sources", "routes", "programs"))
    assert served.plan["server"]["processes"] == 4
