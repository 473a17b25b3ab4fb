"""Tsung's files: each construct becomes what it means here, what is lost is told with its line, what is hostile is
refused in one sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import TESTS
from wstune.burst import scenario as s
from wstune.burst import scenario_file, tsung
from wstune.burst.scenario_text import to_toml
from wstune.errors import ScenarioError

CASES = TESTS / "cases/tsung"


def convert(name: str) -> tuple[s.Scenario, tuple[str, ...]]:
    return tsung.convert((CASES / f"{name}.xml").read_bytes(), f"{name}.xml")


@pytest.mark.parametrize("path", sorted(CASES.glob("*.xml")), ids=lambda path: path.stem)
def test_the_corpus(path: Path, request: pytest.FixtureRequest) -> None:
    """Each file of the corpus becomes the scenario beside it, with the same report of what was lost."""
    scenario, notes = convert(path.stem)
    text = to_toml(scenario, notes)
    expected = path.with_suffix(".toml")
    if request.config.getoption("--update"):
        expected.write_text(text)
    assert text == expected.read_text(), "look at it, and take it over with pytest --update"
    assert scenario_file.parse(text, "x.toml") == scenario


def test_the_corpus_is_large_enough() -> None:
    """The two published files and every construct."""
    assert len(list(CASES.glob("*.xml"))) >= 17


def test_the_file_of_the_blog() -> None:
    """kemal: 1,000 users a second up to 100,000, one binary message, held for 100 times 10 s; no typo stands in its
    way, and what may surprise is said with its line."""
    scenario, notes = convert("kemal")
    (session,) = scenario.sessions
    assert scenario.connections == 100_000
    assert scenario.phases == (s.Phase(1000.0, 1000.0, 100_000, 100.0, poisson=True),)
    assert scenario.hold == 1000.0
    assert scenario.servers == ("ws://kemal-chat:3000/",)
    assert session.steps == (s.Send('{"name": "Kemal"}', binary=True),)
    assert [note.split(" ")[0] for note in notes] == ["kemal.xml:5:", "kemal.xml:30:", "kemal.xml:30:"]
    assert "binary" in notes[1] + notes[2]


def test_the_file_of_phoenix() -> None:
    """phoenix: 45 load machines, a message with a number of each user's own, held for 1,000 times 30 s."""
    scenario, notes = convert("phoenix")
    (session,) = scenario.sessions
    assert scenario.hold == 30_000.0
    assert session.path == "/ws"
    assert session.steps[0] == s.Send(
        '{"topic":"rooms:lobby", "event":"phx_join", "payload": {"user":"{number}"}, "ref": "1"}', binary=True
    )
    assert "--hosts phoenix1,phoenix2" in notes[0]


def test_think_times_keep_their_kinds() -> None:
    """Fixed, uniform and exponential; what waits for others' is said to be lost."""
    (session,) = convert("thinktimes")[0].sessions
    assert session.steps[:3] == (
        s.Think("fixed", 1.5),
        s.Think("uniform", 2, 4),
        s.Think("exponential", 3),
    )
    assert session.steps[-1] == s.Close()


def test_the_loads_own_loop_and_duration() -> None:
    """loop=2 means three times; the load's duration cuts the last phase."""
    scenario, _ = convert("loops-of-load")
    assert [phase.seconds for phase in scenario.phases] == [6, 6, 3]
    assert scenario.connections == 150


@pytest.mark.parametrize("path", sorted((CASES / "hostile").iterdir()), ids=lambda path: path.stem)
def test_hostile_xml(path: Path) -> None:
    """Bombs, entities from outside, broken encodings: refused with file and line, in one sentence, at once."""
    with pytest.raises(ScenarioError) as refused:
        tsung.convert(path.read_bytes(), path.name)
    assert str(refused.value).startswith(f"{path.name}:")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("path", sorted((CASES / "wrong").iterdir()), ids=lambda path: path.stem)
def test_what_cannot_be_converted_is_refused_with_its_line(path: Path) -> None:
    """Other protocols, Erlang code, contradictions: no scenario that means something else."""
    with pytest.raises(ScenarioError, match=rf"^{path.name}:\d+: "):
        tsung.convert(path.read_bytes(), path.name)


def test_too_large() -> None:
    """A file of more than 4 MB is not even parsed."""
    with pytest.raises(ScenarioError, match="more than 4 MB"):
        tsung.convert(b"<tsung>" + b" " * (4 << 20), "x.xml")
