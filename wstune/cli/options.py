"""Arguments and options that several verbs share: their names, their help, and how their texts are read."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from typing import Annotated

import typer

from wstune.errors import UsageError
from wstune.model import Role
from wstune.report import formats
from wstune.values import parse_count, parse_size

MOST = 1_000_000_000
"""The largest target that is taken seriously: 4 TB of kernel memory for its sockets alone."""


class Format(Enum):
    """How a report is written."""

    TERMINAL = "terminal"
    JSON = "json"


def connections(text: str) -> int:
    """The number behind -n. Raises UsageError."""
    number = _count("-n", text)
    if number < 1:
        raise UsageError(f"-n {text}: there is nothing to get ready for", "give a count such as -n 61189 or -n 100k")
    if number > MOST:
        raise UsageError(f"-n {text}: no host holds so many", "give at most -n 1000M; one host holds some millions")
    return number


def processes(text: str) -> int:
    """The number behind --processes. Raises UsageError."""
    number = _count("--processes", text)
    if not 1 <= number <= 100_000:
        raise UsageError(
            f"--processes {text}: expected a number from 1 to 100000", "leave it out for the profile's own"
        )
    return number


def few(text: str) -> int:
    """A number of addresses. Raises UsageError."""
    number = _count("--sources, --upstreams", str(text))
    if not 1 <= number <= 1_000_000:
        raise UsageError(f"got {text} addresses, expected 1 to 1000000", "leave it out for 1")
    return number


def pid(text: str) -> int:
    """The number behind --pid. Raises UsageError."""
    if not (text.isascii() and text.isdecimal() and len(text) < 20) or not 0 < int(text) < 2**31:
        raise UsageError(f"--pid {text}: expected the number of a running process", "ps -e lists them")
    return int(text)


def memory(text: str) -> int:
    """A size of memory. Raises UsageError."""
    try:
        return parse_size(text)
    except ValueError as error:
        raise UsageError(f"a size of memory: {error}", "64G, 512M and 16K are understood") from error


def app_bytes(text: str) -> int:
    """The size behind --app-bytes. Raises UsageError."""
    try:
        return parse_size(text)
    except ValueError as error:
        raise UsageError(f"--app-bytes: {error}", "give what the application itself keeps for a connection") from error


def settings(pairs: Iterable[str]) -> dict[str, int]:
    """`--set NAME=VALUE`, several times, as a mapping. Raises UsageError."""
    found = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not (name.isidentifier() and equals):
            raise UsageError(f"--set {pair}: expected NAME=VALUE", "for example --set rate=5000")
        found[name] = _count(f"--set {name}", text)
    return found


def _count(option: str, text: str) -> int:
    try:
        return parse_count(text)
    except ValueError as error:
        raise UsageError(f"{option}: {error}", "counts take k and M: 100k is 100,000") from error


Profile = Annotated[str, typer.Argument(metavar="[PROFILE]", help="A profile's name, or the path of its file.")]
Connections = Annotated[
    int | None,
    typer.Option(
        "-n",
        "--connections",
        parser=connections,
        metavar="N",
        help="How many connections to be ready for; 100k and 2M are understood. Unless given, the profile says.",
    ),
]
RoleOption = Annotated[
    Role | None, typer.Option("--role", help="The end of the connection that is meant. Unless given, the profile says.")
]
Processes = Annotated[
    int | None,
    typer.Option(
        parser=processes, metavar="P", help="Over how many processes they are spread. Unless given, the profile says."
    ),
]
AppBytes = Annotated[
    int | None,
    typer.Option(parser=app_bytes, metavar="SIZE", help="Memory that the application itself keeps for a connection."),
]
Pid = Annotated[
    int | None,
    typer.Option(parser=pid, metavar="PID", help="Judge this process: its limits, control groups, network namespace."),
]
Unit = Annotated[str | None, typer.Option(metavar="UNIT", help="Judge what runs, or would run, as this unit.")]
User = Annotated[str | None, typer.Option(metavar="USER", help="Judge what a new login of this user is given.")]
Tls = Annotated[bool, typer.Option("--tls", help="The application speaks TLS, and --app-bytes does not hold that.")]
Sources = Annotated[
    int, typer.Option(parser=few, metavar="K", help="Source addresses that a generator or proxy connects from.")
]
Upstreams = Annotated[int, typer.Option(parser=few, metavar="K", help="Servers that a generator or proxy connects to.")]
Settings = Annotated[list[str] | None, typer.Option("--set", metavar="NAME=V", help="A variable of the profile.")]
ProfileDirs = Annotated[
    list[str] | None, typer.Option("--profile-dir", metavar="DIR", help="Look for profiles here first.")
]
Output = Annotated[
    str | None, typer.Option("-o", "--output", metavar="FILE", help="Write the report there, whole or not at all.")
]
Outputs = Annotated[
    list[str] | None,
    typer.Option(
        "-o",
        "--output",
        metavar="FILE",
        help="File to write the report to, whole or not at all; repeatable, as FILE.html, FILE.json or FORMAT:FILE.",
    ),
]
"""Those of the verbs with AnyFormat."""
ReportFormat = Annotated[Format, typer.Option("--format", help="How to write the report.")]
AnyFormat = Annotated[
    formats.ReportFormat | None, typer.Option("--format", help="Format of the report [default: terminal].")
]
"""Those of check and verify; the other verbs have two."""
StateDir = Annotated[str, typer.Option(metavar="DIR", help="Where the journal of what was applied is kept.")]
EtcRoot = Annotated[str, typer.Option(metavar="DIR", help="The root below which /etc is written.")]
