"""A Debian 12 with systemd as a disk image, built once and kept outside the repository.

    python -m tests.vm.image        builds it, and prints where

Needs root, mmdebstrap, mke2fs and a network that reaches a Debian mirror (DEBIAN_MIRROR; else Debian's own).
WSTUNE_VM_CACHE says where it is kept.

An emulated processor is slow, so what costs seconds of each boot and touches nothing that wstune reads or writes is
left out: an initramfs (the kernel has ext4 and NVMe built in), udev and the modules that it loads for devices that are
not there, consoles to log in at, the journal on disk.
"""

from __future__ import annotations

import compileall
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent.parent

PACKAGES = (
    "systemd", "systemd-sysv", "dbus", "python3", "procps", "iproute2", "kmod", "login", "passwd", "libpam-modules",
    "nftables", "linux-image-cloud-amd64",
)  # fmt: skip

NOT_STARTED = (
    "systemd-udevd.service", "systemd-udev-trigger.service", "systemd-udevd-control.socket",
    "systemd-udevd-kernel.socket", "modprobe@.service", "kmod-static-nodes.service", "getty.target",
    "systemd-logind.service", "systemd-binfmt.service", "proc-sys-fs-binfmt_misc.automount",
    "systemd-random-seed.service", "systemd-update-utmp.service", "systemd-update-utmp-runlevel.service",
    "systemd-journal-flush.service", "systemd-pstore.service", "systemd-sysusers.service",
    "systemd-machine-id-commit.service", "systemd-firstboot.service", "systemd-repart.service",
    "systemd-tmpfiles-setup-dev.service", "dev-hugepages.mount", "dev-mqueue.mount", "sys-kernel-debug.mount",
    "sys-kernel-tracing.mount", "sys-kernel-config.mount", "sys-fs-fuse-connections.mount",
    "systemd-ask-password-console.path", "systemd-ask-password-wall.path", "fstrim.timer", "dpkg-db-backup.timer",
    "systemd-tmpfiles-clean.timer",
)  # fmt: skip
"""Units that a boot goes without. Those that load modules, apply sysctl.d and let users in stay."""

LIBRARIES = (
    "typer", "rich", "psutil", "websocket", "simpleeval.py", "pygments", "markdown_it", "mdurl", "shellingham",
    "annotated_doc", "typing_extensions.py", "click",
)  # fmt: skip
"""What wstune imports, by the names in site-packages; one that is not there is not needed."""

VERSION = "5"
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
    return Image(disk, folder / f"vmlinuz-{VERSION}", tools)


def _debian(folder: Path, disk: Path) -> None:
    tree = folder / "tree"
    shutil.rmtree(tree, ignore_errors=True)
    options = [f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in ("doc", "man", "locale")]
    mirror = [mirror] if (mirror := os.environ.get("DEBIAN_MIRROR")) else []
    _run("mmdebstrap", "--mode=root", "--variant=essential", "--dpkgopt=force-unsafe-io", *options,
         f"--include={','.join(PACKAGES)}", "bookworm", str(tree), *mirror, environment={"INITRD": "No"})  # fmt: skip
    _configure(tree)
    shutil.copy(next((tree / "boot").glob("vmlinuz-*")), folder / f"vmlinuz-{VERSION}")
    unfinished = disk.with_suffix(".new")
    _run("mke2fs", "-q", "-F", "-t", "ext4", "-d", str(tree), str(unfinished), "700M")
    unfinished.rename(disk)
    shutil.rmtree(tree)


def _configure(tree: Path) -> None:
    (tree / "etc/hostname").write_text("vm\n")
    agent = tree / "usr/local/sbin/agent"
    agent.write_text(AGENT)
    agent.chmod(0o755)
    wants = tree / "etc/systemd/system/multi-user.target.wants"
    wants.mkdir(parents=True, exist_ok=True)
    for name, text in UNITS.items():
        (tree / "etc/systemd/system" / name).write_text(text)
        (wants / name).symlink_to(f"/etc/systemd/system/{name}")
    for name in NOT_STARTED:
        (tree / "etc/systemd/system" / name).unlink(missing_ok=True)
        (tree / "etc/systemd/system" / name).symlink_to("/dev/null")
    (tree / "etc/security/limits.d/10-alice.conf").write_text("alice soft nofile 500\nalice hard nofile 600\n")
    (tree / "opt/tools").mkdir(parents=True, exist_ok=True)
    _run("chroot", str(tree), "useradd", "--create-home", "--shell", "/bin/sh", "alice")


def _tools(work: Path, disk: Path) -> None:
    """wstune as it is in this checkout, with the libraries of this environment, compiled for a Python like ours."""
    tree = work / "tools"
    libraries = Path(sysconfig.get_paths()["purelib"])
    (tree / "lib").mkdir(parents=True)
    for name in LIBRARIES:
        source = libraries / name
        if source.is_dir():
            shutil.copytree(source, tree / "lib" / name, ignore=shutil.ignore_patterns("tests"))
        elif source.exists():
            shutil.copy2(source, tree / "lib" / name)
    for name in ("wstune", "profiles"):
        shutil.copytree(ROOT / name, tree / name)
    compileall.compile_dir(tree, quiet=1)
    _run("mke2fs", "-q", "-F", "-t", "ext4", "-d", str(tree), str(disk), "96M")
    shutil.rmtree(tree)


def _run(*command: str, environment: dict[str, str] | None = None) -> None:
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, **(environment or {})}
    )
    if done.returncode != 0:
        raise RuntimeError(f"{command[0]} ended with {done.returncode}: {(done.stderr or done.stdout)[-2000:]}")


if __name__ == "__main__":
    from tempfile import TemporaryDirectory

    with TemporaryDirectory() as work:
        sys.stdout.write(f"{build(Path(work)).disk}\n")
