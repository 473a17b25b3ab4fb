"""Mutated names of hosts, and URLs with them, wherever a command line takes one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from random import Random
from unittest.mock import patch

from tests.fuzz import mutate
from tests.fuzz.command_lines import _stop
from tests.fuzz.hostile import NUMBERS, WORDS
from tests.fuzz.stopped import without_bursts
from tests.fuzz.trial import Outcome, call

NAMES = (
    "localhost", "here.example", "six.example", "many.example", "127.0.0.1", "127.1", "0x7f000001", "0.0.0.0",
    "[::1]", "[::]", "[fe80::1%25lo]",
    "[fe80::1%lo]", "[fe80::1]", "[::ffff:127.0.0.1]", "224.0.0.1", "255.255.255.255", "xn--bcher-kva.example",
    "bücher.example", "ß.example",
    "a" * 63 + ".example", "a" * 64, "a." * 126 + "a", "a." * 200, "x" * 300, "..", ".", "a..b", ".a", "a.", "-a",
    "a_b", "user@here.example", "here.example:22",
    "here.example:", "here.example:0", "here.example:65536", "user@[::1]:2222", "[", "]", "[::1", "::1]", "[::1]x",
    "[v1.x]", "%", "%25", "١٢٧.٠.٠.١", "１２７.0.0.1",
    "\u2024\u2024", "a\u3002b", "\u200d", "xn--", "xn--a", "xn--\x80", "*.example", "a,b", "a b", "\ud800.example",
    "\udcff",
)  # fmt: skip
PORTS = (
    "",
    ":9",
    ":0",
    ":65535",
    ":65536",
    ":-1",
    ":x",
    ":",
    ":9:9",
    ":٩",
    ":" + "9" * 5000,
    ":0x9",
    ": 9",
    ":+9",
    ":9 ",
)
SCHEMES = (
    "ws://",
    "ws://",
    "ws://",
    "wss://",
    "http://",
    "WS://",
    "ws:",
    "ws:/",
    "//",
    "",
    "ws://user@",
    "ws://u:p@",
    "tls://",
    "tcp://",
    "ws://,",
    "\tws://",
)
PATHS = ("", "/", "/chat", "/?x", "/#", "/%zz", "/{number}", "/a b", "//", "/\r\nX: y", "?", "#", "/é", "/\x00", ",")


class Kind:
    """Seeds: names and addresses, right and wrong, which are mutated besides."""

    def __init__(self, place: Path) -> None:
        self.scenario = str(place / "scenario.toml")
        Path(self.scenario).write_text('schema = 1\n[[session]]\nsteps = [{ send = "hello" }]\n')

    def make(self, rng: Random) -> list[str]:
        made = [_typed(word) for word in _line(rng, self.scenario)]
        return made

    def tried(self, made: list[str]) -> Iterator[Outcome]:
        with without_bursts(), patch("wstune.actions.serve.run", _stop):
            yield call(*made)


def _typed(word: str) -> str:
    """As execve(2) hands it over."""
    return os.fsdecode(word.replace("\0", "").encode(errors="surrogatepass"))


def _name(rng: Random) -> str:
    name = rng.choice((rng.choice(NAMES), rng.choice(NAMES), rng.choice(NAMES), rng.choice(WORDS), rng.choice(NUMBERS)))
    return mutate.text(rng, name) if rng.random() < 0.4 else name


def _names(rng: Random) -> str:
    return ",".join(_name(rng) for _ in range(rng.choice((1, 1, 2, 3, 40))))


def _url(rng: Random) -> str:
    servers = ",".join(_name(rng) + rng.choice(PORTS) for _ in range(rng.choice((1, 1, 1, 2, 20))))
    return rng.choice(SCHEMES) + servers + rng.choice(PATHS)


def _line(rng: Random, scenario: str) -> list[str]:
    url = ["verify", _url(rng), "-n", "2", "--yes"]
    match rng.randrange(12):
        case 0:
            return ["check", "--hosts", _names(rng)]
        case 1:
            return [
                "verify",
                "host",
                "-n",
                "2",
                "--hosts",
                _names(rng),
                *(["--serve-on", _name(rng)] if rng.random() < 0.5 else []),
            ]
        case 2:
            return [
                "verify",
                "host",
                "-n",
                "2",
                "--cluster",
                rng.choice((_url(rng), _name(rng), f"local:{_name(rng)}")),
            ]
        case 3:
            return ["serve", "--bind", _name(rng), "--port", "0"]
        case 4:
            return ["scenario", "export", scenario, "-n", "5", "--server", _url(rng)]
        case 5:
            return ["scenario", "export", scenario, "-n", "5", "--server", "ws://a/", "--client", _name(rng)]
        case 6:
            return [*url, "--source", _names(rng)]
        case 7:
            return [*url, "--server-name", _name(rng), "--insecure"]
        case 8:
            return [*url, "--origin", _url(rng)]
        case 9:
            return [*url, "--no-proxy"]
        case _:
            return url
