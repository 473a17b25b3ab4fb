"""Nagios: the exit codes of its guidelines, one first line, and perfdata that pynag reads."""

from __future__ import annotations

from dataclasses import replace

import pytest
from pynag.Utils import PerfData

from tests.samples import CHECKS, EVERY_OUTCOME, finding
from tests.samples_verify import CASES
from wstune.model import Operator, Severity
from wstune.report import nagios
from wstune.report.formats import Look
from wstune.report.head import Head

HEAD = Head("check", "2026-11-24T05:00:00Z", None, ("check", "sample"), 1)


def parts(text: str) -> tuple[str, dict[str, tuple[str, str, str]], list[str]]:
    """The first line's text, its perfdata as label → (value, warn, crit), and the further lines."""
    first, *rest = text.splitlines()
    words, bar, data = first.partition(" | ")
    perf = PerfData(data if bar else "")
    assert perf.is_valid(), data
    assert all("|" not in line for line in (words, *rest))
    labels = [metric.label for metric in perf.metrics]
    assert len(labels) == len(set(labels))
    return words, {metric.label: (metric.value, metric.warn, metric.crit) for metric in perf.metrics}, rest


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("check-ready", 0),
        ("check-ready-with-warnings", 1),
        ("check-not-ready", 2),
        ("check-inconclusive", 3),
        ("check-nothing", 3),
    ],
)
def test_check(name: str, code: int) -> None:
    """Ready is OK, ready with warnings WARNING, not ready CRITICAL, inconclusive UNKNOWN; the first line says it."""
    report = CHECKS[name]
    words, _, _ = parts(nagios.check(report, HEAD, Look()))
    assert nagios.exit_code(report) == code
    assert words == f"WSTUNE {nagios.STATES[code]} - {report.sentences[-1]}"


@pytest.mark.parametrize("name", CASES)
def test_verify(name: str) -> None:
    """Confirmed is OK, missed CRITICAL, inconclusive UNKNOWN; the figures are there with their thresholds."""
    report = CASES[name]
    words, data, _ = parts(nagios.verify(report, HEAD, Look()))
    code = nagios.exit_code(report)
    assert code == {"confirmed": 0, "missed": 2, "inconclusive": 3}[report.verdict]
    assert words.startswith(f"WSTUNE {nagios.STATES[code]} - ")
    assert data["reached"] == (str(report.reached), "", f"{report.connections}:")
    assert data["lost"] == (str(report.lost), "", "0")


def test_thresholds_follow_the_severity() -> None:
    """An error's threshold is critical, a warning's is a warning; LONG_MAX is no number for a graph."""
    findings = (
        finding("nofile", "20000", Operator.AT_LEAST, "106024"),
        finding("net.core.rmem_max", "1000", Operator.AT_LEAST, "2000", severity=Severity.WARN),
        finding("fs.file-max", "9223372036854775807", Operator.AT_LEAST, "1"),
    )
    _, data, _ = parts(nagios.check(replace(EVERY_OUTCOME, findings=findings), HEAD, Look()))
    assert data["nofile"] == ("20000", "", "106024:")
    assert data["net.core.rmem_max"] == ("1000", "2000:", "")
    assert "fs.file-max" not in data


def test_an_error_is_unknown() -> None:
    """Without a report there is still a line, and no bar in it starts perfdata."""
    words, data, rest = parts(nagios.error("no profile is named 'a|b'", "there are others"))
    assert words == "WSTUNE UNKNOWN - no profile is named 'a/b'"
    assert not data
    assert rest == ["there are others"]
