"""`wstune profiles`: lists and demands for people."""

from __future__ import annotations

from collections.abc import Iterable

from wstune.model import Profile, Requirement, Role
from wstune.report.shown import shown
from wstune.report.words import count, counted, demand_text, role_text, wrapped


def list_text(rows: Iterable[tuple[str, str, str]], *, width: int = 80) -> str:
    """Name, what it is for, and path of each profile."""
    lines = []
    for name, summary, where in shown(tuple(rows)):
        lines += [name, *wrapped(summary, width, "  "), f"  {where}"]
    return "\n".join(lines) + "\n"


def show_text(profile: Profile, requirements: Iterable[Requirement], role: Role, *, width: int = 80) -> str:
    """What a profile demands of that end, in its own order, with its reasons."""
    profile, requirements = shown(profile), shown(tuple(requirements))
    variables = ", ".join(f"{name} {count(number)}" for name, number in profile.variables.items())
    lines = [
        f"{profile.name}: {counted(profile.variables['connections'], 'connection')}, {role_text(role)}",
        *wrapped(profile.summary, width, ""),
        *wrapped(variables, width, "  ", "with "),
        profile.where,
    ]
    for requirement in requirements:
        lines += ["", f"{requirement.tunable} {demand_text(requirement)}", f"  {requirement.severity.value}"]
        lines += wrapped(requirement.why, width, "  ")
    return "\n".join(lines) + "\n"
