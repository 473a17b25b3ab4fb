"""`wstune check --hosts A,B`: what was typed, passed on to every machine; one table or one document back."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from wstune.cli import cluster_options
from wstune.cli.output import wants_color, write_report
from wstune.cli.reporting import command_line
from wstune.errors import UsageError
from wstune.report.formats import ReportFormat

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wstune.cli.destinations import Destination
    from wstune.model import Role

_CODES = {"ready": 0, "not-ready": 1, "inconclusive": 3}


def check_fleet(
    hosts: str,
    python: str,
    profile: str,
    *,
    started: str,
    where: Sequence[Destination],
    connections: int | None,
    role: Role | None,
    processes: int | None,
    app_bytes: int | None,
    settings: list[str] | None,
    here_only: dict[str, object],
) -> int:
    """Check them, write the report, return the exit code. `here_only`: options that mean nothing on another machine."""
    from wstune.actions.check_fleet import run_check_fleet, verdict
    from wstune.report.fleet import fleet_document, fleet_text

    if given := next((name for name, value in here_only.items() if value), ""):
        raise UsageError(f"{given} is for this host, not for --hosts", "leave one of the two out")
    for each in where:
        if each.format not in (ReportFormat.TERMINAL, ReportFormat.JSON):
            raise UsageError(f"--format {each.format.value}: a fleet is written as terminal or json", "--format json")
    if "/" in profile:
        raise UsageError(f"{profile} is a file here; the machines know profiles by name", "wstune profiles list")
    arguments = [profile]
    for option, value in (
        ("-n", connections),
        ("--role", role.value if role else None),
        ("--processes", processes),
        ("--app-bytes", app_bytes),
    ):
        arguments += [] if value is None else [option, str(value)]
    for pair in settings or ():
        arguments += ["--set", pair]
    rows = run_check_fleet(cluster_options.hosts_of(hosts), tuple(arguments), python)
    said = verdict(rows)
    for each in where:
        if each.format is ReportFormat.JSON:
            from wstune.report.head import Head
            from wstune.report.json import dumps

            head = Head("check --hosts", started, None, command_line(), _CODES[said])
            write_report(dumps(fleet_document(rows, said, head)), each.file)
        else:
            color = each.file is None and wants_color(sys.stdout)
            write_report(fleet_text(rows, said, color=color), each.file)
    if not any(each.stdout for each in where):
        write_report(said, None)
    return _CODES[said]
