"""What a fleet measured, as figures of one report: nothing twice, nothing made up, and who was lost when."""

from __future__ import annotations

import os
from types import SimpleNamespace
from typing import Any, cast

import pytest

from tests.burst.engine.kinds import dense
from tests.test_actions_cluster_plan import ROOM, base, generator
from tests.verify_runs import run_of
from wstune.actions import cluster_report
from wstune.actions.cluster_report import ServerUse, complete, measure, server_use
from wstune.actions.verify_options import VerifyOptions
from wstune.actions.verify_state import Run
from wstune.actions.verify_target import HOST, Target
from wstune.burst import tally
from wstune.burst.engine.events import CloseEvent, MeasuredEvent, OpenEvent, ReadyEvent, Standing
from wstune.burst.fleet import Fleet, Member
from wstune.host import processes
from wstune.host.host import Host
from wstune.readiness.evidence import NO_MEMORY

HERE = Host().facts()
READY = ReadyEvent(1)
OPENED = OpenEvent(1.0, Standing(1_000))
ELSEWHERE = Target("ws://192.0.2.1/", "192.0.2.1", 80)


def member(name: str, share: int = 1_000, *, server: bool = False, lost: str = "", **told: Any) -> Member:
    return Member(name, f"tls://10.0.0.{name[-1]}:5000", share, base(), server=server, lost=lost, **told)


def measured(slab: int | None, cpu_seconds: float = 0.0, private_bytes: int = 0) -> MeasuredEvent:
    return MeasuredEvent(cpu_seconds, private_bytes, slab)


def grown(name: str, first: int | None, last: int | None, **told: Any) -> Member:
    """A machine whose slabs were that large before the opening, and after it."""
    return member(name, ready=READY, opened=OPENED, at_ready=measured(first), at_open=measured(last), **told)


def fleet(*members: Member) -> Fleet:
    lost = [each for each in members if each.lost]
    return cast("Fleet", SimpleNamespace(members=list(members), lost=lost))


def burst(target: Target = HOST) -> Run:
    made = run_of(VerifyOptions(target=target), 2_000)
    made.opened, made.opening = OpenEvent(1.9, Standing(2_000)), 2.0
    return made


def test_slabs_of_one_kernel_count_once() -> None:
    """Two namespaces of one kernel both see all of its growth; another kernel's is added."""
    rooms = {name: ROOM._replace(boot_id=boot) for name, boot in (("gen1", "a"), ("gen2", "a"), ("gen3", "b"))}
    told = [grown(name, 100, 100 + more) for name, more in (("gen1", 50), ("gen2", 60), ("gen3", 5))]
    assert cluster_report._kernel_bytes(fleet(*told), rooms) == 65
    assert cluster_report._kernel_bytes(fleet(*told, grown("srv9", 100, 900, server=True)), rooms) == 65


@pytest.mark.parametrize(
    "told",
    [
        member("gen1"),
        grown("gen1", None, 5),
        grown("gen1", 5, None),
        member("gen1", ready=READY, opened=OPENED),
        member("gen1", ready=READY, opened=OPENED, at_open=measured(5)),
    ],
    ids=["nothing", "not before", "not after", "neither", "no event before"],
)
def test_slabs_are_unknown_where_one_machine_does_not_tell(told: Member) -> None:
    """Without the privilege for /proc/slabinfo, there is no number."""
    assert cluster_report._kernel_bytes(fleet(told), {"gen1": ROOM}) is None
    if told.opened:
        other = grown("gen2", 100, 150)
        assert cluster_report._kernel_bytes(fleet(other, told), {"gen1": ROOM, "gen2": ROOM}) is None


def test_no_growth_is_a_value() -> None:
    """0 is not unknown."""
    assert cluster_report._kernel_bytes(fleet(grown("gen1", 7, 7)), {"gen1": ROOM}) == 0


def test_memory_and_cpu_of_the_opening() -> None:
    """Private memory of all generators by the connections; the busiest kernel's CPU, where it tells of the server's."""
    found = burst()
    machines = [generator("gen1", boot_id="a"), generator("gen2", boot_id="b")]

    def told(cpu_seconds: float) -> Fleet:
        at_open = measured(None, cpu_seconds, 400_000)
        return fleet(
            *(
                member(name, ready=READY, at_ready=measured(None), opened=OPENED, at_open=at_open)
                for name in ("gen1", "gen2")
            )
        )

    measure(found, told(1.9), machines, ServerUse(1.0, 1_000_000))
    evidence = found.evidence
    assert (evidence.memory.generator_user_bytes, evidence.memory.server_user_bytes) == (400.0, 500.0)
    assert evidence.memory.kernel_slab_bytes is None
    assert evidence.server_cpu == pytest.approx(0.25)
    assert evidence.generator_cpu is None  # 0.48 of the CPUs: not busy, and not the server's
    measure(found, told(3.8), machines, ServerUse())
    assert evidence.generator_cpu == pytest.approx(0.95)
    assert evidence.memory.server_user_bytes is None


def test_the_cpu_of_a_machine_that_the_head_is_on_is_told() -> None:
    """However little it is: the server shares it; two workers of one kernel add up."""
    found = burst()
    at_open = measured(None, 0.4)
    machines = [generator(name, boot_id=HERE.boot_id) for name in ("gen1", "gen2")]
    measure(
        found,
        fleet(*(member(name, opened=OPENED, at_open=at_open) for name in ("gen1", "gen2"))),
        machines,
        ServerUse(),
    )
    assert found.evidence.generator_cpu == pytest.approx(0.2)
    at_open = measured(None, 3.9)  # each of them nearly all, as their clocks have it
    both = fleet(*(member(name, opened=OPENED, at_open=at_open) for name in ("gen1", "gen2")))
    measure(found, both, machines, ServerUse())
    assert found.evidence.generator_cpu == 1.0


def test_the_servers_machine_is_no_generator() -> None:
    """Its memory is the server's, and what it has measured is not told twice."""
    found = burst()
    at_open = measured(None, 3.9, 400_000)
    load = member("gen1", opened=OPENED, at_open=at_open._replace(cpu_seconds=0.1))
    server = member("srv9", server=True, opened=OpenEvent(0.0, Standing()), at_open=at_open)
    measure(found, fleet(load, server), [generator("gen1")], server_use(0.0, (), server.at_open))
    assert found.evidence.memory.generator_user_bytes == 200.0
    assert found.evidence.memory.server_user_bytes == 200.0
    assert found.evidence.server_cpu == pytest.approx(3.9 / 2 / 2)
    assert found.evidence.generator_cpu is None


def test_the_use_of_a_server() -> None:
    """Of this host's processes since the opening began; of another machine's what it told; of none nothing."""
    here = server_use(-1.0, (os.getpid(),), measured(None, 5.0, 6))
    assert here.cpu_seconds is not None
    assert 1.0 < here.cpu_seconds <= processes.cpu_seconds([os.getpid()]) + 1.0
    assert here.private_bytes is not None
    assert here.private_bytes > 1 << 20
    assert server_use(0.0, (), measured(None, 5.0, 6)) == ServerUse(5.0, 6)
    assert server_use(0.0, (), None) == ServerUse()


def test_memory_is_unknown_where_one_machine_does_not_tell() -> None:
    """It would be less than it is, or 0."""
    silent = member("gen1", ready=READY, opened=OPENED)
    telling = member("gen2", ready=READY, opened=OPENED, at_open=measured(None, 0.1, 400_000))
    for told in ((silent,), (silent, telling)):
        found = burst()
        measure(found, fleet(*told), [generator("gen1"), generator("gen2")], ServerUse())
        assert found.evidence.memory.generator_user_bytes is None


@pytest.mark.parametrize("opened", [OpenEvent(0.0, Standing()), None])
def test_nothing_open_measures_nothing(opened: OpenEvent | None) -> None:
    """There is nothing to divide by."""
    found = burst()
    found.opened = opened
    measure(found, fleet(), [], ServerUse())
    assert found.evidence.memory == NO_MEMORY


def closed(failed: int = 0, lost: int = 0) -> CloseEvent:
    return CloseEvent(dense({tally.FAILED: failed, tally.LOST: lost, tally.UPGRADE_MS + 100: 5}), 1, 1, 1)


def test_a_row_of_a_machine() -> None:
    """Its address without the port, its rate by its own last upgrade, its percentiles, what it lost."""
    opened = OpenEvent(3.0, Standing(900))
    told = member("gen1", opened=opened, at_open=measured(None, 3.0), closed=closed(100, 7))
    found = burst()
    found.opening = 3.0
    row = cluster_report._row(found, told, generator("gen1"))
    assert (row.name, row.address, row.share, row.opened, row.failed, row.lost) == (
        "gen1",
        "10.0.0.1",
        1_000,
        900,
        100,
        7,
    )
    assert (row.rate, row.cpu, row.room, row.binds, row.gone) == (300.0, 0.5, 10_000, "memory", "")
    assert (row.clock_ms, row.start_ms) == (0.0, 1.0)
    assert row.upgrade_ms is not None
    assert row.upgrade_ms.count == 5


def test_a_row_of_a_machine_that_was_lost() -> None:
    """What it had told last: all that it had open is lost."""
    gone = member("gen1", lost="silent", standing=Standing(600, 3, 2), lost_open=600)
    row = cluster_report._row(burst(), gone, generator("gen1"))
    assert (row.opened, row.failed, row.lost, row.gone) == (600, 3, 602, "silent")
    assert (row.rate, row.cpu, row.upgrade_ms) == (0.0, None, None)


def test_who_was_lost_while_opening_is_told_from_who_was_lost_later() -> None:
    """A machine that had opened its share had answered so."""
    early, late = member("gen1", lost="silent"), member("gen2", lost="killed", opened=OPENED)
    found = burst()
    complete(found, fleet(early, late), [generator("gen1"), generator("gen2")], Host())
    assert found.evidence.machines_lost == {"gen1": "silent", "gen2": "killed"}
    assert found.evidence.lost_opening == {"gen1"}


def test_counters_of_all_machines_and_of_the_head_where_it_takes_part() -> None:
    """A namespace's counters add up; the head's too, when the server is there, or a machine is of its kernel."""
    one, other = (member(name, closed=closed(), growth={"Tcp.RetransSegs": 2}) for name in ("gen1", "gen2"))
    machines = [generator("gen1", boot_id="a"), generator("gen2", boot_id="b")]
    found = burst()
    found.evidence.counters = {"Tcp.RetransSegs": 5}
    complete(found, fleet(one, other), machines, Host())
    assert found.evidence.counters == {"Tcp.RetransSegs": 9}
    elsewhere = burst(ELSEWHERE)
    elsewhere.evidence.counters = {"Tcp.RetransSegs": 5}
    complete(elsewhere, fleet(one, other), machines, Host())
    assert elsewhere.evidence.counters == {"Tcp.RetransSegs": 4}
    assert [place[:2] for place in elsewhere.counted] == [("a", 1), ("b", 1)]
    beside = burst(ELSEWHERE)
    beside.evidence.counters = {"Tcp.RetransSegs": 5}
    complete(beside, fleet(one, other), [generator("gen1", boot_id=HERE.boot_id), machines[1]], Host())
    assert beside.evidence.counters == {"Tcp.RetransSegs": 9}


def test_counters_of_a_machine_that_did_not_close_are_none() -> None:
    """They are of the whole burst, or not told."""
    found = burst(ELSEWHERE)
    complete(found, fleet(member("gen1", growth={"Tcp.RetransSegs": 2})), [generator("gen1")], Host())
    assert found.evidence.counters == {}
    assert found.counted == []


def test_the_servers_machine_has_no_row() -> None:
    """It makes no load; its name is kept, since its loss is the server's."""
    found = burst()
    server = member("gen2", server=True, closed=closed(), growth={"Tcp.RetransSegs": 2})
    complete(found, fleet(member("gen1"), server), [generator("gen1")], Host())
    assert [row.name for row in found.evidence.machines] == ["gen1"]
    assert found.evidence.server_machine == "gen2"
    assert ("gen2", 0, {"Tcp.RetransSegs": 2}) in found.counted
