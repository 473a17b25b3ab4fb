"""Plans: what is written, in which order, and what is not written and why."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tuning_scene import FACTS, circumstances, findings, reading
from wstune.changes import Refusal
from wstune.model import Absence, Finding, Operator, Outcome, Reading, Requirement, Severity
from wstune.readiness.compare import UNORDERED
from wstune.tunable import InUse
from wstune.tunables import CATALOGUE
from wstune.tuning.plan import Process, plan
from wstune.values import Kind, Value, make, parse

INTEGERS = ("net.core.somaxconn", "fs.file-max", "fs.nr_open", "net.core.netdev_max_backlog", "net.ipv4.tcp_tw_reuse")


def need(key: str, operator: Operator, text: str, severity: Severity = Severity.ERROR) -> Requirement:
    value = parse(CATALOGUE[key].kind, text)
    fields = value.numbers if value.kind is Kind.TRIPLE else ()
    return Requirement(key, operator, (value,), severity, "a test wants it", fields)


def judged(requirement: Requirement, live: str) -> tuple[Finding, ...]:
    return findings((requirement,), {requirement.tunable: reading(requirement.tunable, live)})


def test_only_what_is_worse_is_written_and_in_dependency_order() -> None:
    """Reserved ports come before the port range, nr_open before the rest, and what is good enough is left alone."""
    requirements = (
        need("net.core.somaxconn", Operator.AT_LEAST, "65535"),
        need("net.ipv4.ip_local_port_range", Operator.COVERS, "10000 65535"),
        need("net.ipv4.ip_local_reserved_ports", Operator.CONTAINS, "11211"),
        need("fs.file-max", Operator.AT_LEAST, "100"),
        need("fs.nr_open", Operator.AT_LEAST, "2000000"),
    )
    readings = {
        "net.core.somaxconn": reading("net.core.somaxconn", "4096"),
        "net.ipv4.ip_local_port_range": reading("net.ipv4.ip_local_port_range", "32768\t60999"),
        "net.ipv4.ip_local_reserved_ports": reading("net.ipv4.ip_local_reserved_ports", "8080"),
        "fs.file-max": reading("fs.file-max", "9223372036854775807"),
        "fs.nr_open": reading("fs.nr_open", "1048576"),
    }
    drawn = plan("test", findings(requirements, readings), circumstances())
    assert [(change.tunable, change.after) for change in drawn.changes] == [
        ("net.ipv4.ip_local_reserved_ports", "8080,11211"),
        ("net.ipv4.ip_local_port_range", "10000 65535"),
        ("fs.nr_open", "2000000"),
        ("net.core.somaxconn", "65535"),
    ]
    assert not drawn.refused


@pytest.mark.parametrize(
    ("key", "operator", "demand", "live"),
    [
        ("fs.nr_open", Operator.EQUALS, "1000000", "1048576"),
        ("fs.file-max", Operator.EQUALS, "1000000", "9223372036854775807"),
        ("net.ipv4.tcp_rmem", Operator.EQUALS, "1024 4096 16384", "4096 131072 6291456"),
        ("net.core.rmem_max", Operator.EQUALS, "16384", "212992"),
        ("net.ipv4.ip_local_port_range", Operator.EQUALS, "20000 60000", "32768 60999"),
        ("net.ipv4.ip_local_reserved_ports", Operator.EQUALS, "8080", "8080,9000"),
        ("net.ipv4.tcp_mem", Operator.EQUALS, "1 10000000 10000000", "287901 383868 575802"),
    ],
)
def test_nothing_is_lowered_without_consent(key: str, operator: Operator, demand: str, live: str) -> None:
    """A value that would fall, narrow or lose a port, in any of its numbers, is refused; --allow-lower writes it."""
    some = judged(need(key, operator, demand), live)
    refused = plan("test", some, circumstances())
    assert [change.refusal for change in refused.refused] == [Refusal.LOWERS]
    assert not refused.changes
    allowed = plan("test", some, circumstances(), allow_lower=True)
    assert [change.after for change in allowed.changes] == [str(parse(CATALOGUE[key].kind, demand))]


def test_nr_open_is_never_put_below_a_live_hard_limit() -> None:
    """Also with --allow-lower: a process that has more would break its logins."""
    some = judged(need("fs.nr_open", Operator.EQUALS, "1000000"), "1048576")
    drawn = plan("test", some, circumstances(in_use={InUse.HARD_NOFILE: 1048576}), allow_lower=True)
    assert [change.refusal for change in drawn.refused] == [Refusal.GUARD]
    unknown = plan("test", some, circumstances(in_use={}), allow_lower=True)
    assert [change.refusal for change in unknown.refused] == [Refusal.GUARD]


def test_the_guards_bounds() -> None:
    """nr_open may equal the highest hard limit; file-max keeps a tenth free above what is open."""
    nr_open, file_max = CATALOGUE["fs.nr_open"].guard, CATALOGUE["fs.file-max"].guard
    assert nr_open is not None
    assert file_max is not None
    assert nr_open.refuses(1000, 1000) == ""
    assert "hard file limit of 1000" in nr_open.refuses(999, 1000)
    assert file_max.refuses(1100, 1000) == ""
    assert "1000 files are open" in file_max.refuses(1099, 1000)
    assert "not known" in file_max.refuses(1099, None)


def test_outside_the_hosts_namespace_global_keys_are_left_alone() -> None:
    """In a child namespace, in a container, and where it cannot be told: only keys of the namespace are written."""
    requirements = (
        need("fs.file-max", Operator.AT_LEAST, "9000000"),
        need("net.core.netdev_max_backlog", Operator.AT_LEAST, "9000"),
        need("net.core.somaxconn", Operator.AT_LEAST, "9000"),
    )
    readings = {each.tunable: reading(each.tunable, "4096") for each in requirements}
    for facts in (
        replace(FACTS, initial_netns=False),
        replace(FACTS, initial_netns=None),
        replace(FACTS, container="docker"),
    ):
        drawn = plan("test", findings(requirements, readings), circumstances(facts=facts))
        assert [change.tunable for change in drawn.changes] == ["net.core.somaxconn"]
        assert {change.refusal for change in drawn.refused} == {Refusal.OUTSIDE}


def test_what_is_absent_unknown_or_not_writable_is_listed_with_its_reason() -> None:
    """No reading is no change, and a key that cannot be written is known beforehand."""
    requirement = need("net.core.somaxconn", Operator.AT_LEAST, "9000")
    for absence, refusal in ((Absence.ABSENT, Refusal.ABSENT), (Absence.DENIED, Refusal.UNKNOWN)):
        some = findings((requirement,), {"net.core.somaxconn": Reading(absence=absence, why="because")})
        (change,) = plan("test", some, circumstances()).refused
        assert (change.refusal, change.reason) == (refusal, "because")
    some = judged(requirement, "4096")
    (change,) = plan("test", some, circumstances(unwritable={"net.core.somaxconn": "read-only file system"})).refused
    assert change.refusal is Refusal.READ_ONLY
    assert "read-only file system" in change.reason


@pytest.mark.parametrize("demand", ["8192 262144 2147483648", "0 262144 6291456", "8192 99999999999 6291456"])
def test_a_vector_is_looked_at_whole_before_any_of_it_is_written(demand: str) -> None:
    """The kernel would store what comes before the number that it refuses: so the plan refuses all of it."""
    some = judged(need("net.ipv4.tcp_rmem", Operator.EQUALS, demand), "4096 131072 6291456")
    drawn = plan("test", some, circumstances(), allow_lower=True)
    assert [change.refusal for change in drawn.refused] == [Refusal.OUT_OF_RANGE]
    assert not drawn.changes


def test_a_process_gets_its_limit_raised_and_never_lowered() -> None:
    """Soft and hard are one change; the soft one may already be higher than demanded."""
    requirements = (
        need("nofile", Operator.AT_LEAST, "70000"),
        need("nofile.soft", Operator.AT_LEAST, "500", Severity.WARN),
    )
    readings = {"nofile": reading("nofile", "4096"), "nofile.soft": reading("nofile.soft", "1024")}
    some = findings(requirements, readings)
    (change,) = plan("test", some, circumstances(process=Process(42, 99, 1024, 4096))).changes
    assert (change.before, change.after, change.pid, change.started) == ("1024 4096", "1024 70000", 42, 99)


def test_a_limit_above_nr_open_is_refused_unless_the_plan_raises_nr_open_first() -> None:
    """setrlimit above fs.nr_open is EPERM even for root, so nr_open comes first or not at all."""
    limit = need("nofile", Operator.AT_LEAST, "2000000")
    ceiling = need("fs.nr_open", Operator.AT_LEAST, "2000000")
    readings = {"nofile": reading("nofile", "4096"), "fs.nr_open": reading("fs.nr_open", "1048576")}
    known = circumstances(process=Process(42, 99, 1024, 4096))
    (refused,) = plan("test", findings((limit,), readings), known).refused
    assert refused.refusal is Refusal.GUARD
    drawn = plan("test", findings((limit, ceiling), readings), known)
    assert [change.tunable for change in drawn.changes] == ["fs.nr_open", "nofile"]


def test_raising_a_hard_limit_without_the_capability_is_refused_beforehand() -> None:
    """Root without CAP_SYS_RESOURCE may raise the soft limit, and not the hard one."""
    some = judged(need("nofile", Operator.AT_LEAST, "70000"), "4096")
    known = circumstances(facts=replace(FACTS, capabilities=()), process=Process(42, 99, 1024, 4096))
    assert [change.refusal for change in plan("test", some, known).refused] == [Refusal.PRIVILEGE]
    soft = judged(need("nofile.soft", Operator.AT_LEAST, "4096"), "1024")
    assert [change.after for change in plan("test", soft, known).changes] == ["4096 4096"]


def test_without_a_process_a_file_limit_is_nobodys() -> None:
    """The limit of wstune itself is not worth changing: the plan says whom to name."""
    some = judged(need("nofile", Operator.AT_LEAST, "70000"), "4096")
    (change,) = plan("test", some, circumstances()).refused
    assert change.refusal is Refusal.ELSEWHERE
    assert "--pid" in change.reason


demands = st.integers(0, 2_000_000).map(lambda number: make(Kind.INTEGER, number))
triples = st.tuples(*[st.integers(4096, 10_000_000)] * 3).map(lambda some: make(Kind.TRIPLE, *sorted(some)))
ranges = st.tuples(*[st.integers(1024, 65535)] * 2).map(lambda some: make(Kind.RANGE, *sorted(some)))
port_lists = st.lists(st.integers(1, 65535), max_size=8).map(lambda some: parse(Kind.PORTS, ",".join(map(str, some))))


@st.composite
def cases(draw: st.DrawFn) -> tuple[Requirement, Value]:
    """A requirement on a key, and a value that the key has."""
    kind = draw(st.sampled_from(["integer", "triple", "range", "ports"]))
    severity = draw(st.sampled_from([Severity.ERROR, Severity.WARN]))

    def make_requirement(key: str, operator: Operator, *operands: Value) -> Requirement:
        fields: tuple[int | None, ...] = ()
        if operands[0].kind is Kind.TRIPLE:
            fields = tuple(draw(st.one_of(st.none(), st.just(number))) for number in operands[0].numbers)
        return Requirement(key, operator, operands, severity, "why", fields)

    order = st.sampled_from([Operator.AT_LEAST, Operator.AT_MOST, Operator.EQUALS])
    if kind == "integer":
        key = draw(st.sampled_from(INTEGERS))
        if draw(st.booleans()):
            return make_requirement(key, Operator.ONE_OF, draw(demands), draw(demands)), draw(demands)
        return make_requirement(key, draw(order), draw(demands)), draw(demands)
    if kind == "triple":
        return make_requirement("net.ipv4.tcp_rmem", draw(order), draw(triples)), draw(triples)
    if kind == "range":
        return make_requirement("net.ipv4.ip_local_port_range", Operator.COVERS, draw(ranges)), draw(ranges)
    return make_requirement("net.ipv4.ip_local_reserved_ports", Operator.CONTAINS, draw(port_lists)), draw(port_lists)


@given(cases())
def test_a_plan_applied_judges_pass_and_a_second_one_is_empty(case: tuple[Requirement, Value]) -> None:
    """What is written meets the requirement, what is not was refused with a reason, and nothing is left to do."""
    requirement, live = case
    key = requirement.tunable
    some = findings((requirement,), {key: Reading(live)})
    drawn = plan("test", some, circumstances(in_use={InUse.HARD_NOFILE: 0, InUse.FILES: 0}), allow_lower=True)
    after = live
    for change in drawn.changes:
        after = parse(live.kind, change.after)
    again = findings((requirement,), {key: Reading(after)})
    if drawn.refused:
        assert all(change.reason for change in drawn.refused)
        assert after is live
    else:
        assert [finding.outcome for finding in again] == [Outcome.PASS]
        assert plan("test", again, circumstances(), allow_lower=True).empty


@given(cases())
def test_without_consent_no_number_ever_falls(case: tuple[Requirement, Value]) -> None:
    """Whatever a profile demands."""
    requirement, live = case
    drawn = plan("test", findings((requirement,), {requirement.tunable: Reading(live)}), circumstances())
    if CATALOGUE[requirement.tunable].unit in UNORDERED:
        return  # neither more nor less
    for change in drawn.changes:
        after = parse(live.kind, change.after)
        if live.kind in (Kind.INTEGER, Kind.TRIPLE):
            assert all(new >= old for old, new in zip(live.numbers, after.numbers, strict=True))
        elif live.kind is Kind.RANGE:
            assert after.numbers[0] <= live.numbers[0]
            assert after.numbers[1] >= live.numbers[1]
