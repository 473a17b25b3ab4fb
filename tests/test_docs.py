"""What the documents say: each `wstune …` line in them is one that the command line takes."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from typer.core import TyperGroup

from tests.conftest import ROOT
from wstune.cli import main

DOCUMENTS = sorted({*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")} - {ROOT / "docs/reference/commands.md"})
"""All but the one that is made from the commands themselves."""

STAND_INS = {
    "N": "1000",
    "P": "2",
    "S": "5",
    "R": "100",
    "NAME=V": "rate=5",
    "PID": "1",
    "PORT": "8080",
    "W": "2",
    "F": "json",
}
"""What a placeholder of a synopsis stands for where the option takes numbers; any other is taken as it is."""


def _commands(path: Path) -> Iterator[tuple[int, str]]:
    """Line number and text of each `wstune …` in a code block or between backquotes, as far as the shell's first
    operator."""
    block, transcript = False, False
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if line.lstrip().startswith("```"):
            block, transcript = not block, line.lstrip() == "```text"
        found = [line] if block or line.startswith("    ") else re.findall(r"`([^`]+)`", line)
        for text in found:
            if transcript and not text.startswith("$ "):  # what a command said may begin with its name
                continue
            match = re.match(r"\s*(?:[$#] )?(?:sudo )?(?:[A-Z_]+=\S+ )?(wstune .*)", text.replace("\\|", "|"))
            if match:
                yield number, re.split(r" (?:\||>|#|&&|;) ?", match[1])[0].strip()


def _words(text: str) -> list[str]:
    """The words of a command line or of a synopsis: brackets opened, the first of several alternatives taken."""
    text = re.sub(r"\[([^\]]*)\]", r"\1", text).replace("…", "").replace("...", "")
    words = [word.split("|")[0] for word in shlex.split(text) if word != "|"]
    return [STAND_INS.get(word, word) for word in words]


CASES = [
    pytest.param(text, id=f"{path.relative_to(ROOT)}:{number} {text}")
    for path in DOCUMENTS
    for number, text in _commands(path)
]


@pytest.mark.parametrize("text", CASES)
def test_the_command_line_takes_it(text: str) -> None:
    """A command, its options and the kinds of their values are as documented."""
    words = _words(text)[1:]
    command, name = typer.main.get_command(main._app), "wstune"
    while isinstance(command, TyperGroup) and words and not words[0].startswith("-"):
        with command.make_context(name, []) as context:
            found, child, words = command.resolve_command(context, words)
            assert child is not None, f"{name} has no command {found}"
            command, name = child, f"{name} {found}"
    # A bare name in running text is about the command as a whole; --help and --version end the program.
    if words and words[0] not in ("--help", "--version"):
        command.make_context(name, words)


def test_documents_are_looked_at() -> None:
    """The README has commands, so that the test above is about something."""
    assert len([case for case in CASES if str(case.id).startswith("README.md")]) >= 8


def test_the_readme_is_short() -> None:
    """A newcomer reads all of it."""
    assert len((ROOT / "README.md").read_text().splitlines()) < 150


def test_the_readme_names_every_command() -> None:
    """Each command stands in the README."""
    text = (ROOT / "README.md").read_text()
    assert not [verb for verb in main.VERBS if f"wstune {verb}" not in text]


def test_links_between_documents_lead_somewhere() -> None:
    """A relative link in a document names a file that is there."""
    for path in DOCUMENTS:
        for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", path.read_text()):
            if "://" not in target:
                assert (path.parent / target).exists(), f"{path.relative_to(ROOT)}: {target}"
