"""Mutated trees of `wstune capture`: judged by `check --root`."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from random import Random

from tests.fuzz import mutate
from tests.fuzz.hostile import DEPTHS
from tests.fuzz.trial import Outcome, call
from tests.trees import HOSTS
from wstune.report.formats import ReportFormat

WAYS: tuple[tuple[str, ...], ...] = (
    (), (), ("-n", "1M"), ("--role", "generator"), ("--role", "proxy", "--sources", "4"), ("--user", "root"),
    ("--user", "nobody"),
    ("--unit", "ssh"), ("--unit", "ssh.service", "-n", "1M"), ("--unit", "user@1000.service"), ("--pid", "1"),
    ("million",), ("container", "--strict"),
    *(("--format", form.value) for form in ReportFormat),
)  # fmt: skip
LINKS = (
    "..",
    "/",
    ".",
    "/dev/zero",
    "/dev/tty",
    "/proc/self/fd/0",
    "/proc/self/mem",
    "loop",
    "x" * 250,
    "../../../../etc/passwd",
    "/nowhere",
)


class Kind:
    """Seeds: the captured hosts of tests/hosts. A mutated file is put back after its trial."""

    def __init__(self, place: Path) -> None:
        self.trees = place / "trees"
        shutil.copytree(HOSTS, self.trees, symlinks=True)
        self.names = sorted(path.name for path in self.trees.iterdir() if path.is_dir())
        self.files = {
            name: sorted(
                str(path.relative_to(self.trees / name))
                for path in (self.trees / name).rglob("*")
                if path.is_file() and not path.is_symlink()
            )
            for name in self.names
        }

    def make(self, rng: Random) -> tuple[str, dict[str, tuple[str, object]], tuple[str, ...]]:
        """A tree, what becomes of some of its files, and how it is judged."""
        name = rng.choice(self.names)
        changes: dict[str, tuple[str, object]] = {}
        for _ in range(rng.choice((1, 2, 4, 12))):
            file = rng.choice(self.files[name])
            changes[file] = _change(rng, (HOSTS / name / file).read_bytes())
        return name, changes, rng.choice(WAYS)

    def tried(self, made: tuple[str, dict[str, tuple[str, object]], tuple[str, ...]]) -> Iterator[Outcome]:
        name, changes, way = made
        tree = self.trees / name
        try:
            for file, (how, content) in changes.items():
                _become(tree / file, how, content)
            yield call("check", *way, "--root", str(tree))
        finally:
            for file in changes:
                _remove(tree / file)
                shutil.copyfile(HOSTS / name / file, tree / file)


def _change(rng: Random, content: bytes) -> tuple[str, object]:
    match rng.randrange(16):
        case 0:
            return "link", rng.choice(LINKS)
        case 1:
            return "directory", rng.choice(DEPTHS[:3])
        case 2:
            return "hole", rng.choice((1 << 16, 1 << 21, 1 << 40))
        case 3:
            return "fifo", None
        case 4:
            return "gone", None
        case 5:
            return "data", b"" if rng.random() < 0.5 else os.fsencode("x" * 70_000)
        case 6:
            return "data", mutate.data(rng, content)
        case _:
            return "data", mutate.encoded(rng, mutate.lines(rng, content.decode(errors="replace")))


def _become(path: Path, how: str, content: object) -> None:
    path.unlink()
    match how:
        case "link":
            path.symlink_to(str(content))
        case "directory":
            path.joinpath(*["x"] * int(str(content))).mkdir(parents=True)
        case "hole":
            with path.open("wb") as stream:
                stream.truncate(int(str(content)))
        case "fifo":
            os.mkfifo(path)
        case "data":
            assert isinstance(content, bytes)
            path.write_bytes(content)
        case _:
            assert how == "gone"


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
