"""Mutated journals, with the pre-images of files beside them: what every verb that reads them makes of it."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

from tests.fuzz import mutate
from tests.fuzz.trial import Outcome, call

VERBS: tuple[tuple[str, ...], ...] = (
    ("status",), ("status", "--format", "json"), ("history",), ("history", "--format", "json"), ("check", "container"),
    ("apply", "container", "--dry-run"), ("apply", "container", "--yes", "--persist"), ("rollback",),
    ("rollback", "1", "--force"),
    ("rollback", "2", "--format", "json"), ("rollback", "9" * 5000),
)  # fmt: skip
READERS = VERBS[:6]
KEYS = tuple(
    Path("/proc/sys/net/ipv4", name)
    for name in ("ip_local_port_range", "ip_local_reserved_ports", "tcp_max_tw_buckets")
)
"""What the seeds change; here they are the jail's own."""


class Kind:
    """Seeds: the state of real applies within the jail: one that stands, two, one of two taken back, one cut short."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.state = place / "state"
        self.seeds: list[Path] = []
        self.values: list[dict[Path, str]] = []
        steps: tuple[tuple[str, ...], ...] = (
            ("apply", "container", "--yes", "--persist", "-n", "50k"),
            ("apply", "container", "--yes", "--persist", "-n", "300k", "--user", "nobody"),
            ("rollback",),
        )
        for number, step in enumerate(steps):
            done = call(*step, "--state-dir", str(self.state))
            assert done.code == 0, done
            self._keep(str(number))

    def _keep(self, name: str) -> None:
        """Copy the state, and the files below /etc and the sysctls that go with it."""
        kept = self.place / "seeds" / name
        for part in ("state", "etc"):
            shutil.copytree(self.place / part, kept / part, symlinks=True)
        self.seeds.append(kept)
        self.values.append({path: path.read_text() for path in KEYS})

    def _restore(self, which: int) -> None:
        seed = self.seeds[which]
        shutil.rmtree(self.state)
        shutil.copytree(seed / "state", self.state)
        _same(seed / "etc", self.place / "etc")
        for path, value in self.values[which].items():
            path.write_text(value)

    def make(self, rng: Random) -> tuple[int, bytes, dict[str, bytes], list[tuple[str, ...]]]:
        """Which seed, its journal, the pre-images that differ, and the verbs to try; the last may write."""
        which = rng.randrange(len(self.seeds))
        seed = self.seeds[which] / "state"
        journal = (seed / "journal.jsonl").read_text()
        images: dict[str, bytes] = {}
        files = sorted((seed / "pre").glob("*.json"))
        if files and rng.random() < 0.2:
            file = rng.choice(files)
            images[file.name] = mutate.encoded(
                rng, mutate.to_json(mutate.structure(rng, json.loads(file.read_bytes())))
            )
        else:
            journal = _mutated(rng, journal)
        verbs = [rng.choice(READERS), rng.choice(VERBS[6:])]
        return which, mutate.encoded(rng, journal), images, verbs

    def tried(self, made: tuple[int, bytes, dict[str, bytes], list[tuple[str, ...]]]) -> Iterator[Outcome]:
        which, journal, images, verbs = made
        self._restore(which)
        (self.state / "journal.jsonl").write_bytes(journal)
        for name, content in images.items():
            (self.state / "pre" / name).write_bytes(content)
        for verb in verbs:
            yield call(*verb, "--state-dir", str(self.state))


def _mutated(rng: Random, journal: str) -> str:
    """Some records changed in type, size and depth, or lines lost, doubled and swapped."""
    if rng.random() < 0.3:
        return mutate.lines(rng, journal)
    records: list[Any] = [json.loads(line) for line in journal.splitlines()]
    for _ in range(rng.choice((1, 1, 1, 3))):
        at = rng.randrange(len(records))
        records[at] = mutate.structure(rng, records[at])
    return "".join(mutate.to_json(record) + "\n" for record in records)


def _same(kept: Path, used: Path) -> None:
    """Make `used` as `kept` is, writing only what differs: file by file, since both are mounted."""
    for path in sorted(used.rglob("*"), reverse=True):
        if not os.path.lexists(kept / path.relative_to(used)):
            path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()
    for path in sorted(kept.rglob("*")):
        there = used / path.relative_to(kept)
        if path.is_symlink():
            continue
        if path.is_dir():
            there.mkdir(exist_ok=True)
        elif not there.is_file() or there.read_bytes() != path.read_bytes():
            there.write_bytes(path.read_bytes())
