"""Backlogs of listeners that are there."""

from __future__ import annotations

from wstune.readiness.backlogs import short_backlogs
from wstune.service import Listener

LISTENERS = [Listener(22, "::", 128, 0, 0, 1), Listener(8080, "::", 100, 0, 33, 2), Listener(9, "::", 5000, 5001, 0, 3)]


def test_of_nobody_in_particular() -> None:
    """Without a process only a queue that is full at this moment is told of."""
    assert short_backlogs(LISTENERS, 4096, None) == ("the accept queue of port 9 is full at this moment",)
    assert short_backlogs(LISTENERS[:2], 4096, None) == ()


def test_of_a_process() -> None:
    """A listener of the process that is too short is named, with when a longer one counts."""
    (said,) = short_backlogs(LISTENERS[:2], 4096, ("process 7", frozenset({2})))
    assert said.startswith("process 7 listens with a backlog of 100 (port 8080) where 4,096 are needed")
    assert "listen()" in said
    assert short_backlogs(LISTENERS[:2], 100, ("process 7", frozenset({2}))) == ()
    assert short_backlogs(LISTENERS[:2], None, ("process 7", frozenset({2}))) == ()


def test_many_ports_are_cut() -> None:
    """Four ports are named, the rest counted."""
    many = [Listener(port, "::", 1, 2, 0, port) for port in range(1, 8)]
    assert short_backlogs(many, None, None) == (
        "the accept queue of ports 1, 2, 3, 4 and 3 more is full at this moment",
    )
