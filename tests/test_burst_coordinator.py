"""A coordinator driven as verify drives it: real processes, real sockets, a few hundred connections."""

from __future__ import annotations

import errno
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from wstune.burst import tally
from wstune.burst.coordinator import Coordinator
from wstune.burst.engine import events, wire
from wstune.burst.engine.plan import Address, Plan, Route, ServerPlan, TimedPhase
from wstune.burst.ports import loopback_sources
from wstune.burst.process import Burst
from wstune.errors import InconclusiveError

pytestmark = pytest.mark.live

COUNT = 300
MB = 1 << 20
SLOWLY = (TimedPhase(10.0, 10.0, COUNT, COUNT / 10.0),)
"""Half a minute of arrivals."""


def plan(**changes: Any) -> Plan:
    made = Plan(
        target=Address("127.0.0.1", 0),
        shares=(COUNT // 2, COUNT // 2),
        routes=(Route(),),
        server=ServerPlan(processes=2, backlog=4096),
        sources=tuple(loopback_sources(2)),
        window=64,
        openers=2,
        timeout=5.0,
    )
    return made._replace(**changes)


def run_through(**changes: Any) -> tuple[events.OpenEvent, events.CloseEvent]:
    """What is told of a burst that opens and closes."""
    burst = Burst(plan(**changes), lambda event: None)
    try:
        burst.wait_for(events.ReadyEvent)
        return burst.do(wire.OpenCommand()), burst.do(wire.CloseCommand(sample=0))
    finally:
        burst.end()


@pytest.fixture
def started() -> Iterator[Burst]:
    burst = Burst(plan(), lambda event: None)
    burst.wait_for(events.ReadyEvent)
    yield burst
    burst.end()


def test_a_whole_run(started: Burst) -> None:
    """Opened, pinged, one message to all across both workers, talk, closed: every count is right."""
    opened = started.do(wire.OpenCommand())
    assert (opened.standing.open, opened.standing.failed, len(opened.pids)) == (COUNT, 0, 2)
    assert started.do(wire.PingCommand(seconds=5)) == events.PingEvent(pings=COUNT, pongs=COUNT)
    for _ in range(3):
        fanout = started.do(wire.FanoutCommand("to all", seconds=5))
        assert (fanout.expected, fanout.delivered) == (COUNT, COUNT)
        assert fanout.first_ms is not None
        assert 0 < fanout.first_ms / 1000 <= fanout.seconds
    assert started.do(wire.TalkCommand(talkers=7, rate=50.0, size=80)) == events.TalkEvent(talkers=7, listeners=COUNT)
    started.watch(1.0)
    assert started.do(wire.TalkCommand(talkers=0, rate=0.0, size=0)) == events.TalkEvent(talkers=0, listeners=COUNT)
    started.watch(0.3)
    closed = started.do(wire.CloseCommand(sample=20))
    assert (closed.wanted, closed.closed, closed.graceful, closed.lost) == (20, 20, 20, ())
    words = list(closed.counts.words)
    assert 20 <= words[tally.TALK_SAID] <= 60
    assert words[tally.TALK_HEARD] == COUNT * words[tally.TALK_SAID]
    assert tally.errors(words) == {}
    assert closed.server == events.ServerState(alive=2)
    assert isinstance(started.do(wire.EndCommand()), events.EndEvent)


def test_a_paced_run() -> None:
    """At 1,000 a second 300 connections take 0.3 s, from both generators together."""
    opened, closed = run_through(phases=(TimedPhase(1000.0, 1000.0, COUNT, 0.3, poisson=True),), seed=7)
    words = list(closed.counts.words)
    assert opened.standing.open == COUNT
    assert opened.seconds > 0.3
    found = tally.percentiles(words, tally.DUE_MS)
    assert found is not None
    assert found["count"] == COUNT


def test_a_close_in_the_middle_of_opening_is_the_end_of_it() -> None:
    """Generators whose turn to open had not come do not begin after it."""
    one = ServerPlan(processes=1, backlog=4096)  # which lives on: the end of another would halt the opening as well
    burst = Burst(plan(server=one, shares=(10_000,) * 6), lambda event: None)
    try:
        burst.wait_for(events.ReadyEvent)
        burst.send(wire.OpenCommand())
        seen = 0
        while not seen:
            progress = burst.next_event(10)
            assert isinstance(progress, events.ProgressEvent)
            seen = progress.standing.open
        assert seen < 20_000
        assert burst.do(wire.CloseCommand(sample=0)).lost == ()
        assert burst.wait_for(events.OpenEvent).pids == ()
    finally:
        burst.end()


def test_a_port_in_use_is_an_error_event() -> None:
    """The listener's errno comes through as an OSError."""
    first = Burst(plan(), lambda event: None)
    try:
        port = first.wait_for(events.ReadyEvent).port
        second = Burst(plan(target=Address("127.0.0.1", port)), lambda event: None)
        try:
            with pytest.raises(OSError, match="in use") as raised:
                second.wait_for(events.ReadyEvent)
            assert raised.value.errno == errno.EADDRINUSE
        finally:
            second.end()
    finally:
        first.end()


@pytest.mark.parametrize(
    "line",
    [b"{\n", b"{}\n", b'{"type": "PingCommand", "seconds": "5"}\n', b'{"type": "DanceCommand"}\n', b"5\n"],
    ids=["no JSON", "no type", "a wrong type", "unknown", "no object"],
)
def test_a_line_that_is_no_command_is_the_end(line: bytes, capfd: pytest.CaptureFixture[str]) -> None:
    """It is a bug of whoever wrote it: the coordinator says where it differs, and takes all of its processes along."""
    burst = Burst(plan(), lambda event: None)
    try:
        workers = [psutil.Process(pid) for pid in burst.wait_for(events.ReadyEvent).server_pids]
        burst.send_line(line)
        with pytest.raises(InconclusiveError, match="the burst's coordinator was lost"):
            burst.do(wire.StatusCommand())
    finally:
        burst.end()
    assert burst._process.returncode == 1
    assert "WireError: " in capfd.readouterr().err
    assert len(workers) == 2
    assert not [worker for worker in workers if worker.is_running() and worker.status() != psutil.STATUS_ZOMBIE]


def test_a_time_limit_stops_the_opening() -> None:
    """A burst that would take longer than it may stops, and says which guard it was."""
    opened, closed = run_through(phases=SLOWLY, seconds=0.5)
    assert opened.standing.open < COUNT
    assert (closed.stopped_by, closed.stopped_why) == ("time-limit", "0.5 s were over")


@contextmanager
def hogs(count: int) -> Iterator[None]:
    """So many other programs that use all the processor time they get."""
    programs = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for program in programs:
            program.kill()
            program.wait()


def test_others_who_need_the_processors_stop_the_opening() -> None:
    """A paced burst that would go on for 30 s stops when all processors have been busy with others for ten seconds."""
    cpus = os.cpu_count() or 1
    with hogs(cpus):
        opened, closed = run_through(phases=SLOWLY, others_share=0.5)
    assert 0 < opened.standing.open < COUNT
    assert closed.stopped_by == "load-guard"
    assert re.fullmatch(r"other programs used \d+% of the processors' time for 1\d s", closed.stopped_why)


@pytest.mark.parametrize(
    ("guard", "wall"),
    [
        pytest.param({"reserve_bytes": 1 << 60}, "memory-reserve", id="memory"),
        pytest.param({"reserve_files": 1 << 62}, "file-max-reserve", id="files"),
    ],
)
def test_a_guard_says_what_it_saw(guard: dict[str, int], wall: str) -> None:
    """The reserve that was reached, and by how much."""
    opened, closed = run_through(phases=SLOWLY, **guard)
    assert opened.standing.open < COUNT
    assert closed.stopped_by == wall
    assert re.search(r"\d.* are left alone", closed.stopped_why)


def test_the_nearest_control_groups_room_is_guarded(tmp_path: Path) -> None:
    """A group that has less left than a quarter of the reserve stops the opening, whatever the host has."""
    usage, stat = tmp_path / "usage", tmp_path / "stat"
    usage.write_text(str(1000 * MB))
    stat.write_text(f"inactive_file {4 * MB}\n")
    opened, closed = run_through(
        phases=SLOWLY,
        reserve_bytes=40 * MB,
        cgroup_levels=((1 << 62, str(usage), str(stat)), (1001 * MB, str(usage), str(stat))),
    )
    assert opened.standing.open < COUNT
    assert closed.stopped_by == "cgroup-memory-reserve"
    assert closed.stopped_why == "the cgroup had 5 MB left, 10 MB are left alone"


def test_no_process_more_is_a_wall(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    """Where the host allows no further process, the opening ends, and says with how many generators."""
    coordinator = Coordinator(plan(server=None, target=Address("127.0.0.1", 1)))

    def refuse(index: int, start: float) -> int:
        raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))

    monkeypatch.setattr(coordinator.tree, "start_generator", refuse)
    coordinator.obey(wire.OpenCommand())
    opened = wire.read_event(capfd.readouterr().out.splitlines()[-1].encode())
    assert isinstance(opened, events.OpenEvent)
    assert opened.standing.open == 0
    assert coordinator.stopped_by == "pids-reserve"
    assert coordinator.stopped_why == "fork: Resource temporarily unavailable with 0 of 2 started"


def test_a_host_with_no_file_left_stops_the_opening(monkeypatch: pytest.MonkeyPatch) -> None:
    """Others may use up fs.file-max between two looks: that is a guard's word, and not the coordinator's end."""

    def refused() -> int:
        raise OSError(errno.ENFILE, os.strerror(errno.ENFILE))

    monkeypatch.setattr("wstune.burst.coordinator.guard.available_bytes", refused)
    burst = Coordinator(Plan(Address("127.0.0.1", 1), shares=(), routes=(), reserve_bytes=1))
    burst.look_after_the_host()
    assert burst.stopped_by == "file-max-reserve"
    assert burst.stopped_why == "not one file more could be opened on this host"


@pytest.mark.parametrize(("phases", "policy"), [((), os.SCHED_BATCH), (SLOWLY, os.SCHED_OTHER)], ids=["free", "paced"])
def test_who_is_woken_waits_for_its_turn_unless_paced(phases: tuple[TimedPhase, ...], policy: int) -> None:
    """A server that interrupts its client for each connection makes all of them slower; a pacer must not be late."""
    burst = Burst(plan(phases=phases), lambda event: None)
    try:
        pids = burst.wait_for(events.ReadyEvent).server_pids
        assert len(pids) == 2
        assert {os.sched_getscheduler(pid) for pid in pids} == {policy}
    finally:
        burst.end()
