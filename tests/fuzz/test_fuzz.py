"""No mutated input makes wstune fail in a way that nobody foresaw: 10,000 of nine kinds, the same ones each time."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from tests.fuzz import jail, mutate

KINDS = {
    "journals": 1000,
    "profiles": 1000,
    "scenarios": 1200,
    "trees": 1000,
    "stats": 1000,
    "tsung": 1200,
    "agents": 1000,
    "command_lines": 1400,
    "host_names": 1200,
}
"""How many inputs of each kind."""

CHUNK = 200
CHUNKS = [(kind, first) for kind, count in KINDS.items() for first in range(0, count, CHUNK)]
SECONDS = 300.0


def test_there_are_enough() -> None:
    """At least a thousand of each kind, and ten thousand together."""
    assert min(KINDS.values()) >= 1000
    assert sum(KINDS.values()) >= 10_000


@pytest.mark.netns
@pytest.mark.parametrize(("kind", "first"), CHUNKS, ids=[f"{kind}-{first}" for kind, first in CHUNKS])
def test_no_mutated_input_is_a_defect(tmp_path: Path, kind: str, first: int) -> None:
    """A documented exit code, a sentence, no traceback, no control character; within seconds, and 1.5 GB."""
    place = jail.furnished(tmp_path)
    done = jail.inside(place, kind, str(place), str(first), str(CHUNK), seconds=SECONDS)
    at = (place / "at").read_text() if (place / "at").exists() else "its seeds"
    again = f"ended at {at}; one alone: tests.fuzz.jail.inside(place, {kind!r}, str(place), NUMBER, '1', seconds=60)"
    assert done.returncode == 0, f"{done.stdout[-6000:]}\n{done.stderr[-3000:]}\n{again}"


def test_a_number_makes_the_same_input_each_time() -> None:
    """What failed once can be made again."""
    document = {"a": [1, {"b": "c"}], "d": "e\nf"}
    for number in range(200):
        first, second = (mutate.to_json(mutate.structure(Random(number), document)) for _ in range(2))
        assert first == second
        assert mutate.lines(Random(number), "a = b\nc") == mutate.lines(Random(number), "a = b\nc")
