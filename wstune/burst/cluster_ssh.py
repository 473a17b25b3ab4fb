"""Machines by SSH: looked at first, given the run's certificate, started by the parts of Dask's SSHCluster, left clean.

`distributed.SSHCluster` gives all workers the same options, and what it hands on stands in a command line. So its
scheduler and worker classes are used, but each is bound to the address that the machine has in use, and the
certificate lies in a directory that only the user there may read. Asks asyncssh for everything that OpenSSH would:
~/.ssh/config, keys, agent, known_hosts.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import shlex
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

from wstune.burst import conversation
from wstune.burst.answers import Probe, read_json
from wstune.burst.cluster_entry import THREADS, Where, unfit
from wstune.burst.conversation import Bounds, said_by
from wstune.burst.engine.records import read
from wstune.burst.host_name import is_host
from wstune.errors import InconclusiveError, UsageError

if TYPE_CHECKING:
    import asyncssh

CONNECT_SECONDS = 15.0
IDLE = "60s"
"""A scheduler that has had nothing to do for so long ends itself: the head is gone."""

_PROBE = """
import json, os, platform, sys
found = {"type": "Probe", "python": ".".join(platform.python_version_tuple()[:2]), "executable": sys.executable}
found |= {"euid": os.geteuid(), "hostname": platform.node()}
for name in ("wstune", "distributed"):
    try: found[name] = str(__import__(name).__version__)
    except Exception: found[name] = None
print("wstune-probe", json.dumps(found))
sys.exit(None in found.values())
"""


@dataclass(frozen=True, slots=True)
class Machine:
    """One that was reached: `name` as given, `address` that it was reached at, as it sees it, `python` there."""

    name: str
    address: str
    python: str
    options: dict[str, Any]
    host: str
    connection: asyncssh.SSHClientConnection


@dataclass(frozen=True, slots=True)
class Machines:
    """All of them, with the directory that each has for the run; the scheduler is on the first."""

    all: tuple[Machine, ...]
    directory: str

    def config(self) -> dict[str, Any]:
        """Dask's configuration on each: where the certificate is."""
        pem = f"{self.directory}/run.pem"
        config: dict[str, Any] = {"distributed.comm.require-encryption": True, "distributed.comm.tls.ca-file": pem}
        for role in ("scheduler", "worker", "client"):
            config |= {f"distributed.comm.tls.{role}.cert": pem, f"distributed.comm.tls.{role}.key": pem}
        return config

    def spec(self) -> dict[str, Any]:
        """What SpecCluster starts."""
        from distributed.deploy import ssh

        first = self.all[0]
        common = {"port": 0, "protocol": "tls://", "local_directory": self.directory}
        scheduler = {**common, "host": first.address, "dashboard": False, "idle_timeout": IDLE}
        scheduler["dashboard_address"] = f"{first.address}:0"
        worker = {**common, "nthreads": THREADS, "memory_limit": 0, "death_timeout": 30}
        return {
            "scheduler": {"cls": ssh.Scheduler, "options": _started(first, scheduler)},
            "workers": {
                machine.name: {
                    "cls": ssh.Worker,
                    "options": {
                        **_started(
                            machine,
                            {**worker, "host": machine.address, "dashboard_address": f"{machine.address}:0"}
                            | {"name": machine.name},
                        ),
                        "worker_class": "distributed.Worker",
                    },
                }
                for machine in self.all
            },
        }


def _started(machine: Machine, options: dict[str, Any]) -> dict[str, Any]:
    return {
        "address": machine.host,
        "connect_options": machine.options,
        "remote_python": machine.python,
        "kwargs": options,
    }


@contextlib.asynccontextmanager
async def prepared(where: Where, pem: str) -> AsyncIterator[Machines]:
    """The machines, each with the certificate in place; afterwards what was put there is gone, even if we are killed.

    Raises InconclusiveError, in one sentence with the machine's name, when one refuses or lacks something.
    """
    names = list(dict.fromkeys([*where.hosts, *([where.server] if where.server else [])]))
    directory = f"/tmp/wstune-{secrets.token_hex(12)}"  # noqa: S108  made there with mode 0700, and nobody guesses it
    async with contextlib.AsyncExitStack() as stack:
        answers = await asyncio.gather(*(reach(name, where.python) for name in names), return_exceptions=True)
        found = [answer for answer in answers if not isinstance(answer, BaseException)]
        for machine, _ in found:
            stack.callback(machine.connection.close)
        for answer in answers:
            if isinstance(answer, BaseException):
                raise answer
            if reason := unfit(answer[0].name, answer[1], as_root=where.as_root):
                raise reason
        janitors = await asyncio.gather(*(_place(machine, directory, pem) for machine, _ in found))
        for janitor in janitors:
            stack.push_async_callback(_sweep, janitor)
        yield Machines(tuple(machine for machine, _ in found), directory)


async def reach(name: str, python: str = "") -> tuple[Machine, Probe]:
    """Log in, and see which Python there has wstune. Raises InconclusiveError, UsageError."""
    import asyncssh

    options = login(name)
    host = options.pop("host")
    try:
        connection = await asyncio.wait_for(asyncssh.connect(host, **options), CONNECT_SECONDS)
    except (OSError, TimeoutError, asyncssh.Error) as error:
        raise InconclusiveError(*_refusal(name, error)) from None
    candidates = [python] if python else [sys.executable, "python3"]
    tries = [
        f"command -v {word} >/dev/null 2>&1 && {word} -c {shlex.quote(_PROBE)}" for word in map(shlex.quote, candidates)
    ]
    try:
        command = f"echo $SSH_CONNECTION; {' || '.join(tries)}"
        lines = (await conversation.run(connection, command, Bounds(name))).stdout.splitlines()
        with said_by(name):
            probes = [
                read(Probe, read_json(line.partition(" ")[2])) for line in lines if line.startswith("wstune-probe ")
            ]
        if not probes:
            raise InconclusiveError(
                f"{name} has no Python where {candidates[0]} is, and no python3", "--remote-python PATH"
            )
    except BaseException:
        connection.abort()
        raise
    about = next((each for each in probes if each.wstune and each.distributed), probes[-1])
    address = _reached_at(lines[0] if lines else "") or host
    return Machine(name, address, about.executable, options, host, connection), about


def _reached_at(line: str) -> str:
    """The machine's own address of SSH_CONNECTION (ssh(1)); empty when that is none."""
    fields = line.split()
    try:
        return str(ip_address(fields[2])) if len(fields) == 4 else ""
    except ValueError:
        return ""


def login(name: str) -> dict[str, Any]:
    """`[user@]host[:port]` as asyncssh takes it. Raises UsageError."""
    user, at, rest = name.rpartition("@")
    host, colon, port = rest.rpartition(":") if rest.count(":") == 1 else (rest, "", "")
    number = int(port) if port.isdecimal() and port.isascii() and len(port) < 6 else 0
    if not is_host(host) or (at and not _is_user(user)) or (colon and not 0 < number < 65_536):
        raise UsageError(f"{name!r} is no machine", "expected host, user@host or user@host:port")
    options: dict[str, Any] = {"host": host, "connect_timeout": CONNECT_SECONDS, "keepalive_interval": 5}
    return options | ({"username": user} if at else {}) | ({"port": number} if colon else {})


def _is_user(name: str) -> bool:
    return 0 < len(name) <= 256 and name.isprintable() and not name.startswith("-")


def _refusal(name: str, error: Exception) -> tuple[str, str]:
    """What it means that a machine cannot be logged in to: a sentence and a tip."""
    import asyncssh

    bare = login(name)["host"]
    if isinstance(error, asyncssh.HostKeyNotVerifiable):
        return f"{name} has a host key that is not known here", f"log in once and compare it: ssh {bare}"
    if isinstance(error, asyncssh.PermissionDenied):
        return f"{name} refuses to let us in: {error.reason}", f"it must work without a password: ssh {bare} true"
    if isinstance(error, TimeoutError):
        return f"{name} does not answer on its SSH port within {CONNECT_SECONDS:.0f} s", f"ssh -v {bare}"
    reason = getattr(error, "reason", "") or getattr(error, "strerror", "") or str(error)
    return f"{name} cannot be reached by SSH: {reason}", f"ssh -v {bare}"


async def _place(machine: Machine, directory: str, pem: str) -> asyncssh.SSHClientProcess[str]:
    """Put the certificate there. What is returned removes it, and ends what is left of the run, when its input ends."""
    place = f"umask 077; mkdir -p {directory} && test -O {directory} && cat > {directory}/run.pem"
    done = await conversation.run(machine.connection, place, Bounds(machine.name), pem)
    if done.exit_status:
        raise InconclusiveError(f"{machine.name} does not take the run's certificate: {done.stderr.strip()[:200]}")
    # The directory's name is in the command line of each process of the run, and of nobody else's.
    left = f"dask_spec.*[{directory[5]}]{directory[6:]}"
    janitor = f"trap '' HUP; cat >/dev/null; rm -rf {directory}; pkill -f {left!r}; exit 0"
    return await machine.connection.create_process(janitor)


async def _sweep(janitor: asyncssh.SSHClientProcess[str]) -> None:
    with contextlib.suppress(Exception):
        janitor.stdin.write_eof()
        await asyncio.wait_for(janitor.wait(), 5)
