"""How a value compares with what is demanded of it, and what would be written to meet the demand.

For every requirement and value: ``satisfied(requirement, demanded_value(requirement, value))``, and what is demanded
of a value that satisfies already is that value.
"""

from __future__ import annotations

from wstune.model import Effect, Operator, Requirement
from wstune.tunable import Tunable
from wstune.values import Kind, Value, make, merged

UNORDERED = ("switch", "policy", "port")
"""Units whose numbers are names: 2 is not more than 1."""


def satisfied(requirement: Requirement, live: Value) -> bool:
    """Whether the value is at least as good as demanded."""
    operand = requirement.operands[0]
    match requirement.operator:
        case Operator.AT_LEAST:
            return all(a >= b for a, b in _demanded_pairs(requirement, live))
        case Operator.AT_MOST:
            return all(a <= b for a, b in _demanded_pairs(requirement, live))
        case Operator.EQUALS if requirement.fields:
            return all(a == b for a, b in _demanded_pairs(requirement, live))
        case Operator.EQUALS:
            return live.same(operand)
        case Operator.ONE_OF:
            return any(live.same(choice) for choice in requirement.operands)
        case Operator.COVERS:
            return live.numbers[0] <= operand.numbers[0] and live.numbers[1] >= operand.numbers[1]
        case Operator.CONTAINS:
            return merged(live.numbers + operand.numbers) == merged(live.numbers)


def demanded_value(requirement: Requirement, live: Value | None) -> Value | None:
    """The whole value that meets the demand and keeps what is better already; None when that cannot be said.

    A triple's numbers are kept from falling: a raised first number raises those after it that would be below.
    """
    operand = requirement.operands[0]
    if live is None:
        complete = None not in requirement.fields and requirement.operator is not Operator.CONTAINS
        return operand if complete else None
    if satisfied(requirement, live):
        return live
    match requirement.operator:
        case Operator.AT_LEAST | Operator.AT_MOST | Operator.EQUALS if requirement.fields:
            return make(Kind.TRIPLE, *_triple(requirement, live))
        case Operator.AT_LEAST | Operator.AT_MOST | Operator.EQUALS | Operator.ONE_OF:
            return operand
        case Operator.COVERS:
            low, high = operand.numbers
            return make(Kind.RANGE, min(low, live.numbers[0]), max(high, live.numbers[1]))
        case Operator.CONTAINS:
            return make(Kind.PORTS, *live.numbers, *operand.numbers)


def effect(tunable: Tunable, live: Value, demanded: Value, errno: str | None = None) -> Effect:
    """What writing the demanded value over the live one would do.

    `errno` is what this kernel is known to answer, None when it accepts. A wider port range counts as raised.
    """
    if live.same(demanded):
        return Effect.NOTHING
    if errno or tunable.read_only or not _in_range(tunable, demanded):
        return Effect.REFUSED
    if live.kind in (Kind.TEXT, Kind.PORTS) or tunable.unit in UNORDERED:
        return Effect.CHANGES
    ups = [b > a for a, b in zip(live.numbers, demanded.numbers, strict=True) if a != b]
    if live.kind is Kind.RANGE and live.numbers[0] != demanded.numbers[0]:
        ups[0] = not ups[0]
    return Effect.RAISES if all(ups) else Effect.CHANGES if any(ups) else Effect.LOWERS


def demand_words(requirement: Requirement, tunable: Tunable) -> str:
    """The demand in a few characters: `≥ 106024`, `default ≤ 131072`, `covers 10000-65535`, `1 or 2`."""
    operand = requirement.operands[0]
    match requirement.operator:
        case Operator.AT_LEAST | Operator.AT_MOST | Operator.EQUALS:
            sign = {Operator.AT_LEAST: "≥", Operator.AT_MOST: "≤"}.get(requirement.operator, "=")
            if None in requirement.fields:
                named = zip(tunable.fields, requirement.fields, strict=True)
                return ", ".join(f"{name} {sign} {number}" for name, number in named if number is not None)
            return f"{sign} {'unlimited' if operand.unlimited else operand}"
        case Operator.ONE_OF:
            return " or ".join(map(str, requirement.operands))
        case Operator.COVERS:
            return f"covers {operand.numbers[0]}-{operand.numbers[1]}"
        case Operator.CONTAINS:
            return f"contains {operand}"


def _demanded_pairs(requirement: Requirement, live: Value) -> list[tuple[int, int]]:
    """(live, demanded) for each number that is demanded."""
    demanded = requirement.fields or requirement.operands[0].numbers
    return [(a, b) for a, b in zip(live.numbers, demanded, strict=True) if b is not None]


def _triple(requirement: Requirement, live: Value) -> list[int]:
    pairs = list(zip(live.numbers, requirement.fields, strict=True))
    match requirement.operator:
        case Operator.AT_LEAST:
            numbers = [have if want is None else max(have, want) for have, want in pairs]
            return [max(numbers[: index + 1]) for index in range(3)]
        case Operator.AT_MOST:
            numbers = [have if want is None else min(have, want) for have, want in pairs]
            return [min(numbers[index:]) for index in range(3)]
        case _:
            return [have if want is None else want for have, want in pairs]


def _in_range(tunable: Tunable, value: Value) -> bool:
    low, high = tunable.minimum, tunable.maximum
    return all((low is None or number >= low) and (high is None or number <= high) for number in value.numbers)
