"""A newcomer, on a fresh clone in an empty Debian, does what README and tutorial say, line by line, to the end."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import exports
from tests.conftest import ROOT

RIGHT = {
    "wstune check -n 100k": "0,1",
    "wstune check -n 100k --processes 6": "0,1",
    "wstune verify host -n 100k --processes 1 --force": "1",
}
"""Exit codes of commands that may end otherwise than with 0: not ready is an answer."""

TUTORIAL = ROOT / "docs/tutorial.md"


def commands(path: Path) -> list[str]:
    """The lines of the blocks that are to be typed; those of transcripts are not."""
    found: list[str] = []
    kind: str | None = None
    for line in path.read_text().splitlines():
        if line.startswith("```"):
            kind = line.removeprefix("```") if kind is None else None
        elif kind == "":
            found.append(line)
    return found


def test_the_tutorial_has_its_lines() -> None:
    """The lines are found: installing, asking, changing, proving."""
    lines = commands(TUTORIAL)
    assert lines[0] == "python3 -m venv .venv"
    assert "sudo wstune rollback" in lines
    assert set(RIGHT) <= set(lines)


@pytest.mark.slow
@pytest.mark.root
@pytest.mark.debootstrap
@pytest.mark.timeout(1500)
def test_it_works_to_the_end(shared: Path, tmp_path: Path) -> None:
    """Every line ends as it should: with the network to install, then in a network of its own. Two minutes and more."""
    root = shared / "debian"
    lines = commands(TUTORIAL)
    installed = lines.index("wstune --version") + 1
    readme = next(line.partition(" #")[0].rstrip() for line in commands(ROOT / "README.md") if "make verify" in line)
    for phase, part in (("network", [*lines[:installed], readme]), ("apart", lines[installed:])):
        steps = tmp_path / phase
        steps.write_text("".join(f"{RIGHT.get(line, '0')}\t{line}\n" for line in part))
        done = exports.run(str(ROOT / "tests/newcomer.sh"), str(root), str(steps), phase, seconds=900)
        assert "NEWCOMER: all done" in done.stdout, done.stdout[-4000:] + done.stderr[-2000:]
