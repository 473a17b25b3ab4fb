"""Values against demands: laws of comparing."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from wstune.model import Effect, Operator, Requirement, Severity
from wstune.readiness.compare import demand_words, demanded_value, effect, satisfied
from wstune.tunable import Tunable
from wstune.tunables import CATALOGUE
from wstune.values import UNLIMITED, Kind, Value, make, parse

FILE_MAX, RMEM = CATALOGUE["fs.file-max"], CATALOGUE["net.ipv4.tcp_rmem"]
RANGE, RESERVED = CATALOGUE["net.ipv4.ip_local_port_range"], CATALOGUE["net.ipv4.ip_local_reserved_ports"]
TW_REUSE, CONGESTION = CATALOGUE["net.ipv4.tcp_tw_reuse"], CATALOGUE["net.ipv4.tcp_congestion_control"]
TUNABLES = {Kind.INTEGER: FILE_MAX, Kind.TRIPLE: RMEM, Kind.RANGE: RANGE, Kind.PORTS: RESERVED, Kind.TEXT: CONGESTION}

number = st.integers(1, 10**7)
port = st.integers(1, 65535)
VALUES = {
    Kind.INTEGER: st.one_of(number, st.just(UNLIMITED)).map(lambda n: make(Kind.INTEGER, n)),
    Kind.TRIPLE: st.tuples(number, number, number).map(lambda three: make(Kind.TRIPLE, *sorted(three))),
    Kind.RANGE: st.tuples(port, port).map(lambda two: make(Kind.RANGE, *sorted(two))),
    Kind.PORTS: st.lists(st.tuples(port, port).map(sorted), max_size=4).map(
        lambda pairs: make(Kind.PORTS, *(number for pair in pairs for number in pair))
    ),
    Kind.TEXT: st.sampled_from(["cubic", "bbr", "reno"]).map(lambda text: parse(Kind.TEXT, text)),
}
OPERATORS = {
    Kind.INTEGER: [Operator.AT_LEAST, Operator.AT_MOST, Operator.EQUALS, Operator.ONE_OF],
    Kind.TRIPLE: [Operator.AT_LEAST, Operator.AT_MOST, Operator.EQUALS],
    Kind.RANGE: [Operator.COVERS, Operator.EQUALS],
    Kind.PORTS: [Operator.CONTAINS, Operator.EQUALS],
    Kind.TEXT: [Operator.EQUALS, Operator.ONE_OF],
}


@st.composite
def requirements(draw: st.DrawFn, kind: Kind) -> Requirement:
    operator = draw(st.sampled_from(OPERATORS[kind]))
    count = draw(st.integers(1, 3)) if operator is Operator.ONE_OF else 1
    values = tuple(draw(VALUES[kind]) for _ in range(count))
    fields: tuple[int | None, ...] = ()
    if kind is Kind.TRIPLE:
        mask = draw(st.tuples(*[st.booleans()] * 3).filter(any))
        fields = tuple(n if shown else None for n, shown in zip(values[0].numbers, mask, strict=True))
    return Requirement(TUNABLES[kind].name, operator, values, Severity.ERROR, "why", fields)


@st.composite
def cases(draw: st.DrawFn) -> tuple[Requirement, Value]:
    kind = draw(st.sampled_from([*VALUES]))
    return draw(requirements(kind)), draw(VALUES[kind])


@given(cases())
def test_what_is_demanded_satisfies(case: tuple[Requirement, Value]) -> None:
    """Writing what is demanded meets the demand, and demanding again changes nothing."""
    requirement, live = case
    demanded = demanded_value(requirement, live)
    assert demanded is not None
    assert satisfied(requirement, demanded)
    assert demanded_value(requirement, demanded) == demanded


@given(cases())
def test_nothing_is_written_over_what_satisfies(case: tuple[Requirement, Value]) -> None:
    """A value that satisfies is demanded as it is, and writing it does nothing."""
    requirement, live = case
    assume(satisfied(requirement, live))
    assert demanded_value(requirement, live) == live
    assert effect(TUNABLES[live.kind], live, live) is Effect.NOTHING


@given(cases())
def test_direction(case: tuple[Requirement, Value]) -> None:
    """At least, covers and contains never lower a number or narrow a range; at most never raises one."""
    requirement, live = case
    demanded = demanded_value(requirement, live)
    assert demanded is not None
    found = effect(TUNABLES[live.kind], live, demanded)
    match requirement.operator:
        case Operator.AT_LEAST | Operator.COVERS:
            assert found in (Effect.NOTHING, Effect.RAISES)
        case Operator.AT_MOST:
            assert found in (Effect.NOTHING, Effect.LOWERS)
        case Operator.CONTAINS:
            assert found in (Effect.NOTHING, Effect.CHANGES)
            assert demanded_value(requirement, demanded) == demanded
        case _:
            assert found is not Effect.REFUSED


@given(requirements(Kind.TRIPLE), VALUES[Kind.TRIPLE])
def test_triples_do_not_fall(requirement: Requirement, live: Value) -> None:
    """A raised or lowered number takes along those that would cross it."""
    assume(requirement.operator is not Operator.EQUALS)
    demanded = demanded_value(requirement, live)
    assert demanded is not None
    assert list(demanded.numbers) == sorted(demanded.numbers)


@pytest.mark.parametrize(
    ("live", "demanded", "expected"),
    [
        ((FILE_MAX, "2466183"), "1000000", Effect.LOWERS),
        ((FILE_MAX, "400000"), "1000000", Effect.RAISES),
        ((FILE_MAX, "9223372036854775807"), "1000000", Effect.LOWERS),
        ((RMEM, "4096\t131072\t33554432"), "4096 131072 33554432", Effect.NOTHING),
        ((RMEM, "4096 131072 33554432"), "1024 4096 16384", Effect.LOWERS),
        ((RMEM, "4096 131072 33554432"), "8192 131072 16384", Effect.CHANGES),
        ((RMEM, "4096 131072 33554432"), "0 4096 16384", Effect.REFUSED),
        ((RANGE, "32768 60999"), "1024 64000", Effect.RAISES),
        ((RANGE, "32768 60999"), "40000 50000", Effect.LOWERS),
        ((RANGE, "32768 60999"), "40000 64000", Effect.CHANGES),
        ((RANGE, "32768 60999"), "32768 64000", Effect.RAISES),
        ((RANGE, "32768 60999"), "1024 60999", Effect.RAISES),
        ((RESERVED, "80"), "80,443", Effect.CHANGES),
        ((TW_REUSE, "2"), "1", Effect.CHANGES),
        ((CONGESTION, "cubic"), "bbr", Effect.CHANGES),
        ((CATALOGUE["net.ipv4.tcp_tw_recycle"], "0"), "1", Effect.REFUSED),
    ],
)
def test_effect(live: tuple[Tunable, str], demanded: str, expected: Effect) -> None:
    """The effect of a write is told by its numbers; a wider range is more, a switch is neither more nor less."""
    tunable, text = live
    assert effect(tunable, parse(tunable.kind, text), parse(tunable.kind, demanded)) is expected


def test_refusal_is_by_this_kernel() -> None:
    """What this kernel is known to answer outranks the numbers, except where nothing would be written."""
    live, demanded = parse(Kind.TRIPLE, "4096 131072 33554432"), parse(Kind.TRIPLE, "1024 4096 16384")
    assert effect(RMEM, live, demanded, "EINVAL") is Effect.REFUSED
    assert effect(RMEM, live, live, "EINVAL") is Effect.NOTHING


def test_without_a_value() -> None:
    """What is demanded of an unread value is the operand, where that is a whole value and adds to nothing."""
    integer = Requirement("fs.file-max", Operator.AT_LEAST, (make(Kind.INTEGER, 5),), Severity.ERROR, "why")
    assert demanded_value(integer, None) == make(Kind.INTEGER, 5)
    triple = Requirement("x", Operator.AT_LEAST, (make(Kind.TRIPLE, 0, 0, 5),), Severity.ERROR, "", (None, None, 5))
    assert demanded_value(triple, None) is None
    ports = Requirement("x", Operator.CONTAINS, (make(Kind.PORTS, 80, 80),), Severity.ERROR, "")
    assert demanded_value(ports, None) is None


@pytest.mark.parametrize(
    ("tunable", "operator", "operands", "fields", "words"),
    [
        (FILE_MAX, Operator.AT_LEAST, ["5"], (), "≥ 5"),
        (FILE_MAX, Operator.AT_MOST, ["max"], (), "≤ unlimited"),
        (FILE_MAX, Operator.EQUALS, ["5"], (), "= 5"),
        (RMEM, Operator.AT_LEAST, ["1 2 3"], (1, 2, 3), "≥ 1 2 3"),
        (RMEM, Operator.AT_MOST, ["1 2 3"], (None, 2, 3), "default ≤ 2, max ≤ 3"),
        (RANGE, Operator.COVERS, ["10 20"], (), "covers 10-20"),
        (TW_REUSE, Operator.ONE_OF, ["1", "2"], (), "1 or 2"),
        (RESERVED, Operator.CONTAINS, ["80,90-95"], (), "contains 80,90-95"),
    ],
)
def test_words(
    tunable: Tunable, operator: Operator, operands: list[str], fields: tuple[int | None, ...], words: str
) -> None:
    """A demand is told in a few characters."""
    values = tuple(parse(tunable.kind, text) for text in operands)
    assert demand_words(Requirement(tunable.name, operator, values, Severity.ERROR, "why", fields), tunable) == words
