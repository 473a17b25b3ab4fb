"""The reference is made from the code and is current; the man page is clean for its reader."""

from __future__ import annotations

import pytest

from tests import exports
from tests.conftest import ROOT, need
from tests.references import PAGES, commands, man_page
from wstune.cli.main import VERBS
from wstune.tunables import CATALOGUE


@pytest.mark.parametrize("name", PAGES)
def test_it_is_current(name: str, request: pytest.FixtureRequest) -> None:
    """A page is what the code makes of it now; `pytest --update` writes it."""
    path, text = ROOT / name, PAGES[name]()
    if request.config.getoption("--update"):
        path.write_text(text)
    assert path.exists(), f"no {name}: make it with pytest --update"
    assert path.read_text() == text, f"{name} is older than the code: make it anew with pytest --update"


def test_everything_is_in_it() -> None:
    """Every command has its section, and every tunable."""
    page = (ROOT / "docs/reference/commands.md").read_text()
    assert {name.split()[1] for name, _ in commands()} == set(VERBS)
    for name, _ in commands():
        assert f"\n## {name}\n" in page
    tunables = (ROOT / "docs/reference/tunables.md").read_text()
    assert all(f"\n## {name}\n" in tunables for name in CATALOGUE)


def test_every_option_has_its_help() -> None:
    """No option of any command is without a word."""
    from tests.references import options_of

    for name, command in commands():
        for option, words in options_of(command):
            assert words, f"{name} {option}"


def test_the_man_page_is_clean() -> None:
    """mandoc's lint has neither a warning nor an error."""
    need("mandoc")
    done = exports.run("mandoc", "-T", "lint", "-W", "warning", str(ROOT / "docs/wstune.1"))
    assert (done.returncode, done.stdout) == (0, ""), done.stdout
    assert ".SH EXIT STATUS" in man_page()
