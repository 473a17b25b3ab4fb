"""One profile's text, parsed and checked: every mistake is a ProfileError with file, line and the nearest right name.

What the file means for a target (expressions, `extends`) is worked out in `profiles`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from wstune.errors import ProfileError
from wstune.model import Operator, Role, Severity
from wstune.readiness.expressions import closest
from wstune.readiness.toml_lines import Key, key_lines
from wstune.readiness.toml_reader import TomlError, read_toml
from wstune.tunable import Tunable
from wstune.tunables import CATALOGUE, nearest
from wstune.values import Kind

SCHEMA = 1
MACHINE = ("ram_bytes", "page_size", "cpus")
"""Variables that the machine gives and no profile sets."""

TOP_KEYS = ("schema", "summary", "extends", "role", "variables", "require")
RULE_KEYS = ("tunable", "severity", "roles", "why", "refs")
_OPERATORS = {operator.value: operator for operator in Operator}
_SEVERITIES = {severity.value: severity for severity in Severity}
_ROLES = {role.value: role for role in Role}
_IDENTIFIER = re.compile(r"[a-z][a-z0-9_]{0,39}")

MAX_VARIABLES = 1_000
MAX_RULES = 1_000

_KINDS: dict[Operator, tuple[Kind, ...]] = {
    Operator.AT_LEAST: (Kind.INTEGER, Kind.TRIPLE),
    Operator.AT_MOST: (Kind.INTEGER, Kind.TRIPLE),
    Operator.EQUALS: tuple(Kind),
    Operator.COVERS: (Kind.RANGE,),
    Operator.ONE_OF: (Kind.INTEGER, Kind.TEXT),
    Operator.CONTAINS: (Kind.PORTS,),
}
"""The kinds of value that each operator can compare."""


class Definition(NamedTuple):
    """A variable of a profile: a number, or the text of an expression."""

    value: int | str
    where: str


class Rule(NamedTuple):
    """A `[[require]]` table: its operand is still what TOML gave, with expressions not worked out."""

    tunable: Tunable
    operator: Operator
    operand: Any
    severity: Severity
    roles: frozenset[Role]
    why: str
    refs: tuple[str, ...]
    where: str
    operand_where: str


class Source(NamedTuple):
    """A profile as its own file has it."""

    name: str
    summary: str
    where: str
    extends: tuple[str, ...]
    role: Role | None
    variables: dict[str, Definition]
    rules: tuple[Rule, ...]
    extends_where: str


class _Place:
    """Which line a mistake is on."""

    def __init__(self, where: str, text: str) -> None:
        self.file = where
        self._lines: Mapping[Key, int] = key_lines(text)

    def __call__(self, table: str, number: int = 0, key: str = "") -> str:
        """`FILE:LINE` of a key; of its table, or of the key that holds the table, where it has no line of its own."""
        places: tuple[Key, ...] = ((table, number, key), (table or key, number, ""), ("", 0, table or key))
        line = next((self._lines[place] for place in places if place in self._lines), 1)
        return f"{self.file}:{line}"


def parse_profile(text: str, where: str) -> Source:
    """Parse and check a profile. `where` is how its file is named in messages. Raises ProfileError."""
    document = _document(text, where)
    place = _Place(where, text)
    for key in document:
        if key not in TOP_KEYS:
            raise _unknown(place("", 0, key), "key", key, TOP_KEYS)
    if (schema := document.get("schema")) != SCHEMA or type(schema) is not int:
        found = "has no `schema`" if schema is None else f"has schema {schema!r:.40}"
        raise ProfileError(place("", 0, "schema"), f"{found}, this wstune reads schema {SCHEMA}", f"schema = {SCHEMA}")
    return Source(
        name=where.replace("\\", "/").rpartition("/")[2].removesuffix(".toml"),
        summary=_text(document.get("summary", ""), place("", 0, "summary"), "summary"),
        where=where,
        extends=_extends(document.get("extends", ()), place),
        role=_role(document, place),
        variables=_variables(document.get("variables", {}), place),
        rules=_rules(document.get("require", []), place),
        extends_where=place("", 0, "extends"),
    )


def _document(text: str, where: str) -> dict[str, Any]:
    try:
        return read_toml(text)
    except TomlError as error:
        raise ProfileError(f"{where}:{error.line}", str(error)) from None


def _extends(value: object, place: _Place) -> tuple[str, ...]:
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, list | tuple) or not all(isinstance(name, str) and name for name in names):
        raise ProfileError(
            place("", 0, "extends"), "`extends` is not the name of a profile", 'for example: extends = "high-conn"'
        )
    return tuple(names)


def _role(document: dict[str, Any], place: _Place) -> Role | None:
    if "role" not in document:
        return None
    name = document["role"]
    if not isinstance(name, str) or name not in _ROLES:
        raise _unknown(place("", 0, "role"), "role", name, _ROLES)
    return _ROLES[name]


def _variables(table: object, place: _Place) -> dict[str, Definition]:
    if not isinstance(table, dict):
        raise ProfileError(place("", 0, "variables"), "`variables` is not a table", "write [variables], then NAME = 1")
    if len(table) > MAX_VARIABLES:
        raise ProfileError(place("variables"), f"more than {MAX_VARIABLES:,} variables", "leave some out")
    found: dict[str, Definition] = {}
    for name, value in table.items():
        where = place("variables", 0, name)
        if name in MACHINE:
            raise ProfileError(where, f"{name} is given by the machine and cannot be set", "choose another name")
        if not _IDENTIFIER.fullmatch(name):
            raise ProfileError(where, f"{name!r} is no name for a variable", "use lower-case letters, digits and _")
        found[name] = Definition(expression_or_number(value, where, f"variable {name}"), where)
    return found


def _rules(tables: object, place: _Place) -> tuple[Rule, ...]:
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise ProfileError(place("require"), "`require` is not a list of tables", "write [[require]], twice bracketed")
    if len(tables) > MAX_RULES:
        raise ProfileError(place("require", MAX_RULES), f"more than {MAX_RULES:,} of [[require]]", "leave some out")
    rules: list[Rule] = []
    for number, table in enumerate(tables):
        rule = _rule(table, number, place)
        for other in rules:
            if (other.tunable, other.operator) == (rule.tunable, rule.operator) and other.roles & rule.roles:
                raise ProfileError(
                    rule.where,
                    f"{rule.tunable.name} {rule.operator.value} is required twice, first at {other.where}",
                    "leave one, or give them different roles",
                )
        rules.append(rule)
    return tuple(rules)


def _rule(table: dict[str, Any], number: int, place: _Place) -> Rule:
    def at(key: str = "") -> str:
        return place("require", number, key)

    for key in table:
        if key not in RULE_KEYS and key not in _OPERATORS:
            raise _unknown(at(key), "key or operator", key, (*RULE_KEYS, *_OPERATORS))
    tunable = _tunable(table, at("tunable"))
    operator = _operator(table, tunable, at)
    why = _text(table.get("why", ""), at("why"), "why")
    if not why.strip():
        raise ProfileError(at("why"), f"{tunable.name} is required without a `why`", 'say it: why = "what it is for"')
    severity = table.get("severity", Severity.ERROR.value)
    if not isinstance(severity, str) or severity not in _SEVERITIES:
        raise _unknown(at("severity"), "severity", severity, _SEVERITIES)
    return Rule(
        tunable=tunable,
        operator=operator,
        operand=table[operator.value],
        severity=_SEVERITIES[severity],
        roles=_roles(table.get("roles"), at("roles")),
        why=" ".join(why.split()),
        refs=_texts(table.get("refs", []), at("refs"), "refs"),
        where=at(),
        operand_where=at(operator.value),
    )


def _tunable(table: dict[str, Any], where: str) -> Tunable:
    name = table.get("tunable")
    if name is None:
        raise ProfileError(where, "a [[require]] without `tunable`", 'for example: tunable = "net.core.somaxconn"')
    if not isinstance(name, str) or name not in CATALOGUE:
        close = nearest(name) if isinstance(name, str) else ""
        tip = f"did you mean {close}?" if close else "`wstune explain` lists every tunable"
        raise ProfileError(where, f"unknown tunable {name!r:.80}", tip)
    return CATALOGUE[name]


def _operator(table: dict[str, Any], tunable: Tunable, at: Any) -> Operator:
    operators = [_OPERATORS[key] for key in table if key in _OPERATORS]
    suiting = [operator.value for operator, kinds in _KINDS.items() if tunable.kind in kinds]
    if len(operators) != 1:
        amount = "no operator" if not operators else " and ".join(operator.value for operator in operators)
        where = at(operators[1].value) if operators else at()
        raise ProfileError(where, f"{tunable.name} has {amount}, it takes one", f"one of: {', '.join(suiting)}")
    operator = operators[0]
    if operator.value not in suiting:
        raise ProfileError(
            at(operator.value),
            f"{operator.value} cannot compare {tunable.name}, which is of kind {tunable.kind.value}",
            f"use one of: {', '.join(suiting)}",
        )
    return operator


def _roles(value: object, where: str) -> frozenset[Role]:
    if value is None:
        return frozenset({Role.SERVER, Role.GENERATOR, Role.PROXY})
    names = _texts(value, where, "roles")
    if not names:
        raise ProfileError(where, "`roles` is empty, so it would never be judged", f"some of: {', '.join(_ROLES)}")
    for name in names:
        if name not in _ROLES:
            raise _unknown(where, "role", name, _ROLES)
    return frozenset(_ROLES[name] for name in names)


def expression_or_number(value: object, where: str, what: str) -> int | str:
    """The number, or the text of `{expr = "…"}`. Raises ProfileError for anything else."""
    if type(value) is int:
        return value
    if isinstance(value, dict) and set(value) == {"expr"} and isinstance(value["expr"], str):
        return value["expr"]
    tip = 'write a whole number, or {expr = "…"}'
    if isinstance(value, dict) and "expr" not in value and (close := closest("expr", value)):
        tip = f"did you mean expr? it says {close}"
    raise ProfileError(where, f"{what}: got {value!r:.60}, expected an integer or an expression", tip)


def _text(value: object, where: str, key: str) -> str:
    if not isinstance(value, str):
        raise ProfileError(where, f"`{key}` is {value!r:.60}, expected a text in quotes")
    return value


def _texts(value: object, where: str, key: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ProfileError(where, f"`{key}` is {value!r:.60}, expected a list of texts", f'for example: {key} = ["…"]')
    return tuple(value)


def _unknown(where: str, what: str, name: object, known: Iterable[str]) -> ProfileError:
    known = list(known)
    close = closest(str(name), known)
    tip = f"did you mean {close}?" if close else f"known here: {', '.join(known)}"
    return ProfileError(where, f"unknown {what} {name!r:.80}", tip)
