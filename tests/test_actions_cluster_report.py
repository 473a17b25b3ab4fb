"""What a fleet measured, as figures of one report: nothing twice, nothing made up, and who was lost when."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from tests.test_actions_cluster_plan import generator
from wstune.actions import cluster_report
from wstune.actions.cluster_report import Before, complete, measure
from wstune.actions.verify_report import Shown
from wstune.actions.verify_target import HOST, Target
from wstune.burst import budget, tally
from wstune.burst.fleet import Fleet, Member
from wstune.host.host import Host

ROOM = budget.Room(cpus=2, nofile=20_000)
HERE = Host().facts()


def member(name: str, share: int = 1_000, *, server: bool = False, lost: str = "", **told: Any) -> Member:
    made = Member(name, f"tls://10.0.0.{name[-1]}:5000", share, {"shares": [share]}, server=server, lost=lost)
    made.told = told
    return made


def fleet(*members: Member) -> Fleet:
    lost = [each for each in members if each.lost]
    return cast("Fleet", SimpleNamespace(members=list(members), lost=lost))


def shown(target: Target = HOST) -> Shown:
    made = Shown(budget.plan(2_000, ROOM), ROOM, target)
    made.opened = {"open": 2_000, "seconds": 2.0}
    return made


def test_slabs_of_one_kernel_count_once() -> None:
    """Two namespaces of one kernel both see all of its growth; another kernel's is added."""
    rooms = {"gen1": {"boot_id": "a"}, "gen2": {"boot_id": "a"}, "gen3": {"boot_id": "b"}}
    told = [
        member(name, ready={"slab": 100}, open={"slab": 100 + grown})
        for name, grown in (("gen1", 50), ("gen2", 60), ("gen3", 5))
    ]
    assert cluster_report._kernel_bytes(fleet(*told), rooms) == 65


@pytest.mark.parametrize("told", [{}, {"ready": {"slab": None}, "open": {"slab": 5}}, {"ready": {}, "open": {}}])
def test_slabs_are_unknown_where_one_machine_does_not_tell(told: dict[str, Any]) -> None:
    """Without the privilege for /proc/slabinfo, there is no number."""
    assert cluster_report._kernel_bytes(fleet(member("gen1", **told)), {"gen1": {"boot_id": "a"}}) is None


def test_no_growth_is_a_value() -> None:
    """0 is not unknown."""
    told = member("gen1", ready={"slab": 7}, open={"slab": 7})
    assert cluster_report._kernel_bytes(fleet(told), {"gen1": {"boot_id": "a"}}) == 0


def test_memory_and_cpu_of_the_opening() -> None:
    """Private memory of all generators by the connections; the busiest kernel's CPU, where it tells of the server's."""
    opened = {"cpu_seconds": 1.9, "private_bytes": 400_000, "slab": None}
    found = shown()
    machines = [generator("gen1", boot_id="a"), generator("gen2", boot_id="b")]
    told = [member(name, open=opened, ready={"slab": None}) for name in ("gen1", "gen2")]
    measure(found, fleet(*told), machines, Before([], {}), {"cpu_seconds": 1.0, "private_bytes": 1_000_000})
    assert found.memory is not None
    assert (found.memory.generator_user_bytes, found.memory.server_user_bytes) == (400.0, 500.0)
    assert found.memory.kernel_slab_bytes is None
    assert found.server_cpu == pytest.approx(0.25)
    assert found.generator_cpu is None  # 0.48 of the CPUs: not busy, and not the server's
    opened["cpu_seconds"] = 3.8
    measure(found, fleet(*told), machines, Before([], {}), {})
    assert found.generator_cpu == pytest.approx(0.95)


def test_nothing_open_measures_nothing() -> None:
    """There is nothing to divide by."""
    found = shown()
    found.opened = {"open": 0, "seconds": 0.0}
    measure(found, fleet(), [], Before([], {}), {})
    assert found.memory is None


def closed(failed: int = 0, lost: int = 0, **counters: int) -> dict[str, Any]:
    words = {tally.FAILED: failed, tally.LOST: lost, tally.UPGRADE_MS + 100: 5}
    return {"words": {str(at): word for at, word in words.items() if word}, "counters": counters}


def test_a_row_of_a_machine() -> None:
    """Its address without the port, its rate by its own last upgrade, its percentiles, what it lost."""
    opened = {"open": 900, "seconds": 3.0, "cpu_seconds": 3.0}
    row = cluster_report._row(member("gen1", open=opened, close=closed(100, 7)), generator("gen1"))
    assert (row.name, row.address, row.share, row.opened, row.failed, row.lost) == (
        "gen1",
        "10.0.0.1",
        1_000,
        900,
        100,
        7,
    )
    assert (row.rate, row.cpu, row.room, row.binds, row.gone) == (300.0, 0.5, 10_000, "memory", "")
    assert row.upgrade_ms is not None
    assert row.upgrade_ms.count == 5


def test_a_row_of_a_machine_that_was_lost() -> None:
    """What it had told last: all that it had open is lost."""
    gone = member("gen1", lost="silent")
    gone.progress, gone.lost_open = {"open": 600, "failed": 3, "lost": 2}, 600
    row = cluster_report._row(gone, generator("gen1"))
    assert (row.opened, row.failed, row.lost, row.gone) == (600, 3, 602, "silent")
    assert (row.rate, row.cpu, row.upgrade_ms) == (0.0, None, None)


def test_who_was_lost_while_opening_is_told_from_who_was_lost_later() -> None:
    """A machine that had opened its share had answered so."""
    early, late = member("gen1", lost="silent"), member("gen2", lost="killed", open={"open": 1_000, "seconds": 1.0})
    found = shown()
    complete(found, fleet(early, late), [generator("gen1"), generator("gen2")], Host())
    assert found.machines_lost == {"gen1": "silent", "gen2": "killed"}
    assert found.lost_opening == {"gen1"}


def test_counters_of_all_machines_and_of_the_head_where_it_takes_part() -> None:
    """A namespace's counters add up; the head's too, when the server is there, or a machine is of its kernel."""
    one, other = (member(name, close=closed(**{"Tcp.RetransSegs": 2})) for name in ("gen1", "gen2"))
    machines = [generator("gen1", boot_id="a"), generator("gen2", boot_id="b")]
    found = shown()
    found.counters = {"Tcp.RetransSegs": 5}
    complete(found, fleet(one, other), machines, Host())
    assert found.counters == {"Tcp.RetransSegs": 9}
    elsewhere = shown(Target("ws://192.0.2.1/", "192.0.2.1", 80))
    elsewhere.counters = {"Tcp.RetransSegs": 5}
    complete(elsewhere, fleet(one, other), machines, Host())
    assert elsewhere.counters == {"Tcp.RetransSegs": 4}
    assert [place[:2] for place in elsewhere.counted] == [("a", 1), ("b", 1)]


def test_the_servers_machine_has_no_row() -> None:
    """It makes no load; its name is kept, since its loss is the server's."""
    found = shown()
    complete(found, fleet(member("gen1"), member("gen2", server=True)), [generator("gen1")], Host())
    assert [row.name for row in found.machines] == ["gen1"]
    assert found.server_machine == "gen2"
