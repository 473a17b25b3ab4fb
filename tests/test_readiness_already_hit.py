"""Counters that already speak."""

from __future__ import annotations

import pytest

from wstune.readiness.already_hit import already_hit
from wstune.tunables import CATALOGUE


@pytest.mark.parametrize(
    ("counter", "name"),
    [
        ("TcpExt.ListenOverflows", "net.core.somaxconn"),
        ("TcpExt.ListenDrops", "vm.min_free_kbytes"),
        ("TcpExt.TCPMemoryPressures", "net.ipv4.tcp_mem"),
        ("TcpExt.TCPAbortOnMemory", "net.ipv4.tcp_mem"),
        ("TcpExt.TCPTimeWaitOverflow", "net.ipv4.tcp_max_tw_buckets"),
        ("TcpExt.TCPReqQFullDrop", "net.ipv4.tcp_syncookies"),
        ("TcpExt.TCPReqQFullDoCookies", "net.core.somaxconn"),
        ("conntrack.drop", "net.netfilter.nf_conntrack_max"),
        ("conntrack.early_drop", "net.netfilter.nf_conntrack_max"),
        ("softnet.dropped", "net.core.netdev_max_backlog"),
        ("cgroup.memory.max", "cgroup.memory.max"),
        ("cgroup.memory.oom_kill", "cgroup.memory.max"),
        ("cgroup.pids.max", "cgroup.pids.max"),
        ("vmstat.oom_kill", "memory"),
    ],
)
def test_a_counter_names_its_limit(counter: str, name: str) -> None:
    """A counter that moved names one limit, says what was met, how often and what to do."""
    (hit,) = already_hit({counter: 3})
    assert (hit.counter, hit.count, hit.name) == (counter, 3, name)
    assert name in CATALOGUE or name == "memory"
    assert hit.said
    assert hit.fix


def test_nothing_moved() -> None:
    """Counters at 0, unknown ones and none at all say nothing."""
    assert already_hit({}) == ()
    assert already_hit({"TcpExt.ListenOverflows": 0, "Tcp.PassiveOpens": 9}) == ()


def test_drops_beyond_overflows() -> None:
    """ListenDrops counts overflows and full queues of SYNs too: only what is above them has another cause."""
    counters = {"TcpExt.ListenOverflows": 10, "TcpExt.ListenDrops": 15, "TcpExt.TCPReqQFullDrop": 2}
    assert {hit.counter: hit.count for hit in already_hit(counters)} == {
        "TcpExt.ListenOverflows": 10,
        "TcpExt.TCPReqQFullDrop": 2,
        "TcpExt.ListenDrops": 3,
    }
    assert [hit.counter for hit in already_hit({"TcpExt.ListenOverflows": 5, "TcpExt.ListenDrops": 5})] == [
        "TcpExt.ListenOverflows"
    ]
