"""`wstune scenario`: what connections do; from Tsung's files, and to them."""

from __future__ import annotations

import enum
import sys
from pathlib import Path
from typing import Annotated

import typer

from wstune.cli import options
from wstune.cli.output import check_writable, write_report
from wstune.errors import UsageError


class ScenarioFormat(enum.StrEnum):
    """What a scenario can be written as."""

    TSUNG = "tsung"


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(rich_markup_mode=None, help="What connections do: scenarios, from Tsung's files and to them.")
    group.command("import")(import_)
    group.command("export")(export)
    group.command("check")(check)
    app.add_typer(group, name="scenario")


def import_(
    file: Annotated[str, typer.Argument(metavar="FILE", help="A Tsung file, XML.")],
    output: options.Output = None,
) -> int:
    """Read a Tsung file into a scenario, and say on stderr, line by line, what is lost or different.

    Nothing but the file itself is read: no DTD, no entity.
    """
    check_writable(output)
    from wstune.burst import tsung
    from wstune.burst.scenario_text import to_toml
    from wstune.burst.tsung_xml import MOST_BYTES
    from wstune.report.words import counted

    try:
        with Path(file).open("rb") as source:
            data = source.read(MOST_BYTES + 1)
    except OSError as error:
        raise UsageError(f"{file}: {error.strerror}", "give the path of a Tsung file") from None
    scenario, notes = tsung.convert(data, file)
    server = scenario.servers[0]
    run = f"wstune verify {server} --scenario {output or 'FILE'}"
    write_report(to_toml(scenario, (f"From {file}, by wstune scenario import.", run, *notes)), output, verbatim=True)
    for note in notes:
        sys.stderr.write(f"{note}\n")
    users = scenario.connections
    sys.stderr.write(
        f"{counted(users or 0, 'connection')}, {counted(len(scenario.sessions), 'session')};"
        f" {counted(len(notes), 'thing')} lost or different\nTIP   {run}\n"
    )
    return 0


def export(
    file: Annotated[str, typer.Argument(metavar="FILE", help="A scenario, TOML.")],
    format_: Annotated[ScenarioFormat, typer.Option("--format", help="What to write it as.")] = ScenarioFormat.TSUNG,
    server: Annotated[
        list[str] | None,
        typer.Option(
            "--server", metavar="URL", help="For this server; else those that the scenario names. Repeatable."
        ),
    ] = None,
    connections: options.Connections = None,
    client: Annotated[
        list[str] | None, typer.Option("--client", metavar="HOST", help="A load machine; unless given, localhost.")
    ] = None,
    output: options.Output = None,
) -> int:
    """Write a scenario as a Tsung file, with what that cannot do in its comments."""
    check_writable(output)
    from wstune.actions.verify_scenario import read
    from wstune.burst.tsung_export import to_tsung
    from wstune.urls import split

    scenario = read(file)
    urls = tuple(server or scenario.servers)
    if not urls:
        raise UsageError(f"{file} names no server, and Tsung's files do", "--server ws://HOST:PORT/")
    servers = []
    for url in urls:
        try:
            parts = split(url)
        except ValueError as error:
            raise UsageError(f"--server {url}: {error}", "--server ws://HOST:PORT/") from None
        if parts.scheme not in ("ws", "wss") or not parts.hostname or not _is_visible(parts.hostname):
            raise UsageError(f"--server {url}: expected ws:// or wss://", "--server ws://HOST:PORT/")
        servers.append((parts.scheme, parts.hostname, parts.port or (80 if parts.scheme == "ws" else 443)))
    if odd := next((host for host in client or () if not _is_visible(host)), None):
        raise UsageError(f"--client {odd!r}: expected a host name", "--client gen1.example.org")
    many = connections or scenario.connections
    if many is None:
        raise UsageError(f"{file} leaves open how many connections come", "say it: -n N")
    write_report(
        to_tsung(scenario, tuple(servers), connections=many, clients=tuple(client or ())), output, verbatim=True
    )
    return 0


def _is_visible(host: str) -> bool:
    """Whether a name can be one of a host: not empty, no blanks, nothing that XML or a terminal cannot show."""
    return host.isprintable() and bool(host) and not any(letter.isspace() for letter in host)


def check(
    files: Annotated[list[str], typer.Argument(metavar="FILE...", help="Scenarios, TOML.")],
) -> int:
    """Say whether scenarios are sound, and what they come to."""
    from wstune.actions.verify_scenario import read
    from wstune.report.words import counted

    for file in files:
        scenario = read(file)
        many = scenario.connections
        users = "as many connections as -n says" if many is None else counted(many, "connection")
        write_report(f"{file}: sound, {users}, {counted(len(scenario.sessions), 'session')}\n", None)
    return 0
