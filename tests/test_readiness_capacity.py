"""Capacity: what each limit allows, and which binds first."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wstune.model import Absence, Capacity, CapacityLimit, Confidence, HostFacts, Reading, Role
from wstune.readiness.capacity import NEEDS
from wstune.readiness.capacity import capacity as capacity_of
from wstune.readiness.constants import OWN_FILES, reserve
from wstune.readiness.costs import charged_bytes, costs, kernel_bytes
from wstune.tunables import CATALOGUE
from wstune.values import UNLIMITED, parse

GIB = 1 << 30

STOCK = {
    "nofile": "20000",
    "nofile.soft": "1024",
    "net.ipv4.tcp_max_tw_buckets": "131072",
    "net.ipv4.tcp_max_orphans": "131072",
    "vm.max_map_count": "65530",
    "fs.nr_open": "1048576",
    "fs.file-max": "2466183",
    "fs.epoll.max_user_watches": "5491533",
    "net.ipv4.tcp_mem": "287901 383869 575802",
    "net.ipv4.ip_local_port_range": "32768\t60999",
    "net.ipv4.ip_local_reserved_ports": "",
    "net.ipv4.tcp_tw_reuse": "2",
    "net.netfilter.nf_conntrack_max": "262144",
    "kernel.pid_max": "32768",
    "kernel.threads-max": "192731",
    "nproc": "96365",
}
"""A virtual machine of 24 GB as it comes."""

FACTS = HostFacts(ram_bytes=24 * GIB, available_bytes=23 * GIB, cpus=2, cgroup_version=2)


@dataclass(frozen=True)
class Load:
    """What is there already."""

    files_allocated: int | None = 528
    time_wait: int | None = 0
    tcp_mem_pages: int | None = 2
    conntrack_count: int | None = 0
    threads: int | None = 100
    open_files: int | None = None


IDLE = Load()
BARE = costs(0)
"""A connection without an application."""


def capacity(
    role: Role,
    have: dict[str, Reading],
    facts: HostFacts,
    load: Load,
    *,
    processes: int | None = None,
    sources: int = 1,
    upstreams: int = 1,
    app_bytes: int = 0,
) -> Capacity:
    """Of a connection without an application, unless told."""
    each = costs(app_bytes)
    return capacity_of(role, have, facts, load, each, processes=processes, sources=sources, upstreams=upstreams)


def readings(**changes: str) -> dict[str, Reading]:
    """The stock ones, with some changed: readings(nofile="1024"); dots as `__`."""
    texts = STOCK | {name.replace("__", ".").replace("file_max", "file-max"): text for name, text in changes.items()}
    return {name: Reading(parse(CATALOGUE[name].kind, text)) for name, text in texts.items()}


def limits(
    role: Role, have: dict[str, Reading], facts: HostFacts = FACTS, load: Load = IDLE, **options: int
) -> dict[str, CapacityLimit]:
    """By name."""
    return {limit.name: limit for limit in capacity(role, have, facts, load, **options).limits}


def test_needs_are_what_is_looked_at() -> None:
    """NEEDS lists what is read: with nothing else at hand no limit is unknown."""
    assert set(NEEDS) == set(STOCK)
    for role in Role:
        assert all("unknown" not in limit.why for limit in limits(role, readings()).values())


def test_stock_server() -> None:
    """A stock machine of 24 GB holds 19,936 a process, and then what the host's open files allow."""
    held = capacity(Role.SERVER, readings(), FACTS, Load())
    assert [(limit.name, limit.connections) for limit in held.limits][:4] == [
        ("nofile", 19_936),
        ("fs.file-max", 2_465_655),
        ("memory", (23 * GIB - 23 * GIB // 10) // 4150),
        ("fs.epoll.max_user_watches", 5_491_533),
    ]
    assert held.bottleneck is held.limits[0]
    assert held.limits[0].per_process
    assert held.limits[0].confidence is Confidence.HARD
    unbound = {limit.name for limit in held.limits if limit.connections is None}
    teardown = {"net.ipv4.tcp_max_orphans", "net.ipv4.tcp_max_tw_buckets", "vm.max_map_count"}
    assert unbound == {"net.netfilter.nf_conntrack_max", "net.ipv4.tcp_mem"} | teardown


def test_order() -> None:
    """The fewest come first, what does not bind comes last."""
    for role in Role:
        numbers = [limit.connections for limit in capacity(role, readings(), FACTS, Load()).limits]
        bound = [number for number in numbers if number is not None]
        assert bound == sorted(bound)
        assert numbers == bound + [None] * (len(numbers) - len(bound))


def test_processes_multiply_descriptors() -> None:
    """Over several processes the descriptors add up, and the limit is no longer told for one."""
    limit = limits(Role.SERVER, readings(), processes=6)["nofile"]
    assert (limit.connections, limit.per_process) == (6 * 19_936, False)
    assert "in each of 6 processes" in limit.why


def test_nr_open_below_the_limit_binds() -> None:
    """A hard limit above fs.nr_open is worth fs.nr_open: the table of descriptors stops there."""
    found = limits(Role.SERVER, readings(nofile="2000000"))
    assert "nofile" not in found
    assert found["fs.nr_open"].connections == 1_048_576 - OWN_FILES


def test_two_ends_here() -> None:
    """With both ends on the host each connection takes two files and watches of it, and both ends' memory."""
    one, two = limits(Role.SERVER, readings()), limits(Role.BOTH, readings())
    for name in ("fs.file-max", "fs.epoll.max_user_watches"):
        assert two[name].connections == (one[name].connections or 0) // 2
    assert two["memory"].connections == (23 * GIB - 23 * GIB // 10) // (4150 + 4400 + 300)
    assert two["nofile"].connections == one["nofile"].connections
    assert "net.ipv4.ip_local_port_range" not in two


def test_proxy_takes_two_of_all_and_a_port() -> None:
    """A proxy holds two files for each client in one process, and one upstream port."""
    found = limits(Role.PROXY, readings(), upstreams=3)
    assert found["nofile"].connections == 19_936 // 2
    assert found["net.ipv4.ip_local_port_range"].connections == 3 * 28_232


@pytest.mark.parametrize(
    ("changes", "options", "load", "ports"),
    [
        ({}, {}, Load(), 28_232),
        ({}, {"sources": 10}, Load(), 282_320),
        ({"net__ipv4__ip_local_port_range": "1024 64000"}, {}, Load(), 62_976),
        ({"net__ipv4__ip_local_port_range": "1024 65535"}, {}, Load(), 64_512),
        ({"net__ipv4__ip_local_port_range": "5000 5000"}, {}, Load(), 1),
        ({"net__ipv4__ip_local_reserved_ports": "80,32768-32777,60990-65535"}, {}, Load(), 28_232 - 20),
        ({}, {}, Load(time_wait=200), 28_232),
        ({"net__ipv4__tcp_tw_reuse": "0"}, {}, Load(time_wait=200), 28_032),
        ({"net__ipv4__tcp_tw_reuse": "0"}, {}, Load(time_wait=200_000), 0),
    ],
)
def test_ports(changes: dict[str, str], options: dict[str, int], load: Load, ports: int) -> None:
    """One connection a port for each pair of source address and server port: reserved ones and, where they cannot be
    taken over, those in TIME_WAIT are not there; of a range with ends of the same parity one port is left out."""
    limit = limits(Role.GENERATOR, readings(**changes), FACTS, load, **options)["net.ipv4.ip_local_port_range"]
    assert limit.connections == ports
    assert limit.per_source is ("sources" not in options)


def test_memory() -> None:
    """Memory is what is available, less a reserve, by the measured bytes of the kernel and those of the application."""
    facts = replace(FACTS, available_bytes=500 << 20)
    found = limits(Role.SERVER, readings(), facts)["memory"]
    assert found.connections == (500 - 128) * (1 << 20) // 4150
    assert found.confidence is Confidence.ESTIMATE
    with_app = limits(Role.SERVER, readings(), facts, app_bytes=16_384)["memory"]
    assert with_app.connections == (500 - 128) * (1 << 20) // (4150 + 16_384)
    assert limits(Role.SERVER, readings(), replace(FACTS, available_bytes=1 << 20))["memory"].connections == 0
    unread = replace(FACTS, available_bytes=None)
    assert limits(Role.SERVER, readings(), unread)["memory"].connections == (24 * GIB - 24 * GIB // 10) // 4150
    unknown = limits(Role.SERVER, readings(), HostFacts())["memory"]
    assert (unknown.connections, "unknown" in unknown.why) == (None, True)


def test_control_group() -> None:
    """A control group's headroom binds as memory does, by what the group is charged; without one it is not named."""
    assert "cgroup.memory.max" not in limits(Role.SERVER, readings())
    facts = replace(FACTS, cgroup_memory_headroom=512 << 20, cgroup_pids_headroom=10)
    found = limits(Role.SERVER, readings(), facts)
    assert found["cgroup.memory.max"].connections == (512 - 51.2) * (1 << 20) // 4150
    assert found["cgroup.pids.max"].connections == 10 * 19_936
    both = limits(Role.BOTH, readings(), replace(facts, cgroup_version=1))["cgroup.memory.max"]
    assert both.connections == int((512 - 51.2) * (1 << 20)) // (1500 + 4020 + 300)


def test_conntrack_binds_only_where_it_counts() -> None:
    """conntrack binds when its count is not 0; loaded without rules it caps nothing, and absent it says so."""
    name = "net.netfilter.nf_conntrack_max"
    assert limits(Role.SERVER, readings())[name].connections is None
    assert limits(Role.SERVER, readings(), load=Load(conntrack_count=44))[name].connections == 262_100
    assert limits(Role.PROXY, readings(), load=Load(conntrack_count=44))[name].connections == 131_050
    assert limits(Role.SERVER, readings(), load=Load(conntrack_count=None))[name].connections is None
    absent = readings() | {name: Reading(absence=Absence.ABSENT, why="no such file")}
    assert "not loaded" in limits(Role.SERVER, absent)[name].why


def test_tcp_mem_does_not_bind_idle_connections() -> None:
    """tcp_mem has no number of connections, and says how many may have something queued."""
    limit = limits(Role.SERVER, readings())["net.ipv4.tcp_mem"]
    assert limit.connections is None
    assert "575,800 may have a page queued" in limit.why


def test_unlimited_does_not_bind() -> None:
    """A limit of LONG_MAX, as systemd sets it, is no limit."""
    found = limits(Role.SERVER, readings(fs__file_max=str(UNLIMITED), nproc="max"))
    assert found["fs.file-max"].connections is None
    assert found["fs.file-max"].why == "no limit"
    assert "nproc" not in found


def test_unread() -> None:
    """What could not be read is said to be unknown, with the reason, and binds nothing."""
    denied = Reading(absence=Absence.DENIED, why="permission denied")
    found = limits(Role.GENERATOR, dict.fromkeys(NEEDS, denied), HostFacts(), Load(None, None, None, None, None))
    assert {limit.connections for limit in found.values()} == {None}
    assert found["nofile"].why == "unknown: permission denied"
    assert capacity(Role.GENERATOR, {}, HostFacts(), Load()).bottleneck is None


def test_present_load_is_subtracted() -> None:
    """Files that are open now are not there for connections; an unknown number makes it an estimate."""
    found = limits(Role.SERVER, readings(), load=Load(files_allocated=466_183))["fs.file-max"]
    assert (found.connections, found.confidence) == (2_000_000, Confidence.HARD)
    assert limits(Role.SERVER, readings(), load=Load(files_allocated=9_999_999))["fs.file-max"].connections == 0
    unknown = limits(Role.SERVER, readings(), load=Load(files_allocated=None))["fs.file-max"]
    assert unknown.confidence is Confidence.ESTIMATE


def test_bytes() -> None:
    """The bytes of a connection are those of its ends that are here; version 1 groups are charged less for a pair."""
    both, server, client = (kernel_bytes(role, BARE) for role in (Role.BOTH, Role.SERVER, Role.GENERATOR))
    assert both == server + client
    assert charged_bytes(Role.BOTH, BARE, 1, "6.18") < charged_bytes(Role.BOTH, BARE, 2, "6.18") == both
    assert charged_bytes(Role.SERVER, BARE, 2, "6.1") < charged_bytes(Role.SERVER, BARE, 2, "6.12") == server
    assert reserve(GIB) == 128 << 20
    assert reserve(20 * GIB) == 2 * GIB


@given(
    st.sampled_from(list(Role)),
    st.sampled_from(["nofile", "fs.file-max", "fs.epoll.max_user_watches", "fs.nr_open"]),
    st.integers(0, 2**31 - 1),
    st.integers(0, 2**31 - 1),
)
def test_monotone(role: Role, name: str, low: int, more: int) -> None:
    """Raising one limit never lowers what the host holds."""

    def holds(number: int) -> int:
        have = readings() | {name: Reading(parse(CATALOGUE[name].kind, str(number)))}
        bottleneck = capacity(role, have, FACTS, Load()).bottleneck
        assert bottleneck is not None
        return bottleneck.connections or 0

    assert holds(low) <= holds(low + more)
