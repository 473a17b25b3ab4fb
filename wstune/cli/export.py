"""`wstune export`: a profile for where wstune may not write itself."""

from __future__ import annotations

from typing import Annotated

import typer

from wstune.cli import options
from wstune.cli.output import check_writable, write_report
from wstune.cli.reporting import command_line
from wstune.errors import UsageError
from wstune.export.formats import ExportFormat
from wstune.values import parse_count, parse_size


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("export")(export)


def ram(text: str) -> int:
    """The size behind --ram. Raises UsageError."""
    try:
        size = parse_size(text)
    except ValueError as error:
        raise UsageError(f"--ram: {error}", "give the memory of the machine that it is for, such as 64G") from error
    if not 2**26 <= size <= 2**50:
        raise UsageError(f"--ram {text}: no machine has that much memory, or that little", "give a size such as 64G")
    return size


def cpus(text: str) -> int:
    """The number behind --cpus. Raises UsageError."""
    try:
        number = parse_count(text)
    except ValueError as error:
        raise UsageError(f"--cpus: {error}", "give the CPUs of the machine that it is for") from error
    if not 1 <= number <= 8192:
        raise UsageError(f"--cpus {text}: expected a number from 1 to 8192", "give the CPUs of the machine")
    return number


def export(
    profile: Annotated[str, typer.Argument(metavar="PROFILE", help="A profile's name, or the path of its file.")],
    format_: Annotated[ExportFormat, typer.Option("--format", help="For what to write it.")],
    connections: options.Connections = None,
    role: options.RoleOption = None,
    processes: options.Processes = None,
    ram: Annotated[
        int | None,
        typer.Option(
            parser=ram, metavar="SIZE", help="Memory of the machine that it is for; unless given, this one's."
        ),
    ] = None,
    cpus: Annotated[
        int | None,
        typer.Option(parser=cpus, metavar="N", help="CPUs of the machine that it is for; unless given, this one's."),
    ] = None,
    user: Annotated[
        str | None, typer.Option(metavar="USER", help="Whose logins get the file limit (limits.d, script …).")
    ] = None,
    unit: Annotated[
        str | None, typer.Option(metavar="UNIT", help="Which service gets the file limit (systemd, script …).")
    ] = None,
    settings: options.Settings = None,
    profile_dir: options.ProfileDirs = None,
    output: options.Output = None,
) -> int:
    """Write a profile as configuration for another tool or platform, with what that cannot set in its comments.

    Nothing is changed here. Values are worked out for this machine's size, or for the one of --ram and --cpus.
    """
    check_writable(output)
    from dataclasses import replace

    from wstune.actions.profile import load
    from wstune.errors import InconclusiveError
    from wstune.export.formats import write
    from wstune.export.wishes import make_export
    from wstune.host.host import Host

    here = Host().facts()
    facts = replace(here, ram_bytes=ram or here.ram_bytes, cpus=cpus or here.cpus)
    if facts.ram_bytes is None:
        raise InconclusiveError(
            "the memory of this machine cannot be read", "give that of the one it is for: --ram 64G"
        )
    resolved = load(
        profile,
        profile_dirs=profile_dir or (),
        connections=connections,
        processes=processes,
        settings=options.settings(settings or ()),
        facts=facts,
    )
    made = make_export(
        resolved,
        role or resolved.role,
        ram_bytes=facts.ram_bytes,
        page_size=facts.page_size,
        argv=_without_output(command_line()),
        **_whose(user, unit),
    )
    write_report(write(format_, made), output)
    return 0


def _whose(user: str | None, unit: str | None) -> dict[str, str]:
    """Names that can stand in a file; a unit without a suffix is a service. Raises UsageError."""
    from wstune.readiness.unit_files import service_name
    from wstune.tuning.persist import valid_name

    found = {}
    for option, name in (("user", user), ("unit", unit)):
        if name is None:
            continue
        if not valid_name(name):
            raise UsageError(f"--{option} {name}: that is no name of a {option}", "letters, digits, and any of _ . @ -")
        found[option] = name if option == "user" else service_name(name)
    return found


def _without_output(argv: tuple[str, ...]) -> tuple[str, ...]:
    """The command line as it belongs into a file: where that is written is no part of it."""
    kept, words = [], iter(argv)
    for word in words:
        if word in ("-o", "--output"):
            next(words, "")
        elif not word.startswith(("-o", "--output=")):
            kept.append(word)
    return tuple(kept)
