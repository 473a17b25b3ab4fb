"""Queues of the way in, and of the way out: what caps how fast connections are opened."""

from __future__ import annotations

from math import inf

from wstune.model import Direction, Scope, Store
from wstune.tunable import APPLY, CUT_OFF, OPENING, Cause, Sign, Tunable, WallKind
from wstune.values import Kind

_INT_MAX = 2**31 - 1
_NAME = "[a-z0-9_]{1,15}"
"""TCP_CA_NAME_MAX and IFNAMSIZ are 16, with the NUL (include/net/tcp.h, include/uapi/linux/if.h)."""

_IP_SYSCTL = "Documentation/networking/ip-sysctl.rst"
_HOST_ONLY = "absent in this network namespace: the host decides, for all namespaces together"
_LISTENER = "give listen() a larger backlog, raise net.core.somaxconn first, and call accept() in time"

TUNABLES: tuple[Tunable, ...] = (
    Tunable(
        name="net.core.somaxconn",
        store=Store.SYSCTL,
        kind=Kind.INTEGER,
        scope=Scope.NETNS,
        direction=Direction.HIGHER,
        unit="connections",
        summary="longest accept queue that listen() may ask for; the queue of SYNs has the same length",
        caps="new connections a second: a queue of min(backlog, somaxconn) + 1 must hold all that arrive while the "
        "server is busy elsewhere",
        symptom="ListenOverflows and ListenDrops grow; a client's SYN is repeated after 1 s and ends in ETIMEDOUT; "
        "Recv-Q above Send-Q in `ss -ltn`",
        risk="little: a full long queue makes clients wait where a short one makes them retry; Linux 3.12 to 4.x "
        "refuse more than 65535",
        default="4096 (128 before Linux 5.4), also in a new network namespace whatever the host has",
        sources=(
            "net/socket.c __sys_listen_socket",
            "include/net/inet_connection_sock.h inet_csk_reqsk_queue_is_full",
            "Documentation/admin-guide/sysctl/net.rst",
            "listen(2)",
        ),
        minimum=0,
        maximum=_INT_MAX,
        latched="at listen()",
        order=50,
        writable_in_netns=True,
        absent="hidden in this network namespace by this kernel: what its creator left is in force",
        synonyms=("somaxconn", "backlog", "SYN flooding", "ListenOverflows"),
        stock="4096",
        wall=WallKind(
            "server",
            "the accept queue was full: min(the backlog of listen(), somaxconn) + 1",
            f"{APPLY}, give listen() a backlog as large, and restart the server: it counts at listen()",
        ),
        causes=(Cause(CUT_OFF, OPENING, counters=("TcpExt.ListenOverflows",), order=41),),
        signs=(
            Sign("TcpExt.ListenOverflows", "a listener's accept queue was full", _LISTENER),
            Sign(
                "TcpExt.TCPReqQFullDoCookies", "a listener's queue of SYNs was full, and cookies helped out", _LISTENER
            ),
        ),
    ),
    Tunable(
        name="net.core.netdev_max_backlog",
        store=Store.SYSCTL,
        kind=Kind.INTEGER,
        scope=Scope.GLOBAL,
        direction=Direction.HIGHER,
        unit="packets",
        summary="packets that wait for one CPU; loopback and steered packets (RPS) go through this queue",
        caps="new connections a second over loopback",
        symptom="second column (hexadecimal) of /proc/net/softnet_stat grows: dropped packets, repeated SYNs",
        risk="a long queue is latency",
        default="1000 for each CPU",
        sources=("net/core/dev.c enqueue_to_backlog", "Documentation/admin-guide/sysctl/net.rst"),
        maximum=_INT_MAX,
        order=51,
        absent=_HOST_ONLY,
        stock="1000",
        wall=WallKind(
            # net/core/dev.c:enqueue_to_backlog: loopback goes through it; a network card's packets only with RPS.
            "host",
            "packets over loopback were dropped in the queue of a CPU",
            APPLY,
            share=inf,
        ),
        causes=(Cause(CUT_OFF, OPENING, counters=("softnet.dropped",), order=44),),
        signs=(
            Sign("softnet.dropped", "packets were dropped in a CPU's input queue", "raise net.core.netdev_max_backlog"),
        ),
    ),
    Tunable(
        name="net.ipv4.tcp_max_syn_backlog",
        store=Store.SYSCTL,
        kind=Kind.INTEGER,
        scope=Scope.NETNS,
        direction=Direction.HIGHER,
        unit="connections",
        summary="half-open connections of a listener; consulted only where tcp_syncookies is 0",
        caps="new connections a second, with tcp_syncookies=0 only",
        symptom="none while SYN cookies are on: the queue of SYNs is as long as the accept queue",
        risk="none; raised by most advice, it does nothing on a current kernel",
        default="128, or the hash table of connections / 128 if that is more",
        sources=("net/ipv4/tcp_input.c tcp_conn_request", _IP_SYSCTL + " tcp_max_syn_backlog"),
        maximum=_INT_MAX,
        order=52,
        writable_in_netns=True,
    ),
    Tunable(
        name="net.ipv4.tcp_syncookies",
        store=Store.SYSCTL,
        kind=Kind.INTEGER,
        scope=Scope.NETNS,
        direction=Direction.NONE,
        unit="switch",
        summary="what happens to a SYN when the queue is full: 0 dropped, 1 answered with a cookie, "
        "2 always with a cookie",
        caps="new connections a second when a queue is full",
        symptom="1: TCPReqQFullDoCookies and SyncookiesSent grow, dmesg `Possible SYN flooding`; "
        "0: TCPReqQFullDrop grows",
        risk="a connection from a cookie has lost its less common TCP options; cookies do not help a full accept queue",
        default="1",
        sources=("net/ipv4/tcp_input.c tcp_conn_request", _IP_SYSCTL + " tcp_syncookies"),
        minimum=0,
        maximum=255,
        order=52,
        writable_in_netns=True,
        synonyms=("tcp_syncookies", "SYN cookies"),
        stock="1",
        wall=WallKind(
            "server", "the SYN queue was full and cookies are off", "sudo sysctl -w net.ipv4.tcp_syncookies=1"
        ),
        causes=(Cause(CUT_OFF, OPENING, counters=("TcpExt.TCPReqQFullDrop",), order=42),),
        signs=(
            Sign(
                "TcpExt.TCPReqQFullDrop",
                "a listener's queue of SYNs was full, and cookies are off",
                "sysctl -w net.ipv4.tcp_syncookies=1",
            ),
        ),
    ),
    Tunable(
        name="net.ipv4.tcp_abort_on_overflow",
        store=Store.SYSCTL,
        kind=Kind.INTEGER,
        scope=Scope.NETNS,
        direction=Direction.NONE,
        unit="switch",
        summary="whether a client is reset when the accept queue is full, instead of being left to retry",
        caps="new connections a second when a queue is full",
        symptom="1: clients see ECONNRESET, EmbryonicRsts grows",
        risk="a burst that a retry would have got through fails at once; for debugging only",
        default="0",
        sources=("net/ipv4/tcp_input.c tcp_conn_request", _IP_SYSCTL + " tcp_abort_on_overflow"),
        minimum=0,
        maximum=255,
        order=52,
        writable_in_netns=True,
        stock="0",
    ),
    Tunable(
        name="net.ipv4.tcp_congestion_control",
        store=Store.SYSCTL,
        kind=Kind.TEXT,
        scope=Scope.NETNS,
        direction=Direction.NONE,
        unit="name",
        summary="how a sender finds its speed: cubic, bbr …",
        caps="",
        symptom="throughput only: how many idle connections there may be does not depend on it",
        risk="ENOENT for one that is not in tcp_available_congestion_control",
        default="cubic, or what the kernel was built with; a new namespace copies it",
        sources=("tcp(7)", _IP_SYSCTL + " tcp_congestion_control"),
        grammar=_NAME,
        latched="at socket creation",
        order=55,
        writable_in_netns=True,
    ),
    Tunable(
        name="net.core.default_qdisc",
        store=Store.SYSCTL,
        kind=Kind.TEXT,
        scope=Scope.GLOBAL,
        direction=Direction.NONE,
        unit="name",
        summary="queueing discipline of network devices made from now on; loopback has none",
        caps="",
        symptom="throughput and latency only, and never on loopback",
        risk="a device that exists already keeps its own",
        default="pfifo_fast; many distributions set fq_codel",
        sources=("Documentation/admin-guide/sysctl/net.rst default_qdisc",),
        grammar=_NAME,
        latched="when a device is created",
        order=55,
        absent=_HOST_ONLY,
    ),
)
