"""What a profile demands of one machine for one target: parents merged, expressions worked out, values checked.

Expressions see the target (`connections`, `processes`), the machine's size (`ram_bytes`, `page_size`, `cpus`) and the
profile's own variables, never present load, so that a second apply finds nothing to do.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from wstune.errors import InconclusiveError, ProfileError, UsageError, WstuneError
from wstune.model import Operator, Profile, Requirement, Role
from wstune.readiness.expressions import ExpressionError, closest, evaluate, names_in
from wstune.readiness.operands import operands
from wstune.readiness.profile_parser import Definition, Rule, Source, parse_profile

MAX_CONNECTIONS = 1_000_000_000
MAX_PROCESSES = 1_000_000
_MAX_ANCESTORS = 16

Load = Callable[[str], tuple[str, str]]
"""From a profile's name or path to its text and how its file is called in messages."""


class Target(NamedTuple):
    """What a profile is resolved for; None means the profile's own default, or, for the machine, that it is unknown."""

    connections: int | None = None
    processes: int | None = None
    settings: Mapping[str, int] = {}
    """Other variables of the profile, from `--set`."""
    ram_bytes: int | None = None
    page_size: int = 4096
    cpus: int | None = None


def resolve(name: str, load: Load, *, target: Target) -> Profile:
    """The profile of that name for that target.

    Raises:
        ProfileError: it does not parse, extends itself or an unknown one, or demands what no kernel accepts.
        UsageError: the target makes no sense, or sets a variable that the profile does not have.
        InconclusiveError: an expression needs the machine's memory or CPUs, and they are unknown.
    """
    ancestors = _ancestors(name, load)
    source = ancestors[-1]
    definitions: dict[str, Definition] = {}
    rules: list[Rule] = []
    for ancestor in ancestors:
        definitions |= ancestor.variables
        rules = _overridden(rules, ancestor.rules)
    variables = _Variables(definitions, target, source).all()
    machine = {"ram_bytes": target.ram_bytes, "page_size": target.page_size, "cpus": target.cpus}
    names = {**machine, **variables}
    requirements = tuple(_requirement(rule, names) for rule in rules)
    _check_bounds(requirements, variables)
    role = next((ancestor.role for ancestor in reversed(ancestors) if ancestor.role), Role.BOTH)
    return Profile(source.name, source.summary, requirements, variables, source.where, role)


def _ancestors(name: str, load: Load) -> list[Source]:
    """The profile and all that it extends, parents before children, each once."""
    order: list[Source] = []
    _visit(name, load, None, [], order)
    return order


def _visit(name: str, load: Load, child: Source | None, path: list[Source], order: list[Source]) -> None:
    try:
        text, where = load(_relative(name, child))
    except WstuneError as error:
        if child is None or (isinstance(error, ProfileError) and error.where):
            raise
        raise ProfileError(child.extends_where, f"extends {name!r:.80}: {error}", error.tip) from None
    if child and where in (source.where for source in path):
        loop = " → ".join([*(source.name for source in path), parse_profile(text, where).name])
        raise ProfileError(child.extends_where, f"extends itself: {loop}")
    if len(path) >= _MAX_ANCESTORS and child:
        raise ProfileError(child.extends_where, f"extends more than {_MAX_ANCESTORS} profiles, one after the other")
    if where in (source.where for source in order):
        return
    source = parse_profile(text, where)
    for parent in source.extends:
        _visit(parent, load, source, [*path, source], order)
    order.append(source)


def _relative(name: str, child: Source | None) -> str:
    """A relative path in `extends` is meant from the file that says it."""
    is_path = "/" in name or name.endswith(".toml")
    if child is None or not is_path or name.startswith("/"):
        return name
    return f"{child.where.rpartition('/')[0] or '.'}/{name}"


def _overridden(rules: list[Rule], newer: tuple[Rule, ...]) -> list[Rule]:
    """The rules with the newer ones in the place of those for the same tunable and operator, role by role."""
    kept = []
    for rule in rules:
        taken = frozenset[Role]().union(
            *(new.roles for new in newer if (new.tunable, new.operator) == (rule.tunable, rule.operator))
        )
        if rule.roles - taken:
            kept.append(rule._replace(roles=rule.roles - taken))
    return [*kept, *newer]


class _Variables:
    """The variables of a profile, worked out as they are needed: one may be written in terms of others."""

    def __init__(self, definitions: Mapping[str, Definition], target: Target, source: Source) -> None:
        self._definitions = {"processes": Definition(1, source.where), **definitions}
        self._machine = {"ram_bytes": target.ram_bytes, "page_size": target.page_size, "cpus": target.cpus}
        self._source = source
        self._given: dict[str, int] = {}
        for name, value in target.settings.items():
            if name not in self._definitions and name != "connections":
                close = closest(name, self._definitions)
                tip = f"did you mean {close}?" if close else f"its variables: {', '.join(self._definitions)}"
                raise UsageError(f"profile {source.name} has no variable named {name!r:.60}", tip)
            self._given[name] = value
        self._given |= {"connections": target.connections} if target.connections is not None else {}
        self._given |= {"processes": target.processes} if target.processes is not None else {}
        self._done: dict[str, int] = {}

    def all(self) -> dict[str, int]:
        if "connections" not in {**self._definitions, **self._given}:
            raise ProfileError(
                self._source.where, "has no `connections`", "give it a default in [variables], or pass -n N"
            )
        names = dict.fromkeys(["connections", *self._definitions])
        values = {name: self._value(name) for name in names}
        for name, most in (("connections", MAX_CONNECTIONS), ("processes", MAX_PROCESSES)):
            if not 1 <= values[name] <= most:
                raise UsageError(f"{name} is {values[name]}, expected a number from 1 to {most}")
        return values

    def _value(self, name: str) -> int:
        """The number of a variable; what it is written in terms of comes first, however long the chain."""
        path = {name: self._needed(name)}  # in order: each is needed by the one before it
        while path:
            current, needed = next(reversed(path.items()))
            missing = next((other for other in needed if other not in self._done), None)
            if missing is None:
                self._done[current] = self._work_out(current, needed)
                del path[current]
            elif missing in path:
                where = self._definitions[missing].where
                through = list(path)[list(path).index(missing) :]
                shown = [*through[:5], "…", *through[-2:]] if len(through) > 8 else through
                raise ProfileError(where, f"variable {missing} depends on itself: {' → '.join([*shown, missing])}")
            else:
                path[missing] = self._needed(missing)
        return self._done[name]

    def _needed(self, name: str) -> list[str]:
        """The variables that one is written in terms of."""
        definition = self._definitions.get(name)
        if name in self._given or definition is None or isinstance(definition.value, int):
            return []
        try:
            wanted = names_in(definition.value)
        except ExpressionError as error:
            raise _wrong(definition.where, definition.value, error) from None
        return [other for other in sorted(wanted) if other in self._definitions or other in self._given]

    def _work_out(self, name: str, needed: list[str]) -> int:
        if name in self._given:
            return self._given[name]
        definition = self._definitions[name]
        if isinstance(definition.value, int):
            return definition.value
        names = {**self._machine, **{other: self._done[other] for other in needed}}
        return work_out(definition.value, names, definition.where)


def work_out(text: str, names: Mapping[str, int | None], where: str) -> int:
    """What an expression of the profile comes to. Raises ProfileError, or InconclusiveError for an unknown machine."""
    try:
        for name in sorted(names_in(text)):
            if name in names and names[name] is None:
                raise InconclusiveError(
                    f"{where}: {name} of this machine could not be read, and {text!r:.60} needs it",
                    "look at /proc/meminfo and /proc/cpuinfo",
                )
        return evaluate(text, {name: value for name, value in names.items() if value is not None})
    except ExpressionError as error:
        raise _wrong(where, text, error) from None


def _wrong(where: str, text: str, error: ExpressionError) -> ProfileError:
    return ProfileError(where, f"the expression {text!r:.80} {error}", error.tip)


def _requirement(rule: Rule, names: Mapping[str, int | None]) -> Requirement:
    values, fields = operands(rule, lambda text: work_out(text, names, rule.operand_where), names)
    return Requirement(
        tunable=rule.tunable.name,
        operator=rule.operator,
        operands=values,
        severity=rule.severity,
        why=rule.why,
        fields=fields,
        roles=tuple(role for role in Role if role in rule.roles),
        refs=rule.refs,
        where=rule.where,
    )


def _check_bounds(requirements: tuple[Requirement, ...], variables: Mapping[str, int]) -> None:
    """Refuse a profile whose floor is above its own ceiling: no value would ever pass."""
    floors = [requirement for requirement in requirements if requirement.operator is Operator.AT_LEAST]
    ceilings = [requirement for requirement in requirements if requirement.operator is Operator.AT_MOST]
    for floor in floors:
        for ceiling in ceilings:
            if floor.tunable != ceiling.tunable or not set(floor.roles) & set(ceiling.roles):
                continue
            low, high = floor.operands[0].numbers, ceiling.operands[0].numbers
            if any(a > b for a, b in zip(low, high, strict=True)):
                raise ProfileError(
                    ceiling.where,
                    f"{floor.tunable} is demanded to be at least {floor.operands[0].raw} ({floor.where}) and at most "
                    f"{ceiling.operands[0].raw}, for connections={variables['connections']}",
                )
