"""The answers of several coordinators, as one: each sum, each extreme."""

from __future__ import annotations

from typing import Any, get_args

import pytest

from tests.burst.engine.kinds import dense, same
from wstune.burst import tally
from wstune.burst.engine import wire
from wstune.burst.engine.events import (
    CloseEvent,
    Counts,
    EndEvent,
    FanoutEvent,
    LostProcess,
    OpenEvent,
    PingEvent,
    ReadyEvent,
    ServerState,
    Standing,
    StatusEvent,
    TalkEvent,
)
from wstune.burst.engine.records import Json, read


def test_opening_is_over_when_the_last_is() -> None:
    """Connections add up; the time is the longest, from the common start; process ids mean nothing elsewhere."""
    merged = OpenEvent.merged([OpenEvent(1.5, Standing(2, 1, 0, 4, 1), (7,)), OpenEvent(0.5, Standing(3, 0, 5, 1, 0))])
    assert same(merged, OpenEvent(1.5, Standing(open=5, failed=1, lost=5, pending=5, ended=1), ()))


def test_a_fan_out_is_from_the_first_receiver_to_the_last_of_all() -> None:
    """Whoever has no connections heard nothing, and does not count."""
    events = [FanoutEvent(2, 2, 0.3, 5.0), FanoutEvent(3, 2, 0.1, 2.0), FanoutEvent(0, 0, 0.0, None)]
    assert same(FanoutEvent.merged(events), FanoutEvent(expected=5, delivered=4, seconds=0.3, first_ms=2.0))


def test_a_first_receiver_may_be_none_at_all() -> None:
    """Where nobody has heard anything."""
    assert FanoutEvent.merged([FanoutEvent(3, 0, 5.0, None)] * 2).first_ms is None


def test_pings_and_talkers_add_up() -> None:
    """All PINGs, all PONGs; all who talk, all who hear it."""
    assert same(PingEvent.merged([PingEvent(5, 4), PingEvent(7, 7)]), PingEvent(pings=12, pongs=11))
    assert same(TalkEvent.merged([TalkEvent(1, 100), TalkEvent(2, 50)]), TalkEvent(talkers=3, listeners=150))


def test_closing_has_every_lost_process_and_the_first_guard() -> None:
    """The words are merged, the lists joined, and one that stopped early says why."""
    events = [
        CloseEvent(dense({1: 4}), 1, 2, 3, (LostProcess("generator", 7),)),
        CloseEvent(dense({1: 5}), 1, 1, 1, (LostProcess("server", 8),), "memory-reserve", "there was no memory"),
        CloseEvent(Counts(), 0, 0, 0, (), "time-limit", "it took too long"),
    ]
    merged = CloseEvent.merged(events)
    assert merged.counts == dense({1: 9})
    assert same(merged.lost, (LostProcess("generator", 7), LostProcess("server", 8)))
    assert (merged.wanted, merged.closed, merged.graceful) == (2, 3, 4)
    assert (merged.stopped_by, merged.stopped_why) == ("memory-reserve", "there was no memory")


def test_the_servers_state_is_that_of_whoever_has_one() -> None:
    """Where things stand and at the end: coordinators without a server say nothing of one."""
    state = ServerState(alive=2, accept_errors=9, errno=24)
    closed = CloseEvent(Counts(), 0, 0, 0)
    assert same(CloseEvent.merged([closed, closed._replace(server=state), closed]).server, state)
    merged = StatusEvent.merged([StatusEvent(2.0, Standing(3)), StatusEvent(1.0, Standing(4), state, relayed=True)])
    assert same(merged, StatusEvent(2.0, Standing(7), state))


def test_all_are_ready_on_the_one_port_that_there_is() -> None:
    """Coordinators without a server have none of their own."""
    assert same(ReadyEvent.merged([ReadyEvent(0), ReadyEvent(4, (5, 6)), ReadyEvent(0)]), ReadyEvent(4))


@pytest.mark.parametrize("kind", get_args(wire.Command))
def test_of_nobody_nothing_comes(kind: Any) -> None:
    """When all machines were lost there is an answer still, of zeros, to each command."""
    arguments: dict[str, tuple[Any, ...]] = {
        "PingCommand": (1.0,),
        "FanoutCommand": ("", 1.0),
        "TalkCommand": (0, 0.0, 0),
        "CloseCommand": (0,),
    }
    nothing = {
        OpenEvent: OpenEvent(0.0, Standing()),
        StatusEvent: StatusEvent(0.0, Standing()),
        PingEvent: PingEvent(0, 0),
        FanoutEvent: FanoutEvent(0, 0, 0.0, None),
        TalkEvent: TalkEvent(0, 0),
        CloseEvent: CloseEvent(Counts(), 0, 0, 0),
        EndEvent: EndEvent(),
    }
    answer = kind(*arguments.get(kind.__name__, ())).answer
    assert same(answer.merged([]), nothing[answer])
    assert same(ReadyEvent.merged([]), ReadyEvent(0))


def test_sparse_tallies_are_merged_as_whole_ones() -> None:
    """Counts add up, the first moment is the least of them, the longest lag the most."""
    sparse: tuple[dict[str, Json], ...] = (
        {str(tally.OPEN): 2, str(tally.FIRST_NS): 9, str(tally.LAG_NS): 1},
        {str(tally.OPEN): 3, str(tally.FIRST_NS): 4},
        {str(tally.OPEN): 0},
    )
    merged = Counts.merged(read(Counts, words) for words in sparse)
    assert merged.to_json() == {str(tally.OPEN): 5, str(tally.FIRST_NS): 4, str(tally.LAG_NS): 1}


def test_servers_add_up_and_the_last_errno_is_one_of_theirs() -> None:
    """An errno is a number of the kernel's, and no count."""
    assert ServerState.merged([ServerState(1, 2, 3), ServerState(1, 0, 4)]) == ServerState(2, 2, 4)
    assert ServerState.merged([]) == ServerState()
