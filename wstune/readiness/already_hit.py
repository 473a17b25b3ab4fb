"""What kernel counters say of limits that this host has met already, since boot. Pure: the counters come in.

Each row names the one limit that moves its counter; a counter that several causes move says which of them it may be.
Those of TcpExt and conntrack count since their network namespace was made, the others since boot.
"""

from __future__ import annotations

from collections.abc import Mapping

from wstune.service import Hit

_LISTENER = "give listen() a larger backlog, raise net.core.somaxconn first, and call accept() in time"

_ROWS = (
    Hit("TcpExt.ListenOverflows", 0, "net.core.somaxconn", "a listener's accept queue was full", _LISTENER),
    Hit(
        "TcpExt.TCPReqQFullDrop",
        0,
        "net.ipv4.tcp_syncookies",
        "a listener's queue of SYNs was full, and cookies are off",
        "sysctl -w net.ipv4.tcp_syncookies=1",
    ),
    Hit(
        "TcpExt.TCPReqQFullDoCookies",
        0,
        "net.core.somaxconn",
        "a listener's queue of SYNs was full, and cookies helped out",
        _LISTENER,
    ),
    Hit(
        "TcpExt.TCPMemoryPressures",
        0,
        "net.ipv4.tcp_mem",
        "queued bytes passed the middle number of tcp_mem",
        "let slow readers go, or raise net.ipv4.tcp_mem",
    ),
    Hit(
        "TcpExt.TCPAbortOnMemory",
        0,
        "net.ipv4.tcp_mem",
        "closing connections were reset for want of tcp_mem or of room for orphans",
        "raise net.ipv4.tcp_mem or net.ipv4.tcp_max_orphans, or close more slowly",
    ),
    Hit(
        "TcpExt.TCPTimeWaitOverflow",
        0,
        "net.ipv4.tcp_max_tw_buckets",
        "closed connections skipped TIME_WAIT, the table being full",
        "raise net.ipv4.tcp_max_tw_buckets, or close more slowly",
    ),
    Hit(
        "conntrack.drop",
        0,
        "net.netfilter.nf_conntrack_max",
        "packets were dropped, conntrack's table being full",
        "raise net.netfilter.nf_conntrack_max, or do not track these connections (NOTRACK)",
    ),
    Hit(
        "conntrack.early_drop",
        0,
        "net.netfilter.nf_conntrack_max",
        "tracked connections were thrown out early, conntrack's table being full",
        "raise net.netfilter.nf_conntrack_max, or do not track these connections (NOTRACK)",
    ),
    Hit(
        "softnet.dropped",
        0,
        "net.core.netdev_max_backlog",
        "packets were dropped in a CPU's input queue",
        "raise net.core.netdev_max_backlog",
    ),
    Hit(
        "cgroup.memory.max",
        0,
        "cgroup.memory.max",
        "the control group reached its memory limit",
        "a higher limit of the group, or fewer connections in it",
    ),
    Hit(
        "cgroup.memory.oom_kill",
        0,
        "cgroup.memory.max",
        "processes of the control group were killed for want of memory",
        "a higher limit of the group, or fewer connections in it",
    ),
    Hit(
        "cgroup.pids.max",
        0,
        "cgroup.pids.max",
        "a process or thread could not be started in the control group",
        "a higher limit of the group (TasksMax)",
    ),
    Hit(
        "vmstat.oom_kill",
        0,
        "memory",
        "processes were killed for want of memory",
        "more memory, or fewer connections",
    ),
)
"""The counter, the limit, what it means, what to do. In the order in which they are told."""

_ATOMIC = Hit(
    "TcpExt.ListenDrops",
    0,
    "vm.min_free_kbytes",
    "SYNs were dropped by listeners whose queue was not full: no memory at that moment, or no route",
    "more free memory, or a higher vm.min_free_kbytes",
)


def already_hit(counters: Mapping[str, int]) -> tuple[Hit, ...]:
    """The limits that were met, by counters that are not 0; a counter that could not be read says nothing.

    ListenDrops counts overflows too, so that only what is above them has another cause (net/ipv4/tcp_input.c
    tcp_conn_request).
    """
    found = [row._replace(count=counters[row.counter]) for row in _ROWS if counters.get(row.counter, 0) > 0]
    other = counters.get("TcpExt.ListenDrops", 0) - counters.get("TcpExt.ListenOverflows", 0)
    other -= counters.get("TcpExt.TCPReqQFullDrop", 0)
    return (*found, _ATOMIC._replace(count=other)) if other > 0 else tuple(found)
