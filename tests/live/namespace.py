"""A private network namespace: sockets and processes in it can be counted exactly, whatever else this machine does."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests import sockets
from tests.conftest import ROOT
from wstune.host import child
from wstune.host.inside import enter

_LOOPBACK_UP = """
import fcntl, socket, struct, sys
with socket.socket() as control:
    fcntl.ioctl(control, 0x8914, struct.pack("16sh14x", b"lo", 1))  # SIOCSIFFLAGS, IFF_UP
print("up", flush=True)
sys.stdin.read()
"""


class Namespace:
    """The namespace of one process, which waits. Use `private_namespace`."""

    def __init__(self, holder: int) -> None:
        self.holder = holder
        self._inode = Path(f"/proc/{holder}/ns/net").readlink()
        self.started: list[subprocess.Popen[str]] = []

    def command(self, *arguments: str) -> list[str]:
        """The command line that runs this inside."""
        return ["nsenter", "-t", str(self.holder), "-U", "-n", "--preserve-credentials", "--", *arguments]

    def verify(self, *arguments: str, nofile: int | None = None) -> subprocess.Popen[str]:
        """Start `wstune verify host` inside; its process is the one that Popen knows."""
        limit = ["prlimit", f"--nofile={nofile}", "--"] if nofile else []
        process = subprocess.Popen(
            self.command(*limit, sys.executable, "-m", "wstune", "verify", "host", "--format", "json", *arguments),
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.started.append(process)
        return process

    def sockets(self) -> tuple[int, int]:
        """TCP sockets in use, and those in TIME_WAIT; both are per namespace (net/ipv4/proc.c sockstat_seq_show)."""
        for line in Path(f"/proc/{self.holder}/net/sockstat").read_text().splitlines():
            if line.startswith("TCP:"):
                fields = line.split()
                return int(fields[fields.index("inuse") + 1]), int(fields[fields.index("tw") + 1])
        raise AssertionError("sockstat has no line for TCP")

    def answered(self) -> int:
        """Connections of generators whose server has answered, and whose generator has read it: see `sockets.answered`.

        `sockets` counts those too that nobody has said anything to yet: a burst is not open when they are all there.
        """

        def inside() -> int:
            enter(self.holder)
            return sockets.answered("127.1.")

        return int(child.run(inside, 10))

    def processes(self) -> list[int]:
        """Every process inside but the holder; zombies are gone, for they have no namespace."""
        found = []
        for folder in Path("/proc").iterdir():
            try:
                if folder.name.isdecimal() and (folder / "ns/net").readlink() == self._inode:
                    found.append(int(folder.name))
            except OSError:
                continue
        return [pid for pid in found if pid != self.holder]

    def left(self) -> str:
        """What is left inside, as a failing test shows it: processes, and the kernel's list of sockets; else empty."""
        processes = self.processes()
        if self.sockets() == (0, 0) and not processes:
            return ""
        listed = (Path(f"/proc/{self.holder}/net/{name}").read_text() for name in ("tcp", "tcp6"))
        return "\n".join([f"processes {processes}, sockets {self.sockets()}", *listed])

    def is_clean(self) -> bool:
        """Whether nothing of anybody is left inside."""
        return not self.left()


@contextmanager
def private_namespace() -> Iterator[Namespace]:
    """A namespace with its loopback interface up; it is gone afterwards, with all that is inside."""
    command = ["unshare", "-Urn", "--", sys.executable, "-c", _LOOPBACK_UP]
    holder = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    namespace = None
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "up\n"
        namespace = Namespace(holder.pid)
        yield namespace
    finally:
        if namespace is not None:
            for pid in namespace.processes():
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            for process in namespace.started:
                process.communicate()
        holder.communicate()


def wait_until(condition: Callable[[], bool], seconds: float) -> bool:
    """Whether it came true within that time."""
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            return False
        time.sleep(0.005)
    return True
