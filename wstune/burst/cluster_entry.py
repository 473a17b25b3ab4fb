"""Who may be of a cluster, and by which certificate: what is asked before anything is started."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from wstune import __version__
from wstune.burst import certificates
from wstune.burst.host_name import is_host
from wstune.errors import InconclusiveError, UsageError, WstuneError

if TYPE_CHECKING:
    from distributed.security import Security

    from wstune.burst.answers import Probe

THREADS = 2
"""Of a worker that we start: one for the burst, one for what is asked of the machine meanwhile."""

CONFIG: dict[str, Any] = {
    "distributed.scheduler.allowed-failures": 0,  # a burst is not run again because its worker died
    "distributed.scheduler.http.routes": [],  # no dashboard, no metrics, no health page
    "distributed.worker.http.routes": [],
    "distributed.worker.daemon": False,
    "distributed.scheduler.work-stealing": False,
    "distributed.admin.log-length": 100,
    # What Dask does for its dashboard takes the cores that open connections: 100 stack samples a second in each worker,
    # 50 ticks of each event loop.
    "distributed.worker.profile.enabled": False,
    "distributed.admin.tick.interval": "1s",
    "distributed.admin.tick.limit": "60s",
    "distributed.admin.system-monitor.interval": "10s",
    "distributed.admin.system-monitor.gil.enabled": False,
    "distributed.comm.timeouts.connect": "10s",
}
"""What differs from Dask's defaults in a cluster that we start."""


@dataclass(frozen=True, slots=True)
class Where:
    """Which cluster. One of `local`, `hosts` and `address` is given.

    Attributes:
        local: so many workers on this machine. hosts: to start by SSH, each `[user@]host[:port]`.
        address: of a scheduler, `tls://HOST:PORT`; `tcp://` only if `insecure`.
        server: the machine of the cluster that the server is started on; with `hosts` one more of them.
        certificate: a PEM file with certificate and key for `address`; empty: as Dask itself is configured.
        python: of the hosts; empty: the path of this one, else python3. as_root: whether the load may run as root.
    """

    local: int = 0
    hosts: tuple[str, ...] = ()
    address: str = ""
    server: str = ""
    certificate: str = ""
    insecure: bool = False
    python: str = ""
    as_root: bool = False


def unfit(name: str, found: Probe, *, as_root: bool) -> WstuneError | None:
    """Why a machine cannot take part in a run of this wstune, or None."""
    import platform

    import distributed

    if found.wstune is None:
        return InconclusiveError(f"{name} has no wstune, or not for {found.executable}", _install(name))
    if found.distributed is None:
        return InconclusiveError(f"{name} has no distributed beside its wstune", _install(name))
    python = ".".join(platform.python_version_tuple()[:2])
    for what, there, here in (
        ("wstune", found.wstune, __version__),
        ("distributed", found.distributed, str(distributed.__version__)),
        ("python", found.python, python),
    ):
        if there != here:
            return InconclusiveError(f"{name} has {what} {there}, here is {here}", _install(name))
    if found.euid == 0 and not as_root:
        return UsageError(
            f"{name} would make load as root, which it needs no privilege for",
            "name another user, user@host, or allow it: --cluster-root",
        )
    return None


def _install(name: str) -> str:
    return f"on {name}: pip install 'wstune[cluster]=={__version__}'"


def require(where: Where) -> None:
    try:
        import distributed  # noqa: F401

        if where.hosts:
            import asyncssh  # noqa: F401
    except ImportError as error:
        raise UsageError(f"a cluster needs {error.name}", "pip install 'wstune[cluster]'") from None
    if not where.address:
        return
    if not where.address.startswith(("tls://", "tcp://")) or not _is_address(where.address):
        raise UsageError(f"--cluster {where.address}: expected local:N or tls://HOST:PORT", "--cluster local:4")
    if where.address.startswith("tls://"):
        return
    if not where.insecure:
        raise UsageError(
            f"{where.address} is not encrypted, and whoever reaches it can run Python there",
            "use tls://, or allow it: --insecure-cluster",
        )


def _is_address(address: str) -> bool:
    try:
        parts = urlsplit(address)
        return address.isprintable() and is_host(parts.hostname or "") and bool(parts.port)
    except ValueError:
        return False


def security_of(pem: str) -> Security:
    """Mutual TLS in which this certificate alone is trusted."""
    from distributed.security import Security

    roles = ("client", "scheduler", "worker")
    certificate = {f"tls_{role}_cert": pem for role in roles} | {f"tls_{role}_key": pem for role in roles}
    return Security(require_encryption=True, tls_ca_file=pem, **certificate)


def security_for(where: Where) -> Security | None:
    from distributed.security import Security

    if where.address.startswith("tcp://"):
        return None
    if where.certificate:
        return security_of(certificates.read(where.certificate))
    security = Security(require_encryption=True)
    if not security.tls_ca_file or not security.tls_client_cert:
        raise UsageError(
            f"{where.address} wants a certificate, and Dask's configuration here names none",
            "--cluster-cert FILE, or set distributed.comm.tls in the configuration of Dask",
        )
    return security


def local(workers: int, security: Security, directory: str) -> dict[str, Any]:
    """What SpecCluster starts for workers on this machine; all of them keep what they write in `directory`."""
    from distributed import Nanny, Scheduler

    common: dict[str, Any] = {"host": "127.0.0.1", "port": 0, "protocol": "tls://", "security": security}
    common |= {"dashboard_address": "127.0.0.1:0", "local_directory": directory}
    options = {**common, "nthreads": THREADS, "memory_limit": 0, "silence_logs": logging.CRITICAL}
    return {
        "scheduler": {"cls": Scheduler, "options": {**common, "dashboard": False}},
        "workers": {at + 1: {"cls": Nanny, "options": options} for at in range(workers)},
    }
