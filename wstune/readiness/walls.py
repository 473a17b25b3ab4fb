"""What can stop a burst, by name: whose it is, what it means, the way round it; and which error points to which. Data.

A wall's name is a tunable's name, of which the catalogue has it all, or one of `WALLS`.
"""

from __future__ import annotations

from math import inf

from wstune.tunable import APPLY, COUNTED, CUT_OFF, KILLED, OPENING, Cause, Plateau, WallKind
from wstune.tunables import CATALOGUE

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
        "host", "opening stopped to leave the rest of the host its open files", APPLY, share=2.0
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

LIMITS: dict[str, WallKind] = {row.name: row.wall for row in CATALOGUE.values() if row.wall}
"""Walls that are tunables."""

KINDS = LIMITS | WALLS

_UNANSWERED = ("TIMEOUT", "ETIMEDOUT")
_RESET = ("ECONNRESET", "EPIPE")

_OTHERS: tuple[Cause, ...] = (
    Cause(("ENOMEM", "ENOBUFS"), order=12, limit="memory"),
    Cause(("MACHINE-LOST",), order=15, limit="machine-lost"),
    # Addresses and ports: ip(7), net/ipv4/inet_hashtables.c:__inet_hash_connect.
    Cause(("EADDRINUSE",), by="server", order=20, limit="port-taken"),
    Cause(("EADDRNOTAVAIL",), ("bind",), order=21, limit="source-address"),
    Cause(("EPERM", "EACCES"), ("connect",), order=24, limit="firewall"),
    Cause(("ENETUNREACH", "EHOSTUNREACH"), order=25, limit="no-route"),
    Cause((*CUT_OFF, "ECONNREFUSED", "NO-PONG"), server_had=KILLED, firm=False, order=29, limit="worker-lost"),
    # The server's own doing, as its clients see it.
    Cause(("ECONNREFUSED",), ("connect",), order=50, limit="server-refuses"),
    Cause(("HTTP-401", "HTTP-403", "HTTP-407"), ("upgrade",), order=50, limit="server-denies"),
    Cause(("HTTP-429", "HTTP-502", "HTTP-503", "HTTP-504"), ("upgrade",), firm=False, order=50, limit="server-busy"),
    Cause(("HTTP-*",), ("upgrade",), order=51, limit="server-not-websocket"),
    Cause(("BAD-ACCEPT", "BAD-ANSWER"), ("upgrade",), order=51, limit="server-wrong-answer"),
    Cause(("NO-ROOM",), order=51, limit="generator-buffers"),
    Cause(("BAD-FRAME",), order=51, limit="server-wrong-answer"),
    Cause(("BAD-PROTOCOL",), ("upgrade",), order=51, limit="server-not-websocket"),
    Cause(("CERT-*",), ("tls",), order=51, limit="tls-certificate"),
    Cause(("*",), ("tls",), order=52, limit="tls"),
    Cause(("NO-ANSWER",), ("hold",), firm=False, order=53, limit="server-answers-otherwise"),
    Cause(_UNANSWERED, ("connect",), firm=False, order=53, limit="server-unreachable"),
    Cause(_UNANSWERED, ("upgrade",), firm=False, order=53, limit="server-silent"),
    Cause(_RESET, OPENING, firm=False, order=53, limit="server-resets"),
    Cause(("EOF",), OPENING, firm=False, order=53, limit="server-closes"),
    Cause(("NO-PONG", *_UNANSWERED), ("hold",), firm=False, order=53, limit="server-mute"),
    Cause(("EOF", "CLOSE-*", *_RESET), ("hold",), firm=False, order=53, limit="server-drops"),
    Cause(("*",), firm=False, order=99, limit="unexplained"),
)

_BY_LIMITS = tuple(cause._replace(limit=row.name) for row in CATALOGUE.values() for cause in row.causes)
CAUSES: tuple[Cause, ...] = tuple(sorted((*_BY_LIMITS, *_OTHERS), key=lambda cause: cause.order))
"""Which error points to which limit; the first that fits counts."""

PLATEAUS: tuple[Plateau, ...] = tuple(
    sorted(
        (plateau._replace(limit=row.name) for row in CATALOGUE.values() for plateau in row.plateaus),
        key=lambda plateau: plateau.low,
    )
)
"""For servers elsewhere, whose limits cannot be read from here."""
