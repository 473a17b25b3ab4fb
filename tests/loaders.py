"""The real loaders of sysctl files, run on a tree: systemd-sysctl and procps' sysctl, in a chroot.

The tree's proc/sys holds plain files, so that what a loader writes can be read, and nothing of this machine is written.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterable
from functools import cache
from pathlib import Path

SYSTEMD_SYSCTL = "/usr/lib/systemd/systemd-sysctl"
_LIBRARY = re.compile(r"(/\S+) \(0x", re.ASCII)
_UNTOUCHED = "~"
_TREES = ("etc", "run", "usr", "lib")


@cache
def programs() -> tuple[str, str] | None:
    """systemd-sysctl and sysctl; None where either is missing, or chroot is not permitted."""
    sysctl = shutil.which("sysctl", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if not sysctl or not Path(SYSTEMD_SYSCTL).exists():
        return None
    allowed = subprocess.run([*_entering(), "/", "true"], capture_output=True, check=False)
    return (SYSTEMD_SYSCTL, sysctl) if allowed.returncode == 0 else None


def equip(jail: Path) -> Path:
    """Put the loaders and their libraries into a directory. Returns it."""
    found = programs()
    assert found
    place = jail / "bin"
    place.mkdir()
    for program in found:
        shutil.copy(program, place)
        listed = subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout
        for library in _LIBRARY.findall(listed):
            shutil.copy(library, place)
    (jail / "dev").mkdir()
    (jail / "dev/null").touch()
    return jail


def writes(jail: Path, tree: Path, keys: Iterable[str], loader: str) -> dict[str, str]:
    """What `systemd` or `procps` writes to each of the keys, as paths below /proc/sys; those it leaves are missing."""
    clear(*(jail / name for name in _TREES))
    for name in _TREES:
        if (tree / name).exists():
            shutil.copytree(tree / name, jail / name, symlinks=True)
    clear(jail / "proc")
    places = {key: jail / "proc/sys" / key for key in keys}
    for place in places.values():
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(_UNTOUCHED)
    program = ["/bin/systemd-sysctl"] if loader == "systemd" else ["/bin/sysctl", "--system"]
    linker = next(path.name for path in (jail / "bin").iterdir() if path.name.startswith("ld-linux"))
    subprocess.run(
        [*_entering(), str(jail), f"/bin/{linker}", "--library-path", "/bin", *program],
        capture_output=True,
        timeout=20,
        check=False,  # either fails on a line that is none, and goes on
    )
    found = {key: place.read_text() for key, place in places.items()}
    # Even an empty value comes with a line end. systemd-sysctl does not truncate: what is left of a longer one follows.
    return {key: text.partition("\n")[0] for key, text in found.items() if text != _UNTOUCHED}


def clear(*places: Path) -> None:
    """Remove directories, those that are there."""
    for place in places:
        shutil.rmtree(place, ignore_errors=True)


def _entering() -> list[str]:
    return ["chroot"] if os.geteuid() == 0 else ["unshare", "-Ur", "chroot"]
