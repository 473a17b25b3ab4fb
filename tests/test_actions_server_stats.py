"""What a server elsewhere tells of itself and of its kernel, and what of it goes into a report."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from tests.verify_runs import run_of
from wstune.actions import server_stats
from wstune.actions.server_figures import Answer, KernelFigures, NotKnown, ServerFigures
from wstune.actions.stats_sources import Source, StatsOptions
from wstune.actions.verify_options import VerifyOptions
from wstune.actions.verify_state import Run
from wstune.actions.verify_target import HOST, Target, target_of
from wstune.burst.engine.events import OpenEvent, Standing
from wstune.chat import figures as chat_figures
from wstune.chat import stats as s
from wstune.host import kernel_counters
from wstune.host.files import Root
from wstune.verification import Memory


def figures(opened: int, boot: str = "a", netns: int = 1, *, memory: int | None = 0, **counters: int) -> ServerFigures:
    return ServerFigures(opened, 0, 0, 0, memory, KernelFigures(boot, netns, counters) if boot else None)


GONE = NotKnown("/stats was not answered within 3 s")


def test_the_kernel_of_the_server() -> None:
    """What has grown, and whose it is; what stood still, or is new, is left out."""
    before, after = figures(5, drop=1, still=2), figures(5, drop=8, still=2, new=3)
    assert server_stats.kernel_growth(before, after) == ("a", 1, {"drop": 7})


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (GONE, figures(1, drop=1)),
        (figures(1, drop=1), GONE),
        (figures(1, drop=1), figures(1, "b", drop=2)),
        (figures(1, drop=1), figures(1, netns=2, drop=2)),
        (figures(1, drop=1), figures(1, "")),
    ],
    ids=["unknown before", "gone", "another boot", "another namespace", "it does not tell"],
)
def test_nothing_is_made_of_two_kernels(before: Answer, after: Answer) -> None:
    """Where not both answers are of one kernel there is no growth."""
    assert server_stats.kernel_growth(before, after) is None


@pytest.mark.parametrize(
    ("before", "after", "grown"),
    [
        (figures(1, memory=100), figures(9, memory=350), 250),
        (figures(1, memory=100), figures(9, memory=90), 0),
        (GONE, figures(1), None),
        (figures(1), GONE, None),
        (figures(1, memory=None), figures(9), None),
        (figures(1), figures(9, memory=None), None),
    ],
    ids=["grown", "shrunk", "unknown before", "gone", "untold before", "untold"],
)
def test_memory_of_a_server(before: Answer, after: Answer, grown: int | None) -> None:
    """What it grew by; less than nothing is nothing, and what it does not tell is not known."""
    assert server_stats.memory_growth(before, after) == grown


def test_what_a_server_counted() -> None:
    """Only what has moved, under names of its own."""
    assert server_stats.growth(figures(1), figures(9)) == {"server.opened": 8}
    assert server_stats.growth(GONE, figures(9)) == {}


def aimed(*servers: str) -> Target:
    return target_of(f"ws://{','.join(servers)}/")


def burst(target: Target) -> Run:
    """One that has opened 100 connections, whose generator's memory is known."""
    run = run_of(VerifyOptions(target=target), 100)
    run.evidence.memory = Memory(None, 1.0, None, None)
    run.opened = OpenEvent(0.1, Standing(open=100))
    return run


def test_every_server_is_among_the_counters() -> None:
    """Two servers, each of a kernel of its own: sums of what they say; memory by all connections."""
    target = aimed("127.0.0.1:1", "127.0.0.2:1")
    before = [
        figures(5, "x", memory=0, **{"Tcp.PassiveOpens": 5}),
        figures(7, "y", memory=0, **{"Tcp.PassiveOpens": 7}),
    ]
    after = [figures(55, "x", **{"Tcp.PassiveOpens": 60}), figures(57, "y", **{"Tcp.PassiveOpens": 57})]
    found = burst(target)
    found.figures = [figures(55, "x", memory=30_000), figures(57, "y", memory=10_000)]
    server_stats.add(found, before, after)
    assert found.evidence.counters == {"Tcp.PassiveOpens": 105, "server.opened": 100}
    assert found.evidence.memory.server_user_bytes == 400
    assert found.evidence.remarks == [
        "2 of 2 servers are wstune: their own figures, of /stats, and of 2 of their kernels, are among the counters"
    ]


def test_a_server_of_which_nothing_is_known_is_said() -> None:
    """Its kernel is not known, and memory is not divided by connections that others hold."""
    target = Target("ws://a,b/", "192.0.2.1", 1, places=aimed("127.0.0.1:1", "127.0.0.2:1").places, here=False)
    found = burst(target)
    found.figures = [figures(55, "x", memory=30_000), GONE]
    server_stats.add(found, [figures(5, "x"), GONE], [figures(55, "x"), GONE])
    assert found.evidence.counters == {"server.opened": 50}
    assert found.evidence.memory.server_user_bytes is None
    assert found.evidence.remarks == [
        "1 of 2 servers are wstune: their own figures, of /stats, and of 1 of their kernels, are among the counters",
        "1 of 2 servers' own figures are not known: /stats was not answered within 3 s",
        "what 1 of the servers' kernels counted is not known here; the counters are this host's",
    ]


def test_one_server_at_two_addresses_counts_once() -> None:
    """It tells its namespace, and has one port there."""
    found = burst(aimed("127.0.0.1:1", "127.0.0.2:1"))
    server_stats.add(found, [figures(5, "x")] * 2, [figures(55, "x")] * 2)
    assert found.evidence.counters == {"server.opened": 50}
    assert found.evidence.remarks[0].startswith("the server is a wstune: its own figures")


def test_ours_count_once_of_one_namespace() -> None:
    """A server here: its kernel's counters are those that are read here."""
    boot_id, netns = kernel_counters.whose(Root())
    found = burst(aimed("127.0.0.1:1"))
    found.evidence.counters = {"Tcp.PassiveOpens": 50}
    server_stats.add(found, [figures(0, boot_id, netns, drops=1)], [figures(50, boot_id, netns, drops=9)])
    assert found.evidence.counters == {"Tcp.PassiveOpens": 50, "server.opened": 50}


def test_counters_of_load_machines_stay_theirs() -> None:
    """Over a cluster the head's own are not added; a server in a load machine's namespace counts once."""
    found = burst(aimed("127.0.0.1:1"))
    found.counted = [("boot", 1, {"Tcp.ActiveOpens": 60}), ("boot", 2, {"Tcp.ActiveOpens": 40})]
    found.evidence.counters = {"Tcp.ActiveOpens": 100}
    server_stats.add(found, [figures(0, "boot", 2)], [figures(100, "boot", 2, **{"Tcp.ActiveOpens": 41})])
    assert found.evidence.counters == {"Tcp.ActiveOpens": 100, "server.opened": 100}


def test_nobody_is_asked_where_it_would_say_nothing() -> None:
    """Our own server, and what stands behind a proxy."""
    assert server_stats.fetch(HOST) == []
    behind = Target("ws://a/", "192.0.2.1", 1, places=aimed("127.0.0.1:1").places, proxy="192.0.2.1:3128", here=False)
    assert server_stats.fetch(behind) == []
    found = burst(behind)
    server_stats.add(found, [], [])
    assert found.evidence.remarks == [
        "what the server's kernel counted is not known here; the counters are this host's",
        "by way of the proxy 192.0.2.1:3128, as the environment says (--no-proxy: directly)",
    ]


def test_fewer_stats_than_servers_give_no_memory() -> None:
    """What --stats leaves out is not known, so memory is not divided by the connections of all; never a guess."""
    found = burst(aimed("127.0.0.1:1", "127.0.0.2:2"))
    found.figures = [figures(55, "x", memory=30_000), GONE]
    stats = StatsOptions((Source("127.0.0.1", 9, "127.0.0.1:9"),))
    server_stats.add(found, [figures(5, "x"), GONE], [figures(55, "x"), GONE], stats)
    assert found.evidence.memory.server_user_bytes is None
    assert found.evidence.counters == {"server.opened": 50}


@contextmanager
def answering(*documents: object) -> Iterator[list[str]]:
    """HTTP servers on loopback, each of which gives its document to whoever asks; their addresses."""
    with ExitStack() as stack:
        found = []
        for document in documents:

            class Handler(http.server.BaseHTTPRequestHandler):
                body = json.dumps(document).encode()

                def do_GET(self) -> None:
                    self.send_response(200 if self.path == "/stats" else 404)
                    self.send_header("Content-Length", str(len(self.body)))
                    self.end_headers()
                    self.wfile.write(self.body)

                def log_message(self, *_: object) -> None:
                    return

            server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
            thread = threading.Thread(target=server.serve_forever, args=(0.01,))
            thread.start()
            stack.callback(server.server_close)
            stack.callback(thread.join)
            stack.callback(server.shutdown)
            found.append(f"127.0.0.1:{server.server_port}")
        yield found


@pytest.mark.live
def test_each_of_several_is_asked() -> None:
    """In their order; who is another's, or is not there, has nothing for us; nobody is asked twice."""
    mine, other = (json.loads(chat_figures.stats_json(s.Stats(workers))) for workers in (1, 2))
    with answering(mine, {"status": "up"}, other) as servers:
        target = aimed(servers[0], servers[1], "127.0.0.1:1", servers[2], servers[0])
        told, another, nobody, last = server_stats.fetch(target)
        assert isinstance(told, ServerFigures)
        assert isinstance(last, ServerFigures)
        assert another == NotKnown("total in its /stats is not an object")
        assert isinstance(nobody, NotKnown)
