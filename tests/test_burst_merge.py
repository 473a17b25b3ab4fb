"""The answers of several coordinators, as one: each sum, each extreme."""

from __future__ import annotations

from typing import Any

from wstune.burst.merge import MERGED, together


def test_opening_is_over_when_the_last_is() -> None:
    """Connections add up; the time is the longest, from the common start."""
    events = [{"open": 2, "failed": 1, "lost": 0, "seconds": 1.5}, {"open": 3, "failed": 0, "lost": 0, "seconds": 0.5}]
    merged = MERGED["open"](events)
    assert (merged["open"], merged["failed"], merged["seconds"], merged["pids"]) == (5, 1, 1.5, [])


def test_a_fan_out_is_from_the_first_receiver_to_the_last_of_all() -> None:
    """Whoever has no connections heard nothing, and does not count."""
    events: list[dict[str, Any]] = [
        {"expected": 2, "delivered": 2, "seconds": 0.3, "first_ms": 5.0},
        {"expected": 3, "delivered": 2, "seconds": 0.1, "first_ms": 2.0},
        {"expected": 0, "delivered": 0, "seconds": 0.0, "first_ms": None},
    ]
    assert MERGED["fanout"](events) == {"expected": 5, "delivered": 4, "seconds": 0.3, "first_ms": 2.0}


def test_closing_has_every_lost_process_and_the_first_guard() -> None:
    """The words are merged, the lists joined, and one that stopped early says why."""
    base = {"wanted": 1, "closed": 1, "graceful": 1, "server": {}}
    events = [
        {**base, "words": {"1": 4}, "lost": [["generator", 7]], "stopped_by": ""},
        {**base, "words": {"1": 5}, "lost": [], "stopped_by": "memory-reserve"},
    ]
    merged = MERGED["close"](events)
    assert merged["words"] == {"1": 9}
    assert merged["lost"] == [["generator", 7]]
    assert (merged["wanted"], merged["stopped_by"]) == (2, "memory-reserve")


def test_of_nobody_nothing_comes() -> None:
    """When all machines were lost there is an answer still, of zeros."""
    assert together([])["open"] == 0
    for merge in MERGED.values():
        assert merge([]) is not None
