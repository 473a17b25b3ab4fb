"""`wstune explain`: the catalogue in the terminal."""

from __future__ import annotations

import pytest

from wstune.cli.main import run
from wstune.tunables import CATALOGUE


@pytest.mark.parametrize("name", CATALOGUE)
def test_every_limit_is_explained(capsys: pytest.CaptureFixture[str], name: str) -> None:
    """Each limit says what it is, its value here, the risk of changing it and its sources, in 80 columns."""
    assert run(["explain", name]) == 0
    lines = capsys.readouterr().out.splitlines()
    labels = {line[:11].strip() for line in lines[2:]}
    assert lines[0] == name
    assert {"here", "caps", "when hit", "risk", "written as", "accepted", "kept", "sources"} <= labels
    assert max(map(len, lines)) <= 80


def test_without_a_name_all_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    """Every name of the catalogue is there, by family."""
    assert run(["explain"]) == 0
    listed = {line.strip() for line in capsys.readouterr().out.splitlines()}
    assert set(CATALOGUE) <= listed


@pytest.mark.parametrize("name", ["net/core/somaxconn", "/proc/sys/net/core/somaxconn"])
def test_a_path_is_a_name_too(capsys: pytest.CaptureFixture[str], name: str) -> None:
    """Slashes count as dots."""
    assert run(["explain", name]) == 0
    assert capsys.readouterr().out.startswith("net.core.somaxconn\n")


def test_an_unknown_limit_offers_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    """A name that is nearly right is exit 2 with the right one."""
    assert run(["explain", "somaxcon"]) == 2
    assert "did you mean net.core.somaxconn?" in capsys.readouterr().err
