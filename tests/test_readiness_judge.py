"""Judging: what passes, what fails, what cannot be said, and what each finding says about itself."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.judging import FLOOR, one, profile, readings, requirement
from wstune.model import (
    Absence,
    Effect,
    Finding,
    NextBoot,
    Operator,
    Outcome,
    Persisted,
    Reading,
    Role,
    Severity,
)
from wstune.readiness.judge import applicable, judge, not_in_force, values_to_try, verdict
from wstune.values import Kind, make, parse


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


def test_persisted() -> None:
    """The value of the next boot is judged too: whether the demand survives it."""
    have = readings(net__core__somaxconn="4096")
    for text, survives in (("8192", True), ("128", False)):
        boot = NextBoot(Persisted(make(Kind.INTEGER, int(text)), "/etc/sysctl.d/x.conf:3"))
        (finding,) = judge(profile(FLOOR), have, role=Role.SERVER, boots={"net.core.somaxconn": boot})
        assert finding.survives_reboot is survives
        assert finding.persisted == boot.persisted
        unsettled = boot._replace(settled=False, why="who knows", managers=("bpftune sets it under load",))
        (finding,) = judge(profile(FLOOR), have, role=Role.SERVER, boots={"net.core.somaxconn": unsettled})
        assert finding.survives_reboot is None
        assert (finding.boot_note, finding.managers) == ("who knows", unsettled.managers)
    assert one(FLOOR, have).survives_reboot is None


def test_persisted_in_part() -> None:
    """Of a vector that a file sets in part, it is not known whether the demand survives."""
    boot = NextBoot(Persisted(parse(Kind.TEXT, "4096"), "x:1"))
    (finding,) = judge(
        profile(FLOOR), readings(net__core__somaxconn="4096"), role=Role.SERVER, boots={"net.core.somaxconn": boot}
    )
    assert finding.survives_reboot is None


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
