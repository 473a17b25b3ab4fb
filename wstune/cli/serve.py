"""`wstune serve`: the chat server with its page, in the foreground."""

from __future__ import annotations

from typing import Annotated

import typer

from wstune.errors import UsageError
from wstune.values import parse_count, parse_size


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("serve")(serve)


def serve(
    bind: Annotated[
        str, typer.Option(metavar="ADDRESS", help="Where to listen; 0.0.0.0 or :: opens it to the world.")
    ] = "127.0.0.1",
    port: Annotated[str, typer.Option(metavar="PORT", help="0 takes one that is free.")] = "3000",
    workers: Annotated[
        str, typer.Option(metavar="W", help="Processes; auto: as many as cores, and as the file limit asks for.")
    ] = "auto",
    max_connections: Annotated[
        str, typer.Option(metavar="N", help="Of all workers; 0: as many as there are descriptors.")
    ] = "0",
    max_rooms: Annotated[str, typer.Option(metavar="N", help="Rooms of one worker.")] = "1024",
    max_message: Annotated[str, typer.Option(metavar="SIZE", help="The largest message; at most 128K.")] = "64K",
    send_buffer: Annotated[
        str, typer.Option(metavar="SIZE", help="What is kept for a client that reads slowly, before it is dropped.")
    ] = "256K",
    buffers: Annotated[
        str, typer.Option(metavar="SIZE", help="What is kept for all clients together; 0: no bound.")
    ] = "256M",
    handshake_deadline: Annotated[
        float, typer.Option(metavar="SECONDS", help="For a client to send its request.", min=0.1, max=3600)
    ] = 10.0,
    frame_deadline: Annotated[
        float, typer.Option(metavar="SECONDS", help="For a client to finish a message.", min=0.1, max=3600)
    ] = 30.0,
    idle: Annotated[
        int, typer.Option(metavar="SECONDS", help="Drop who sends not a byte for so long; 0: never.", min=0, max=604800)
    ] = 0,
    rate: Annotated[
        str, typer.Option(metavar="N", help="Frames a second of one client, twice that in a burst; 0: no bound.")
    ] = "100",
    deliveries: Annotated[
        str,
        typer.Option(metavar="N", help="Frames a second to all clients together: more messages wait; 0: no bound."),
    ] = "50k",
    origin: Annotated[
        list[str] | None,
        typer.Option(metavar="ORIGIN", help="Let pages of this origin connect too; * lets all. Repeatable."),
    ] = None,
    metrics: Annotated[
        str,
        typer.Option(metavar="ADDRESS:PORT", help="Where /stats and /metrics are; port 0: a free one; off: nowhere."),
    ] = "127.0.0.1:0",
    metrics_token: Annotated[
        str | None,
        typer.Option(metavar="@FILE", help="Show them to whoever sends the token in this file, on both ports."),
    ] = None,
    expose_metrics: Annotated[
        bool, typer.Option("--expose-metrics", help="Show them to everybody, on both ports.")
    ] = False,
    access_log: Annotated[bool, typer.Option("--access-log", help="A line on stderr for each request.")] = False,
    cert: Annotated[
        str | None, typer.Option(metavar="FILE", help="Serve TLS (wss) with this certificate, PEM.")
    ] = None,
    key: Annotated[str | None, typer.Option(metavar="FILE", help="The certificate's key, PEM.")] = None,
) -> int:
    """Run the chat server until SIGTERM, SIGHUP or Ctrl-C; then everybody is told (close code 1001), and it ends.

    The page is at /, rooms at /, /chat and /rooms/NAME, /healthz says ok. /stats and /metrics have a port of their own.
    """
    from wstune.actions.serve import LARGEST_MESSAGE, MOST_WORKERS, ServeOptions, run

    run(
        ServeOptions(
            bind=bind,
            port=number("--port", port, 0, 65_535),
            workers=None if workers == "auto" else number("--workers", workers, 1, MOST_WORKERS),
            max_connections=number("--max-connections", max_connections, 0, 10**9),
            max_rooms=number("--max-rooms", max_rooms, 1, 65_000),
            max_message=size("--max-message", max_message, 1, LARGEST_MESSAGE),
            send_buffer=size("--send-buffer", send_buffer, 1024, 2**30),
            buffers=size("--buffers", buffers, 0, 2**40),
            handshake_deadline=handshake_deadline,
            frame_deadline=frame_deadline,
            idle=idle,
            rate=number("--rate", rate, 0, 10**9),
            deliveries=number("--deliveries", deliveries, 0, 10**9),
            origins=tuple(origin or ()),
            metrics=metrics,
            metrics_token=metrics_token,
            expose_metrics=expose_metrics,
            access_log=access_log,
            cert=cert,
            key=key,
        )
    )


def number(option: str, text: str, least: int, most: int) -> int:
    """A count such as 1000, 100k or 2M. Raises UsageError."""
    try:
        value = parse_count(text)
    except ValueError as error:
        raise UsageError(f"{option}: {error}", "counts take k and M: 100k is 100,000") from error
    return _within(option, text, value, least, most)


def size(option: str, text: str, least: int, most: int) -> int:
    """A size such as 65536, 64K or 1M. Raises UsageError."""
    try:
        value = parse_size(text)
    except ValueError as error:
        raise UsageError(f"{option}: {error}", "sizes take K, M and G: 64K is 65,536") from error
    return _within(option, text, value, least, most)


def _within(option: str, text: str, value: int, least: int, most: int) -> int:
    if not least <= value <= most:
        raise UsageError(f"{option} {text}: expected {least:,} to {most:,}", "wstune serve --help")
    return value
