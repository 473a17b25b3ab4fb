"""Mutated scenarios: checked, exported, and planned as a burst."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path
from random import Random

from tests.conftest import ROOT, TESTS
from tests.fuzz import mutate
from tests.fuzz.stopped import without_bursts
from tests.fuzz.trial import Outcome, call


class Kind:
    """Seeds: the scenarios of the docs and of the cases of Tsung."""

    def __init__(self, place: Path) -> None:
        self.file = place / "scenario.toml"
        self.seeds = [path.read_text() for path in sorted((TESTS / "cases/tsung").glob("*.toml"))]
        self.seeds += [
            block for path in sorted((ROOT / "docs").rglob("*.md")) for block in scenarios_in(path.read_text())
        ]
        self.documents = [tomllib.loads(text) for text in self.seeds]

    def make(self, rng: Random) -> bytes:
        if rng.random() < 0.6:
            return mutate.encoded(rng, mutate.to_toml(rng, mutate.structure(rng, rng.choice(self.documents))))
        return mutate.encoded(rng, mutate.lines(rng, rng.choice(self.seeds)))

    def tried(self, made: bytes) -> Iterator[Outcome]:
        self.file.write_bytes(made)
        name = str(self.file)
        checked = call("scenario", "check", name)
        yield checked
        if checked.code == 0:
            yield call("scenario", "export", name, "--server", "ws://127.0.0.1:9/", "-n", "100")
            yield call("scenario", "export", name)
            with without_bursts():
                yield call("verify", "ws://127.0.0.1:9/", "--scenario", name)
                yield call("verify", "host", "--scenario", name, "-n", "10")


def scenarios_in(document: str) -> list[str]:
    """The code blocks of a Markdown document that are scenarios."""
    blocks = document.split("```toml\n")[1:]
    return [text for block in blocks if "[[session]]" in (text := block.partition("```")[0])]
