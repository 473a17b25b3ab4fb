"""CSV: read back by the standard library's reader."""

from __future__ import annotations

import csv
import io
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.samples import EVERY_OUTCOME, finding
from tests.samples_verify import CASES
from wstune.model import Operator
from wstune.report import csv as format_
from wstune.report.formats import Look
from wstune.report.head import Head

HEAD = Head("check", "2026-11-24T05:00:00Z", None, ("check", "sample"), 1)


@pytest.mark.parametrize("name", CASES)
def test_the_timeline_reads_back(name: str) -> None:
    """Seconds and connections of each moment are those of the report."""
    rows = list(csv.DictReader(format_.verify(CASES[name], HEAD, Look()).splitlines()))
    assert tuple((float(row["seconds"]), int(row["open"])) for row in rows) == CASES[name].timeline


def test_the_findings_read_back() -> None:
    """Each finding is a row, in the profile's order; a triple's free number is `*`."""
    rows = list(csv.DictReader(format_.check(EVERY_OUTCOME, HEAD, Look()).splitlines()))
    assert [row["tunable"] for row in rows] == [each.tunable for each in EVERY_OUTCOME.findings]
    assert rows[3]["required"] == "* 131072 262144"
    assert rows[9]["required"] == "1|2"
    assert rows[10]["live"] == ""


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=30))
def test_any_text_is_one_cell_and_no_formula(text: str) -> None:
    """Quotes, commas and line ends stay in their cell, and none starts as a spreadsheet's formula."""
    odd = replace(EVERY_OUTCOME, findings=(finding("nofile", "1", Operator.AT_LEAST, "2", note=text),))
    (row,) = csv.DictReader(io.StringIO(format_.check(odd, HEAD, Look()), newline=""))
    words = " ".join(text.split())
    assert row["note"] in (words, f"'{words}")
    assert not row["note"].startswith(("=", "+", "-", "@"))
