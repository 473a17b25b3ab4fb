"""Kernel counters are read by name, and their growth names what moved."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.trees import HOSTS, plant
from wstune.host.counters import growth, snapshot, sockstat
from wstune.host.files import Root

NETSTAT = "TcpExt: ListenOverflows ListenDrops\nTcpExt: 7 9\nIpExt: InNoRoutes\nIpExt: 3\n"
SNMP = "Ip: Forwarding\nIp: 2\nTcp: RtoMin MaxConn PassiveOpens CurrEstab\nTcp: 200 -1 12 4\n"
SOFTNET = "0000000f 0000001f 00000001 00000000\n00000002 00000001 0000000a 00000000\n"
CONNTRACK = "entries  found drop early_drop insert_failed\n00000025 0 0000000a 00000001 0\n00000025 0 00000001 0 0\n"


def test_counters_of_every_file(tmp_path: Path) -> None:
    """Each file's section and names make the key; CPUs are summed, hexadecimal is read as such."""
    files = {
        "/proc/net/netstat": NETSTAT,
        "/proc/net/snmp": SNMP,
        "/proc/net/sockstat": "sockets: used 188\nTCP: inuse 47 orphan 1 tw 3 alloc 52 mem 4\n",
        "/proc/net/softnet_stat": SOFTNET,
        "/proc/net/stat/nf_conntrack": CONNTRACK,
        "/proc/sys/fs/file-nr": "2144\t0\t9223372036854775807\n",
    }
    assert snapshot(Root(plant(tmp_path, files))) == {
        "TcpExt.ListenOverflows": 7,
        "TcpExt.ListenDrops": 9,
        "Tcp.PassiveOpens": 12,
        "Tcp.CurrEstab": 4,
        "sockstat.sockets.used": 188,
        "sockstat.TCP.inuse": 47,
        "sockstat.TCP.orphan": 1,
        "sockstat.TCP.tw": 3,
        "sockstat.TCP.alloc": 52,
        "sockstat.TCP.mem": 4,
        "softnet.dropped": 32,
        "softnet.time_squeeze": 11,
        "conntrack.entries": 37,
        "conntrack.drop": 11,
        "conntrack.early_drop": 1,
        "conntrack.insert_failed": 0,
        "file-nr.allocated": 2144,
    }


@pytest.mark.parametrize(
    ("membership", "mount", "files", "expected"),
    [
        (
            "0::/a/b\n",
            "cgroup2 cgroup2 rw",
            {
                "a/b/memory.max": "max\n",
                "a/b/memory.events": "low 0\nhigh 0\nmax 1\noom 0\noom_kill 2\n",
                "a/memory.max": "1000\n",
                "a/memory.events": "low 9\nmax 7\noom 3\noom_kill 0\n",
                "a/b/pids.max": "5\n",
                "a/b/pids.events": "max 4\n",
                "a/pids.max": "max\n",
                "a/pids.events": "max 99\n",
            },
            {"memory.max": 7, "memory.oom": 3, "memory.oom_kill": 2, "pids.max": 4},
        ),
        (
            "4:memory:/a\n",
            "cgroup cgroup rw,memory",
            {
                "a/memory.limit_in_bytes": "1000\n",
                "a/memory.failcnt": "12\n",
                "a/memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 3\n",
            },
            {"memory.max": 12, "memory.oom_kill": 3},
        ),
    ],
    ids=["v2", "v1"],
)
def test_events_of_control_groups(
    tmp_path: Path, membership: str, mount: str, files: dict[str, str], expected: dict[str, int]
) -> None:
    """Of its own group and of those above that limit, the most; under one name whatever the version."""
    every = {"/proc/self/cgroup": membership, "/proc/self/mountinfo": f"1 1 0:1 / /cg rw - {mount}\n"}
    every |= {"/proc/vmstat": "nr_free_pages 5\noom_kill 6\n"} | {f"/cg/{path}": text for path, text in files.items()}
    found = snapshot(Root(plant(tmp_path, every)))
    assert found == {"vmstat.oom_kill": 6} | {f"cgroup.{key}": count for key, count in expected.items()}


def test_nothing_readable_is_no_counter(tmp_path: Path) -> None:
    """An empty tree has none, which is not the same as zeros."""
    assert snapshot(Root(tmp_path)) == {}
    assert sockstat(Root(tmp_path)) == {}


def test_captured_droplet_has_been_hit() -> None:
    """The counters that a small host shows after a burst that it could not take."""
    counters = snapshot(Root(HOSTS / "droplet-512m"))
    hit = ("TcpExt.ListenOverflows", "TcpExt.TCPTimeWaitOverflow", "conntrack.drop", "softnet.dropped")
    assert [counters[key] for key in hit] == [212, 1903, 78, 31]


def test_captured_container_has_hit_its_memory_limit() -> None:
    """Its group's limit was hit 311 times and one process was killed for it: not a matter of the host's memory."""
    counters = snapshot(Root(HOSTS / "container"))
    assert [counters[f"cgroup.memory.{event}"] for event in ("max", "oom", "oom_kill")] == [311, 1, 1]
    assert counters["cgroup.pids.max"] == 0


@given(
    st.dictionaries(st.sampled_from("abcd"), st.integers(0, 9)),
    st.dictionaries(st.sampled_from("abcd"), st.integers(0, 9)),
)
def test_growth_is_what_moved(before: dict[str, int], after: dict[str, int]) -> None:
    """Added to what was before, growth gives what is after; what stood still is not in it."""
    moved = growth(before, after)
    assert 0 not in moved.values()
    assert {key: before.get(key, 0) + moved.get(key, 0) for key in after} == after


@pytest.mark.live
def test_listen_queue_that_overflows_is_counted() -> None:
    """Connections to a listener with a queue of one that nobody accepts from move ListenOverflows and ListenDrops."""
    before = snapshot(Root())
    with socket.create_server(("127.0.0.1", 0), backlog=0) as server:
        clients = []
        for _ in range(4):
            client = socket.socket()
            client.setblocking(False)
            client.connect_ex(server.getsockname())
            clients.append(client)
        moved = growth(before, snapshot(Root()))
        for client in clients:
            client.close()
    assert moved.get("TcpExt.ListenOverflows", 0) > 0
    assert moved.get("TcpExt.ListenDrops", 0) > 0
    assert moved.get("Tcp.ActiveOpens", 0) >= 4
