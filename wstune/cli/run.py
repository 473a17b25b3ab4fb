"""`wstune run`: a command with the file limit that a profile needs."""

from __future__ import annotations

from typing import Annotated

import typer

from wstune.cli import options


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("run")(run)


def run(
    profile: Annotated[str, typer.Argument(metavar="PROFILE", help="A profile's name, or the path of its file.")],
    command: Annotated[list[str], typer.Argument(metavar="-- COMMAND…", help="What to run, and its arguments.")],
    connections: options.Connections = None,
    processes: options.Processes = None,
    as_user: Annotated[
        str | None, typer.Option("--as", metavar="USER", help="As whom; unless given, as whoever called sudo.")
    ] = None,
    settings: options.Settings = None,
    profile_dir: options.ProfileDirs = None,
) -> int:
    """Run a command with the file limit that a profile needs; nothing else on this host changes.

    The command takes the place of wstune, so its exit code is the command's. As root under sudo it runs as the user who
    called sudo, unless --as names another.
    """
    from wstune.actions.run import run_command

    run_command(
        profile,
        command,
        connections=connections,
        processes=processes,
        settings=options.settings(settings or ()),
        profile_dirs=tuple(profile_dir or ()),
        as_user=as_user,
    )
    return 0
