"""A Debian 12 with systemd as a disk image, built once and kept outside the repository.

    python -m tests.vm.image        builds it, and prints where

Needs root, debootstrap, mke2fs and a network that reaches a Debian mirror (DEBIAN_MIRROR; else the one that debootstrap
knows). WSTUNE_VM_CACHE says where it is kept.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent.parent

PACKAGES = (
    "systemd", "systemd-sysv", "udev", "dbus", "python3", "procps", "iproute2", "kmod", "login", "passwd",
    "libpam-modules", "nftables", "linux-image-cloud-amd64", "initramfs-tools",
)  # fmt: skip

LIBRARIES = (
    "typer", "rich", "psutil", "websocket", "simpleeval.py", "pygments", "markdown_it", "mdurl", "shellingham",
    "annotated_doc", "typing_extensions.py", "click",
)  # fmt: skip
"""What wstune imports, by the names in site-packages; one that is not there is not needed."""

VERSION = "4"
"""Raised when what is built changes, so that an old image is not used."""

AGENT = r"""#!/bin/sh
# Runs what comes in on the second serial port, a base64 line a script, and answers with its output and exit code.
stty -F /dev/ttyS1 raw -echo
exec </dev/ttyS1 >/dev/ttyS1 2>&1
echo "@@ready"
while read -r line; do
    echo "$line" | base64 -d >/run/step.sh
    sh /run/step.sh </dev/null
    echo "@@$?"
done
"""

UNITS = {
    "wstune-agent.service": "[Unit]\nAfter=multi-user.target\n[Service]\nExecStart=/usr/local/sbin/agent\n"
    "[Install]\nWantedBy=multi-user.target\n",
    "chat.service": "[Service]\nExecStart=/bin/sleep infinity\n[Install]\nWantedBy=multi-user.target\n",
}


class Image(NamedTuple):
    """What a machine boots from."""

    disk: Path
    kernel: Path
    initrd: Path
    tools: Path
    """A disk with wstune and its libraries, made anew for each session."""


def cache() -> Path:
    """Where images are kept."""
    base = (
        os.environ.get("WSTUNE_VM_CACHE")
        or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "wstune-vm"
    )
    return Path(base)


def build(work: Path) -> Image:
    """The image, built if it is not there yet, and a fresh disk of tools in `work`."""
    folder = cache()
    folder.mkdir(parents=True, exist_ok=True)
    disk = folder / f"debian12-{VERSION}.raw"
    if not disk.exists():
        _debian(folder, disk)
    tools = work / "tools.raw"
    _tools(work, tools)
    return Image(disk, folder / f"vmlinuz-{VERSION}", folder / f"initrd-{VERSION}", tools)


def _debian(folder: Path, disk: Path) -> None:
    tree, done = folder / "tree", folder / "tree.done"
    if not done.exists():
        shutil.rmtree(tree, ignore_errors=True)
        mirror = [mirror] if (mirror := os.environ.get("DEBIAN_MIRROR")) else []
        _run("debootstrap", "--variant=minbase", f"--include={','.join(PACKAGES)}", "bookworm", str(tree), *mirror)
        done.touch()
    _configure(tree)
    unfinished = disk.with_suffix(".new")
    _run("mke2fs", "-q", "-F", "-t", "ext4", "-d", str(tree), str(unfinished), "1600M")
    for name in ("vmlinuz", "initrd"):
        found = min((tree / "boot").glob(f"{name.replace('initrd', 'initrd.img')}-*"))  # beside it: `.dpkg-bak`
        shutil.copy(found, folder / f"{name}-{VERSION}")
    unfinished.rename(disk)
    done.unlink()
    shutil.rmtree(tree)


def _configure(tree: Path) -> None:
    (tree / "etc/fstab").write_text("/dev/vda / ext4 defaults 0 1\n")
    (tree / "etc/hostname").write_text("vm\n")
    agent = tree / "usr/local/sbin/agent"
    agent.write_text(AGENT)
    agent.chmod(0o755)
    wants = tree / "etc/systemd/system/multi-user.target.wants"
    wants.mkdir(parents=True, exist_ok=True)
    for name, text in UNITS.items():
        (tree / "etc/systemd/system" / name).write_text(text)
        if not (wants / name).is_symlink():
            (wants / name).symlink_to(f"/etc/systemd/system/{name}")
    (tree / "etc/security/limits.d/10-alice.conf").write_text("alice soft nofile 500\nalice hard nofile 600\n")
    (tree / "opt/tools").mkdir(parents=True, exist_ok=True)
    if "alice:" not in (tree / "etc/passwd").read_text():
        _run("chroot", str(tree), "useradd", "--create-home", "--shell", "/bin/sh", "alice")
    shutil.rmtree(tree / "var/cache/apt", ignore_errors=True)
    shutil.rmtree(tree / "var/lib/apt/lists", ignore_errors=True)


def _tools(work: Path, disk: Path) -> None:
    """wstune as it is in this checkout, with the libraries of this interpreter's environment."""
    tree = work / "tools"
    libraries = Path(sysconfig.get_paths()["purelib"])
    for name in LIBRARIES:
        source = libraries / name
        if source.is_dir():
            shutil.copytree(source, tree / "lib" / name, ignore=shutil.ignore_patterns("__pycache__", "tests"))
        elif source.exists():
            (tree / "lib").mkdir(parents=True, exist_ok=True)
            shutil.copy(source, tree / "lib" / name)
    for name in ("wstune", "profiles"):
        shutil.copytree(ROOT / name, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
    _run("mke2fs", "-q", "-F", "-t", "ext4", "-d", str(tree), str(disk), "96M")
    shutil.rmtree(tree)


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{command[0]} ended with {done.returncode}: {(done.stderr or done.stdout)[-2000:]}")


if __name__ == "__main__":
    from tempfile import mkdtemp

    sys.stdout.write(f"{build(Path(mkdtemp())).disk}\n")
