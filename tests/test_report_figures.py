"""One table of figures: what is in it is in every format; what a format leaves out is a decision that is written."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from tests.samples_verify import CASES
from wstune.report import figures, machine_columns
from wstune.report.comparison import compare
from wstune.report.figures import FIGURES, LATENCIES, LEFT_OUT, LINES
from wstune.report.formats import Look, ReportFormat, write
from wstune.report.head import Head
from wstune.report.json_read import load
from wstune.report.machine_columns import COLUMNS
from wstune.verification import VerifyReport

WHOLE = CASES["verify-everything"]
HEAD = Head("verify", "2026-11-24T05:00:00Z", None, ("verify", "host"), 0)
FORMATS = [format_.value for format_ in ReportFormat]


def text(report: VerifyReport, format_: str) -> str:
    """What a format shows; of the page what is shown, without the JSON document that comes with it."""
    written = write(ReportFormat(format_), report, HEAD, Look())
    return written.split('id="data"')[0] if format_ == "html" else written


def changed(where: Any, path: list[str], value: object) -> Any:
    """The same with another value at a path."""
    name, *rest = path
    if isinstance(where, Mapping):
        return {**where, name: changed(where[name], rest, value) if rest else value}
    inner = changed(getattr(where, name), rest, value) if rest else value
    return dataclasses.replace(where, **{name: inner})


def another(value: float) -> float:
    """A number that no format rounds to the same."""
    return value * 3 + 1


def shown(format_: str, group: str) -> bool:
    return (format_, group) not in LEFT_OUT


@pytest.mark.parametrize("format_", FORMATS)
@pytest.mark.parametrize("figure", FIGURES, ids=[figure.name for figure in FIGURES])
def test_a_figure_is_in_every_format(figure: figures.Figure, format_: str) -> None:
    """Another number is another text, but where the format leaves figures out."""
    value = figure.value(WHOLE)
    assert value is not None, "the sample has every figure"
    other = changed(WHOLE, (figure.source or figure.name).split("."), another(value))
    assert (text(other, format_) != text(WHOLE, format_)) == shown(format_, "figures")


@pytest.mark.parametrize("format_", FORMATS)
@pytest.mark.parametrize("latency", LATENCIES, ids=[latency.name for latency in LATENCIES])
def test_a_latency_is_in_every_format(latency: figures.Latency, format_: str) -> None:
    """Its p99 at least."""
    value = latency.value(WHOLE)
    assert value is not None, "the sample has every latency"
    other = changed(WHOLE, [*latency.name.split("."), "p99"], another(value.p99))
    assert (text(other, format_) != text(WHOLE, format_)) == shown(format_, "latencies")


@pytest.mark.parametrize("format_", FORMATS)
@pytest.mark.parametrize("column", COLUMNS, ids=[column.name for column in COLUMNS])
def test_what_a_machine_did_is_in_every_format(column: machine_columns.Column, format_: str) -> None:
    """Each number of its row."""
    first, *others = WHOLE.machines
    value = another(getattr(first, column.name))
    other = dataclasses.replace(WHOLE, machines=(changed(first, [column.name], value), *others))
    assert (text(other, format_) != text(WHOLE, format_)) == shown(format_, "machines")


@pytest.mark.parametrize("format_", sorted({*FORMATS} - {"csv", "nagios"}))
def test_a_machine_that_was_lost_is_in_every_format(format_: str) -> None:
    """By name and with the reason."""
    written = " ".join(text(WHOLE, format_).split())
    gone = 'wstune_verify_machine_gone{target="host",machine="gen2"} 1'
    assert "gen2" in written
    assert (gone if format_ == "prometheus" else "no message from it for 5 s") in written


def test_what_is_left_out_is_a_format_and_a_group() -> None:
    """With a reason."""
    for (format_, group), why in LEFT_OUT.items():
        assert format_ in FORMATS
        assert group in ("figures", "latencies", "machines")
        assert why


def test_names_are_unique_and_stand_in_the_document() -> None:
    """A figure's name is its path in the JSON document; its metric, with its labels, and its datum are its own."""
    document = write(ReportFormat.JSON, WHOLE, HEAD, Look())
    assert load(document)[1] == WHOLE
    names = [figure.name for figure in FIGURES] + [latency.name for latency in LATENCIES]
    assert len(set(names)) == len(names)
    assert len({figure.datum_name for figure in FIGURES}) == len(FIGURES)
    assert len({(figure.metric_name, figure.labels) for figure in FIGURES}) == len(FIGURES)
    for figure in FIGURES:
        assert re.fullmatch(r"wstune_verify_[a-z]+(_[a-z]+)*", figure.metric_name)
        assert not figure.metric_name.endswith("_ms"), "Prometheus counts in seconds"
        assert figure.line in LINES


def test_the_comparison_is_of_the_table() -> None:
    """Each figure and latency that says what it is called there."""
    called = {figure.compared for figure in FIGURES} | {latency.compared for latency in LATENCIES}
    assert {row.name for row in compare(WHOLE, WHOLE)} == called - {""}


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (lambda report: dataclasses.replace(report, fanout=None), ("fan-out", "not done")),
        (lambda report: dataclasses.replace(report, canary=None), ("canary", "not sent")),
        (
            lambda report: dataclasses.replace(report, close=None),
            ("closed", "not as planned: everything was ended at once"),
        ),
        (
            lambda report: changed(report, ["processes", "server"], 0),
            ("processes", "a server elsewhere, 4 generator; "),
        ),
        (lambda report: changed(report, ["open", "failed"], 0), ("opened", "in 10.02 s, 938/s, none failed; paced")),
    ],
    ids=["no fan-out", "no canary", "not closed", "elsewhere", "none failed"],
)
def test_what_was_not_taken_is_said(change: Callable[[VerifyReport], VerifyReport], line: tuple[str, str]) -> None:
    """Or the line is as if there were no such figure."""
    label, begins = line
    assert dict(figures.lines(change(WHOLE)))[label].startswith(begins)
    bare = dataclasses.replace(WHOLE, talk=None, scenario=None)
    assert {"talk", "scenario"} & {label for label, _ in figures.lines(bare)} == set()
