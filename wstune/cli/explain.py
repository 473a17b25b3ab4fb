"""`wstune explain`: one limit, or the names of all."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from wstune.cli.output import wants_color, write_report


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("explain")(explain)


def explain(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="A limit, such as net.core.somaxconn or EMFILE.")
    ] = None,
) -> int:
    """Explain a limit: what it caps, what happens when it is hit, the risk of changing it, and its value here.

    Without NAME: list the names of all.
    """
    from wstune.report.explain import explain_text, names_text
    from wstune.tunables import called

    color = wants_color(sys.stdout)
    if name is None:
        write_report(names_text(color=color), None)
        return 0
    tunable = called(name)
    from wstune.host.host import Host

    write_report(explain_text(tunable, Host().read(tunable), color=color), None)
    return 0
