"""Write requirements.txt: what wstune needs to run and to be built, with the hash of every wheel that may be chosen.

    .venv/bin/python -m tools.lock

The versions are those of constraints.txt, which must resolve for each Python that is supported, and does so here first.
"""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
LOCK = ROOT / "requirements.txt"
CONSTRAINTS = ROOT / "constraints.txt"

PYTHONS = ("3.11.0", "3.12.0", "3.13.0", "3.14.0")
PLATFORMS = ("manylinux", "musllinux")
MACHINES = ("x86_64", "aarch64")
_TAGS = {
    "manylinux": ("manylinux2010_{}", "manylinux2014_{}", "manylinux_2_17_{}", "manylinux_2_28_{}"),
    "musllinux": ("musllinux_1_1_{}", "musllinux_1_2_{}"),
}
"""What pip of Debian 12 (glibc 2.36) and of Alpine takes."""

HEAD = """\
# What wstune needs to run and to be built, with hashes: `make` installs this, and so can you:
#   pip install --require-hashes --only-binary :all: -r requirements.txt
#   pip install --no-deps --no-build-isolation .
# Made by `python -m tools.lock` from pyproject.toml and constraints.txt.
"""


def asked(project: dict[str, Any]) -> list[str]:
    """What is needed at run time, and to build an editable install, as pyproject.toml says it."""
    return [*project["project"]["dependencies"], *project["build-system"]["requires"], "editables"]


def resolved(what: Sequence[str], python: str, tags: Sequence[str] = ()) -> list[dict[str, Any]]:
    """What pip would install from wheels under that Python. Raises SystemExit with pip's words."""
    command = [sys.executable, "-m", "pip", "install", "--dry-run", "--quiet", "--ignore-installed", "--report", "-"]
    command += ["--only-binary=:all:", "--target=/nowhere", f"--python-version={python}", f"--constraint={CONSTRAINTS}"]
    done = subprocess.run(
        [*command, *(f"--platform={tag}" for tag in tags), *what], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise SystemExit(f"Python {python} {' '.join(tags)}:\n{done.stderr}")
    found: list[dict[str, Any]] = json.loads(done.stdout)["install"]
    return found


def lock(pins: dict[str, set[str]]) -> str:
    """The file's text: of each `name==version` its hashes."""
    lines = []
    for pin in sorted(pins, key=str.lower):
        lines.append(" \\\n    ".join([pin, *(f"--hash=sha256:{digest}" for digest in sorted(pins[pin]))]))
    return HEAD + "\n".join(lines) + "\n"


def main() -> None:
    for python in PYTHONS:
        resolved([f"--requirement={CONSTRAINTS}"], python)
    pins: dict[str, set[str]] = {}
    what = asked(tomllib.loads((ROOT / "pyproject.toml").read_text()))
    for python, platform, machine in itertools.product(PYTHONS, PLATFORMS, MACHINES):
        for each in resolved(what, python, [tag.format(machine) for tag in _TAGS[platform]]):
            pin = f"{each['metadata']['name']}=={each['metadata']['version']}"
            pins.setdefault(pin, set()).add(each["download_info"]["archive_info"]["hashes"]["sha256"])
    LOCK.write_text(lock(pins))


if __name__ == "__main__":
    main()
