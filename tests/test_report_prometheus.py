"""Prometheus: read back by the parser of its own client library."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.samples import CHECKS, EVERY_OUTCOME, finding
from tests.samples_verify import CASES
from wstune.model import Operator, Outcome
from wstune.report import prometheus
from wstune.report.formats import Look
from wstune.report.head import Head

HEAD = Head("check", "2026-11-24T05:00:00Z", None, ("check", "sample"), 1)
Series = dict[tuple[str, frozenset[tuple[str, str]]], float]


def parsed(text: str) -> Series:
    """Every sample; a series that is written twice, or a metric without help and type, is an error."""
    series: Series = {}
    for family in text_string_to_metric_families(text):
        assert family.type == "gauge", family.name
        assert family.documentation, family.name
        for sample in family.samples:
            key = sample.name, frozenset(sample.labels.items())
            assert key not in series, f"{key} is there twice"
            series[key] = sample.value
    return series


def one(series: Series, name: str, **labels: str) -> float:
    """The value of the only sample of that name whose labels include these."""
    (value,) = (v for (n, have), v in series.items() if n == name and set(labels.items()) <= have)
    return value


@pytest.mark.parametrize("name", CHECKS)
def test_check_is_read_back(name: str) -> None:
    """The client library's parser takes it, and the numbers are those of the report."""
    report = CHECKS[name]
    series = parsed(prometheus.check(report, HEAD, Look()))
    assert one(series, "wstune_check_verdict", verdict=report.verdict) == 1
    assert sum(v for (n, _), v in series.items() if n == "wstune_check_verdict") == 1
    assert one(series, "wstune_check_target_connections", profile="sample") == report.connections
    assert sum(v for (n, _), v in series.items() if n == "wstune_check_findings") == len(report.findings)
    assert one(series, "wstune_check_started_timestamp_seconds") == 1795496400


@pytest.mark.parametrize("name", CASES)
def test_verify_is_read_back(name: str) -> None:
    """The client library's parser takes it, and the numbers are those of the report, times in seconds."""
    report = CASES[name]
    series = parsed(prometheus.verify(report, HEAD, Look()))
    assert one(series, "wstune_verify_verdict", verdict=report.verdict) == 1
    assert one(series, "wstune_verify_reached_connections") == report.reached
    if report.open.connect_ms is not None:
        connect = one(series, "wstune_verify_latency_seconds", of="connect", quantile="0.99")
        assert connect == pytest.approx(report.open.connect_ms.p99 / 1000)
    for name_, change in report.counters.items():
        assert one(series, "wstune_verify_counter_growth", counter=name_) == change


def test_values_and_capacity() -> None:
    """No limit is +Inf, a triple has a sample a field, and a limit says whether it is one of each process."""
    series = parsed(prometheus.check(EVERY_OUTCOME, HEAD, Look()))
    assert one(series, "wstune_check_live", tunable="fs.file-max") == math.inf
    assert one(series, "wstune_check_live", tunable="net.ipv4.tcp_mem", field="pressure") == 383868
    assert one(series, "wstune_check_capacity_connections", role="server", limit="nofile", each="process") == 19936
    assert one(series, "wstune_check_met", tunable="nofile") == 0


def test_two_demands_on_one_limit_make_one_series() -> None:
    """It is met when both are."""
    both = (
        finding("nofile", "20000", Operator.AT_LEAST, "10000", outcome=Outcome.PASS),
        finding("nofile", "20000", Operator.AT_LEAST, "30000"),
    )
    series = parsed(prometheus.check(replace(EVERY_OUTCOME, findings=both), HEAD, Look()))
    assert one(series, "wstune_check_met", tunable="nofile") == 0


def test_labels_are_escaped() -> None:
    """A profile's name with quotes, backslashes and line ends reads back as it was."""
    odd = 'a"b\\c\nd'
    series = parsed(prometheus.check(replace(EVERY_OUTCOME, profile=odd), HEAD, Look()))
    assert one(series, "wstune_check_processes", profile=odd) == 1


def test_the_random_port_of_a_burst_makes_no_new_series() -> None:
    """A burst on this host is `host`, whatever port it took; a server elsewhere is its URL."""
    host = parsed(prometheus.verify(CASES["verify-confirmed"], HEAD, Look()))
    assert one(host, "wstune_verify_reached_connections", target="host") == 10_000
    away = CASES["verify-nothing-opened"]
    assert one(parsed(prometheus.verify(away, HEAD, Look())), "wstune_verify_reached_connections", target=away.url) == 0
