"""Judging: what passes, what fails, what cannot be said, and what each finding says about itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wstune.model import (
    Absence,
    Effect,
    Finding,
    HostFacts,
    Operator,
    Outcome,
    Persisted,
    Profile,
    Reading,
    Requirement,
    Role,
    Severity,
)
from wstune.readiness.judge import applicable, judge, not_in_force, values_to_try, verdict
from wstune.tunables import CATALOGUE
from wstune.values import Kind, make, parse

EVERYBODY = (Role.SERVER, Role.GENERATOR, Role.PROXY)


def requirement(
    tunable: str,
    operator: Operator,
    *texts: str,
    severity: Severity = Severity.ERROR,
    roles: tuple[Role, ...] = EVERYBODY,
    fields: tuple[int | None, ...] = (),
) -> Requirement:
    kind = CATALOGUE[tunable].kind
    values = tuple(parse(kind, text) for text in texts)
    if kind is Kind.TRIPLE and not fields:
        fields = values[0].numbers
    return Requirement(tunable, operator, values, severity, f"why of {tunable}", fields, roles)


def profile(*requirements: Requirement, connections: int = 100_000, processes: int = 1) -> Profile:
    return Profile("sample", "", requirements, {"connections": connections, "processes": processes})


def readings(**texts: str) -> dict[str, Reading]:
    """By name with `__` for dots: readings(net__core__somaxconn="128")."""
    found = {}
    for name, text in texts.items():
        name = name.replace("__", ".").replace("file_max", "file-max")
        found[name] = Reading(parse(CATALOGUE[name].kind, text))
    return found


def one(
    required: Requirement,
    have: Mapping[str, Reading],
    *,
    role: Role = Role.SERVER,
    refused: Mapping[str, str | None] | None = None,
    processes: int = 1,
) -> Finding:
    (finding,) = judge(profile(required, processes=processes), have, role=role, refused=refused)
    return finding


FLOOR = requirement("net.core.somaxconn", Operator.AT_LEAST, "4096")


@pytest.mark.parametrize(
    ("have", "severity", "outcome", "effect"),
    [
        ("4096", Severity.ERROR, Outcome.PASS, Effect.NOTHING),
        ("65535", Severity.ERROR, Outcome.PASS, Effect.NOTHING),
        ("128", Severity.ERROR, Outcome.FAIL, Effect.RAISES),
        ("0", Severity.ERROR, Outcome.FAIL, Effect.RAISES),
        ("128", Severity.WARN, Outcome.WARN, Effect.RAISES),
        ("128", Severity.INFO, Outcome.WARN, Effect.RAISES),
        ("4096", Severity.INFO, Outcome.PASS, Effect.NOTHING),
    ],
)
def test_outcome(have: str, severity: Severity, outcome: Outcome, effect: Effect) -> None:
    """At least as good passes, 0 is a value, and the severity decides between failure and warning."""
    finding = one(requirement("net.core.somaxconn", Operator.AT_LEAST, "4096", severity=severity),
                  readings(net__core__somaxconn=have))  # fmt: skip
    assert (finding.outcome, finding.effect, finding.severity) == (outcome, effect, severity)
    assert finding.why == "why of net.core.somaxconn"
    assert bool(finding.fix) is (outcome is not Outcome.PASS)


@pytest.mark.parametrize(
    ("reading", "outcome", "note"),
    [
        (
            Reading(absence=Absence.ABSENT, why="no such file"),
            Outcome.NOT_APPLICABLE,
            "hidden in this network namespace",
        ),
        (Reading(absence=Absence.DENIED, why="permission denied"), Outcome.UNKNOWN, "permission denied"),
        (Reading(absence=Absence.UNREADABLE, why="got 'x'"), Outcome.UNKNOWN, "got 'x'"),
        (Reading(absence=Absence.UNREADABLE), Outcome.UNKNOWN, "could not be read"),
        (None, Outcome.UNKNOWN, "not read"),
    ],
)
def test_no_reading_is_not_a_pass(reading: Reading | None, outcome: Outcome, note: str) -> None:
    """What is absent is not applicable, what could not be read is unknown, and both say why."""
    finding = one(FLOOR, {} if reading is None else {"net.core.somaxconn": reading})
    assert finding.outcome is outcome
    assert finding.effect is Effect.UNKNOWN
    assert note in finding.note
    assert finding.fix == ""


def test_every_absence_has_a_sentence() -> None:
    """Whatever limit is absent, the finding says what that means."""
    for name, tunable in CATALOGUE.items():
        text = {Kind.INTEGER: "5", Kind.TRIPLE: "1 2 3", Kind.RANGE: "1 2", Kind.PORTS: "5", Kind.TEXT: "x"}
        required = requirement(name, Operator.EQUALS, text[tunable.kind])
        finding = one(required, {name: Reading(absence=Absence.ABSENT)})
        assert finding.outcome is Outcome.NOT_APPLICABLE
        assert len(finding.note) > 10


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


def test_persisted() -> None:
    """The value of the next boot is judged too: whether the demand survives it."""
    have = readings(net__core__somaxconn="4096")
    for text, survives in (("8192", True), ("128", False)):
        persisted = {"net.core.somaxconn": Persisted(make(Kind.INTEGER, int(text)), "/etc/sysctl.d/x.conf:3")}
        (finding,) = judge(profile(FLOOR), have, role=Role.SERVER, persisted=persisted)
        assert finding.survives_reboot is survives
        assert finding.persisted == persisted["net.core.somaxconn"]
    assert one(FLOOR, have).survives_reboot is None


def test_not_in_force() -> None:
    """conntrack caps nothing while it counts nothing; where it counts, or the count is unknown, it is judged."""
    required = requirement("net.netfilter.nf_conntrack_max", Operator.AT_LEAST, "120000")
    have = readings(net__netfilter__nf_conntrack_max="4096")

    def outcome(count: int | None) -> Finding:
        (finding,) = judge(profile(required), have, role=Role.SERVER, inactive=not_in_force(count))
        return finding

    assert outcome(37).outcome is outcome(None).outcome is Outcome.FAIL
    assert outcome(0).outcome is Outcome.NOT_APPLICABLE
    assert "no rule makes it track" in outcome(0).note
    assert outcome(0).fix == ""
    met = readings(net__netfilter__nf_conntrack_max="262144")
    assert judge(profile(required), met, role=Role.SERVER, inactive=not_in_force(0))[0].outcome is Outcome.PASS


def test_roles() -> None:
    """Each end has its own requirements; with both ends here, what names both stands in for the single ends'."""
    one_end = requirement("fs.file-max", Operator.AT_LEAST, "1", roles=(Role.SERVER, Role.GENERATOR))
    two_ends = requirement("fs.file-max", Operator.AT_LEAST, "2", roles=(Role.PROXY, Role.BOTH))
    port_range = requirement("net.ipv4.ip_local_port_range", Operator.COVERS, "1 2", roles=(Role.GENERATOR, Role.PROXY))
    ceiling = requirement("fs.file-max", Operator.AT_MOST, "9", roles=(Role.SERVER,))
    mixed = profile(one_end, two_ends, port_range, ceiling)
    assert applicable(mixed, Role.SERVER) == (one_end, ceiling)
    assert applicable(mixed, Role.GENERATOR) == (one_end, port_range)
    assert applicable(mixed, Role.PROXY) == (two_ends, port_range)
    assert applicable(mixed, Role.BOTH) == (two_ends, port_range, ceiling)


def test_values_to_try() -> None:
    """Only what differs, and a namespace has of its own, is tried; demands on one tunable are tried together."""
    sample = profile(
        FLOOR,
        requirement("fs.file-max", Operator.AT_LEAST, "5000000"),
        requirement("net.ipv4.tcp_mem", Operator.AT_LEAST, "1 2 3"),
        requirement("net.ipv4.tcp_wmem", Operator.AT_LEAST, "1 2 3"),
        requirement("net.ipv4.tcp_rmem", Operator.AT_LEAST, "0 0 262144", fields=(None, None, 262144)),
        requirement("net.ipv4.tcp_rmem", Operator.AT_MOST, "0 8192 0", fields=(None, 8192, None)),
        requirement("net.ipv4.tcp_tw_recycle", Operator.EQUALS, "1"),
        requirement("net.ipv4.tcp_tw_reuse", Operator.EQUALS, "1"),
    )
    have = readings(
        net__core__somaxconn="128",
        fs__file_max="100",
        net__ipv4__tcp_wmem="4096 16384 4194304",
        net__ipv4__tcp_rmem="4096 131072 200000",
    )
    assert values_to_try(sample, have, role=Role.SERVER) == {
        "net.core.somaxconn": "4096",
        "net.ipv4.tcp_rmem": "4096 8192 262144",
        "net.ipv4.tcp_tw_reuse": "1",
    }


def findings(*outcomes: tuple[Outcome, Severity]) -> Iterable[Finding]:
    sample = one(FLOOR, readings(net__core__somaxconn="4096"))
    for outcome, severity in outcomes:
        yield Finding(sample.tunable, sample.store, outcome, severity, sample.live, FLOOR, "why", "fix", Effect.NOTHING)


@pytest.mark.parametrize(
    ("outcomes", "expected"),
    [
        ([], "inconclusive"),
        ([(Outcome.PASS, Severity.ERROR)], "ready"),
        ([(Outcome.PASS, Severity.ERROR), (Outcome.WARN, Severity.WARN)], "ready"),
        ([(Outcome.PASS, Severity.ERROR), (Outcome.NOT_APPLICABLE, Severity.ERROR)], "ready"),
        ([(Outcome.PASS, Severity.ERROR), (Outcome.UNKNOWN, Severity.WARN)], "ready"),
        ([(Outcome.PASS, Severity.ERROR), (Outcome.UNKNOWN, Severity.ERROR)], "inconclusive"),
        ([(Outcome.FAIL, Severity.ERROR), (Outcome.UNKNOWN, Severity.ERROR)], "not-ready"),
        ([(Outcome.NOT_APPLICABLE, Severity.ERROR)], "inconclusive"),
        ([(Outcome.NOT_APPLICABLE, Severity.ERROR), (Outcome.UNKNOWN, Severity.WARN)], "inconclusive"),
        ([(Outcome.WARN, Severity.INFO)], "ready"),
    ],
)
def test_verdict(outcomes: list[tuple[Outcome, Severity]], expected: str) -> None:
    """A failure decides, then an unknown, and nothing judged is nothing shown."""
    assert verdict(list(findings(*outcomes))) == expected


@given(st.permutations(list(product([Outcome.PASS, Outcome.WARN, Outcome.UNKNOWN], [Severity.WARN, Severity.ERROR]))))
def test_verdict_has_no_order(outcomes: list[tuple[Outcome, Severity]]) -> None:
    """The order of findings decides nothing."""
    assert verdict(list(findings(*outcomes))) == "inconclusive"


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.integers(0, 10**6))
def test_monotone_floor(floor: int, low: int, more: int) -> None:
    """More of what is demanded at least never judges worse; more of what is demanded at most never judges better."""
    for operator, worst in ((Operator.AT_LEAST, Outcome.FAIL), (Operator.AT_MOST, Outcome.PASS)):
        required = requirement("fs.file-max", operator, str(floor))
        before = one(required, readings(fs__file_max=str(low))).outcome
        after = one(required, readings(fs__file_max=str(low + more))).outcome
        assert before is worst or after is before


ports = st.integers(1, 65535)


@given(ports, ports, ports, ports, ports, ports)
def test_monotone_range(a: int, b: int, c: int, d: int, e: int, f: int) -> None:
    """A wider port range never judges worse, and a longer list of reserved ports neither."""

    def span(*numbers: int) -> str:
        return f"{min(numbers)} {max(numbers)}"

    required = requirement("net.ipv4.ip_local_port_range", Operator.COVERS, span(a, b))
    narrow = one(required, readings(net__ipv4__ip_local_port_range=span(c, d))).outcome
    wide = one(required, readings(net__ipv4__ip_local_port_range=span(c, d, e, f))).outcome
    assert narrow is Outcome.FAIL or wide is Outcome.PASS
    required = requirement("net.ipv4.ip_local_reserved_ports", Operator.CONTAINS, span(a, b).replace(" ", "-"))
    few = one(required, readings(net__ipv4__ip_local_reserved_ports=span(c, d).replace(" ", "-"))).outcome
    many = f"{span(c, d).replace(' ', '-')},{span(e, f).replace(' ', '-')}"
    assert few is Outcome.FAIL or one(required, readings(net__ipv4__ip_local_reserved_ports=many)).outcome is few


triple = st.tuples(*[st.integers(1, 10**6)] * 3)


@given(triple, triple, triple, st.tuples(*[st.booleans()] * 3).filter(any))
def test_monotone_triple(
    demand: tuple[int, ...], have: tuple[int, ...], more: tuple[int, ...], mask: tuple[bool, ...]
) -> None:
    """Raising any numbers of a triple never judges a floor worse."""
    text = " ".join(map(str, demand))
    fields = tuple(number if shown else None for number, shown in zip(demand, mask, strict=True))
    required = requirement("net.ipv4.tcp_rmem", Operator.AT_LEAST, text, fields=fields)
    before = one(required, readings(net__ipv4__tcp_rmem=" ".join(map(str, have)))).outcome
    raised = " ".join(str(a + b) for a, b in zip(have, more, strict=True))
    assert before is Outcome.FAIL or one(required, readings(net__ipv4__tcp_rmem=raised)).outcome is before
