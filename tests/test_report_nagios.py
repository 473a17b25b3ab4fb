"""Nagios: the exit codes of its guidelines, one first line, and perfdata that the guidelines' own library reads."""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace

import pytest

from tests.conftest import need
from tests.samples import CHECKS, EVERY_OUTCOME, finding
from tests.samples_verify import CASES
from wstune.model import Operator, Severity
from wstune.report import nagios
from wstune.report.formats import Look
from wstune.report.head import Head

HEAD = Head("check", "2026-11-24T05:00:00Z", None, ("check", "sample"), 1)


READER = """
use JSON::PP; use Monitoring::Plugin::Performance; local $/;
my @data = Monitoring::Plugin::Performance->parse_perfstring(<STDIN>);
print encode_json([map { [$_->label, $_->value, $_->warning // "", $_->critical // ""] } @data]);
"""
"""Monitoring::Plugin, by those who wrote the guidelines; it leaves out each datum that it cannot read."""


def read(data: str) -> list[tuple[str, str, str, str]]:
    """Each datum as (label, value, warn, crit); all of them can be read."""
    need("monitoring-plugin")
    done = subprocess.run(["perl", "-we", READER], input=data, capture_output=True, text=True, check=True)
    metrics = [(label, str(value), str(warn), str(crit)) for label, value, warn, crit in json.loads(done.stdout)]
    assert len(metrics) == data.count("="), data
    return metrics


def parts(text: str) -> tuple[str, dict[str, tuple[str, str, str]], list[str]]:
    """The first line's text, its perfdata as label → (value, warn, crit), and the further lines."""
    first, *rest = text.splitlines()
    words, _, data = first.partition(" | ")
    metrics = read(data)
    assert all("|" not in line for line in (words, *rest))
    labels = [label for label, *_ in metrics]
    assert len(labels) == len(set(labels))
    return words, {label: (value, warn, crit) for label, value, warn, crit in metrics}, rest


def test_the_reader_finds_fault() -> None:
    """A reader that took everything would show nothing: of a value that is no number, it reads none."""
    with pytest.raises(AssertionError):
        read("'reached'=many;;10:;0")


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
