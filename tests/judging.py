"""Requirements, readings and profiles in a few words, for tests of judging."""

from __future__ import annotations

from collections.abc import Mapping

from wstune.model import Finding, Operator, Profile, Reading, Requirement, Role, Severity
from wstune.readiness.judge import judge
from wstune.tunables import CATALOGUE
from wstune.values import Kind, parse

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
