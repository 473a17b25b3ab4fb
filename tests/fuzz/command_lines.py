"""Mutated command lines: those of the documents, as far as a burst, a server, a login or a command would begin."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import NoReturn
from unittest.mock import patch

import typer
from typer.core import TyperGroup

from tests import test_docs
from tests.conftest import TESTS
from tests.fuzz import mutate
from tests.fuzz.hostile import NUMBERS, SUFFIXED, WORDS
from tests.fuzz.stopped import without_bursts
from tests.fuzz.trial import Outcome, call
from wstune.cli import main
from wstune.errors import InconclusiveError

SOUND = (
    "1",
    "2",
    "100",
    "100k",
    "1.5M",
    "64K",
    "1G",
    "10s",
    "500ms",
    "0",
    "127.0.0.1",
    "container",
    "json",
    "html",
    "server",
)
"""Values that some options take, so that what is wrong elsewhere is come to."""

STAND_INS = {
    "PROFILE": "container",
    "NAME": "net.core.somaxconn",
    "FILE": "scenario.toml",
    "F.xml": "tsung.xml",
    "F.toml": "scenario.toml",
    "URL": "ws://127.0.0.1:9/",
    "TARGET": "host",
    "DIR": "captured",
    "USER": "nobody",
    "UNIT": "ssh.service",
}


class Kind:
    """Seeds: each `wstune …` of the documents, and each option of each command with a value."""

    def __init__(self, place: Path) -> None:
        self.place = place
        (place / "scenario.toml").write_text('schema = 1\n[[session]]\nsteps = [{ send = "hello" }]\n')
        shutil.copy(TESTS / "cases/tsung/kemal.xml", place / "tsung.xml")
        self.state = ("--state-dir", str(place / "state"))
        self.seeds = [
            words
            for text in sorted({str(case.values[0]) for case in test_docs.CASES})
            if len(words := _words(text)) > 1
        ]
        self.options = _options()

    def make(self, rng: Random) -> list[str]:
        words = list(rng.choice(self.seeds))
        known = self.options.get(" ".join(words[:2])) or self.options.get(words[0]) or ["--help"]
        for _ in range(rng.choice((1, 1, 2, 3))):
            words = _changed(rng, words, known)
        # What execve(2) can hand over has no NUL in it, and bytes that are no UTF-8 come as surrogates.
        return [os.fsdecode(word.replace("\0", "").encode(errors="surrogatepass"))[:100_000] for word in words]

    def tried(self, made: list[str]) -> Iterator[Outcome]:
        with (
            without_bursts(),
            patch("wstune.actions.serve.run", _stop),
            patch("os.execvpe", _stop),
            patch("os.execvp", _stop),
            patch("os.setuid", _stop),
        ):
            for name in ("state", "captured"):
                shutil.rmtree(self.place / name, ignore_errors=True)
            state = self.state if made and made[0] in ("apply", "rollback", "status", "history") else ()
            yield call(*made, *state)


def _stop(*_: object, **__: object) -> NoReturn:
    raise InconclusiveError("what would begin here is not what is tried")


def _words(text: str) -> list[str]:
    """A documented line, with things that are there in the places of what it only names."""
    words = [STAND_INS.get(word, word) for word in test_docs._words(text)[1:]]
    return ["ws://127.0.0.1:9/" if "://" in word and "example" in word else word for word in words]


def _options() -> dict[str, list[str]]:
    """The options of each command; behind one that takes no value there is a blank."""
    found: dict[str, list[str]] = {}

    def look(command: object, name: str) -> None:
        if isinstance(command, TyperGroup):
            with command.make_context(name or "wstune", [], resilient_parsing=True) as context:
                for one in command.list_commands(context):
                    look(command.get_command(context, one), f"{name} {one}".strip())
        else:
            params = getattr(command, "params", [])
            found[name] = [
                f"{option} " if getattr(param, "is_flag", False) else option
                for param in params
                for option in param.opts
                if option.startswith("-")
            ]

    look(typer.main.get_command(main._app), "")
    return found


def _changed(rng: Random, words: list[str], known: list[str]) -> list[str]:
    at = rng.randrange(len(words) + 1)
    option = rng.choice(known)
    if option.endswith(" ") and rng.random() < 0.9:
        return [*words, option.strip()]
    option = option.strip()
    if rng.random() < 0.35:
        return [*words, option, rng.choice(SOUND)]
    value = rng.choice((rng.choice(NUMBERS), rng.choice(SUFFIXED), rng.choice(WORDS)))
    match rng.randrange(9):
        case 0:
            return words[:at] + words[at + 1 :]
        case 1 if at < len(words):
            return words[: at + 1] + words[at:]
        case 2 if at < len(words):
            return [*words[:at], mutate.text(rng, words[at]), *words[at + 1 :]]
        case 3:
            return [*words[:at], value, *words[at:]]
        case 4:
            return [*words, rng.choice((option, option[:-1], f"{option}x", option.upper()))]
        case 5 if at < len(words):
            other = rng.randrange(len(words))
            words[at], words[other] = words[other], words[at]
            return words
        case _:
            option = rng.choice(known)
            return (
                [*words, f"{option}={value}"]
                if rng.random() < 0.5 and option.startswith("--")
                else [*words, option, value]
            )
