"""-o and --format together: which format goes where."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from wstune.cli.destinations import ENDINGS, Destination, destinations, primary
from wstune.errors import UsageError
from wstune.report.formats import FORMATS, ReportFormat
from wstune.report.formats import ReportFormat as F


@pytest.mark.parametrize(
    ("format_", "files", "found"),
    [
        (None, [], [(F.TERMINAL, None)]),
        (F.JSON, [], [(F.JSON, None)]),
        (F.HTML, ["r.json"], [(F.HTML, "r.json")]),
        (None, ["r.json"], [(F.JSON, "r.json")]),
        (None, ["r.JSON"], [(F.JSON, "r.JSON")]),
        (None, ["report"], [(F.TERMINAL, "report")]),
        (None, ["nagios:r.json"], [(F.NAGIOS, "r.json")]),
        (F.HTML, ["csv:r"], [(F.HTML, None), (F.CSV, "r")]),
        (None, ["a.json", "b.html"], [(F.JSON, "a.json"), (F.HTML, "b.html")]),
        (F.MARKDOWN, ["a.xml", "b.prom"], [(F.MARKDOWN, None), (F.JUNIT, "a.xml"), (F.PROMETHEUS, "b.prom")]),
        (None, ["a.json", "-"], [(F.JSON, "a.json"), (F.TERMINAL, "-")]),
        (F.MARKDOWN, ["a.json", "-"], [(F.JSON, "a.json"), (F.MARKDOWN, "-")]),
        (F.MARKDOWN, ["csv:-", "a.json"], [(F.CSV, "-"), (F.JSON, "a.json")]),
        (None, ["odd:r.md", "terminal:b"], [(F.MARKDOWN, "odd:r.md"), (F.TERMINAL, "b")]),
    ],
)
def test_which_format_goes_where(
    format_: ReportFormat | None,
    files: list[str],
    found: list[tuple[ReportFormat, str | None]],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """One file takes --format, several go by their endings or by name, and --format is that of stdout then."""
    monkeypatch.chdir(tmp_path)
    assert destinations(format_, files) == tuple(Destination(*each) for each in found)


@pytest.mark.parametrize(
    ("files", "words"),
    [
        (["a.json", "b.foo"], "-o b.foo: its ending names no format"),
        (["a.json", "b"], "-o b: its ending names no format"),
        (["a.json", "json:./a.json"], "-o ./a.json: that file is named twice"),
        (["a.json", "none/b.html"], "cannot write none/b.html"),
        (["a.json", "nagios:"], "-o nagios:: its ending names no format"),
    ],
)
def test_what_cannot_be_is_refused_before_the_work(
    files: list[str], words: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """An unknown ending, a file twice, a file that cannot be written; nothing is written then."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=re.escape(words)):
        destinations(None, files)
    assert list(tmp_path.iterdir()) == []


def test_a_file_by_two_names_is_one_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A link is the file that it leads to."""
    monkeypatch.chdir(tmp_path)
    Path("a.json").touch()
    Path("b.html").symlink_to("a.json")
    with pytest.raises(UsageError, match="named twice"):
        destinations(None, ["a.json", "b.html"])


def test_every_format_but_nagios_has_an_ending() -> None:
    """Each its own."""
    assert set(ENDINGS.values()) == set(FORMATS) - {F.NAGIOS}
    assert len(ENDINGS) == len(FORMATS) - 1


def test_the_exit_code_is_that_of_stdouts_format() -> None:
    """Else of the first file's: a check plugin that writes a file besides is still a plugin."""
    assert primary([Destination(F.HTML, "a"), Destination(F.NAGIOS)]) is F.NAGIOS
    assert primary([Destination(F.NAGIOS, "a")]) is F.NAGIOS
    assert primary([Destination(F.JSON, "a"), Destination(F.NAGIOS, "b")]) is F.JSON
