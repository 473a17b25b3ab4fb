"""A server with a fault is a wall with its right name, side, verdict and exit code. Nothing here is measured."""

from __future__ import annotations

import pytest

from tests.live.namespace import Namespace
from tests.live.test_walls import faulty, finish, inside, start, wall

__all__ = ["inside"]

pytestmark = [pytest.mark.live, pytest.mark.netns, pytest.mark.slow]

SERVERS = {
    "refuses": ("server-refuses", "server"),
    "resets": ("server-resets", "server"),
    "says-200": ("server-not-websocket", "server"),
    "says-503": ("server-busy", "server"),
    "says-nothing": ("server-silent", "server"),
    "drops": ("server-drops", "server"),
    "mute": ("server-mute", "server"),
}


@pytest.mark.parametrize("kind", SERVERS)
def test_a_server_with_a_fault(inside: Namespace, kind: str) -> None:
    """What the server did to everybody is the wall, and the server's."""
    hold = "3" if kind == "drops" else "0.5"
    with faulty(inside, kind) as url:
        code, report = finish(start(inside, url, "-n", "300", "--hold", hold))
    name, side = SERVERS[kind]
    assert wall(report) == (name, side, "missed")
    assert code == 1
    assert report["wall"]["fix"]
    assert report["wall"]["evidence"]


def test_silently_dropped_connections_are_counted_one_by_one(inside: Namespace) -> None:
    """A third of the connections no longer answers, without a word: exactly those are lost, the others are not."""
    with faulty(inside, "half-mute") as url:
        code, report = finish(start(inside, url, "-n", "300", "--hold", "0.5"))
    assert report["reached"] == 300
    assert report["held"]["lost"] == 100
    assert [(row["phase"], row["errno"], row["count"]) for row in report["errors"]] == [("hold", "NO-PONG", 100)]
    assert report["pings"] == {**report["pings"], "sent": 300, "answered": 200}
    assert wall(report) == ("server-mute", "server", "missed")
    assert code == 1


def test_the_servers_files(inside: Namespace) -> None:
    """A server that runs out of descriptors, seen from outside: unanswered connections; the server's wall."""
    with faulty(inside, "few-files") as url:
        code, report = finish(start(inside, url, "-n", "1000", "--hold", "0"))
    assert 200 <= report["reached"] <= 300
    assert wall(report)[1:] == ("server", "missed"), report["wall"]
    assert code == 1


def test_the_accept_queue(inside: Namespace) -> None:
    """A server that accepts slowly with a backlog of 10: ListenOverflows, the wall is somaxconn's."""
    with faulty(inside, "slow-accept") as url:
        code, report = finish(start(inside, url, "-n", "500", "--hold", "0"))
    assert report["counters"]["TcpExt.ListenOverflows"] > 0
    assert wall(report) == ("net.core.somaxconn", "server", "missed")
    assert code == 1
