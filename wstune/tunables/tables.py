"""Tables in which the kernel finds connections and peers: no caps on connections, but what a lookup costs."""

from __future__ import annotations

from wstune.model import Direction, Scope, Store
from wstune.tunable import Tunable
from wstune.values import Kind

_INT_MAX = 2**31 - 1
_IP_SYSCTL = "Documentation/networking/ip-sysctl.rst"
_HOST_ONLY = "absent in this network namespace: the host decides, for all namespaces together"


def _neighbours(step: int, summary: str, default: str) -> Tunable:
    return Tunable(
        name=f"net.ipv4.neigh.default.gc_thresh{step}",
        store=Store.SYSCTL,
        kind=Kind.INTEGER,
        scope=Scope.GLOBAL,
        direction=Direction.HIGHER,
        unit="neighbours",
        summary=summary,
        caps="distinct peers on the same link, not connections: matters above some 500 clients in one subnet",
        symptom="dmesg `neighbour: arp_cache: neighbor table overflow!`, ENOBUFS from connect() and sendto()",
        risk="little: memory for each neighbour in use",
        default=default,
        sources=("net/core/neighbour.c neigh_alloc", "arp(7)", _IP_SYSCTL + " neigh/default/gc_thresh3"),
        minimum=0,
        maximum=_INT_MAX,
        order=53,
        absent=_HOST_ONLY,
    )


TUNABLES: tuple[Tunable, ...] = (
    Tunable(
        name="net.ipv4.tcp_ehash_entries",
        store=Store.SYSCTL,
        kind=Kind.INTEGER,
        scope=Scope.NETNS,
        direction=Direction.HIGHER,
        unit="chains",
        summary="hash table of connections; a negative number says that it is the host's, shared",
        caps="",
        symptom="not a cap: CPU time in __inet_lookup_established when many sockets share a chain",
        risk="set at boot (`thash_entries=`), or by tcp_child_ehash_entries before a namespace is made",
        default="RAM / 128 KB as a power of two, at most 524288",
        sources=("net/ipv4/tcp.c tcp_init", _IP_SYSCTL + " tcp_ehash_entries"),
        since="6.1",
        order=53,
        read_only=True,
        absent="this kernel does not show it; dmesg has it as `TCP: Hash tables configured`",
    ),
    Tunable(
        name="net.ipv4.tcp_child_ehash_entries",
        store=Store.SYSCTL,
        kind=Kind.INTEGER,
        scope=Scope.NETNS,
        direction=Direction.NONE,
        unit="chains",
        summary="hash table of its own for the next network namespace that is made here; 0 shares the host's",
        caps="",
        symptom="none: see tcp_ehash_entries",
        risk="memory for every namespace made from then on",
        default="0",
        sources=(_IP_SYSCTL + " tcp_child_ehash_entries",),
        since="6.1",
        minimum=0,
        maximum=16777216,
        latched="when a child network namespace is created",
        order=53,
        writable_in_netns=True,
        absent="this kernel does not have it: every namespace shares the host's table",
    ),
    _neighbours(1, "neighbours (ARP entries) below which none is ever thrown out", "128"),
    _neighbours(2, "neighbours (ARP entries) above which those older than 5 s are thrown out", "512"),
    _neighbours(3, "neighbours (ARP entries) that there may be at all", "1024"),
)
