"""The options of verify and check that name other machines, and how they are read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from wstune.errors import UsageError

if TYPE_CHECKING:
    from wstune.burst.cluster_entry import Where

_MOST_LOCAL = 64
_PANEL = "Several machines"


def hosts_of(text: str | None) -> tuple[str, ...]:
    """--hosts: machines separated by commas. Raises UsageError."""
    if text is None:
        return ()
    found = tuple(part.strip() for part in text.split(","))
    if not all(found) or len(set(found)) < len(found):
        raise UsageError(f"--hosts {text}: expected machines, each once", "--hosts gen1,user@gen2,gen3:2222")
    for name in found:
        machine_of(name, "--hosts")
    return found


def machine_of(name: str, option: str) -> str:
    """One machine, `[user@]host[:port]`. Raises UsageError that names the option."""
    from wstune.burst.cluster_ssh import login

    try:
        login(name)
    except UsageError as error:
        raise UsageError(f"{option}: {error}", f"{option} gen1, user@gen2 or gen3:2222") from None
    return name


def where_of(
    hosts: str | None, cluster: str | None, server: str, certificate: str, insecure: bool, as_root: bool, python: str
) -> Where | None:
    """The cluster that the options mean; None for none. Raises UsageError."""
    if hosts is None and cluster is None:
        named = {"--serve-on": server, "--cluster-cert": certificate, "--remote-python": python}
        named |= {"--insecure-cluster": "yes" if insecure else "", "--cluster-root": "yes" if as_root else ""}
        if given := next((option for option, value in named.items() if value), ""):
            raise UsageError(f"{given} is for several machines", "--hosts A,B, or --cluster ADDRESS")
        return None
    if hosts is not None and cluster is not None:
        raise UsageError("--hosts starts a cluster, --cluster names one that there is", "give one of the two")
    from wstune.burst.cluster_entry import Where

    local = 0
    if cluster is not None and cluster.startswith("local:"):
        number = cluster.removeprefix("local:")
        local = int(number) if number.isdecimal() and number.isascii() else 0
        if not 1 <= local <= _MOST_LOCAL:
            raise UsageError(f"--cluster {cluster}: expected local:1 to local:{_MOST_LOCAL}", "--cluster local:4")
        if server:
            raise UsageError("--serve-on and --cluster local: the server is here anyhow", "leave --serve-on out")
    return Where(
        local=local,
        hosts=hosts_of(hosts),
        address="" if local or cluster is None else cluster,
        server=machine_of(server, "--serve-on") if hosts is not None and server else server,
        certificate=certificate,
        insecure=insecure,
        python=python,
        as_root=as_root,
    )


Hosts = Annotated[
    str | None,
    typer.Option(metavar="A,B", help="Machines to log in to by SSH: gen1,user@gen2.", rich_help_panel=_PANEL),
]
ClusterOption = Annotated[
    str | None,
    typer.Option(
        "--cluster",
        metavar="ADDR",
        help="A Dask cluster: tls://SCHEDULER:8786, or local:4 for four workers here.",
        rich_help_panel=_PANEL,
    ),
]
ServeOn = Annotated[
    str, typer.Option(metavar="HOST", help="Start the server of `verify host` there.", rich_help_panel=_PANEL)
]
ClusterCert = Annotated[
    str,
    typer.Option(
        metavar="FILE",
        help="For tls://: certificate and key, PEM; else as Dask is configured.",
        rich_help_panel=_PANEL,
    ),
]
InsecureCluster = Annotated[
    bool, typer.Option("--insecure-cluster", help="Allow tcp://, without TLS.", rich_help_panel=_PANEL)
]
ClusterRoot = Annotated[
    bool, typer.Option("--cluster-root", help="Allow load machines to run it as root.", rich_help_panel=_PANEL)
]
RemotePython = Annotated[
    str, typer.Option(metavar="PATH", help="The Python of --hosts; else as here, or python3.", rich_help_panel=_PANEL)
]
