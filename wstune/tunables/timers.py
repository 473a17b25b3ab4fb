"""Retries and timers: how long a connection is tried, and how long a dead one is held."""

from __future__ import annotations

from wstune.model import Direction, Scope, Store
from wstune.tunable import Tunable
from wstune.values import Kind

_IP_SYSCTL = "Documentation/networking/ip-sysctl.rst"


def _timer(name: str, unit: str, summary: str, default: str, maximum: int | None = None) -> Tunable:
    return Tunable(
        name=f"net.ipv4.{name}",
        store=Store.SYSCTL,
        kind=Kind.INTEGER,
        scope=Scope.NETNS,
        direction=Direction.LOWER,
        unit=unit,
        summary=summary,
        caps="",
        symptom="connections of peers that vanished are held for about 2 h 11 min at the defaults",
        risk="only sockets with SO_KEEPALIVE are concerned, each can set its own, and a WebSocket ping does it better",
        default=default,
        sources=("tcp(7)", _IP_SYSCTL + f" {name}"),
        since="4.5 in a network namespace",
        minimum=None if maximum is None else 0,
        maximum=maximum,
        order=54,
        writable_in_netns=True,
    )


TUNABLES: tuple[Tunable, ...] = (
    Tunable(
        name="net.ipv4.tcp_syn_retries",
        store=Store.SYSCTL,
        kind=Kind.INTEGER,
        scope=Scope.NETNS,
        direction=Direction.NONE,
        unit="retries",
        summary="SYNs that connect() repeats before ETIMEDOUT: 131 s at the default",
        caps="",
        symptom="ETIMEDOUT from connect(), TCPSynRetrans grows: the server's queue or a filter drops SYNs",
        risk="few retries turn a short overload into errors",
        default="6",
        sources=(_IP_SYSCTL + " tcp_syn_retries", "tcp(7) TCP_SYNCNT"),
        minimum=1,
        maximum=127,
        order=52,
        writable_in_netns=True,
    ),
    Tunable(
        name="net.ipv4.tcp_syn_linear_timeouts",
        store=Store.SYSCTL,
        kind=Kind.INTEGER,
        scope=Scope.NETNS,
        direction=Direction.NONE,
        unit="retries",
        summary="repeated SYNs that follow each other after one second, before the wait doubles",
        caps="",
        symptom="none",
        risk="none at the default",
        default="4",
        sources=(_IP_SYSCTL + " tcp_syn_linear_timeouts",),
        since="6.5",
        minimum=0,
        maximum=127,
        order=52,
        writable_in_netns=True,
        absent="this kernel does not have it: every repeated SYN doubles the wait",
    ),
    Tunable(
        name="net.ipv4.tcp_synack_retries",
        store=Store.SYSCTL,
        kind=Kind.INTEGER,
        scope=Scope.NETNS,
        direction=Direction.NONE,
        unit="retries",
        summary="SYN-ACKs that a server repeats to a client that does not answer",
        caps="",
        symptom="half-open connections stay in the queue of SYNs",
        risk="few retries lose clients on poor lines",
        default="5",
        sources=(_IP_SYSCTL + " tcp_synack_retries",),
        minimum=0,
        maximum=255,
        order=52,
        writable_in_netns=True,
    ),
    _timer("tcp_keepalive_time", "seconds", "silence after which a socket with SO_KEEPALIVE probes its peer", "7200"),
    _timer("tcp_keepalive_intvl", "seconds", "time between two probes of a silent peer", "75"),
    _timer(
        "tcp_keepalive_probes", "probes", "probes without an answer after which the connection is given up", "9", 255
    ),
)
