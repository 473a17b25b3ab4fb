"""The table of formats: every format writes every verdict, as the golden files have it."""

from __future__ import annotations

import importlib

import pytest

from tests.conftest import Golden
from tests.samples import CHECKS
from tests.samples_verify import CASES
from wstune.actions.check import EXIT_CODES as CHECK_CODES
from wstune.report.formats import FORMATS, Look, ReportFormat, exit_code, write
from wstune.report.head import Head
from wstune.verification import EXIT_CODES

ELSEWHERE = {ReportFormat.TERMINAL, ReportFormat.JSON}
"""Their golden files of bursts are compared in test_report_verify."""

BOOT = "3fc8b6a9-0c5e-4a1b-9d6c-2a7f6b1f3d10"


def head(command: str, code: int, *argv: str) -> Head:
    return Head(command, "2026-11-24T05:00:00Z", BOOT, (command, *argv), code)


@pytest.fixture(autouse=True)
def _one_version(monkeypatch: pytest.MonkeyPatch) -> None:
    """A new version changes no golden file."""
    for name in ("prometheus", "html", "json"):
        monkeypatch.setattr(f"wstune.report.{name}.__version__", "0")


PAIRS = [
    pytest.param(format_, name, id=f"{name}-{format_.value}")
    for format_ in FORMATS
    for name in (*CHECKS, *(() if format_ in ELSEWHERE else CASES))
]


@pytest.mark.parametrize(("format_", "name"), PAIRS)
def test_every_verdict_in_every_format(format_: ReportFormat, name: str, golden: Golden) -> None:
    """CASE.EXIT.FORMAT is what the format makes of the case, with the exit code that the command ends with."""
    if name in CHECKS:
        report = CHECKS[name]
        code = exit_code(format_, report, CHECK_CODES[report.verdict])
        text = write(format_, report, head("check", code, "sample"), Look())
    else:
        burst = CASES[name]
        code = exit_code(format_, burst, EXIT_CODES[burst.verdict])
        look = Look(check=CHECKS["check-not-ready"] if FORMATS[format_].page and "missed" in name else None)
        text = write(format_, burst, head("verify", code, "host"), look)
    golden(f"{name}.{code}.{format_.value}", text)


def test_every_row_names_a_module_that_is_there() -> None:
    """A row's module has both functions, and `exit_code` where the row says so."""
    for format_, row in FORMATS.items():
        module = importlib.import_module(f"wstune.report.{row.module}")
        assert callable(module.check), format_
        assert callable(module.verify), format_
        assert hasattr(module, "exit_code") == row.own_exit_code, format_
    assert set(FORMATS) == set(ReportFormat)


def test_there_is_a_case_for_every_verdict() -> None:
    """No verdict is without a golden file."""
    assert {report.verdict for report in CHECKS.values()} == set(CHECK_CODES)
    assert {report.verdict for report in CASES.values()} == set(EXIT_CODES)


def test_every_format_ends_in_one_newline() -> None:
    """A report can be followed by another in a file, and is no line too long."""
    for format_ in FORMATS:
        for report in CHECKS.values():
            text = write(format_, report, head("check", 0), Look())
            assert text.endswith("\n"), format_
            assert not text.endswith("\n\n"), format_
