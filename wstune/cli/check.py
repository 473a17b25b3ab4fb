"""`wstune check`: is this host ready, and how many connections does it hold as it is."""

from __future__ import annotations

from typing import Annotated

import typer

from wstune.cli import cluster_options, options
from wstune.cli.destinations import destinations
from wstune.cli.reporting import deliver, errors_for, now


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("check")(check)


def check(
    profile: options.Profile = "high-conn",
    connections: options.Connections = None,
    role: options.RoleOption = None,
    processes: options.Processes = None,
    app_bytes: options.AppBytes = None,
    tls: options.Tls = False,
    sources: options.Sources = 1,
    upstreams: options.Upstreams = 1,
    pid: options.Pid = None,
    unit: options.Unit = None,
    user: options.User = None,
    root: Annotated[str, typer.Option(metavar="DIR", help="Judge the host whose files were captured there.")] = "/",
    strict: Annotated[
        bool, typer.Option("--strict", help="Not ready, too, if it will not be so after a reboot.")
    ] = False,
    hosts: cluster_options.Hosts = None,
    remote_python: cluster_options.RemotePython = "",
    settings: options.Settings = None,
    profile_dir: options.ProfileDirs = None,
    state_dir: options.StateDir = "/var/lib/wstune",
    format_: options.AnyFormat = None,
    output: options.Outputs = None,
) -> int:
    """Judge this host's limits against a profile, and say how many connections it can hold as it is.

    Reads only; no root is needed. --hosts checks a whole fleet by SSH, into one table; what it lacks is applied with
    `wstune export PROFILE --format ansible`.

    Exit codes: 0 ready, 1 not ready, 2 usage, 3 when what counts could not be read.
    """
    started = now()
    where = destinations(format_, output)
    if hosts is not None:
        from wstune.cli.check_fleet import check_fleet

        return check_fleet(
            hosts,
            remote_python,
            profile,
            started=started,
            where=where,
            connections=connections,
            role=role,
            processes=processes,
            app_bytes=app_bytes,
            settings=settings,
            here_only={
                "--pid": pid,
                "--unit": unit,
                "--user": user,
                "--root": root != "/",
                "--profile-dir": profile_dir,
                "--tls": tls,
                "--strict": strict,
            },
        )
    from wstune.actions.check import exit_code, run_check
    from wstune.host.host import Host

    with errors_for(where):
        report = run_check(
            profile,
            Host(root, pid),
            connections=connections,
            processes=processes,
            role=role,
            app_bytes=app_bytes,
            tls=tls,
            sources=sources,
            upstreams=upstreams,
            unit=unit,
            user=user,
            settings=options.settings(settings or ()),
            profile_dirs=tuple(profile_dir or ()),
            state_dir=state_dir if root == "/" else None,
        )
    return deliver(report, where, started, exit_code(report, strict), report.host.boot_id)
