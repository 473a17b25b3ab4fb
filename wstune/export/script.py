"""A shell script: POSIX, for a machine without wstune. It looks before it writes, never lowers, and can run again."""

from __future__ import annotations

from wstune import quoting
from wstune.export import limits_d, systemd
from wstune.export.script_functions import FUNCTIONS
from wstune.export.wishes import Export, Wish
from wstune.export.words import cannot, commented, elsewhere, head
from wstune.model import Operator, Requirement
from wstune.readiness.compare import UNORDERED
from wstune.values import Kind

_NAMES = {
    Operator.AT_LEAST: "least",
    Operator.AT_MOST: "most",
    Operator.EQUALS: "exactly",
    Operator.COVERS: "covers",
    Operator.ONE_OF: "one_of",
    Operator.CONTAINS: "contains",
}


def text(export: Export) -> str:
    """The whole script."""
    files = "" if named(export) else "limits.d or a unit: export again with --user NAME or --unit NAME"
    lines = [
        "#!/bin/sh",
        "# shellcheck disable=SC2086,SC2317  # numbers are split on purpose; functions are called by name",
        *commented(
            [
                *head(export, "Kernel and file limits"),
                "Run as root. Each value is compared first, and written only where it is worse than needed; what was "
                "written is read back, and kept for the next boot in /etc/sysctl.d/99-wstune-export.conf. A second run "
                "changes nothing. `--dry-run` only tells. Exit code 1: something that is needed could not be set.",
                *cannot(elsewhere(export, files=files, groups="the service's unit (format systemd)")),
            ]
        ),
        FUNCTIONS.rstrip("\n"),
    ]
    for wish in export.sysctls():
        lines += [
            "",
            *commented([f"{wish.tunable.name}: {wish.why}."]),
            *(_want(wish, each) for each in wish.requirements),
        ]
    lines += _files(export)
    return "\n".join([*lines, "", 'exit "$failed"']) + "\n"


def named(export: Export) -> bool:
    """Whether it is said whose file limit is to be set."""
    return export.user != "USER" or export.unit != "UNIT.service"


def _want(wish: Wish, requirement: Requirement) -> str:
    name = wish.tunable.name
    guard = ""
    if requirement.operator in (Operator.EQUALS, Operator.AT_MOST) and wish.tunable.unit not in UNORDERED:
        guard = {Kind.INTEGER: " lower", Kind.TRIPLE: " lower", Kind.RANGE: " narrow"}.get(wish.tunable.kind, "")
    return f"want {requirement.severity.value} {name} {_NAMES[requirement.operator]} {_need(requirement)}{guard}"


def _need(requirement: Requirement) -> str:
    """As the functions of the script take it: always in quotes."""
    if any(number is None for number in requirement.fields):
        return f"'{' '.join('*' if number is None else str(number) for number in requirement.fields)}'"
    need = "|".join(quoting.sysctl(str(each)) for each in requirement.operands)  # it goes into such a file in the end
    quoted = quoting.shell(need)
    return quoted if quoted.startswith("'") else f"'{quoted}'"


def _files(export: Export) -> list[str]:
    found: list[str] = []
    if export.user != "USER" and limits_d.entries(export):
        found += ["", *commented(["The file limit of logins; fs.nr_open is as high by now."])]
        found += _file(limits_d.PATH, limits_d.entries(export))
    if export.unit != "UNIT.service" and systemd.entries(export):
        reload = f"systemctl daemon-reload && systemctl restart {export.unit}"
        found += ["", *commented([f"Limits of the service, in force after: {reload}"])]
        found += _file(
            systemd.WHERE.format(unit=quoting.name(export.unit, "a shell script")),
            ["[Service]", *systemd.entries(export)],
        )
    return found


def _file(path: str, lines: list[str]) -> list[str]:
    return [f"install_file \"$ETC/{path.removeprefix('/etc/')}\" <<'END'", *lines, "END"]
