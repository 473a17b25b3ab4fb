"""Markdown: read by a CommonMark parser with GitHub's tables, it has the structure that was meant."""

from __future__ import annotations

from dataclasses import replace

import pytest
from markdown_it import MarkdownIt

from tests.samples import CHECKS, EVERY_OUTCOME, finding
from tests.samples_verify import CASES
from wstune.model import Operator
from wstune.report import markdown
from wstune.report.formats import Look
from wstune.report.head import Head

HEAD = Head("check", "2026-11-24T05:00:00Z", None, ("check", "sample"), 1)


def rows(text: str) -> list[list[str]]:
    """The cells of every row of every table, as text; every row has as many as its heading."""
    found: list[list[str]] = []
    for token in MarkdownIt("commonmark").enable("table").parse(text):
        if token.type == "tr_open":
            found.append([])
        elif token.type == "inline" and found and token.level >= 4:
            found[-1].append("".join(child.content for child in token.children or ()))
    return found


@pytest.mark.parametrize("name", CHECKS)
def test_check(name: str) -> None:
    """Every requirement is in a table, what is amiss before what is met; the heading is the verdict."""
    report = CHECKS[name]
    text = markdown.check(report, HEAD, Look())
    listed = [cells[1] for cells in rows(text) if len(cells) in (4, 5) and cells[1] != "limit"]
    assert sorted(listed) == sorted(finding.tunable for finding in report.findings)
    assert text.splitlines()[0].endswith(markdown._plain(report.sentences[-1]))


@pytest.mark.parametrize("name", CASES)
def test_verify(name: str) -> None:
    """Every error is a row, and the wall is named."""
    report = CASES[name]
    text = markdown.verify(report, HEAD, Look())
    errors = [cells[1] for cells in rows(text) if len(cells) == 6 and cells[1] != "error"]
    assert errors == [error.errno for error in report.errors]
    assert (report.wall is None) == ("**Wall:" not in text)


def test_nothing_breaks_out_of_its_cell() -> None:
    """Bars, backquotes, HTML and emphasis from a profile are shown as they are."""
    odd = replace(
        finding("nofile", "1", Operator.AT_LEAST, "2", fix="a | b `c`", note="*x* <script>alert(1)</script> | y\nz"),
        why="_why_ [link](http://example.invalid)",
    )
    text = markdown.check(replace(EVERY_OUTCOME, findings=(odd,)), HEAD, Look())
    (cells,) = (each for each in rows(text) if each[1:2] == ["nofile"])
    assert len(cells) == 5
    assert "<script>" not in text.replace(r"\<script\>", "")
    assert "_why_ [link](http://example.invalid)" in cells[4]
    assert "a | b `c`" in cells[4]
