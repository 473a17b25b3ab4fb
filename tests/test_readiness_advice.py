"""What a finding advises, and what else it says."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from tests.judging import FLOOR, one, profile, readings, requirement
from wstune.model import Absence, Effect, HostFacts, Operator, Outcome, Reading, Requirement, Role
from wstune.readiness.judge import judge
from wstune.tunables import CATALOGUE
from wstune.values import Kind


@pytest.mark.parametrize(
    ("required", "have", "fix"),
    [
        (FLOOR, readings(net__core__somaxconn="128"), "sysctl -w net.core.somaxconn=4096"),
        (
            requirement("net.ipv4.tcp_rmem", Operator.AT_LEAST, "4096 16384 262144"),
            readings(net__ipv4__tcp_rmem="1024 131072 16384"),
            "sysctl -w net.ipv4.tcp_rmem='4096 131072 262144'",
        ),
        (
            requirement("net.ipv4.ip_local_port_range", Operator.COVERS, "10000 50000"),
            readings(net__ipv4__ip_local_port_range="32768\t60999"),
            "sysctl -w net.ipv4.ip_local_port_range='10000 60999'",
        ),
        (
            requirement("net.ipv4.ip_local_reserved_ports", Operator.CONTAINS, "8080,9000"),
            readings(net__ipv4__ip_local_reserved_ports="80"),
            "sysctl -w net.ipv4.ip_local_reserved_ports=80,8080,9000",
        ),
        (
            requirement("net.ipv4.ip_local_reserved_ports", Operator.EQUALS, ""),
            readings(net__ipv4__ip_local_reserved_ports="80"),
            "sysctl -w net.ipv4.ip_local_reserved_ports=''",
        ),
        (
            requirement("net.ipv4.tcp_tw_reuse", Operator.ONE_OF, "1", "2"),
            readings(net__ipv4__tcp_tw_reuse="0"),
            "sysctl -w net.ipv4.tcp_tw_reuse=1",
        ),
        (
            requirement("net.ipv4.tcp_congestion_control", Operator.EQUALS, "bbr"),
            readings(net__ipv4__tcp_congestion_control="cubic"),
            "sysctl -w net.ipv4.tcp_congestion_control=bbr",
        ),
        (
            requirement("cgroup.memory.max", Operator.AT_LEAST, "500000000"),
            readings(cgroup__memory__max="100"),
            "MemoryMax=500000000 in its unit; docker run --memory 500000000",
        ),
        (
            requirement("cgroup.pids.max", Operator.AT_LEAST, "50"),
            readings(cgroup__pids__max="10"),
            "TasksMax=50 in its unit; docker run --pids-limit 50",
        ),
        (
            requirement("nproc", Operator.AT_LEAST, "50"),
            readings(nproc="10"),
            "as root: prlimit --pid PID --nproc=50; LimitNPROC=50 in its unit",
        ),
        (
            requirement("memory.total", Operator.AT_LEAST, "1048577"),
            readings(memory__total="10"),
            "a machine with 2 MiB of memory, or fewer connections on this one",
        ),
        (
            requirement("nofile", Operator.AT_LEAST, "106024"),
            readings(nofile="20000", fs__nr_open="1048576"),
            "run 6 or more server processes (20000 files each), or as root: ulimit -n 106024 "
            "(LimitNOFILE=106024 in its unit)",
        ),
        (
            requirement("nofile", Operator.AT_LEAST, "106024"),
            readings(nofile="20000", fs__nr_open="100000"),
            "run 6 or more server processes (20000 files each), or sysctl -w fs.nr_open=106024, then as root: "
            "ulimit -n 106024 (LimitNOFILE=106024 in its unit)",
        ),
        (
            requirement("nofile", Operator.AT_LEAST, "106024"),
            readings(nofile="1024"),
            "as root: ulimit -n 106024 (LimitNOFILE=106024 in its unit)",
        ),
        (
            requirement("nofile", Operator.EQUALS, "106024"),
            readings(nofile="20000"),
            "as root: ulimit -n 106024 (LimitNOFILE=106024 in its unit)",
        ),
        (
            requirement("nofile.soft", Operator.AT_LEAST, "106024"),
            readings(nofile="524288", nofile__soft="1024"),
            "ulimit -S -n 106024 in the shell that starts it (LimitNOFILE=106024 in its unit)",
        ),
        (
            requirement("nofile.soft", Operator.AT_LEAST, "106024"),
            readings(nofile="20000", nofile__soft="1024"),
            "raise nofile, the hard limit, first: it is 20000",
        ),
    ],
)
def test_fix(required: Requirement, have: Mapping[str, Reading], fix: str) -> None:
    """A demand that is not met comes with one line that meets it and keeps what is better already."""
    assert one(required, have).fix == fix


def test_fix_counts_processes_for_the_role() -> None:
    """A generator shards into generators; a proxy holds two files for each client, so it takes twice as many."""
    required, have = requirement("nofile", Operator.AT_LEAST, "106024"), readings(nofile="20000")
    assert "run 6 or more generator processes" in one(required, have, role=Role.GENERATOR).fix
    assert "run 12 or more proxy processes" in one(required, have, role=Role.PROXY).fix
    assert one(required, have, processes=6).fix.startswith("as root")


@pytest.mark.parametrize(
    ("facts", "fix"),
    [
        (HostFacts(), "or as root: ulimit -n 106024 (LimitNOFILE=106024 in its unit)"),
        (HostFacts(euid=1000), "or as root: ulimit -n 106024 (LimitNOFILE=106024 in its unit)"),
        (HostFacts(euid=0, capabilities=("CAP_SYS_RESOURCE",)), "or as root: ulimit -n 106024 "),
        (
            HostFacts(euid=0, capabilities=("CAP_NET_ADMIN",)),
            "or have it started with nofile=106024: root has no CAP_SYS_RESOURCE here and cannot raise it",
        ),
        (HostFacts(euid=0, container="docker"), "or start the container with --ulimit nofile=106024"),
    ],
)
def test_fix_is_one_that_the_host_permits(facts: HostFacts, fix: str) -> None:
    """Root without CAP_SYS_RESOURCE, or inside a container, is not told to raise what it cannot."""
    required, have = requirement("nofile", Operator.AT_LEAST, "106024"), readings(nofile="20000")
    (finding,) = judge(profile(required), have, role=Role.SERVER, facts=facts)
    assert finding.fix.startswith("run 6 or more server processes (20000 files each), ")
    assert fix in finding.fix


def test_lowering_is_told_and_not_advised() -> None:
    """A literal demand below what is here is no fix: the note says what it would do, and how little hangs on it."""
    finding = one(requirement("fs.file-max", Operator.EQUALS, "1000000"), readings(fs__file_max="9223372036854775807"))
    assert (finding.outcome, finding.effect, finding.fix) == (Outcome.FAIL, Effect.LOWERS, "")
    assert finding.note.startswith("would lower unlimited to 1000000")
    finding = one(requirement("net.core.rmem_max", Operator.EQUALS, "16384"), readings(net__core__rmem_max="212992"))
    assert finding.note.endswith("the number of connections does not depend on it")


def test_at_most_lowers_with_a_fix() -> None:
    """A ceiling is a demand of its own: its fix lowers, and says that apply asks first."""
    required = requirement("net.ipv4.tcp_mem", Operator.AT_MOST, "0 0 900", fields=(None, None, 900))
    finding = one(required, readings(net__ipv4__tcp_mem="100 950 1000"))
    assert finding.fix == "sysctl -w net.ipv4.tcp_mem='100 900 900'"
    assert finding.effect is Effect.LOWERS
    assert "--allow-lower" in finding.note


def test_mixed_change_is_told() -> None:
    """A triple that would rise in one place and fall in another says so."""
    required = requirement("net.ipv4.tcp_rmem", Operator.EQUALS, "8192 16384 262144")
    finding = one(required, readings(net__ipv4__tcp_rmem="4096 131072 6291456"))
    assert finding.effect is Effect.CHANGES
    assert "would raise a part" in finding.note


def test_refused_by_this_kernel() -> None:
    """What this kernel refuses has no fix; the note has its errno and what was tried."""
    required = requirement("net.ipv4.tcp_rmem", Operator.EQUALS, "1024 4096 16384")
    have = readings(net__ipv4__tcp_rmem="4096 131072 33554432")
    finding = one(required, have, refused={"net.ipv4.tcp_rmem": "EINVAL"})
    assert (finding.effect, finding.fix) == (Effect.REFUSED, "")
    assert finding.note.startswith("this kernel answers EINVAL to '1024 4096 16384'")
    assert one(required, have, refused={"net.ipv4.tcp_rmem": None}).effect is Effect.LOWERS
    gone = one(requirement("net.ipv4.tcp_tw_recycle", Operator.EQUALS, "1"), readings(net__ipv4__tcp_tw_recycle="0"))
    assert gone.note.startswith("nobody can write it")


def test_latched_values_say_when_they_count() -> None:
    """A value that is read once at listen() says so, since raising it alone changes nothing yet."""
    assert one(FLOOR, readings(net__core__somaxconn="128")).note == "takes effect at listen()"


def test_every_absence_has_a_sentence() -> None:
    """Whatever limit is absent, the finding says what that means."""
    for name, tunable in CATALOGUE.items():
        text = {Kind.INTEGER: "5", Kind.TRIPLE: "1 2 3", Kind.RANGE: "1 2", Kind.PORTS: "5", Kind.TEXT: "x"}
        required = requirement(name, Operator.EQUALS, text[tunable.kind])
        finding = one(required, {name: Reading(absence=Absence.ABSENT)})
        assert finding.outcome is Outcome.NOT_APPLICABLE
        assert len(finding.note) > 10
