"""`wstune serve`: check what was asked for, keep the port, and become the lean program that forks the workers.

The process is replaced (exec), not a child: a service manager sees the process that it started, and the workers are
forked from one that has loaded next to nothing.
"""

from __future__ import annotations

import errno
import ipaddress
import json
import os
import resource
import socket
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NoReturn

import wstune
from wstune.actions import serve_figures
from wstune.chat import listeners, systemd
from wstune.chat.options import KERNEL_SEND_BUFFER, Options
from wstune.errors import PrivilegeError, UsageError
from wstune.host.addresses import bindable
from wstune.readiness.constants import OWN_FILES, TLS_BYTES

BACKLOG = 65_535
"""Asked of listen(); the kernel takes min(this, somaxconn)."""
LARGEST_MESSAGE = 131_072
"""What fits the bus between the workers on every kernel: a datagram in half a default wmem_max."""
MOST_WORKERS = 1024


@dataclass(frozen=True, slots=True)
class ServeOptions:
    """What `wstune serve` was asked for; the defaults are what it does when it is asked for nothing.

    Sizes in bytes, times in seconds; 0 of a bound means that there is none. `workers` None: as many as the cores, and
    the descriptors that `max_connections` takes. `metrics`: where /stats and /metrics are, ADDRESS:PORT or `off`;
    `metrics_token`: @FILE.
    """

    bind: str = "127.0.0.1"
    port: int = 3000
    workers: int | None = None
    max_connections: int = 0
    max_rooms: int = 1024
    max_message: int = 65_536
    send_buffer: int = 262_144
    buffers: int = 268_435_456
    handshake_deadline: float = 10.0
    frame_deadline: float = 30.0
    idle: int = 0
    rate: int = 100
    deliveries: int = 50_000
    origins: tuple[str, ...] = ()
    metrics: str = "127.0.0.1:0"
    metrics_token: str | None = None
    expose_metrics: bool = False
    access_log: bool = False
    cert: str | None = None
    key: str | None = None


def run(chosen: ServeOptions) -> NoReturn:
    """Become the server. Raises UsageError and PrivilegeError."""
    plan = prepare(chosen)
    root = str(Path(wstune.__file__).parent.parent)
    program = f"import sys; sys.path.insert(0, {root!r}); from wstune.chat.serve import main; main()"
    sys.stdout.flush()
    # -S: no site-packages, and none of what is imported for them
    os.execv(sys.executable, [sys.executable, "-I", "-S", "-c", program, json.dumps(plan)])  # noqa: S606


def prepare(chosen: ServeOptions) -> dict[str, Any]:
    """The plan that `chat.serve` reads, with the port bound or the sockets taken over. Raises UsageError."""
    address = _address(chosen.bind)
    _check_certificate(chosen.cert, chosen.key)
    token = serve_figures.token_of(chosen.metrics_token)
    shown = serve_figures.bind(chosen.metrics, protected=bool(token or chosen.expose_metrics), tls=bool(chosen.cert))
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    workers, each = share(chosen.workers, chosen.max_connections, len(os.sched_getaffinity(0)), limit)
    given = systemd.listen_fds()
    held, port = ([], 0) if given else _hold(address, chosen.port)
    if given:
        address, port = _name(given[0])
    for fd in (*given, *held):
        os.set_inheritable(fd, True)
    local = ipaddress.ip_address(address).is_loopback if address else True
    options = Options()
    fields = {name: value for name, value in asdict(chosen).items() if name in Options.__slots__}
    for name, value in fields.items():
        setattr(options, name, value)
    options.worker_connections = each
    options.buffers = chosen.buffers // workers
    options.local, options.presence, options.keepalive = local, True, True
    options.kernel_send_buffer = KERNEL_SEND_BUFFER
    options.figures_local = shown is not None and shown.local
    plain = {name: getattr(options, name) for name in Options.__slots__ if name not in ("tls", "origins", "token")}
    return {
        "address": address,
        "port": port,
        "workers": workers,
        "backlog": BACKLOG,
        "given": given,
        "held": held,
        "figures": shown and shown.fd,
        "token": serve_figures.in_memory(token) if token else None,
        "cert": chosen.cert and os.path.abspath(chosen.cert),  # noqa: PTH100
        "key": chosen.key and os.path.abspath(chosen.key),  # noqa: PTH100
        "options": {**plain, "origins": [origin(text) for text in chosen.origins]},
        "announcement": announcement(address, port, workers, each * workers, chosen)
        + f"\n{shown.announcement if shown else 'figures: off (--metrics)'}",
    }


def share(workers: int | None, connections: int, cpus: int, nofile: int) -> tuple[int, int]:
    """(workers, connections that each may hold). Raises UsageError when `connections` do not fit."""
    each = max(nofile - OWN_FILES, 1)
    needed = -(-connections // each)
    if connections and needed > 1:  # SO_REUSEPORT spreads by chance: room for the mean and four standard deviations
        while needed * each < connections + 4 * int((connections * needed) ** 0.5):
            needed += 1
    if workers is None:
        workers = max(cpus, needed)
    if workers > MOST_WORKERS or workers < needed:
        raise UsageError(
            f"{connections:,} connections take {needed:,} workers of {each:,} files each",
            f"raise the file limit (wstune apply), or give --workers {needed} or more"
            if needed <= MOST_WORKERS
            else "raise the file limit: wstune check says to what",
        )
    return workers, each


def origin(text: str) -> str:
    """An allowed origin as it is compared, `https://chat.example.org`, or `*`. Raises UsageError."""
    plain = text.strip().lower().rstrip("/")
    scheme, separator, host = plain.partition("://")
    if plain != "*" and not (separator and scheme and host and plain.isascii() and not set("/?# ,") & set(host)):
        raise UsageError(f"--origin {text}: that is not an origin", "give one such as https://chat.example.org, or *")
    return plain


def announcement(address: str, port: int, workers: int, room: int, chosen: ServeOptions) -> str:
    """The line that says where we are."""
    host = f"[{address}]" if ":" in address else address
    secure = "s" if chosen.cert else ""
    where = f"http{secure}://{host}:{port}/" if address else "a socket of systemd's"
    most = min(room, chosen.max_connections or room)
    tls = f", about {TLS_BYTES:,} B of memory each" if chosen.cert else ""
    return (
        f"wstune serve: {where} (ws{secure}), {workers} worker{'s' * (workers != 1)}, "
        f"room for {most:,} connections{tls}"
    )


def _address(bind: str) -> str:
    if bind == "localhost":
        return "127.0.0.1"
    try:
        address = ipaddress.ip_address(bind.strip("[]"))
        if isinstance(address, ipaddress.IPv6Address) and address.is_link_local and not address.scope_id:
            raise UsageError(
                f"--bind {bind}: the address is good on one link only, and which is not said", f"--bind {address}%eth0"
            )
        return str(address)
    except ValueError:
        raise UsageError(
            f"--bind {bind}: that is not an IP address", "0.0.0.0 or :: means every address of this host"
        ) from None


def _check_certificate(cert: str | None, key: str | None) -> None:
    if not cert:
        if key:
            raise UsageError("--key without --cert", "give both, or a --cert whose file holds the key too")
        return
    from wstune.chat.tls import context

    try:
        context(cert, key)
    except OSError as error:
        reason = getattr(error, "reason", None) or error.strerror or str(error)
        raise UsageError(
            f"--cert {cert}: {str(reason).lower().replace('_', ' ')}",
            "give the PEM files of a certificate (its chain included) and of its key",
        ) from error


def _hold(address: str, port: int) -> tuple[list[int], int]:
    """Bind, so that what is wrong with the address is said here; the workers' listeners join this one."""
    if port and listeners.port_is_taken(address, port):
        _hold_failed(OSError(_why_taken(address, port), ""), address, port)
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as held:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        try:
            held.bind(bindable(address, port))
        except OSError as error:
            _hold_failed(error, address, port)
        port = held.getsockname()[1]
        return [held.detach()], port


def _why_taken(address: str, port: int) -> int:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind(bindable(address, port))
        except OSError as error:
            return error.errno or 0
    return errno.EADDRINUSE


def _hold_failed(error: OSError, address: str, port: int) -> NoReturn:
    if error.errno == errno.EACCES:
        raise PrivilegeError(
            f"port {port} needs a privilege that is missing", "take a port from 1024 on, or let systemd hand it over"
        ) from error
    if error.errno == errno.EADDRINUSE:
        raise UsageError(
            f"port {port} of {address} is taken", "another --port; --port 0 takes one that is free"
        ) from error
    if error.errno in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
        raise UsageError(f"{address} is no address of this host", "ip address shows which there are") from error
    raise UsageError(f"cannot listen at {address} port {port}: {os.strerror(error.errno or 0).lower()}", "") from error


def _name(fd: int) -> tuple[str, int]:
    given = socket.socket(fileno=fd)
    try:
        name = given.getsockname()
        return (str(name[0]), int(name[1])) if isinstance(name, tuple) else ("", 0)
    except OSError as error:
        raise UsageError(f"descriptor {fd} of LISTEN_FDS is no socket", "ListenStream= is what is needed") from error
    finally:
        given.detach()
