"""Ports, and what becomes of them on closing: the caps of the end that opens connections. A server needs one port."""

from __future__ import annotations

from collections.abc import Iterator

from wstune.model import CapacityLimit, Confidence, Direction, Role, Scope, Store
from wstune.tunable import COUNTED, Cause, Plateau, Sign, Size, Tunable, View, WallKind
from wstune.values import Kind, overlap

_INT_MAX = 2**31 - 1
_IP_SYSCTL = "Documentation/networking/ip-sysctl.rst"
FIRST_PORT, LAST_PORT = 32_768, 60_999
STOCK_PORTS = LAST_PORT - FIRST_PORT + 1
"""Ports that connect() picks from on a kernel that nobody has touched: 28,232 (net/ipv4/af_inet.c inet_init_net)."""

MOST_PORTS = 65_535 - 1_024 + 1
"""The widest range above the privileged ports."""

TIME_WAIT_BYTES = 256
"""Of one connection in TIME_WAIT (slab tw_sock_TCP)."""


def hash_entries(size: Size) -> int:
    """Of the table of connections (net/ipv4/tcp.c tcp_init): a power of two."""
    return min(524_288, 1 << max(0, (size.ram_bytes // (128 * 1024)).bit_length() - 1))


def _time_wait(view: View) -> Iterator[CapacityLimit]:
    said = f"may be in TIME_WAIT, {TIME_WAIT_BYTES} bytes each; those beyond skip it"
    yield _closing(view, "net.ipv4.tcp_max_tw_buckets", said)


def _orphans(view: View) -> Iterator[CapacityLimit]:
    said = "may be closing without a process; those beyond are reset"
    yield _closing(view, "net.ipv4.tcp_max_orphans", said)


def _closing(view: View, name: str, said: str) -> CapacityLimit:
    """What is met when all close at once: it keeps no connection from being held."""
    most = view.number(name)
    if most is None:
        return view.unknown(name)
    return CapacityLimit(name, None, Confidence.HARD, f"met only when they close: {most:,} {said}")


def _ports(view: View) -> Iterator[CapacityLimit]:
    """Ports of one source address towards one server port, times the pairs of them, at the end that connects."""
    if view.role not in (Role.GENERATOR, Role.PROXY):
        return
    name = "net.ipv4.ip_local_port_range"
    value = view.value(name)
    if value is None:
        yield view.unknown(name)
        return
    low, high = value.numbers
    if (high - low) % 2 == 0 and high > low:
        high -= 1  # both ends odd or both even: the search leaves the last port out (inet_hashtables.c)
    reserved = view.value("net.ipv4.ip_local_reserved_ports")
    kept = reserved.numbers if reserved else ()
    taken = overlap(kept, low, high)
    # A port that anything was bound to is passed over, whatever its address: __inet_hash_connect, fastreuse >= 0.
    bound = overlap(kept + (view.listening or ()), low, high) - taken
    waiting = view.usage.time_wait or 0
    reuse = view.number("net.ipv4.tcp_tw_reuse")
    why = f"ports {low} to {high}, {taken:,} of them reserved"
    why += "" if view.listening is None else f", {bound:,} listened on"
    if waiting:
        again = {1: ", to be had again after a second", 2: ", to be had again over loopback"}.get(reuse or 0, "")
        why += f", {waiting:,} in TIME_WAIT{again}"
    each = high - low + 1 - taken - bound
    yield CapacityLimit(
        name,
        max(0, each * view.pairs - (waiting if reuse == 0 else 0)),
        Confidence.HARD,
        why if view.pairs == 1 else f"{why}; for each of {view.pairs:,} pairs of source address and server port",
        "more source addresses or server ports, or a wider range",
        per_source=view.pairs == 1,
    )


TUNABLES: tuple[Tunable, ...] = (
    Tunable(
        name="net.ipv4.ip_unprivileged_port_start",
        store=Store.SYSCTL,
        kind=Kind.INTEGER,
        scope=Scope.NETNS,
        direction=Direction.NONE,
        unit="port",
        summary="first port that needs no privilege to listen on; ip_local_port_range may not begin below it",
        caps="",
        symptom="EACCES from bind() below it without CAP_NET_BIND_SERVICE; EINVAL for a port range that starts below",
        risk="lowered, any user may listen where ssh and the web server did",
        default="1024",
        sources=("net/ipv4/sysctl_net_ipv4.c ipv4_privileged_ports", _IP_SYSCTL + " ip_unprivileged_port_start"),
        minimum=0,
        maximum=65535,
        order=10,
        writable_in_netns=True,
        stock="1024",
        wall=WallKind(
            COUNTED, "ports below this need CAP_NET_BIND_SERVICE", "use a port from ip_unprivileged_port_start on"
        ),
        causes=(Cause(("EACCES",), ("bind",), order=23),),
    ),
    Tunable(
        name="net.ipv4.ip_local_reserved_ports",
        store=Store.SYSCTL,
        kind=Kind.PORTS,
        scope=Scope.NETNS,
        direction=Direction.NONE,
        unit="ports",
        summary="ports that connect() never picks by itself; bind() to one by number still works",
        caps="connections opened to one server port from one address: each reserved port in the range is one less",
        symptom="not reserved: a service that restarts finds its port taken by an outgoing connection (EADDRINUSE)",
        risk="a write replaces the whole list, so what was reserved before must be written again",
        default="empty",
        sources=(_IP_SYSCTL + " ip_local_reserved_ports", "net/ipv4/inet_hashtables.c __inet_hash_connect"),
        since="3.16 in a network namespace",
        order=11,
        writable_in_netns=True,
        stock="",
    ),
    Tunable(
        name="net.ipv4.ip_local_port_range",
        store=Store.SYSCTL,
        kind=Kind.RANGE,
        scope=Scope.NETNS,
        direction=Direction.WIDER,
        unit="ports",
        summary="ports that connect() picks from; a server uses one port for all its clients and none of these",
        caps="connections opened to one server address and port from one source address: one port each; "
        "more source addresses, or more server ports, get round it",
        symptom="EADDRNOTAVAIL from connect(); EADDRINUSE from bind() to port 0 without IP_BIND_ADDRESS_NO_PORT; from "
        "half full on each connect() takes up to 20 times as long",
        risk="widened over the ports of services, an outgoing connection may sit on one when the service restarts: "
        "reserve them first; both ends odd or both even lose a port and log a warning",
        default="32768 60999: 28,232 ports",
        sources=(
            "net/ipv4/sysctl_net_ipv4.c ipv4_local_port_range",
            "net/ipv4/inet_hashtables.c __inet_hash_connect",
            _IP_SYSCTL + " ip_local_port_range",
        ),
        minimum=1,
        maximum=65535,
        order=12,
        writable_in_netns=True,
        synonyms=("port range", "ephemeral ports", "EADDRNOTAVAIL", "cannot assign requested address"),
        stock=f"{FIRST_PORT} {LAST_PORT}",
        allows=_ports,
        needs=("net.ipv4.ip_local_reserved_ports", "net.ipv4.tcp_tw_reuse"),
        wall=WallKind(
            "generator",
            "every source port towards the server is taken",
            "spread over at least {sources} source addresses, or: sudo wstune apply load-generator -n {wanted}",
        ),
        causes=(Cause(("EADDRNOTAVAIL", "EADDRINUSE"), order=22),),
        plateaus=(
            Plateau(STOCK_PORTS - 12, STOCK_PORTS + 1, f"one source address has {STOCK_PORTS:,} ports by default"),
            Plateau(60_900, MOST_PORTS, f"one source address has at most {MOST_PORTS:,} ports"),
        ),
    ),
    Tunable(
        name="net.ipv4.ip_local_port_step_width",
        store=Store.SYSCTL,
        kind=Kind.INTEGER,
        scope=Scope.NETNS,
        direction=Direction.NONE,
        unit="ports",
        summary="random step of the search for a free port",
        caps="",
        symptom="none",
        risk="changes which port is found, not how many there are",
        default="0",
        sources=("net/ipv4/inet_hashtables.c __inet_hash_connect (commit 7da62262ec96)",),
        since="7.x",
        minimum=0,
        maximum=2**32 - 1,
        order=13,
        writable_in_netns=True,
        absent="this kernel does not have it yet",
    ),
    Tunable(
        name="net.ipv4.ip_autobind_reuse",
        store=Store.SYSCTL,
        kind=Kind.INTEGER,
        scope=Scope.NETNS,
        direction=Direction.NONE,
        unit="switch",
        summary="whether bind() to port 0 may share a port when both sockets have SO_REUSEADDR",
        caps="",
        symptom="none for who opens connections with IP_BIND_ADDRESS_NO_PORT, which is the better way",
        risk="two applications may unknowingly be given the same port",
        default="0",
        sources=(_IP_SYSCTL + " ip_autobind_reuse",),
        minimum=0,
        maximum=1,
        order=13,
        writable_in_netns=True,
    ),
    Tunable(
        name="net.ipv4.tcp_timestamps",
        store=Store.SYSCTL,
        kind=Kind.INTEGER,
        scope=Scope.NETNS,
        direction=Direction.NONE,
        unit="switch",
        summary="timestamps in TCP headers: round trips measured, old packets known; tcp_tw_reuse needs them",
        caps="",
        symptom="0: tcp_tw_reuse has no effect, so a second burst finds fewer ports",
        risk="off to save 12 bytes a packet, it costs protection against wrapped sequence numbers",
        default="1",
        sources=(_IP_SYSCTL + " tcp_timestamps", "RFC 7323 section 3", "net/ipv4/tcp_ipv4.c tcp_twsk_unique"),
        minimum=0,
        maximum=255,
        order=14,
        writable_in_netns=True,
        stock="1",
    ),
    Tunable(
        name="net.ipv4.tcp_tw_reuse",
        store=Store.SYSCTL,
        kind=Kind.INTEGER,
        scope=Scope.NETNS,
        direction=Direction.NONE,
        unit="policy",
        summary="whether connect() may take over a tuple in TIME_WAIT: 0 never, 1 always, 2 on loopback only",
        caps="connections opened again soon after a burst, to the same server from the same address",
        symptom="0: EADDRNOTAVAIL from connect() for 60 s after a burst that this end closed",
        risk="little: it acts on the end that connects only, after a second, and needs timestamps at both ends",
        default="2",
        sources=(_IP_SYSCTL + " tcp_tw_reuse", "net/ipv4/tcp_ipv4.c tcp_twsk_unique"),
        minimum=0,
        maximum=2,
        order=15,
        writable_in_netns=True,
        stock="2",  # since 4.19
    ),
    Tunable(
        name="net.ipv4.tcp_tw_reuse_delay",
        store=Store.SYSCTL,
        kind=Kind.INTEGER,
        scope=Scope.NETNS,
        direction=Direction.LOWER,
        unit="milliseconds",
        summary="age from which tcp_tw_reuse may take over a tuple in TIME_WAIT",
        caps="",
        symptom="none at the default of a second",
        risk="shorter than a packet may live in the network, a late one can reach the new connection",
        default="1000",
        sources=(_IP_SYSCTL + " tcp_tw_reuse_delay",),
        since="seen in 6.18, not in 6.12",
        minimum=1,
        order=15,
        writable_in_netns=True,
        absent="this kernel does not have it: the age is fixed at one second",
    ),
    Tunable(
        name="net.ipv4.tcp_tw_recycle",
        store=Store.SYSCTL,
        kind=Kind.INTEGER,
        scope=Scope.GLOBAL,
        direction=Direction.NONE,
        unit="switch",
        summary="a removed setting that old advice still names; it broke clients behind NAT",
        caps="",
        symptom="`sysctl: cannot stat /proc/sys/net/ipv4/tcp_tw_recycle: No such file or directory`",
        risk="where a kernel still has it, SYNs of clients behind the same NAT are dropped in silence",
        default="gone",
        sources=("commit 4396e46187ca `tcp: remove tcp_tw_recycle`",),
        since="removed in 4.12",
        order=15,
        read_only=True,
        absent="gone since Linux 4.12, and nothing is missed: see tcp_tw_reuse for what it promised",
    ),
    Tunable(
        name="net.ipv4.tcp_max_tw_buckets",
        store=Store.SYSCTL,
        kind=Kind.INTEGER,
        scope=Scope.NETNS,
        direction=Direction.HIGHER,
        unit="connections",
        summary="connections in TIME_WAIT at once",
        caps="connections that one end can close properly within a minute; not how many are open",
        symptom="TCPTimeWaitOverflow grows: closed sockets skip TIME_WAIT; no application sees an error",
        risk="256 bytes each of memory that cannot be swapped",
        default="half of the hash table of connections: 131072 on 24 GB, 2048 on 512 MB",
        sources=("net/ipv4/tcp_ipv4.c tcp_sk_init", _IP_SYSCTL + " tcp_max_tw_buckets"),
        maximum=_INT_MAX,
        order=16,
        writable_in_netns=True,
        stock=lambda size: (hash_entries(size) // 2,),
        allows=_time_wait,
        signs=(
            Sign(
                "TcpExt.TCPTimeWaitOverflow",
                "closed connections skipped TIME_WAIT, the table being full",
                "raise net.ipv4.tcp_max_tw_buckets, or close more slowly",
            ),
        ),
    ),
    Tunable(
        name="net.ipv4.tcp_fin_timeout",
        store=Store.SYSCTL,
        kind=Kind.INTEGER,
        scope=Scope.NETNS,
        direction=Direction.LOWER,
        unit="seconds",
        summary="how long a closed socket waits for the peer's FIN (FIN_WAIT2); TIME_WAIT is 60 s whatever this says",
        caps="",
        symptom="many FIN_WAIT2 after a mass close towards peers that have vanished",
        risk="too short, data that a slow peer still sends is answered with a reset",
        default="60",
        sources=(_IP_SYSCTL + " tcp_fin_timeout", "include/net/tcp.h TCP_TIMEWAIT_LEN"),
        order=17,
        writable_in_netns=True,
        stock="60",
    ),
    Tunable(
        name="net.ipv4.tcp_max_orphans",
        store=Store.SYSCTL,
        kind=Kind.INTEGER,
        scope=Scope.GLOBAL,
        direction=Direction.HIGHER,
        unit="connections",
        summary="sockets of the host that are closing and belong to no process any more",
        caps="connections that may be closed at the same moment; not how many are open",
        symptom="closing sockets are reset (TCPAbortOnMemory), dmesg `too many orphaned sockets`",
        risk="up to about 64 KB each of memory that cannot be swapped",
        default="half of the hash table of connections: 131072 on 24 GB, 2048 on 512 MB",
        sources=("net/ipv4/tcp.c tcp_init, tcp_check_oom", _IP_SYSCTL + " tcp_max_orphans"),
        maximum=_INT_MAX,
        order=18,
        absent="absent in this network namespace: the host decides, for all namespaces together",
        stock=lambda size: (hash_entries(size) // 2,),
        allows=_orphans,
    ),
)
