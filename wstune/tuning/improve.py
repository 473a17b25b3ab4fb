"""The nearest value that meets a requirement, and whether one value is worse than another. Pure."""

from __future__ import annotations

from collections.abc import Callable
from itertools import accumulate

from wstune.model import Direction, Operator, Requirement, Tunable
from wstune.values import Kind, Value, make, merged, parse


def improved(requirement: Requirement, present: Value) -> Value:
    """The value nearest to `present` that meets the requirement; `present` itself when it does already.

    Triples keep their order (minimum ≤ default ≤ maximum): raising one number lifts those after it that would be less,
    lowering one takes down those before it that would be more.
    """
    operand = requirement.operands[0] if requirement.operands else present
    match requirement.operator:
        case Operator.AT_LEAST:
            if present.kind is Kind.TRIPLE:
                return make(present.kind, *accumulate(_each(requirement, present, max), max))
            return make(present.kind, max(present.number, operand.number))
        case Operator.AT_MOST:
            if present.kind is Kind.TRIPLE:
                downwards = accumulate(reversed(_each(requirement, present, min)), min)
                return make(present.kind, *reversed(tuple(downwards)))
            return make(present.kind, min(present.number, operand.number))
        case Operator.EQUALS:
            return _equal(requirement, present, operand)
        case Operator.ONE_OF:
            return present if any(present.same(choice) for choice in requirement.operands) else operand
        case Operator.COVERS:
            (low, high), (first, last) = present.numbers, operand.numbers
            return make(present.kind, min(low, first), max(high, last))
        case Operator.CONTAINS:
            return make(present.kind, *merged(present.numbers + operand.numbers))


def worsens(tunable: Tunable, before: Value, after: Value) -> bool:
    """Whether going from one value to the other takes something away from connections, in any of its numbers."""
    if before.kind is Kind.TEXT or tunable.direction is Direction.NONE:
        return False
    if before.kind is Kind.PORTS:
        return merged(before.numbers + after.numbers) != merged(after.numbers)
    if before.kind is Kind.RANGE:
        return after.numbers[0] > before.numbers[0] or after.numbers[1] < before.numbers[1]
    pairs = tuple(zip(before.numbers, after.numbers, strict=True))
    if tunable.direction is Direction.LOWER:
        return any(new > old for old, new in pairs)
    return any(new < old for old, new in pairs)


def _each(requirement: Requirement, present: Value, better: Callable[[int, int], int]) -> tuple[int, ...]:
    wanted = requirement.fields or requirement.operands[0].numbers
    return tuple(old if new is None else better(old, new) for old, new in zip(present.numbers, wanted, strict=True))


def _equal(requirement: Requirement, present: Value, operand: Value) -> Value:
    if present.kind is Kind.TRIPLE and requirement.fields:
        pairs = zip(present.numbers, requirement.fields, strict=True)
        return make(present.kind, *(old if new is None else new for old, new in pairs))
    if present.kind is Kind.TEXT:
        return parse(present.kind, operand.raw)
    return operand
