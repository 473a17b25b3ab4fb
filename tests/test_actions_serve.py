"""`wstune serve` before it serves: how many workers, which origins, what is wrong with a certificate."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from wstune.actions import serve
from wstune.actions.serve import ServeOptions
from wstune.cli import main
from wstune.cli.serve import number, size
from wstune.errors import UsageError


@pytest.mark.parametrize(
    ("workers", "connections", "cpus", "nofile", "expected"),
    [
        (None, 0, 2, 20_000, (2, 19_936)),
        (None, 10_000, 4, 20_000, (4, 19_936)),
        (None, 100_000, 2, 20_000, (6, 19_936)),
        (None, 1_000_000, 8, 1_048_576, (8, 1_048_512)),
        (3, 0, 8, 1024, (3, 960)),
        (1, 0, 1, 10, (1, 1)),
    ],
)
def test_workers_are_as_many_as_cores_and_descriptors_ask_for(
    workers: int | None, connections: int, cpus: int, nofile: int, expected: tuple[int, int]
) -> None:
    """Auto: a worker a core, more where the file limit of one process does not hold them, with room for chance."""
    assert serve.share(workers, connections, cpus, nofile) == expected


@pytest.mark.parametrize(("workers", "connections"), [(2, 100_000), (None, 1_000_000_000)])
def test_connections_that_do_not_fit_are_said(workers: int | None, connections: int) -> None:
    """Too few workers for --max-connections, or too many processes, is an error that says how many it takes."""
    with pytest.raises(UsageError, match=r"take .* workers"):
        serve.share(workers, connections, 2, 20_000)


@pytest.mark.parametrize(
    ("text", "plain"),
    [("https://Chat.Example", "https://chat.example"), ("http://a:8080/", "http://a:8080"), ("*", "*")],
)
def test_origins(text: str, plain: str) -> None:
    """An origin is compared in lower case and without a path."""
    assert serve.origin(text) == plain


@pytest.mark.parametrize("text", ["chat.example", "https://", "https://a/b", "https://ä", "https://a,b"])
def test_what_is_no_origin_is_refused(text: str) -> None:
    """A host alone, a path, a list: none of these could ever equal an Origin."""
    with pytest.raises(UsageError, match="is not an origin"):
        serve.origin(text)


def test_certificates_are_looked_at_before_the_server_starts(tmp_path: Path) -> None:
    """A missing file, a file that is none, a key without a certificate: a sentence each."""
    nonsense = tmp_path / "nonsense"
    nonsense.write_text("nonsense")
    for cert, key in ((str(tmp_path / "none"), None), (str(nonsense), None), (None, str(nonsense))):
        with pytest.raises(UsageError, match=r"--cert|--key"):
            serve.prepare(ServeOptions(cert=cert, key=key))


def test_numbers_and_sizes_have_bounds() -> None:
    """Counts take k and M, sizes K and M; what is out of bounds names them."""
    assert number("--rate", "2k", 0, 10_000) == 2000
    assert size("--send-buffer", "64K", 1, 100_000) == 65_536
    with pytest.raises(UsageError, match="expected 1 to 10"):
        number("--workers", "11", 1, 10)
    with pytest.raises(UsageError, match="--buffers"):
        size("--buffers", "many", 1, 10)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--port", "x"],
        ["--bind", "nowhere"],
        ["--workers", "0"],
        ["--max-message", "1M"],
        ["--origin", "x"],
        ["--idle", "-1"],
    ],
    ids=" ".join,
)
def test_a_wrong_option_is_exit_2(arguments: list[str]) -> None:
    """Before anything is bound: a sentence, a tip, exit 2."""
    assert main.run(["serve", "--port", "0", *arguments]) == 2


def test_help_names_every_option() -> None:
    """--help tells of every option that ServeOptions has."""
    help_text = CliRunner().invoke(main._app, ["serve", "--help"]).output
    for name in ServeOptions.__dataclass_fields__:
        assert "--" + {"origins": "origin"}.get(name, name).replace("_", "-") in help_text
