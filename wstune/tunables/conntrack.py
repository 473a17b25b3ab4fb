"""Connection tracking: a table that counts only where a firewall rule or NAT looks at connections."""

from __future__ import annotations

from collections.abc import Iterator

from wstune.model import CapacityLimit, Confidence, Direction, Role, Scope, Store
from wstune.tunable import APPLY, CUT_OFF, OPENING, Cause, Plateau, Sign, Size, Tunable, View, WallKind
from wstune.values import Kind

_INT_MAX = 2**31 - 1
_NOT_LOADED = "nf_conntrack is not loaded here, so no connection is tracked and none can be dropped for it"
_HIGHER = "raise net.netfilter.nf_conntrack_max, or do not track these connections (NOTRACK)"


def _tracked(size: Size) -> tuple[int, ...]:
    gib = 2**30  # net/netfilter/nf_conntrack_core.c nf_conntrack_init_start
    small = max(1024, size.ram_bytes // 16384 // 8)
    return (262_144 if size.ram_bytes > 4 * gib else 65_536 if size.ram_bytes > gib else small,)


def _conntrack(view: View) -> Iterator[CapacityLimit]:
    name = "net.netfilter.nf_conntrack_max"
    most, count = view.number(name), view.usage.conntrack_count
    if most is None:
        yield view.unknown(name)
    elif not count:
        why = "loaded, but nothing is tracked: no rule makes it look"
        yield CapacityLimit(name, None, Confidence.ESTIMATE, why if count == 0 else "whether it tracks is unknown")
    else:
        ends = 2 if view.role is Role.PROXY else 1  # over loopback both ends are one entry
        why = f"{most:,} tracked connections, {count:,} of them in use"
        yield CapacityLimit(name, max(0, most - count) // ends, Confidence.ESTIMATE, why, "a higher nf_conntrack_max")


TUNABLES: tuple[Tunable, ...] = (
    Tunable(
        name="net.netfilter.nf_conntrack_buckets",
        store=Store.SYSCTL,
        kind=Kind.INTEGER,
        scope=Scope.GLOBAL,
        direction=Direction.HIGHER,
        unit="buckets",
        summary="size of conntrack's hash table; each tracked connection is in it twice",
        caps="",
        symptom="CPU time in the lookup of every packet once nf_conntrack_max is many times larger",
        risk="a change rehashes the whole table, and packets wait",
        default="RAM / 16384 / 8 up to 1 GB, 65536 above 1 GB, 262144 above 4 GB",
        sources=(
            "net/netfilter/nf_conntrack_core.c nf_conntrack_init_start",
            "Documentation/networking/nf_conntrack-sysctl.rst",
        ),
        minimum=1,
        maximum=_INT_MAX,
        order=30,
        absent=_NOT_LOADED,
        stock=_tracked,
    ),
    Tunable(
        name="net.netfilter.nf_conntrack_max",
        store=Store.SYSCTL,
        kind=Kind.INTEGER,
        scope=Scope.GLOBAL,
        direction=Direction.HIGHER,
        unit="connections",
        summary="tracked connections of one network namespace, if rules there make it track at all",
        caps="connections of a namespace that tracks: one entry each, two when they pass a container's namespace too",
        symptom="dmesg `nf_conntrack: table full, dropping packet`; drop and early_drop in "
        "/proc/net/stat/nf_conntrack; a client sees only SYNs without an answer",
        risk="256 bytes an entry; many entries for few buckets make every packet slow",
        default="as many as buckets: RAM / 16384 / 8 up to 1 GB, 65536 above 1 GB, 262144 above 4 GB",
        sources=(
            "net/netfilter/nf_conntrack_core.c nf_conntrack_init_start",
            "Documentation/networking/nf_conntrack-sysctl.rst",
        ),
        minimum=1,
        maximum=_INT_MAX,
        order=31,
        absent=_NOT_LOADED,
        synonyms=("nf_conntrack: table full", "net.nf_conntrack_max", "conntrack"),
        stock=_tracked,
        counted_by=Scope.NETNS,
        allows=_conntrack,
        wall=WallKind(
            # One entry a connection over loopback, as the server alone would have.
            "host",
            "the connection tracking table was full and dropped packets",
            f"{APPLY}, or take these connections out of connection tracking",
        ),
        causes=(
            Cause(
                CUT_OFF,
                OPENING,
                counters=("conntrack.drop", "conntrack.early_drop", "conntrack.insert_failed"),
                order=40,
            ),
        ),
        plateaus=(Plateau(261_900, 262_144, "262,144 is the default nf_conntrack_max"),),
        signs=(
            Sign("conntrack.drop", "packets were dropped, conntrack's table being full", _HIGHER),
            Sign(
                "conntrack.early_drop",
                "tracked connections were thrown out early, conntrack's table being full",
                _HIGHER,
            ),
        ),
    ),
    Tunable(
        name="net.netfilter.nf_conntrack_tcp_timeout_established",
        store=Store.SYSCTL,
        kind=Kind.INTEGER,
        scope=Scope.NETNS,
        direction=Direction.LOWER,
        unit="seconds",
        summary="how long a silent tracked connection keeps its entry",
        caps="",
        symptom="nf_conntrack_count stays high after clients have vanished without a FIN",
        risk="shorter than the silence between two pings, a living connection is cut by the firewall",
        default="432000 (five days)",
        sources=("Documentation/networking/nf_conntrack-sysctl.rst",),
        order=32,
        writable_in_netns=True,
        absent=_NOT_LOADED,
    ),
    Tunable(
        name="net.netfilter.nf_conntrack_tcp_timeout_time_wait",
        store=Store.SYSCTL,
        kind=Kind.INTEGER,
        scope=Scope.NETNS,
        direction=Direction.LOWER,
        unit="seconds",
        summary="how long a closed tracked connection keeps its entry",
        caps="new connections a second once the table is nearly full of closed ones",
        symptom="nf_conntrack_count stays high after a mass close",
        risk="too short, late packets of a closed connection are taken for new ones",
        default="120",
        sources=("Documentation/networking/nf_conntrack-sysctl.rst",),
        order=32,
        writable_in_netns=True,
        absent=_NOT_LOADED,
    ),
)
