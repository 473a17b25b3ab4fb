"""`wstune capacity`: what each limit allows, by role; or the fleet that a target takes, on paper."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from wstune.cli import options
from wstune.cli.options import Format
from wstune.cli.output import check_writable
from wstune.cli.reporting import deliver_capacity, now
from wstune.cli.saved_reports import saved_burst

if TYPE_CHECKING:
    pass


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("capacity")(capacity)


def capacity(
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
    reserve: Annotated[
        int | None,
        typer.Option(
            parser=options.memory,
            metavar="SIZE",
            help="Memory left alone; unless given, 128M or a tenth of what is free.",
        ),
    ] = None,
    ram: Annotated[
        int | None,
        typer.Option(
            parser=options.memory, metavar="SIZE", help="Not this host: servers with so much memory, on paper."
        ),
    ] = None,
    cpus: Annotated[
        int | None, typer.Option(parser=options.few, metavar="K", help="Cores of each such server.")
    ] = None,
    generator_ram: Annotated[
        int | None,
        typer.Option(parser=options.memory, metavar="SIZE", help="Memory of each load generator; else as a server's."),
    ] = None,
    generator_cpus: Annotated[
        int | None, typer.Option(parser=options.few, metavar="K", help="Cores of each load generator.")
    ] = None,
    calibrate: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="A report of verify (--format json): its bytes a connection, not constants."),
    ] = None,
    root: Annotated[str, typer.Option(metavar="DIR", help="Look at the host whose files were captured there.")] = "/",
    format_: options.ReportFormat = Format.TERMINAL,
    output: options.Output = None,
) -> int:
    """Say how many connections each limit of this host allows: as server, generator, proxy, or both ends of a burst.

    With a machine's size (--ram, --cpus) and -n: how many servers and generators of that size a target takes, and what
    must be set on each. Reads only; no root is needed.
    """
    started = now()
    check_writable(output)
    from wstune.actions.capacity import Asked, run_capacity
    from wstune.host.host import Host

    asked = Asked(
        connections=connections,
        role=role,
        processes=processes,
        sources=sources,
        upstreams=upstreams,
        app_bytes=app_bytes,
        tls=tls,
        unit=unit,
        user=user,
        server=(ram, cpus),
        generator=(generator_ram, generator_cpus),
        calibrate=None if calibrate is None else (saved_burst(calibrate, "--calibrate"), calibrate),
        reserve=reserve,
    )
    return deliver_capacity(run_capacity(asked, Host(root, pid)), format_ is Format.JSON, output, started)
