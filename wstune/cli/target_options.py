"""The options of `wstune verify` that say how a server elsewhere is reached, and what is done there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from wstune.errors import UsageError

if TYPE_CHECKING:
    from wstune.actions.stats_sources import StatsOptions
    from wstune.actions.verify_target import Target
    from wstune.burst.scenario import Scenario

_PANEL = "A server elsewhere"

FOREIGN_RATE = "1000"
"""Connections a second to a server that is not on this host, unless --rate says otherwise."""

ScenarioFile = Annotated[
    str | None,
    typer.Option("--scenario", metavar="FILE", help="What connections do, as TOML; see: wstune scenario."),
]
Subprotocol = Annotated[
    list[str] | None,
    typer.Option(
        "--subprotocol",
        metavar="NAME",
        help="Ask for this subprotocol, and take no other; repeatable.",
        rich_help_panel=_PANEL,
    ),
]
Origin = Annotated[str, typer.Option("--origin", metavar="URL", help="The request's Origin.", rich_help_panel=_PANEL)]
Ca = Annotated[
    str,
    typer.Option(
        "--ca", metavar="FILE", help="wss: trust these authorities, PEM, not the system's.", rich_help_panel=_PANEL
    ),
]
Insecure = Annotated[
    bool, typer.Option("--insecure", help="wss: do not check the certificate.", rich_help_panel=_PANEL)
]
ServerName = Annotated[
    str,
    typer.Option(
        "--server-name", metavar="NAME", help="wss: the certificate's name, if not the URL's.", rich_help_panel=_PANEL
    ),
]
NoProxy = Annotated[
    bool,
    typer.Option(
        "--no-proxy", help="Go there directly, whatever http_proxy and https_proxy say.", rich_help_panel=_PANEL
    ),
]
Stats = Annotated[
    list[str] | None,
    typer.Option(
        "--stats",
        metavar="URL",
        help="Where the server shows its figures (its --metrics); repeatable.",
        rich_help_panel=_PANEL,
    ),
]
StatsToken = Annotated[
    str | None,
    typer.Option(
        "--stats-token",
        metavar="@FILE",
        help="The token that it asks for there (its --metrics-token).",
        rich_help_panel=_PANEL,
    ),
]


def stats(urls: list[str] | None, token: str | None, aim: Target) -> StatsOptions:
    """--stats and --stats-token. Raises UsageError."""
    from wstune.actions.stats_sources import StatsOptions, source_of
    from wstune.host.token_file import read_token

    if aim.ours and (urls or token):
        raise UsageError("--stats and --stats-token are for a server elsewhere", "verify host knows its own figures")
    return StatsOptions(
        tuple(source_of(url, aim.security) for url in urls or ()),
        read_token("--stats-token", token) if token is not None else "",
    )


def aim(text: str, fanout: bool, ca: str, insecure: bool, server_name: str, no_proxy: bool) -> Target:
    """The target that these mean. Raises UsageError."""
    from wstune.actions.verify_target import Security, target_of

    return target_of(text, fanout=fanout, security=Security(ca, insecure, server_name), proxies=not no_proxy)


def scenario(path: str | None) -> Scenario | None:
    """--scenario. Raises UsageError, ScenarioError."""
    if path is None:
        return None
    from wstune.actions.verify_scenario import read

    return read(path)


def subprotocols(names: list[str] | None) -> tuple[str, ...]:
    """--subprotocol: tokens, each once (RFC 6455 section 4.1)."""
    found = tuple(part.strip() for name in names or () for part in name.split(","))
    for name in found:
        if not name or not name.isascii() or not name.isprintable() or set(name) & set(' "(),/:;<=>?@[\\]{}'):
            raise UsageError(f"--subprotocol {name!r}: expected letters, digits, - or .", "--subprotocol chat.v1")
    return tuple(dict.fromkeys(found))


def origin(text: str) -> str:
    """--origin, as it goes into the request."""
    if not text.isascii() or not text.isprintable() or " " in text:
        raise UsageError(f"--origin {text!r}: expected an origin", "--origin https://example.org")
    return text
