"""`wstune profiles`: which there are, what one demands here, and whether one is sound."""

from __future__ import annotations

from typing import Annotated

import typer

from wstune.cli import options
from wstune.cli.output import write_report


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(rich_markup_mode=None, help="List, show or validate profiles.")
    group.command("list")(list_)
    group.command("show")(show)
    group.command("validate")(validate)
    app.add_typer(group, name="profiles")


def list_(profile_dir: options.ProfileDirs = None) -> int:
    """List the profiles that a name finds, with what each is for."""
    from wstune.errors import ProfileError
    from wstune.host import profile_files
    from wstune.readiness.profile_parser import parse_profile
    from wstune.report.profiles import list_text

    rows = []
    for name, path in profile_files.list_profiles(profile_dir or ()).items():
        try:
            rows.append((name, parse_profile(*profile_files.find(path)).summary, path))
        except ProfileError as error:  # one that is broken hides none of the others
            rows.append((name, f"cannot be used: {error}", path))
    write_report(list_text(rows), None)
    return 0


def show(
    profile: Annotated[str, typer.Argument(metavar="PROFILE", help="A profile's name, or the path of its file.")],
    connections: options.Connections = None,
    role: options.RoleOption = None,
    processes: options.Processes = None,
    settings: options.Settings = None,
    profile_dir: options.ProfileDirs = None,
) -> int:
    """Show what a profile demands of this machine for a target, its expressions worked out."""
    from wstune.actions.profile import load
    from wstune.readiness.judge import applicable
    from wstune.report.profiles import show_text

    resolved = load(
        profile,
        profile_dirs=profile_dir or (),
        connections=connections,
        processes=processes,
        settings=options.settings(settings or ()),
    )
    end = role or resolved.role
    write_report(show_text(resolved, applicable(resolved, end), end), None)
    return 0


def validate(
    profiles: Annotated[
        list[str], typer.Argument(metavar="PROFILE...", help="Names of profiles, or paths of their files.")
    ],
    profile_dir: options.ProfileDirs = None,
) -> int:
    """Say whether profiles are sound: keys, operators, tunables, expressions, and what they extend."""
    from wstune.actions.profile import load
    from wstune.report.words import counted

    for name in profiles:
        resolved = load(name, profile_dirs=profile_dir or ())
        write_report(f"{resolved.where}: sound, {counted(len(resolved.requirements), 'requirement')}", None)
    return 0
