"""OpenSSH servers in network namespaces, with throw-away keys and a user that only they know."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.conftest import ROOT
from tests.live.fleet import Net, net, run
from tests.live.namespace import wait_until

USER, UID = "burst", 47_110


class Machines:
    """gen1, gen2 with sshd; srv, where the user sits. Use `machines`."""

    def __init__(self, inside: Net, folder: Path) -> None:
        self.net = inside
        self.folder = folder
        self.home = folder / "home"
        self._passwd = folder / "passwd"
        self.names = [host for host in inside.hosts if host != "srv"]

    def make(self) -> None:
        self.folder.chmod(0o755)
        (self.home / ".ssh").mkdir(parents=True)
        passwd = Path("/etc/passwd").read_text()
        self._passwd.write_text(f"{passwd}{USER}:*:{UID}:{UID}::{self.home}:/bin/sh\n")
        for name, path in (("host", self.folder / "host"), ("user", self.home / ".ssh/id_ed25519")):
            run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(path))
        public = (self.home / ".ssh/id_ed25519.pub").read_text()
        (self.folder / "authorized").write_text(public)
        (self.folder / "sshd_config").write_text(
            f"HostKey {self.folder}/host\nAuthorizedKeysFile {self.folder}/authorized\nStrictModes no\nUsePAM no\n"
            "PasswordAuthentication no\nKbdInteractiveAuthentication no\nPermitRootLogin yes\nPidFile none\n"
        )
        key = " ".join((self.folder / "host.pub").read_text().split()[:2])
        known = [f"{host},{self.net.address(host)} {key}" for host in self.names]
        (self.home / ".ssh/known_hosts").write_text("\n".join(known) + "\n")
        config = [f"Host {host}\n  HostName {self.net.address(host)}" for host in self.names]
        (self.home / ".ssh/config").write_text("\n".join(config) + "\n")
        for path in [self.home, *self.home.rglob("*")]:
            os.chown(path, UID, UID)
        for host in self.names:
            self._inside(host, "/usr/sbin/sshd", "-D", "-e", "-f", str(self.folder / "sshd_config"))
        for host in self.names:
            assert wait_until(lambda host=host: ":22 " in self.listening(host), 20)  # type: ignore[misc]

    def _inside(self, host: str, *command: str, **options: Any) -> subprocess.Popen[str]:
        """Start it with our list of users in the place of the machine's, in a mount namespace of its own."""
        enter = ["set -e", f"mount --bind {self._passwd} /etc/passwd", "mount -t tmpfs none /run", "mkdir /run/sshd"]
        enter += [*_uncovered(self.folder), 'exec "$@"']
        return self.net.start(host, "unshare", "-m", "sh", "-c", "; ".join(enter), "sh", *command, **options)

    def wstune(self, *arguments: str) -> subprocess.Popen[str]:
        """`wstune …` on srv, as the clean user."""
        clean = ["setpriv", f"--reuid={UID}", f"--regid={UID}", "--clear-groups", "env", "-i", f"HOME={self.home}"]
        clean += [f"USER={USER}", "PATH=/usr/bin:/bin", sys.executable, "-m", "wstune", *arguments]
        return self._inside("srv", *clean, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def listening(self, host: str) -> str:
        """The addresses and ports that something listens on."""
        return run(*self.net.command(host, "ss", "-ltnH"))

    def left(self) -> list[str]:
        """What is left of a burst: directories of runs, and processes of the user on the load machines."""
        folders = [str(path) for path in Path(tempfile.gettempdir()).glob("wstune-*") if path.stat().st_uid == UID]
        pids = [f"{host} {pid}" for host in self.names for pid in self.net.pids(host) if _uid(pid) == UID]
        return folders + pids


def _uncovered(folder: Path) -> list[str]:
    """What makes our Python and this checkout reachable for every user: they may lie in somebody's private home."""
    commands: list[str] = []
    needed = {ROOT, Path(sys.prefix).resolve(), Path(sys.base_prefix).resolve()}
    for path in sorted(needed):
        private = next((above for above in reversed(path.parents) if not above.stat().st_mode & 0o001), None)
        if private is None:
            continue
        aside = folder / f"aside{len(commands)}"
        commands += [f"mkdir -p {aside}", f"mount --bind {path} {aside}"]
        commands += [f"mountpoint -q {private} || mount -t tmpfs -o mode=755 none {private}"]
        commands += [f"mkdir -p {path}", f"mount --bind {aside} {path}", f"umount {aside}"]
    return commands


def _uid(pid: int) -> int:
    try:
        return Path(f"/proc/{pid}").stat().st_uid
    except OSError:
        return -1


@contextmanager
def machines(generators: int = 2) -> Iterator[Machines]:
    """So many load machines that can be logged in to."""
    folder = Path(tempfile.mkdtemp(prefix="wst-ssh-"))
    try:
        with net(generators) as inside:
            made = Machines(inside, folder)
            made.make()
            yield made
    finally:
        shutil.rmtree(folder)
