"""What can stop a burst, by name: whose it is, what it means, the way round it; and which error points to which. Data.

A wall's name is a tunable's name, or one of `WALLS`. Sources: facts of Linux 6.1–7.2 as cited beside the rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

COUNTED = "whoever counted it"
"""The side of a limit that each end has for itself: whose it is follows from who counted the error."""


KILLED = "KILLED"
"""Not an errno: a process of the server was killed."""


@dataclass(frozen=True, slots=True)
class WallKind:
    """One wall.

    Attributes:
        side: `server`, `generator`, `host` (both ends of a burst over loopback share it) or COUNTED.
        meaning: what it is that bound, a sentence without its full stop.
        fix: the way round it, one sentence; `{wanted}`, `{processes}` and `{sources}` are filled in.
        share: for a wall of the host, how many times as many connections the server alone would have held, had the
            generator been elsewhere; `inf` when the server alone would not have met it at all.
    """

    side: str
    meaning: str
    fix: str
    share: float = 1.0


_APPLY = "sudo wstune apply high-conn -n {wanted}"

LIMITS: dict[str, WallKind] = {
    "nofile": WallKind(
        COUNTED,
        "a process used every file descriptor that RLIMIT_NOFILE gives it",
        "give it a hard nofile above its connections, or spread them over at least {processes} processes",
    ),
    "fs.file-max": WallKind("host", "the host has no more open files to give", _APPLY, share=2.0),
    "fs.nr_open": WallKind("host", "no process may have more file descriptors than this", _APPLY),
    "fs.epoll.max_user_watches": WallKind(
        "host", "the user has no more epoll watches; both ends run as one user", _APPLY, share=2.0
    ),
    "net.ipv4.ip_local_port_range": WallKind(
        "generator",
        "every source port towards the server is taken",
        "spread over at least {sources} source addresses, or: sudo wstune apply load-generator -n {wanted}",
    ),
    "net.ipv4.ip_unprivileged_port_start": WallKind(
        COUNTED, "ports below this need CAP_NET_BIND_SERVICE", "use a port from ip_unprivileged_port_start on"
    ),
    "net.core.somaxconn": WallKind(
        "server",
        "the accept queue was full: min(the backlog of listen(), somaxconn) + 1",
        f"{_APPLY}, give listen() a backlog as large, and restart the server: it counts at listen()",
    ),
    "net.ipv4.tcp_syncookies": WallKind(
        "server", "the SYN queue was full and cookies are off", "sudo sysctl -w net.ipv4.tcp_syncookies=1"
    ),
    "net.core.netdev_max_backlog": WallKind(
        # net/core/dev.c:enqueue_to_backlog: loopback goes through it; a network card's packets only with RPS.
        "host",
        "packets over loopback were dropped in the queue of a CPU",
        _APPLY,
        share=inf,
    ),
    "net.netfilter.nf_conntrack_max": WallKind(
        # One entry a connection over loopback, as the server alone would have.
        "host",
        "the connection tracking table was full and dropped packets",
        f"{_APPLY}, or take these connections out of connection tracking",
    ),
    "net.ipv4.tcp_mem": WallKind(
        "host", "the bytes queued in TCP sockets reached tcp_mem's maximum", _APPLY, share=2.0
    ),
    "cgroup.memory.max": WallKind(
        # Both ends cost 8.3 KB of slab a connection, the server's alone 4.1 KB.
        "host",
        "the cgroup's memory limit was reached",
        "raise memory.max of the cgroup (or of its ancestors) that this runs in",
        share=2.0,
    ),
    "cgroup.pids.max": WallKind(
        "host", "the cgroup allows no more processes", "raise pids.max (TasksMax= of the unit)", share=2.0
    ),
    "nproc": WallKind(
        "host", "the user or the host may have no more processes", "raise nproc and kernel.threads-max", share=2.0
    ),
    "vm.min_free_kbytes": WallKind(
        # net/ipv4/tcp_minisocks.c: a child socket is GFP_ATOMIC.
        "host",
        "SYNs were dropped because no memory was free at that instant",
        "raise vm.min_free_kbytes modestly, or free memory",
        share=2.0,
    ),
}
"""Walls that are tunables: the catalogue has what they are, this has what hitting one means for a burst."""

WALLS: dict[str, WallKind] = {
    "cpu": WallKind(
        "host", "the CPUs were busy all the time", "use fewer connections, a lower rate, or more CPUs", share=inf
    ),
    "memory": WallKind("host", "the kernel had no memory for a socket", "add memory, or lower -n", share=2.0),
    "memory-reserve": WallKind(
        "host",
        "opening stopped to leave the rest of the host its memory",
        "add memory, lower -n, or --force",
        share=2.0,
    ),
    "cgroup-memory-reserve": WallKind(
        "host",
        "opening stopped before the cgroup's memory limit, at which the kernel kills",
        "raise memory.max of the cgroup, or lower -n",
        share=2.0,
    ),
    "file-max-reserve": WallKind(
        "host", "opening stopped to leave the rest of the host its open files", _APPLY, share=2.0
    ),
    "pids-reserve": WallKind(
        "host", "no more processes were started, to leave the host some", "raise pids.max", share=2.0
    ),
    "load-guard": WallKind(
        "host",
        "opening stopped because other programs need the processors",
        "try again on a quiet host, or --force",
        share=inf,
    ),
    "generator-buffers": WallKind(
        "generator",
        "the generators had no room for more unfinished messages",
        "find out why the server does not finish them, or give them more: --buffers SIZE",
    ),
    "time-limit": WallKind("host", "the time that a burst may take was over", "allow it more time", share=inf),
    "interrupted": WallKind("host", "it was interrupted", "let it run to its end", share=inf),
    "worker-lost": WallKind(
        COUNTED,
        "a process of the burst was lost",
        "find what ended it: journalctl -k, dmesg, memory.events of the cgroup",
    ),
    "machine-lost": WallKind(
        COUNTED,
        "a machine of the cluster was lost",
        "look at that machine, its log and the network to it; its connections are not opened again",
    ),
    "machine-cut-off": WallKind(
        "generator",
        "one load machine lost its connections, and the others kept theirs",
        "look at that machine's network: link, address, firewall, what is on its way",
    ),
    "source-address": WallKind(
        "generator", "a source address is not one of this host", "give addresses of this host, or ip addr add"
    ),
    "port-taken": WallKind("server", "the port to listen on is taken", "--port another"),
    "no-route": WallKind("generator", "there is no way to the server's address", "ip route get ADDRESS"),
    "firewall": WallKind("host", "a local rule forbids the connection", "look at nft list ruleset", share=inf),
    "server-refuses": WallKind(
        "server", "nothing listens there, or a firewall rejects", "start the server; check address and port"
    ),
    "server-unreachable": WallKind(
        "server",
        "connection attempts got no answer: a full accept queue, or something on the way drops them",
        "on the server: ss -ltn (Recv-Q above Send-Q is a full queue), nstat TcpExtListenOverflows",
    ),
    "server-silent": WallKind(
        "server",
        "TCP connected, but the upgrade was never answered: the server process did not get to it",
        "look at the server's CPU, its file limit (/proc/PID/limits) and its log",
    ),
    "server-resets": WallKind(
        "server", "the server reset connections instead of answering", "look at the server's log and limits"
    ),
    "server-closes": WallKind(
        "server", "the server closed connections instead of answering", "look at the server's log and limits"
    ),
    "server-not-websocket": WallKind(
        "server", "the server answers, but not with an upgrade to WebSocket", "check the path of the URL"
    ),
    "server-denies": WallKind(
        "server", "the server wants credentials", "allow the burst in, or give it what the server wants"
    ),
    "server-busy": WallKind(
        "server", "the server, or a proxy before it, turns connections away", "look at its limits and its log"
    ),
    "server-wrong-answer": WallKind(
        "server", "the server's answer breaks RFC 6455", "look at what stands at that address"
    ),
    "server-drops": WallKind(
        "server", "open connections were closed by the server, or on the way", "look at idle timeouts and the log"
    ),
    "server-mute": WallKind(
        "server",
        "open connections no longer answer: half-open, or dropped without a word",
        "look for a firewall or a proxy that forgets idle connections",
    ),
    "tls": WallKind("server", "the TLS handshake failed", "check the certificate and the protocol versions"),
    "tls-certificate": WallKind(
        "server",
        "the server's certificate is not one that is trusted here for that name",
        "--ca FILE with its authority, --server-name NAME if it is for another name, or --insecure not to check it",
    ),
    "server-answers-otherwise": WallKind(
        "server", "a message that the scenario expects did not come", "look at the scenario, and at the server's log"
    ),
    "fanout-incomplete": WallKind(
        "server", "a message to everybody did not reach all", "look at slow readers and at tcp_mem"
    ),
    "canary-shut-out": WallKind(
        "server", "a stock client did not get in while the connections were held", "look at the canary's reasons"
    ),
    "unexplained": WallKind("host", "nothing that is measured says why", "try again, and report it", share=inf),
}
"""Published names of walls that are no tunables."""

KINDS = LIMITS | WALLS


@dataclass(frozen=True, slots=True)
class Cause:
    """Errors of this kind point to this limit. The first row that fits counts.

    Attributes:
        errnos: symbolic names or our own words; a trailing `*` stands for anything.
        limit: a key of KINDS.
        phases: where it was met; empty: anywhere.
        by: the end that counted it; empty: either.
        counters: kernel counters, one of which must have grown at least half as often as the errors; `A>B` is the
            growth of A beyond that of B. Empty: the errno is enough.
        server_had: an errno that the server must have counted in accept(), or KILLED: its clients see this of it.
        firm: whether it proves the limit; a symptom (False) yields to a plateau, and to a CPU that was always busy.
    """

    errnos: tuple[str, ...]
    limit: str
    phases: tuple[str, ...] = ()
    by: str = ""
    counters: tuple[str, ...] = ()
    server_had: str = ""
    firm: bool = True


_UNANSWERED = ("TIMEOUT", "ETIMEDOUT")
_OPENING = ("connect", "upgrade")
_CUT_OFF = ("TIMEOUT", "ETIMEDOUT", "ECONNRESET", "EPIPE", "EOF")
_RESET = ("ECONNRESET", "EPIPE")

CAUSES: tuple[Cause, ...] = (
    # Descriptors, memory, processes: accept(2), socket(2), epoll_ctl(2), fork(2).
    Cause(("EMFILE",), "nofile"),
    Cause(("ENFILE",), "fs.file-max"),
    Cause(("ENOSPC",), "fs.epoll.max_user_watches"),
    Cause(("ENOMEM", "ENOBUFS"), "cgroup.memory.max", counters=("cgroup.memory.oom", "cgroup.memory.max")),
    Cause(("ENOMEM", "ENOBUFS"), "memory"),
    Cause(("EAGAIN", "ENOMEM"), "cgroup.pids.max", phases=("fork",), counters=("cgroup.pids.max",)),
    Cause(("EAGAIN",), "nproc", phases=("fork",)),
    Cause(("MACHINE-LOST",), "machine-lost"),
    # Addresses and ports: ip(7), net/ipv4/inet_hashtables.c:__inet_hash_connect.
    Cause(("EADDRINUSE",), "port-taken", by="server"),
    Cause(("EADDRNOTAVAIL",), "source-address", phases=("bind",)),
    Cause(("EADDRNOTAVAIL", "EADDRINUSE"), "net.ipv4.ip_local_port_range"),
    Cause(("EACCES",), "net.ipv4.ip_unprivileged_port_start", phases=("bind",)),
    Cause(("EPERM", "EACCES"), "firewall", phases=("connect",)),
    Cause(("ENETUNREACH", "EHOSTUNREACH"), "no-route"),
    Cause((*_CUT_OFF, "ECONNREFUSED", "NO-PONG"), "worker-lost", server_had=KILLED, firm=False),
    # A server that cannot accept leaves connections queued (accept(2)); its clients only see that no answer comes.
    Cause(_CUT_OFF, "nofile", _OPENING, server_had="EMFILE", firm=False),
    Cause(_CUT_OFF, "fs.file-max", _OPENING, server_had="ENFILE", firm=False),
    # A server that cannot watch a connection cuts it off, also when it has agreed to the upgrade already.
    Cause(_CUT_OFF, "fs.epoll.max_user_watches", server_had="ENOSPC", firm=False),
    # No answer, or cut off, while opening: the counter that moved as often says where the packets went.
    Cause(
        _CUT_OFF,
        "net.netfilter.nf_conntrack_max",
        _OPENING,
        counters=("conntrack.drop", "conntrack.early_drop", "conntrack.insert_failed"),
    ),
    Cause(_CUT_OFF, "net.core.somaxconn", _OPENING, counters=("TcpExt.ListenOverflows",)),
    Cause(_CUT_OFF, "net.ipv4.tcp_syncookies", _OPENING, counters=("TcpExt.TCPReqQFullDrop",)),
    Cause(_CUT_OFF, "vm.min_free_kbytes", _OPENING, counters=("TcpExt.ListenDrops>TcpExt.ListenOverflows",)),
    Cause(_CUT_OFF, "net.core.netdev_max_backlog", _OPENING, counters=("softnet.dropped",)),
    Cause(
        _CUT_OFF,
        "net.ipv4.tcp_mem",
        counters=("TcpExt.TCPAbortOnMemory", "TcpExt.TCPRcvQDrop", "TcpExt.TCPMemoryPressures"),
    ),
    # The server's own doing, as its clients see it.
    Cause(("ECONNREFUSED",), "server-refuses", ("connect",)),
    Cause(("HTTP-401", "HTTP-403", "HTTP-407"), "server-denies", ("upgrade",)),
    Cause(("HTTP-429", "HTTP-502", "HTTP-503", "HTTP-504"), "server-busy", ("upgrade",), firm=False),
    Cause(("HTTP-*",), "server-not-websocket", ("upgrade",)),
    Cause(("BAD-ACCEPT", "BAD-ANSWER"), "server-wrong-answer", ("upgrade",)),
    Cause(("NO-ROOM",), "generator-buffers"),
    Cause(("BAD-FRAME",), "server-wrong-answer"),
    Cause(("BAD-PROTOCOL",), "server-not-websocket", ("upgrade",)),
    Cause(("CERT-*",), "tls-certificate", ("tls",)),
    Cause(("*",), "tls", ("tls",)),
    Cause(("NO-ANSWER",), "server-answers-otherwise", ("hold",), firm=False),
    Cause(_UNANSWERED, "server-unreachable", ("connect",), firm=False),
    Cause(_UNANSWERED, "server-silent", ("upgrade",), firm=False),
    Cause(_RESET, "server-resets", _OPENING, firm=False),
    Cause(("EOF",), "server-closes", _OPENING, firm=False),
    Cause(("NO-PONG", *_UNANSWERED), "server-mute", ("hold",), firm=False),
    Cause(("EOF", "CLOSE-*", *_RESET), "server-drops", ("hold",), firm=False),
    Cause(("*",), "unexplained", firm=False),
)


@dataclass(frozen=True, slots=True)
class Plateau:
    """A number of connections at which the world's bursts stop, and why (each reported by users, many times over)."""

    low: int
    high: int
    limit: str
    remark: str


PLATEAUS: tuple[Plateau, ...] = (
    Plateau(1_010, 1_024, "nofile", "the usual soft nofile is 1,024"),
    Plateau(4_080, 4_096, "nofile", "the kernel's own hard nofile is 4,096"),
    Plateau(28_220, 28_233, "net.ipv4.ip_local_port_range", "one source address has 28,232 ports by default"),
    Plateau(60_900, 64_512, "net.ipv4.ip_local_port_range", "one source address has at most 64,512 ports"),
    Plateau(65_400, 65_536, "nofile", "65,536 is a common nofile"),
    Plateau(261_900, 262_144, "net.netfilter.nf_conntrack_max", "262,144 is the default nf_conntrack_max"),
    Plateau(524_200, 524_288, "nofile", "524,288 is the usual hard nofile under systemd"),
    Plateau(1_048_400, 1_048_576, "nofile", "1,048,576 is the default fs.nr_open, which caps nofile"),
)
"""For servers elsewhere, whose limits cannot be read from here."""
