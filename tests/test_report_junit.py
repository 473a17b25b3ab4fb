"""JUnit: read back by junitparser and against the schema that CI servers follow; it is red exactly when wstune is."""

from __future__ import annotations

from dataclasses import replace

import pytest
from junitparser import Error, Failure, JUnitXml, Skipped, TestCase, TestSuite

from tests.samples import CHECKS, finding
from tests.samples_verify import CASES
from wstune.model import Operator
from wstune.report import junit
from wstune.report.formats import Look
from wstune.report.head import Head

HEAD = Head("check", "2026-11-24T05:00:00Z", None, ("check", "sample"), 1)


def suite(text: str) -> TestSuite:
    (only,) = JUnitXml.fromstring(text.encode())
    assert isinstance(only, TestSuite)
    return only


def results(text: str) -> dict[str | None, type | None]:
    """Name of each case, and the kind of its result."""
    return {case.name: type(case.result[0]) if case.result else None for case in suite(text)}


@pytest.mark.parametrize("name", CHECKS)
def test_check_is_green_when_it_is_ready(name: str) -> None:
    """Failures and errors are there exactly when the verdict is not `ready`; each requirement is a case."""
    report = CHECKS[name]
    read = suite(junit.check(report, HEAD, Look()))
    assert (read.failures + read.errors == 0) == (report.verdict == "ready")
    assert read.tests == len(report.findings) + 1
    assert read.timestamp == HEAD.started_at


@pytest.mark.parametrize("name", CASES)
def test_verify_is_green_when_it_is_confirmed(name: str) -> None:
    """Failures and errors are there exactly when the verdict is not `confirmed`."""
    report = CASES[name]
    read = suite(junit.verify(report, HEAD, Look()))
    assert (read.failures + read.errors == 0) == (report.verdict == "confirmed")
    first = next(iter(read))
    assert isinstance(first, TestCase)
    assert first.time == pytest.approx(report.open.seconds, abs=1e-3)


def test_outcomes_are_told_apart() -> None:
    """What is not met fails, what could not be read is an error, what should be better or is not here is skipped."""
    kinds = results(junit.check(CHECKS["check-not-ready"], HEAD, Look()))
    assert kinds["nofile ≥ 106,024"] is Failure
    assert kinds["net.core.somaxconn ≥ 4,096"] is Error
    assert kinds["net.ipv4.tcp_tw_reuse 1 or 2"] is Skipped
    assert kinds["net.core.netdev_max_backlog ≥ 10,000"] is Skipped
    assert kinds["fs.file-max ≥ 220,000"] is None


def test_what_a_confirmed_burst_tolerates_fails_nothing() -> None:
    """One lost visit of the canary does not turn a confirmed burst red."""
    report = CASES["verify-confirmed"]
    assert report.canary is not None
    text = junit.verify(replace(report, canary=replace(report.canary, failed=1)), HEAD, Look())
    assert results(text)["a stock client gets in meanwhile"] is Skipped


def test_what_no_xml_may_hold_is_replaced() -> None:
    """A control character from a kernel file or a command line still makes a document that parsers take."""
    odd = finding("nofile", "1", Operator.AT_LEAST, "2", note="a\x00b\x1bc <&>\ud800")
    text = junit.check(replace(CHECKS["check-not-ready"], findings=(odd,)), HEAD, Look())
    first = next(iter(suite(text)))
    assert isinstance(first, TestCase)
    assert "a�b�c <&>�" in str(first.result[0].text)
