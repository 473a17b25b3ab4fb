"""Events of several coordinators as one: what a fleet's head makes of their answers. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from wstune.burst.shares import merged_words

Event = dict[str, Any]


def _sum(events: Sequence[Event], name: str) -> int:
    return sum(int(event.get(name, 0)) for event in events)


def together(events: Sequence[Event]) -> Event:
    """Progress events as one, but for the time."""
    return {name: _sum(events, name) for name in ("open", "failed", "lost", "pending", "ended")}


def _open(events: Sequence[Event]) -> Event:
    """`seconds`: from the common start to the last upgrade of all."""
    return {**together(events), "seconds": max((event["seconds"] for event in events), default=0.0), "pids": []}


def _ping(events: Sequence[Event]) -> Event:
    return {"pings": _sum(events, "pings"), "pongs": _sum(events, "pongs")}


def _fanout(events: Sequence[Event]) -> Event:
    firsts = [event["first_ms"] for event in events if event["first_ms"] is not None]
    return {
        "expected": _sum(events, "expected"),
        "delivered": _sum(events, "delivered"),
        "seconds": max((event["seconds"] for event in events), default=0.0),
        "first_ms": min(firsts, default=None),
    }


def _talk(events: Sequence[Event]) -> Event:
    return {"talkers": _sum(events, "talkers"), "listeners": _sum(events, "listeners")}


def _close(events: Sequence[Event]) -> Event:
    return {
        "words": merged_words([event["words"] for event in events]),
        "wanted": _sum(events, "wanted"),
        "closed": _sum(events, "closed"),
        "graceful": _sum(events, "graceful"),
        "lost": [lost for event in events for lost in event["lost"]],
        "stopped_by": next((event["stopped_by"] for event in events if event["stopped_by"]), ""),
        "stopped_why": next((event.get("stopped_why", "") for event in events if event["stopped_by"]), ""),
        "server": {"alive": 0, "accept_errors": 0, "errno": 0},
    }


MERGED: dict[str, Callable[[Sequence[Event]], Event]] = {
    "open": _open,
    "status": together,
    "ping": _ping,
    "fanout": _fanout,
    "talk": _talk,
    "close": _close,
}
"""By the event's name; the others say nothing but that they are done."""
