"""What stands after an operator in a profile, made into the values that are compared."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from wstune.errors import ProfileError
from wstune.model import Operator
from wstune.readiness.expressions import closest
from wstune.readiness.profile_parser import Rule, expression_or_number
from wstune.tunables.grammar import objection
from wstune.values import UNLIMITED, Kind, Value, make, parse

Fields = tuple[int | None, ...]


def operands(
    rule: Rule, work_out: Callable[[str], int], variables: Mapping[str, int | None]
) -> tuple[tuple[Value, ...], Fields]:
    """The demanded values, and for a triple the demanded numbers (None where anything goes).

    Raises ProfileError when something is not of the tunable's kind, or outside what every kernel refuses.
    """
    reader = _Reader(rule, work_out)
    if rule.operator is Operator.ONE_OF:
        if not isinstance(rule.operand, list) or not rule.operand:
            raise reader.wrong(rule.operand, "a list of values")
        values = tuple(reader.value(item) for item in rule.operand)
        fields: Fields = ()
    elif rule.tunable.kind is Kind.TRIPLE:
        fields = reader.triple(rule.operand)
        values = (_triple_value(rule, fields),)
    else:
        values, fields = (reader.value(rule.operand),), ()
    for value in values:
        _check_range(rule, value, fields, variables)
    return values, fields


class _Reader:
    """Reads operands of one rule: TOML's integers, lists, tables and texts, with expressions inside."""

    def __init__(self, rule: Rule, work_out: Callable[[str], int]) -> None:
        self._rule = rule
        self._work_out = work_out

    def value(self, raw: object) -> Value:
        kind = self._rule.tunable.kind
        match kind:
            case Kind.INTEGER if not isinstance(raw, str):
                return make(kind, self.number(raw))
            case Kind.RANGE if not isinstance(raw, str):
                low, high = self._numbers(raw, ("low", "high"))
                if low is None or high is None or low > high:
                    raise self.wrong(raw, "a low and a high port, the low one first")
                return make(kind, low, high)
            case Kind.PORTS if isinstance(raw, list):
                return self.value(",".join(item if isinstance(item, str) else str(self.number(item)) for item in raw))
            case _ if isinstance(raw, str):
                return self._parsed(raw)
            case _:
                raise self.wrong(raw, f"a value of kind {kind.value}")

    def triple(self, raw: object) -> Fields:
        fields: Fields = self._parsed(raw).numbers if isinstance(raw, str) else self._numbers(raw, self._names)
        present = [number for number in fields if number is not None]
        if present != sorted(present):
            raise self.wrong(raw, f"numbers that do not fall from {self._names[0]} to {self._names[-1]}")
        return fields

    @property
    def _names(self) -> tuple[str, ...]:
        return self._rule.tunable.fields

    def number(self, raw: object) -> int:
        found = expression_or_number(raw, self._rule.operand_where, self._rule.tunable.name)
        return self._work_out(found) if isinstance(found, str) else found

    def _numbers(self, raw: object, names: tuple[str, ...]) -> Fields:
        """The numbers of a list as long as `names`, or of a table of some of them."""
        if isinstance(raw, list) and len(raw) == len(names):
            return tuple(self.number(item) for item in raw)
        if not isinstance(raw, dict) or not raw:
            raise self.wrong(raw, f"[{', '.join(names)}], or {{{names[-1]} = …}}")
        for key in raw:
            if key not in names:
                close = closest(key, names)
                tip = f"did you mean {close}?" if close else f"its fields: {', '.join(names)}"
                raise ProfileError(self._rule.operand_where, f"{self._rule.tunable.name} has no field {key!r:.40}", tip)
        return tuple(self.number(raw[name]) if name in raw else None for name in names)

    def _parsed(self, text: str) -> Value:
        try:
            value = parse(self._rule.tunable.kind, text)
        except ValueError as error:
            raise ProfileError(self._rule.operand_where, f"{self._rule.tunable.name}: {error}") from None
        return value if value.kind is Kind.TEXT else make(value.kind, *value.numbers)

    def wrong(self, raw: object, expected: str) -> ProfileError:
        name = self._rule.tunable.name
        return ProfileError(self._rule.operand_where, f"{name}: got {raw!r:.60}, expected {expected}")


def _triple_value(rule: Rule, fields: Fields) -> Value:
    """A value whose undemanded numbers can never decide; its text names the demanded ones."""
    if None not in fields:
        return make(Kind.TRIPLE, *(number or 0 for number in fields))
    anything = UNLIMITED if rule.operator is Operator.AT_MOST else 0
    named = zip(rule.tunable.fields, fields, strict=True)
    raw = " ".join(f"{name}={number}" for name, number in named if number is not None)
    return Value(Kind.TRIPLE, raw, tuple(anything if number is None else number for number in fields))


def _check_range(rule: Rule, value: Value, fields: Fields, variables: Mapping[str, int | None]) -> None:
    demanded = tuple(number for number in fields if number is not None) or value.numbers
    wrong = objection(rule.tunable, replace(value, numbers=demanded))
    if wrong:
        raise ProfileError(
            rule.operand_where,
            f"{rule.tunable.name} {wrong}",
            f"connections={variables.get('connections')} processes={variables.get('processes')}: fewer of the one "
            "or more of the other may do"
            if isinstance(rule.operand, dict)
            else "",
        )
