"""Where mutated inputs are tried: namespaces in which the host's files are read-only, and its sysctls out of reach.

    /               read-only, as is everything mounted below it but /proc and /dev
    /proc/sys       fs, vm and kernel are files of a captured host; net is that of the namespace
    /etc            files of a captured host, which may be written
    the network     a loopback of its own and nothing else
    DIRECTORY       may be written: state, trees, and what failed

So even root's `apply --yes` and `rollback` of a mutated journal reach nothing of this machine.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import socket
import struct
import subprocess
import sys
from pathlib import Path

from tests.conftest import ROOT
from tests.trees import HOSTS, plant

ETC = {
    "hosts": "127.0.0.1 localhost here.example\n::1 localhost six.example\n192.0.2.7 many.example\n"
    "192.0.2.8 many.example\n",
    "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\n",
    "passwd": "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n",
    "group": "root:x:0:\nnogroup:x:65534:\n",
}

_SCRIPT = """
mount --make-rprivate /
mount --bind "$0" "$0"
for part in fs vm kernel; do mount --bind "$0/sys/$part" "/proc/sys/$part"; done
mount --bind "$0/etc" /etc
while read -r _ place _; do
    case "$place" in
        /proc | /proc/* | /dev | /dev/* | /etc | "$0") ;;
        *) mount -o remount,bind,ro "$place" 2> /dev/null || [ "$place" != / ] ;;
    esac
done < /proc/self/mounts
exec "$@"
"""


def furnished(place: Path) -> Path:
    """Make the directory that `inside` takes, with /proc/sys and /etc of a captured host."""
    for part in ("fs", "vm", "kernel"):
        shutil.copytree(HOSTS / "systemd-server/proc/sys" / part, place / "sys" / part)
    shutil.copytree(HOSTS / "systemd-server/etc", place / "etc", symlinks=True)
    plant(place / "etc", ETC)
    for path in (place / "sys", *(place / "sys").rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    return place


def inside(place: Path, *arguments: str, seconds: float) -> subprocess.CompletedProcess[str]:
    """Run `python -m tests.fuzz ARGUMENTS` in there."""
    command = [
        "unshare",
        "-Urnm",
        "sh",
        "-eu",
        "-c",
        _SCRIPT,
        str(place),
        sys.executable,
        "-m",
        "tests.fuzz",
        *arguments,
    ]
    environment = {"PATH": os.environ["PATH"], "HOME": str(place), "LANG": "C.UTF-8", "NO_COLOR": "1"}
    return subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=seconds, check=False
    )


def bring_up_loopback() -> None:
    """The namespace's own: SIOCSIFFLAGS with IFF_UP (netdevice(7))."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, 0x8914, struct.pack("16sH14x", b"lo", 0x1))
