"""Mutated profiles: validated, shown, judged by, exported, and planned to be applied."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path
from random import Random

from tests.conftest import ROOT
from tests.fuzz import mutate
from tests.fuzz.trial import Outcome, call
from wstune.export.formats import ExportFormat


class Kind:
    """Seeds: the profiles that are shipped."""

    def __init__(self, place: Path) -> None:
        self.file = place / "mutated.toml"
        self.state = str(place / "state")
        self.seeds = [path.read_text() for path in sorted((ROOT / "profiles").glob("*.toml"))]
        self.documents = [tomllib.loads(text) for text in self.seeds]

    def make(self, rng: Random) -> bytes:
        if rng.random() < 0.6:
            return mutate.encoded(rng, mutate.to_toml(rng, mutate.structure(rng, rng.choice(self.documents))))
        return mutate.encoded(rng, mutate.lines(rng, rng.choice(self.seeds)))

    def tried(self, made: bytes) -> Iterator[Outcome]:
        self.file.write_bytes(made)
        name = str(self.file)
        yield call("profiles", "validate", name)
        ways = (
            ("profiles", "show", name, "-n", "50k"),
            ("profiles", "list", "--profile-dir", str(self.file.parent)),
            ("check", name),
            ("apply", name, "--dry-run", "--state-dir", self.state),
            *(("export", name, "--format", form.value) for form in ExportFormat),
        )
        yield call(*ways[len(made) % len(ways)])
