"""The profiles that come with wstune: sensible for every machine and target, and literal where they claim it."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.trees import HOSTS
from wstune.host import probe, profile_files
from wstune.host.host import Host
from wstune.model import Effect, Finding, Operator, Outcome, Profile, Reading, Role, Severity
from wstune.readiness.compare import demanded_value
from wstune.readiness.constants import CLIENT_BYTES, SERVER_BYTES, processes_needed
from wstune.readiness.judge import applicable, judge, not_in_force, values_to_try, verdict
from wstune.readiness.profiles import Target, resolve
from wstune.tunables import CATALOGUE
from wstune.values import Kind, Value, parse

NAMES = ["high-conn", "load-generator", "million", "two-million", "container", "kemal-60k"]
GIB = 1 << 30
TEXTS = {name: profile_files.find(name, etc="/nowhere") for name in NAMES}


def shipped(name: str, connections: int | None = None, processes: int | None = None, ram: int = 24 * GIB) -> Profile:
    return resolve(name, TEXTS.__getitem__, target=Target(connections, processes, ram_bytes=ram, cpus=2))


def captured(name: str) -> dict[str, Reading]:
    return Host(HOSTS / name).read_all(CATALOGUE.values())


def judged(profile: Profile, host: str, role: Role) -> dict[str, Finding]:
    """Findings on a captured host, by tunable and operator."""
    inactive = not_in_force(Host(HOSTS / host).usage().conntrack_count)
    findings = judge(profile, captured(host), role=role, inactive=inactive)
    return {f"{each.tunable} {each.requirement.operator.value}": each for each in findings}


def outcomes(findings: Mapping[str, Finding], outcome: Outcome) -> set[str]:
    return {finding.tunable for finding in findings.values() if finding.outcome is outcome}


def test_all_are_here() -> None:
    """What is tested here is what is shipped."""
    assert sorted(NAMES) == list(profile_files.list_profiles(etc="/nowhere"))


@pytest.mark.parametrize("name", NAMES)
def test_told_in_full(name: str) -> None:
    """Every shipped profile has a summary, every requirement a reference, and no reason is longer than two lines."""
    profile = shipped(name)
    assert 20 < len(profile.summary) < 130
    for requirement in profile.requirements:
        assert requirement.refs, requirement.where
        assert 20 < len(requirement.why) < 240, requirement.where


@given(
    st.sampled_from(NAMES),
    st.integers(1, 30_000_000),
    st.integers(1, 2000),
    st.integers(256 << 20, 4096 * GIB),
    st.sampled_from([4096, 16384, 65536]),
)
def test_any_target(name: str, connections: int, processes: int, ram: int, page: int) -> None:
    """Every shipped profile can be worked out for any machine and any target up to the files of a process."""
    target = Target(connections, processes, ram_bytes=ram, cpus=1, page_size=page)
    profile = resolve(name, TEXTS.__getitem__, target=target)
    assert profile.variables["connections"] == connections


def own_operands(profile: Profile, role: Role, readings: Mapping[str, Reading]) -> dict[str, Reading]:
    """The readings after everything that is demanded has been written."""
    values: dict[str, Value | None] = {name: reading.value for name, reading in readings.items()}
    for requirement in applicable(profile, role):
        values[requirement.tunable] = demanded_value(requirement, values.get(requirement.tunable))
    return {name: Reading(value) for name, value in values.items() if value is not None}


@given(
    st.sampled_from(NAMES),
    st.sampled_from(list(Role)),
    st.integers(1, 3_000_000),
    st.integers(1, 300),
    st.integers(512 << 20, 256 * GIB),
    st.sampled_from(["vm", "droplet-512m", "systemd-server"]),
)
def test_met_by_its_own_operands(name: str, role: Role, connections: int, processes: int, ram: int, host: str) -> None:
    """A host on which all that is demanded has been written is ready, with nothing left to demand."""
    profile = shipped(name, connections, processes, ram)
    after = own_operands(profile, role, READINGS[host])
    findings = judge(profile, after, role=role)
    assert all(finding.outcome is Outcome.PASS for finding in findings)
    assert verdict(findings) == ("ready" if findings else "inconclusive")
    assert values_to_try(profile, after, role=role) == {}


READINGS = {host: captured(host) for host in ("vm", "droplet-512m", "systemd-server")}


@settings(max_examples=40)
@given(st.integers(1, 5_000_000), st.integers(1, 5_000_000), st.sampled_from(["high-conn", "load-generator"]))
def test_more_connections_never_demand_less(low: int, more: int, name: str) -> None:
    """Every floor rises, or stays, with the number of connections."""
    for a, b in zip(shipped(name, low).requirements, shipped(name, low + more).requirements, strict=True):
        if a.operator is Operator.AT_LEAST:
            assert all(x <= y for x, y in zip(a.operands[0].numbers, b.operands[0].numbers, strict=True))


@settings(max_examples=40)
@given(st.integers(1, 10**7), st.integers(1100, 2**20), st.sampled_from([Role.SERVER, Role.GENERATOR]))
def test_advised_processes_are_enough_and_no_more(connections: int, hard: int, role: Role) -> None:
    """With the number of processes that the fix names, the demand on nofile is met; with one fewer it is not."""
    needed = processes_needed(connections, hard)
    have = {"nofile": Reading(parse(Kind.INTEGER, str(hard)))}

    def outcome(processes: int) -> Outcome:
        findings = judge(shipped("high-conn", connections, processes), have, role=role)
        return next(finding.outcome for finding in findings if finding.tunable == "nofile")

    if needed is None or needed > 10**6:
        return
    assert outcome(needed) is Outcome.PASS
    assert needed == 1 or outcome(needed - 1) is Outcome.FAIL


def test_memory_is_the_measured_one() -> None:
    """What the profiles ask of memory for a connection is the measured bytes, rounded up by no more than a fiftieth."""
    variables = shipped("high-conn", 1_000_000).variables
    for found, measured in (("one_end_bytes", SERVER_BYTES), ("both_ends_bytes", SERVER_BYTES + CLIENT_BYTES)):
        assert measured <= variables[found] / 1_000_000 <= measured * 1.02


def test_stock_machine() -> None:
    """A stock machine of 24 GB with 20,000 files lacks only those for 100,000 connections, and six processes do."""
    findings = judged(shipped("high-conn"), "vm", Role.SERVER)
    assert outcomes(findings, Outcome.FAIL) == {"nofile"}
    assert outcomes(findings, Outcome.WARN) == {"nofile.soft", "net.core.netdev_max_backlog"}
    assert findings["nofile at_least"].requirement.operands[0].number == 106_024
    assert findings["nofile at_least"].fix.startswith("run 6 or more server processes")
    assert verdict(list(findings.values())) == "not-ready"
    findings = judged(shipped("high-conn", processes=6), "vm", Role.SERVER)
    assert verdict(list(findings.values())) == "ready"
    both = judged(shipped("high-conn", 61_189, 4), "vm", Role.BOTH)
    assert verdict(list(both.values())) == "ready"
    assert outcomes(both, Outcome.WARN) == {
        "net.core.netdev_max_backlog",
        "net.ipv4.ip_local_port_range",
        "net.ipv4.ip_local_reserved_ports",
    }


def test_systemd_server() -> None:
    """A server of 8 GB under systemd is ready for 100,000 as it is; its shell's soft limit is a warning."""
    findings = judged(shipped("high-conn"), "systemd-server", Role.SERVER)
    assert verdict(list(findings.values())) == "ready"
    assert "nofile.soft" in outcomes(findings, Outcome.WARN)


def test_small_droplet() -> None:
    """A machine of 512 MB has no memory for 100,000 connections, and its conntrack, which counts, no room."""
    findings = judged(shipped("high-conn", ram=482_754_560), "droplet-512m", Role.SERVER)
    assert {"memory.total", "net.netfilter.nf_conntrack_max"} <= outcomes(findings, Outcome.FAIL)
    assert findings["net.ipv4.tcp_max_tw_buckets at_least"].requirement.operands[0].number == 482_754_560 // 100 // 256


def test_container() -> None:
    """In a container what belongs to the host is not applicable, never a failure or a pass."""
    findings = judged(shipped("high-conn", ram=8 * GIB), "container", Role.SERVER)
    assert {"net.ipv4.tcp_mem", "net.ipv4.tcp_max_orphans", "net.core.netdev_max_backlog"} <= outcomes(
        findings, Outcome.NOT_APPLICABLE
    )
    for finding in findings.values():
        assert finding.outcome is not Outcome.NOT_APPLICABLE or finding.note


def test_million_and_more() -> None:
    """Two million with both ends on a stock machine of 24 GB lack fs.file-max, and descriptors; a million does not."""
    two = judged(shipped("two-million", processes=111), "vm", Role.BOTH)
    assert outcomes(two, Outcome.FAIL) == {"fs.file-max"}
    one = judged(shipped("million", processes=56), "vm", Role.BOTH)
    assert outcomes(one, Outcome.FAIL) == set()
    assert shipped("million").variables["processes"] == 4
    for name in ("million", "two-million"):
        nofile = next(each for each in shipped(name).requirements if each.tunable == "nofile")
        assert nofile.operands[0].number < 524_288


BLOCK = {
    "fs.file-max": "1000000",
    "fs.nr_open": "1000000",
    "nofile": "1000000",
    "nofile.soft": "1000000",
    "net.ipv4.tcp_mem": "10000000 10000000 10000000",
    "net.ipv4.tcp_rmem": "1024 4096 16384",
    "net.ipv4.tcp_wmem": "1024 4096 16384",
    "net.core.rmem_max": "16384",
    "net.core.wmem_max": "16384",
    "net.ipv4.ip_local_port_range": "1024 64000",
}
"""The block of the blog post; `ulimit -n` sets both limits."""


def test_kemal_to_the_letter() -> None:
    """kemal-60k demands exactly the block, each line by equals, and only the files decide."""
    profile = shipped("kemal-60k")
    assert {each.tunable: each.operands[0].raw for each in profile.requirements} == BLOCK
    assert {each.operator for each in profile.requirements} == {Operator.EQUALS}
    assert [each.tunable for each in profile.requirements if each.severity is Severity.ERROR] == ["nofile"]
    assert profile.role is Role.BOTH
    assert profile.variables["connections"] == 60_000


def test_kemal_on_a_stock_machine() -> None:
    """On a stock machine most of the block lowers what is there; what its kernel refuses depends on the kernel."""
    profile, have = shipped("kemal-60k"), captured("vm")
    findings = judge(profile, have, role=Role.BOTH, refused={"net.ipv4.tcp_rmem": "EINVAL"})
    effects = {finding.tunable: finding.effect for finding in findings}
    assert effects == {
        "fs.file-max": Effect.LOWERS,
        "fs.nr_open": Effect.LOWERS,
        "nofile": Effect.RAISES,
        "nofile.soft": Effect.RAISES,
        "net.ipv4.tcp_mem": Effect.RAISES,
        "net.ipv4.tcp_rmem": Effect.REFUSED,
        "net.ipv4.tcp_wmem": Effect.LOWERS,
        "net.core.rmem_max": Effect.LOWERS,
        "net.core.wmem_max": Effect.LOWERS,
        "net.ipv4.ip_local_port_range": Effect.RAISES,
    }
    assert set(values_to_try(profile, have, role=Role.BOTH)) == {
        "net.ipv4.tcp_rmem",
        "net.ipv4.tcp_wmem",
        "net.ipv4.ip_local_port_range",
    }


def test_container_profile_asks_only_what_a_namespace_has() -> None:
    """The container profile names no key that a network namespace may not write."""
    assert all(CATALOGUE[each.tunable].writable_in_netns for each in shipped("container").requirements)


def test_generator() -> None:
    """The load generator is judged as one, and everything on its ports is there."""
    profile = shipped("load-generator")
    assert profile.role is Role.GENERATOR
    names = {each.tunable for each in applicable(profile, Role.GENERATOR)}
    assert {"nofile", "net.ipv4.ip_local_port_range", "net.ipv4.ip_local_reserved_ports", "memory.total"} <= names
    assert "net.core.somaxconn" not in names


@pytest.mark.netns
@pytest.mark.parametrize("name", [name for name in NAMES if name != "kemal-60k"])
def test_this_kernel_takes_what_is_demanded(name: str) -> None:
    """What the shipped profiles would write to a network namespace, a private one on this kernel takes."""
    profile = shipped(name)
    for role in Role:
        wanted = values_to_try(profile, captured("droplet-512m"), role=role)
        assert set(probe.refused(wanted).values()) <= {None}


@pytest.mark.netns
def test_the_probe_sees_a_refusal() -> None:
    """A value that every kernel refuses is refused: the test above can fail."""
    assert probe.refused({"net.core.somaxconn": "-1"}) == {"net.core.somaxconn": "EINVAL"}
