"""Sentences that the exports share: what they are, what they leave out, and what their platform cannot set."""

from __future__ import annotations

import shlex
import textwrap
from collections.abc import Iterable

from wstune.export.wishes import Export, Wish
from wstune.model import Store
from wstune.printable import printable
from wstune.report.words import counted, role_text, size, value_text

WIDTH = 100


def commented(sentences: Iterable[str], mark: str = "#") -> list[str]:
    """As comment lines; an empty sentence is an empty comment, and an indented one stays so."""
    lines: list[str] = []
    for sentence in sentences:
        indent = "    " if sentence.startswith(" ") else ""
        wrapped = textwrap.wrap(printable(sentence), WIDTH, subsequent_indent=indent, break_on_hyphens=False)
        lines += [f"{mark} {line}" for line in wrapped] or [mark]
    return lines


def head(export: Export, what: str, path: str = "") -> list[str]:
    """What this is, where it goes, and how it was made."""
    command = shlex.join(("wstune", *export.argv)) if export.argv else ""
    return [
        f"{what}, for {counted(export.connections, 'connection')} as {role_text(export.role)} "
        f"({counted(export.profile.variables['processes'], 'process')}) "
        f"on a machine with {size(export.ram_bytes)} of memory.",
        *([f"Goes to: {path}"] if path else []),
        *([f"Made by: {command}"] if command else []),
    ]


def left_out(wishes: Iterable[Wish]) -> list[str]:
    """The lines that are not there since a machine that nobody has touched is as good by itself."""
    lines = [
        f"  {wish.tunable.name}: needs {wish.words}; has {value_text(wish.default) if wish.default else 'enough'}"
        for wish in wishes
        if wish.value is None
    ]
    return ["", "Not written, for a machine that nobody has touched is as good by itself:", *lines] if lines else []


def cannot(reasons: Iterable[str]) -> list[str]:
    """What the platform cannot set."""
    found = [f"  {reason}" for reason in reasons]
    return ["", "What this cannot set:", *found] if found else []


def elsewhere(
    export: Export, *, sysctls: str = "", files: str = "", groups: str = "", memory: bool = True
) -> list[str]:
    """The wishes that belong elsewhere, each kind with the place that the platform names for it.

    An empty place leaves that kind out: the platform does set it.
    """
    found = []
    if sysctls:
        found += _settings(export.sysctls(), sysctls)
    if files and export.files:
        found.append(f"the file limit of each process (soft {export.files[0]}, hard {export.files[1]}): {files}")
    if groups:
        found += [f"{_group(wish)}: {groups}" for wish in export.wishes if wish.tunable.store is Store.CGROUP]
    machine = [wish for wish in export.wishes if wish.tunable.store is Store.MACHINE]
    if memory:
        found += [
            f"memory that is not there: it takes {size(each.requirements[0].operands[0].number)}" for each in machine
        ]
    return found


def _settings(wishes: tuple[Wish, ...], place: str) -> list[str]:
    """Kernel settings that have their place elsewhere: those that a machine lacks by name, the others by number."""
    lacking = [wish.tunable.name for wish in wishes if wish.value is not None]
    others = len(wishes) - len(lacking)
    more = f"{counted(others, 'kernel setting')} that a machine has by itself" if others else ""
    found = " and ".join(filter(None, (", ".join(lacking), more)))
    return [f"{found}: {place}"] if found else []


def _group(wish: Wish) -> str:
    number = wish.requirements[0].operands[0].number
    if wish.tunable.name == "cgroup.memory.max":
        return f"a memory limit of the control group, if there is one, of at least {number} bytes ({size(number)})"
    return f"a limit on the processes of the control group, if there is one, of at least {number}"


STATIC = (
    "A file like this sets what it says, also where the machine has better: run `wstune check` there first, or take "
    "the format `script`, which compares before it writes."
)

LOWERS = "It would lower what such a machine has by itself, so it is only shown."


def said(wish: Wish) -> list[str]:
    """Why a line is there."""
    had = f"; such a machine has {value_text(wish.default)}" if wish.default else ""
    return [
        f"{wish.tunable.name}: {wish.why}.",
        f"Needed: {wish.words}{had}.",
        *([LOWERS] if wish.lowers else []),
    ]
