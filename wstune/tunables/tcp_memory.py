"""Memory of TCP: what queued bytes may take. An idle connection queues nothing, so most of it caps traffic, not N."""

from __future__ import annotations

from collections.abc import Iterator

from wstune.model import CapacityLimit, Confidence, Direction, Scope, Store
from wstune.tunable import APPLY, CUT_OFF, Cause, Sign, Size, Tunable, View, WallKind
from wstune.values import UNLIMITED, Kind

_INT_MAX = 2**31 - 1
_TRIPLE = ("min", "default", "max")
_HOST_ONLY = "absent in this network namespace: the host decides, for all namespaces together"
_HIDDEN = "not shown in this network namespace (kernels before 6.11 hide it): the host decides"
MiB = 2**20


def _tcp_mem_stock(size: Size) -> tuple[int, ...]:
    low = size.ram_bytes // size.page_size // 16  # net/ipv4/tcp.c tcp_init_mem
    return low * 3 // 4, low, low * 3 // 2


def _tcp_mem(view: View) -> Iterator[CapacityLimit]:
    """It never binds idle connections, and says how many may have something queued at once."""
    name = "net.ipv4.tcp_mem"
    value = view.value(name)
    if value is None:
        yield view.unknown(name)
        return
    active = max(0, value.numbers[2] - (view.usage.tcp_mem_pages or 0)) // view.ends
    why = f"idle connections use none of it; {active:,} may have a page queued at the same moment"
    yield CapacityLimit(name, None, Confidence.ESTIMATE, why)


TUNABLES: tuple[Tunable, ...] = (
    Tunable(
        name="net.ipv4.tcp_mem",
        store=Store.SYSCTL,
        kind=Kind.TRIPLE,
        scope=Scope.GLOBAL,
        direction=Direction.HIGHER,
        unit="pages",
        summary="bytes queued in all TCP sockets of the host together, in pages: no pressure, pressure, limit",
        caps="connections with bytes queued at the same moment: the limit in pages, as each takes at least one; "
        "idle connections use none of it",
        symptom="above pressure TCPMemoryPressures grows and buffers stop growing; above the limit packets are dropped "
        "(TCPRcvQDrop, PruneCalled), closing sockets are reset (TCPAbortOnMemory), dmesg `out of memory -- consider "
        "tuning tcp_mem`",
        risk="it is the host's only brake: too high, slow readers of one broadcast fill memory that cannot be "
        "swapped, and the OOM killer shoots processes; the unit is pages, not bytes",
        default="of L = free pages / 16: ¾ L, L, 1½ L, which is about 4.7, 6.25 and 9.4 % of memory",
        sources=("net/ipv4/tcp.c tcp_init_mem", "Documentation/networking/ip-sysctl.rst tcp_mem", "tcp(7)"),
        minimum=0,
        maximum=UNLIMITED,
        order=40,
        fields=("min", "pressure", "max"),
        absent=_HOST_ONLY,
        synonyms=("tcp_mem", "out of memory -- consider tuning tcp_mem"),
        stock=_tcp_mem_stock,
        allows=_tcp_mem,
        wall=WallKind("host", "the bytes queued in TCP sockets reached tcp_mem's maximum", APPLY, share=2.0),
        causes=(
            Cause(
                CUT_OFF,
                counters=("TcpExt.TCPAbortOnMemory", "TcpExt.TCPRcvQDrop", "TcpExt.TCPMemoryPressures"),
                order=45,
            ),
        ),
        signs=(
            Sign(
                "TcpExt.TCPMemoryPressures",
                "queued bytes passed the middle number of tcp_mem",
                "let slow readers go, or raise net.ipv4.tcp_mem",
            ),
            Sign(
                "TcpExt.TCPAbortOnMemory",
                "closing connections were reset for want of tcp_mem or of room for orphans",
                "raise net.ipv4.tcp_mem or net.ipv4.tcp_max_orphans, or close more slowly",
            ),
        ),
    ),
    Tunable(
        name="net.ipv4.tcp_rmem",
        store=Store.SYSCTL,
        kind=Kind.TRIPLE,
        scope=Scope.NETNS,
        direction=Direction.NONE,
        unit="bytes",
        summary="receive buffer of one socket: kept under pressure, at first, grown to at most; not taken in advance",
        caps="",
        symptom="too small: zero windows (TCPToZeroWindowAdv), RcvPruned, a throughput of about window / round trip",
        risk="a small maximum throttles every TCP user of the host and fixes each connection's window scale at its "
        "SYN; a large one lets a slow reader hold more of tcp_mem; saves nothing on idle connections",
        default="4096, 131072, and RAM / 128 between 128 KB and 6 MB (Linux 6.12) or 32 MB (6.18)",
        sources=("net/ipv4/tcp.c tcp_init", "net/ipv4/tcp_output.c tcp_select_initial_window", "tcp(7)"),
        since="4.15 in a network namespace; any number under 4096 is EINVAL from 6.1.189, 6.12.112 and 7.2.8",
        minimum=1,
        maximum=_INT_MAX,
        latched="the second number when the listener is created; accepted sockets inherit it",
        order=41,
        writable_in_netns=True,
        fields=_TRIPLE,
        synonyms=("tcp_rmem",),
        stock=lambda size: (4096, 131_072, max(131_072, min(6 * MiB, size.ram_bytes // 128))),
    ),
    Tunable(
        name="net.ipv4.tcp_wmem",
        store=Store.SYSCTL,
        kind=Kind.TRIPLE,
        scope=Scope.NETNS,
        direction=Direction.NONE,
        unit="bytes",
        summary="send buffer of one socket: granted under pressure, at first, grown to at most",
        caps="",
        symptom="too small: EAGAIN and a new EPOLLOUT for nearly every message of a broadcast",
        risk="a large maximum lets a slow reader hold more of tcp_mem; a first size below 4608 is one packet at a time",
        default="4096, 16384, and RAM / 128 between 64 KB and 4 MB",
        sources=("net/ipv4/tcp.c tcp_init", "include/net/sock.h SOCK_MIN_SNDBUF", "tcp(7)"),
        since="4.15 in a network namespace",
        minimum=1,
        maximum=_INT_MAX,
        latched="the second number when the listener is created; accepted sockets inherit it",
        order=42,
        writable_in_netns=True,
        fields=_TRIPLE,
        synonyms=("tcp_wmem",),
        stock=lambda size: (4096, 16_384, max(65_536, min(4 * MiB, size.ram_bytes // 128))),
    ),
    Tunable(
        name="net.core.rmem_max",
        store=Store.SYSCTL,
        kind=Kind.INTEGER,
        scope=Scope.GLOBAL,
        direction=Direction.NONE,
        unit="bytes",
        summary="what an application may ask for with SO_RCVBUF; TCP's own growth of buffers ignores it",
        caps="",
        symptom="SO_RCVBUF is clamped in silence",
        risk="lowered, it clamps whoever asks for a buffer: DNS, QUIC, VPN, netlink daemons",
        default="212992 up to Linux 6.12, 4194304 in 6.18",
        sources=("net/core/sock.c sk_setsockopt", "socket(7)"),
        minimum=2304,
        maximum=_INT_MAX,
        order=43,
        absent=_HIDDEN,
        stock="212992",  # 4194304 since 6.18
    ),
    Tunable(
        name="net.core.wmem_max",
        store=Store.SYSCTL,
        kind=Kind.INTEGER,
        scope=Scope.GLOBAL,
        direction=Direction.NONE,
        unit="bytes",
        summary="what an application may ask for with SO_SNDBUF; TCP's own growth of buffers ignores it",
        caps="",
        symptom="SO_SNDBUF is clamped in silence",
        risk="lowered, it clamps whoever asks for a buffer",
        default="212992 up to Linux 6.12, 4194304 in 6.18",
        sources=("net/core/sock.c sk_setsockopt", "socket(7)"),
        minimum=4608,
        maximum=_INT_MAX,
        order=43,
        absent=_HIDDEN,
        stock="212992",
    ),
    Tunable(
        name="net.core.rmem_default",
        store=Store.SYSCTL,
        kind=Kind.INTEGER,
        scope=Scope.GLOBAL,
        direction=Direction.NONE,
        unit="bytes",
        summary="first receive buffer of sockets other than TCP; for TCP, tcp_rmem's second number stands in its place",
        caps="",
        symptom="none for TCP",
        risk="raised, every UDP and UNIX socket may queue more",
        default="212992",
        sources=("Documentation/networking/ip-sysctl.rst tcp_rmem", "socket(7)"),
        minimum=2304,
        maximum=_INT_MAX,
        latched="at socket creation",
        order=43,
        absent=_HIDDEN,
    ),
    Tunable(
        name="net.core.wmem_default",
        store=Store.SYSCTL,
        kind=Kind.INTEGER,
        scope=Scope.GLOBAL,
        direction=Direction.NONE,
        unit="bytes",
        summary="first send buffer of sockets other than TCP; for TCP, tcp_wmem's second number stands in its place",
        caps="",
        symptom="none for TCP",
        risk="raised, every UDP and UNIX socket may queue more",
        default="212992",
        sources=("Documentation/networking/ip-sysctl.rst tcp_wmem", "socket(7)"),
        minimum=4608,
        maximum=_INT_MAX,
        latched="at socket creation",
        order=43,
        absent=_HIDDEN,
    ),
    Tunable(
        name="net.core.optmem_max",
        store=Store.SYSCTL,
        kind=Kind.INTEGER,
        scope=Scope.NETNS,
        direction=Direction.NONE,
        unit="bytes",
        summary="ancillary memory of one socket: control messages, filters, zero-copy notices",
        caps="",
        symptom="ENOBUFS or ENOMEM from SO_ATTACH_FILTER and MSG_ZEROCOPY; nothing for plain WebSocket traffic",
        risk="none at the default",
        default="131072 in Linux 6.12, 20480 in 6.1",
        sources=("net/core/sysctl_net_core.c", "net/core/sock.c"),
        since="a network namespace has its own in 6.12, all share the host's in 6.1",
        minimum=0,
        maximum=_INT_MAX,
        order=43,
        writable_in_netns=True,
        absent="not shown in this network namespace, which shares the host's",
    ),
    Tunable(
        name="net.ipv4.tcp_notsent_lowat",
        store=Store.SYSCTL,
        kind=Kind.INTEGER,
        scope=Scope.NETNS,
        direction=Direction.LOWER,
        unit="bytes",
        summary="unsent bytes of a socket from which on EPOLLOUT stops; the rest waits in the application",
        caps="",
        symptom="unset: each slow reader holds a whole send buffer of tcp_mem",
        risk="too small: more wake-ups for each byte sent",
        default="4294967295, which is no bound",
        sources=("Documentation/networking/ip-sysctl.rst tcp_notsent_lowat", "tcp(7) TCP_NOTSENT_LOWAT"),
        minimum=0,
        maximum=2**32 - 1,
        order=44,
        writable_in_netns=True,
    ),
    Tunable(
        name="net.ipv4.tcp_moderate_rcvbuf",
        store=Store.SYSCTL,
        kind=Kind.INTEGER,
        scope=Scope.NETNS,
        direction=Direction.NONE,
        unit="switch",
        summary="whether a receive buffer grows by itself up to tcp_rmem's third number",
        caps="",
        symptom="0: throughput stays at what the first buffer allows",
        risk="off, every connection is slow over distance",
        default="1",
        sources=("Documentation/networking/ip-sysctl.rst tcp_moderate_rcvbuf", "tcp(7)"),
        minimum=0,
        maximum=255,
        order=44,
        writable_in_netns=True,
    ),
    Tunable(
        name="net.core.mem_pcpu_rsv",
        store=Store.SYSCTL,
        kind=Kind.INTEGER,
        scope=Scope.GLOBAL,
        direction=Direction.NONE,
        unit="pages",
        summary="pages of tcp_mem that each CPU keeps in hand, so that the shared counter is touched less",
        caps="",
        symptom="`mem` in /proc/net/sockstat is off by up to this much for each CPU",
        risk="on many CPUs a large one takes a share of tcp_mem that no socket uses",
        default="256 (1 MB of 4 KB pages)",
        sources=("include/net/sock.h SK_MEMORY_PCPU_RESERVE", "Documentation/admin-guide/sysctl/net.rst"),
        order=44,
        absent="absent in this network namespace, or this kernel is older than the setting",
    ),
)
