"""`wstune report`: saved JSON written again; several formats at once; the verdict on stdout where the report is not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.samples import CHECKS
from tests.samples_verify import CASES
from wstune.cli.main import run
from wstune.model import CheckReport
from wstune.report.formats import Look, ReportFormat, write
from wstune.report.head import Head
from wstune.verification import VerifyReport


@pytest.fixture(autouse=True)
def _here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    reports: dict[str, CheckReport | VerifyReport] = {
        "check.json": CHECKS["check-not-ready"],
        "before.json": CASES["verify-missed"],
        "after.json": CASES["verify-confirmed"],
    }
    for name, report in reports.items():
        head = Head(name if name == "check" else "verify", "2026-11-24T05:00:00Z", None, ("verify", "host"), 1)
        if isinstance(report, CheckReport):
            head = Head("check", "2026-11-24T05:00:00Z", None, ("check",), 1)
        Path(name).write_text(write(ReportFormat.JSON, report, head, Look()))


def test_all_formats_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    """Of one saved burst, each by its ending; on stdout the verdict alone."""
    files = ["a.json", "a.html", "a.md", "a.csv", "a.prom", "a.xml", "a.txt", "nagios:a.nagios"]
    assert run(["report", "before.json", *(word for file in files for word in ("-o", file))]) == 0
    written = capsys.readouterr()
    assert written.out.strip() == CASES["verify-missed"].sentences[-1]
    assert written.err == ""
    assert Path("a.json").read_text() == Path("before.json").read_text()
    assert Path("a.html").read_text().startswith("<!doctype html>")
    assert Path("a.nagios").read_text().startswith("WSTUNE CRITICAL")


def test_format_is_that_of_stdout_beside_files(capsys: pytest.CaptureFixture[str]) -> None:
    """And the verdict is not said twice."""
    assert run(["report", "check.json", "--format", "markdown", "-o", "a.txt", "-o", "a.csv"]) == 0
    written = capsys.readouterr().out
    assert written.startswith("## ❌ wstune: NOT READY")
    assert "NOT READY" in Path("a.txt").read_text()


def test_two_reports_are_compared(capsys: pytest.CaptureFixture[str]) -> None:
    """The earlier first."""
    assert run(["report", "before.json", "after.json"]) == 0
    text = capsys.readouterr().out
    assert text.startswith("compared with before.json\n")
    assert "missed before, confirmed now" in text


def test_a_report_from_standard_input(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """`wstune verify … --format json | wstune report - --format markdown`."""
    with Path("before.json").open() as stream:
        monkeypatch.setattr("sys.stdin", stream)
        assert run(["report", "-", "--format", "markdown"]) == 0
    assert capsys.readouterr().out.startswith("## ❌ wstune: missed")


def test_the_verdict_of_somebody_elses_report_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever it says: no control character, and no line of its own."""
    document = json.loads(Path("before.json").read_text())
    document["sentences"][-1] = "fine\x1b[2J\nconfirmed"
    Path("odd.json").write_text(json.dumps(document))
    assert run(["report", "odd.json", "-o", "odd.html"]) == 0
    assert capsys.readouterr().out == "fine\\x1b[2J confirmed\n"


def test_what_is_too_large_for_a_report_is_not_read() -> None:
    """/dev/zero never ends; whatever names a report reads it alike."""
    zero = "/dev/zero"
    for arguments in (["report", zero], ["verify", "host", "--baseline", zero], ["capacity", "--calibrate", zero]):
        assert run(arguments) == 2


@pytest.mark.parametrize(
    "arguments", [["verify", "host", "--baseline"], ["capacity", "--calibrate"]], ids=lambda a: a[0]
)
def test_a_report_of_check_is_no_burst(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """To compare with, or to calibrate by."""
    assert run([*arguments, "check.json"]) == 2
    assert f"{arguments[-1]} check.json: got a report of check, expected one of verify" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["none.json"], "none.json: no such file or directory"),
        (["."], ".: is a directory"),
        (["a.txt"], "a.txt: got no JSON"),
        (["latin.json"], "latin.json: "),
        (["before.json", "check.json"], "only reports of verify are compared"),
        (["before.json"] * 3, "3 reports: two can be compared"),
        (["before.json", "-o", "a.json", "-o", "b.odd"], "its ending names no format"),
        (["before.json", "--format", "odd"], "odd"),
        ([], "FILE"),
    ],
)
def test_what_cannot_be_written_again_is_one_sentence(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 2, nothing on stdout."""
    Path("a.txt").write_text("no json")
    Path("latin.json").write_bytes(b"\xff")
    assert run(["report", *arguments]) == 2
    told = capsys.readouterr()
    assert words in told.err
    assert told.out == ""


def test_an_error_for_a_monitoring_system(capsys: pytest.CaptureFixture[str]) -> None:
    """UNKNOWN is 3 there; in a file beside another report the error is the command's as well."""
    assert run(["report", "none.json", "--format", "nagios"]) == 3
    assert capsys.readouterr().out.startswith("WSTUNE UNKNOWN - none.json")
    assert run(["report", "none.json", "-o", "nagios:a.nagios", "-o", "b.json"]) == 3
    assert run(["report", "none.json", "-o", "b.json", "-o", "nagios:a.nagios"]) == 2
    assert Path("a.nagios").read_text().startswith("WSTUNE UNKNOWN")
