"""A server's host and load machines as network namespaces on a bridge, with a Dask scheduler and workers inside.

    wst-srv 10.77.0.1   wst-gen1 10.77.0.11   wst-gen2 …   all on the bridge wstbr, which is in the namespace wst-net

Made as root with `ip netns`; gone afterwards, with all that is inside.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from tests.conftest import ROOT
from tests.live.namespace import wait_until
from wstune.burst import certificates

NETWORK = "10.77.0"
PORT = 8786
PYTHON = [sys.executable, "-m"]


def run(*command: str, check: bool = True) -> str:
    """Its output. Raises AssertionError, with what it said."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0 or not check, f"{' '.join(command)}: {done.stderr}"
    return done.stdout


class Net:
    """The namespaces of one test run. Use `net`."""

    def __init__(self, generators: int) -> None:
        self.tag = f"wst{os.getpid() % 10_000}"
        self.hosts = ["srv", *(f"gen{number + 1}" for number in range(generators))]
        self.started: list[subprocess.Popen[Any]] = []

    def space(self, host: str) -> str:
        return f"{self.tag}-{host}"

    def address(self, host: str) -> str:
        return f"{NETWORK}.1" if host == "srv" else f"{NETWORK}.{10 + int(host.removeprefix('gen'))}"

    def make(self) -> None:
        switch = self.space("net")
        run("ip", "netns", "add", switch)
        run("ip", "-n", switch, "link", "add", "br0", "type", "bridge")
        run("ip", "-n", switch, "link", "set", "br0", "up")
        for host in self.hosts:
            space = self.space(host)
            run("ip", "netns", "add", space)
            run("ip", "-n", space, "link", "add", "eth0", "type", "veth", "peer", "name", host, "netns", switch)
            run("ip", "-n", switch, "link", "set", host, "master", "br0", "up")
            run("ip", "-n", space, "addr", "add", f"{self.address(host)}/24", "dev", "eth0")
            run("ip", "-n", space, "link", "set", "eth0", "up")
            run("ip", "-n", space, "link", "set", "lo", "up")

    def command(self, host: str, *arguments: str) -> list[str]:
        return ["ip", "netns", "exec", self.space(host), *arguments]

    def start(self, host: str, *arguments: str, **options: Any) -> subprocess.Popen[str]:
        options = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL} | options
        process = subprocess.Popen(self.command(host, *arguments), cwd=ROOT, text=True, **options)
        self.started.append(process)
        return process

    def write(self, host: str, key: str, value: str) -> None:
        """A sysctl of that host alone."""
        run(*self.command(host, "sh", "-c", f"echo '{value}' > /proc/sys/{key}"))

    def link(self, host: str, state: str) -> None:
        """Cut the cable, or mend it: the switch's end of it."""
        run("ip", "-n", self.space("net"), "link", "set", host, state)

    def pids(self, host: str) -> list[int]:
        return [int(word) for word in run("ip", "netns", "pids", self.space(host), check=False).split()]

    def in_use(self, host: str) -> int:
        """Descriptors of established and other TCP sockets of that host."""
        text = run(*self.command(host, "cat", "/proc/net/sockstat"))
        line = next(line for line in text.splitlines() if line.startswith("TCP:")).split()
        return int(line[line.index("inuse") + 1])

    def remove(self) -> None:
        for host in self.hosts:
            for pid in self.pids(host):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        for process in self.started:
            process.kill()
            process.communicate()
        for host in [*self.hosts, "net"]:
            run("ip", "netns", "del", self.space(host), check=False)


@contextmanager
def net(generators: int = 3) -> Iterator[Net]:
    """A network of that many load machines and a server's host."""
    made = Net(generators)
    try:
        made.make()
        yield made
    finally:
        made.remove()


class Dask:
    """A scheduler on gen1 and a worker on each of some hosts, with the certificate of the test."""

    def __init__(self, inside: Net, folder: Path) -> None:
        self.net = inside
        self.pem = str(folder / "run.pem")
        certificates.write(self.pem, certificates.make())
        self.folder = folder
        self.workers: dict[str, subprocess.Popen[str]] = {}
        self.address = f"tls://{inside.address('gen1')}:{PORT}"
        tls = ["--tls-ca-file", self.pem, "--tls-cert", self.pem, "--tls-key", self.pem, "--protocol", "tls"]
        self._tls = tls
        host = inside.address("gen1")
        dask = [*PYTHON, "distributed.cli.dask_scheduler", "--host", host, "--port", str(PORT), *tls]
        inside.start("gen1", *dask, "--no-dashboard", "--no-show", "--dashboard-address", f"{host}:0")

    def worker(self, host: str) -> None:
        """Start one there."""
        address = self.net.address(host)
        dask = [*PYTHON, "distributed.cli.dask_worker", self.address, *self._tls, "--no-nanny", "--nthreads", "2"]
        dask += ["--memory-limit", "0", "--host", address, "--name", host, "--no-dashboard"]
        with (self.folder / f"{host}.log").open("w") as log:
            self.workers[host] = self.net.start(host, *dask, "--local-directory", str(self.folder), stderr=log)

    def ensure(self, *hosts: str) -> None:
        """Start those that do not run, and wait until all are registered."""
        for host in hosts:
            if host not in self.workers or self.workers[host].poll() is not None:
                self.worker(host)
        for host in hosts:
            log = self.folder / f"{host}.log"
            assert wait_until(lambda log=log: "Registered to" in log.read_text(), 40), log.read_text()  # type: ignore[misc]

    def verify(self, *arguments: str, on: str = "srv") -> subprocess.Popen[str]:
        """`wstune verify …` with this cluster, the head on the server's host."""
        command = [*PYTHON, "wstune", "verify", *arguments, "--cluster", self.address, "--cluster-cert", self.pem]
        command += ["--cluster-root", "--format", "json", "--yes"]
        return self.net.start(on, *command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def finish(process: subprocess.Popen[str], seconds: float = 90) -> tuple[int, dict[str, Any]]:
    """Its exit code and its report."""
    out, err = process.communicate(timeout=seconds)
    assert out, err
    report: dict[str, Any] = json.loads(out)
    return process.returncode, report


def refused(process: subprocess.Popen[str], seconds: float = 90) -> tuple[int, str]:
    """Its exit code, and what it said on stderr."""
    out, err = process.communicate(timeout=seconds)
    assert not out
    return process.returncode, err


def hears_of_loss(process: subprocess.Popen[str], host: str) -> None:
    """Wait until a burst that was started with -v says that this machine is lost."""
    assert process.stderr is not None
    said = iter(process.stderr.readline, "")
    assert any(f"; {host} " in line and "lost: " in line.partition(f"; {host} ")[2].partition(";")[0] for line in said)


def cut_until_heard(inside: Net, process: subprocess.Popen[str], host: str) -> None:
    """Cut a machine's cable, and mend it as soon as the loss is told: the longer it is cut, the longer TCP waits before
    it tries again."""
    inside.link(host, "down")
    try:
        hears_of_loss(process, host)
    finally:
        inside.link(host, "up")


def opened(inside: Net, host: str, most: int, seconds: float = 60) -> None:
    """Wait until that host has so many connections."""
    assert wait_until(lambda: inside.in_use(host) >= most, seconds), inside.in_use(host)


def sleep(seconds: float) -> None:
    time.sleep(seconds)
