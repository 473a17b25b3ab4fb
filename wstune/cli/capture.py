"""`wstune capture`: a tree of this host, to be judged elsewhere."""

from __future__ import annotations

from typing import Annotated

import typer

from wstune.cli.output import write_report


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("capture")(capture)


def capture(
    directory: Annotated[str, typer.Argument(metavar="DIR", help="A new directory, or an empty one.")],
) -> int:
    """Copy what wstune reads of this host into DIR, for `wstune check --root DIR` anywhere else.

    Only files on a list are copied, and of configuration only the lines that set a limit: no key, no password, no
    other mount, no other process. What may not be read is left out. Exit codes: 0 done, 2 DIR is not new.
    """
    from wstune.errors import UsageError
    from wstune.host.capture import capture as copy
    from wstune.host.files import Root, reason
    from wstune.model import Store
    from wstune.tunables import CATALOGUE

    keys = [tunable.name for tunable in CATALOGUE.values() if tunable.store is Store.SYSCTL]
    try:
        copied = copy(Root(), directory, keys)
    except OSError as error:
        raise UsageError(
            f"{directory or repr(directory)} cannot be written: {reason(error)}", "name a directory of your own"
        ) from None
    write_report(
        f"{len(copied)} files are in {directory}; judge them anywhere: wstune check --root {directory}\n", None
    )
    return 0
