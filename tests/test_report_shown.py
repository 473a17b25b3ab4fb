"""Whatever a text of others is, each format of a report shows it as that text, on its own place, and nothing more."""

from __future__ import annotations

import csv
import io
import json
import re
import xml.etree.ElementTree as ET  # our own output
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from prometheus_client.parser import text_string_to_metric_families

from tests import exports
from tests.conftest import need
from tests.hostile import hostile
from tests.samples import EVERY_OUTCOME, finding
from tests.samples_verify import CASES
from wstune.model import CheckReport, Finding, Operator, Outcome, Reading
from wstune.printable import CONTROLS, printable, printable_report
from wstune.report.formats import Look, ReportFormat, write
from wstune.report.head import Head
from wstune.report.shown import shown
from wstune.values import Kind, Value
from wstune.verification import BurstError, VerifyReport, Wall

COUNT = 10_000
STEP = 250
NAME = "net.ipv4.tcp_congestion_control"
BARE = re.compile(f"(?![\n\t])[{CONTROLS}]")


def head(text: str) -> Head:
    return Head("check", "2026-11-24T05:00:00Z", None, ("check", text), 1)


def odd(text: str) -> Finding:
    """A finding in which all that others may choose is this text."""
    value = Value(Kind.TEXT, text, ())
    found = finding(NAME, Reading(value), Operator.EQUALS, "x", outcome=Outcome.FAIL, fix=text, note=text)
    return replace(found, why=text, requirement=replace(found.requirement, operands=(value,), why=text, where=text))


def checks() -> Iterator[tuple[list[str], CheckReport]]:
    """Reports of 250 findings each, 10,000 in all; every report names its profile by the first text."""
    texts = list(hostile(COUNT))
    for first in range(0, COUNT, STEP):
        some = texts[first : first + STEP]
        report = replace(EVERY_OUTCOME, profile=some[0], findings=tuple(map(odd, some)), sentences=(some[1], some[2]))
        yield some, report


def verifies(count: int) -> Iterator[tuple[str, VerifyReport]]:
    """Reports of a burst in which the other side chose names, errors, reasons and evidence."""
    report = next(case for case in CASES.values() if case.canary is not None)
    for text in hostile(count):
        wall, error = Wall(text, text, text, text), BurstError(text, text, 1, text, text, text)
        yield text, replace(report, wall=wall, errors=(error,), counters={text: 1}, sentences=(text, text), url=text)


def words(text: str) -> str:
    """What is shown of a text, where white space is one blank."""
    return " ".join(printable(" ".join(text.split("\n"))).split())


def check(format_: ReportFormat, report: CheckReport, text: str = "x") -> str:
    return write(format_, report, head(text), Look())


@pytest.mark.parametrize("format_", list(ReportFormat), ids=lambda each: each.value)
def test_no_control_character_leaves_any_format(format_: ReportFormat) -> None:
    """Neither of check nor of verify, for a file or a terminal; every report can be written as UTF-8."""
    for some, report in checks():
        text = check(format_, report, some[3])
        assert not BARE.search(text)
        text.encode()
    for odd_text, burst in verifies(150 if format_ is ReportFormat.HTML else 2_000):  # a page takes 25 ms
        text = write(format_, burst, head(odd_text), Look())
        assert not BARE.search(text)
        text.encode()


def test_terminal() -> None:
    """What follows a name is the value; colour is the report's own."""
    for some, report in checks():
        text = check(ReportFormat.TERMINAL, report)
        assert text.count(f"  FAIL {NAME}") == len(some)
        colored = write(ReportFormat.TERMINAL, report, head("x"), Look(color=True))
        assert printable_report(colored, color=True) == colored
        assert re.sub(r"\x1b\[\d*m", "", colored) == text


def test_markdown() -> None:
    """Parsed with GitHub's tables: a row for each finding, each cell the text, no markup, link or HTML but our own."""
    parser = MarkdownIt("commonmark").enable("table").enable("strikethrough")
    for some, report in checks():
        rows: list[list[str]] = []
        tokens = parser.parse(check(ReportFormat.MARKDOWN, report, some[3]))
        for token in tokens:
            assert token.type not in ("bullet_list_open", "ordered_list_open", "code_block", "fence", "hr")
            if token.type == "tr_open":
                rows.append([])
            for child in token.children or ():
                assert child.type in ("text", "code_inline", "html_inline", "softbreak", "text_special", "strong_open",
                                      "strong_close"), child  # fmt: skip
                assert child.type != "html_inline" or child.content in ("<br>", "<sub>", "</sub>")
            if token.type == "inline" and rows and token.level >= 4:
                rows[-1].append("".join("\n" if c.type == "html_inline" else c.content for c in token.children or ()))
        found = [cells for cells in rows if cells[1:2] == [NAME]]
        assert len(found) == len(some)
        for text, cells in zip(some, found, strict=True):
            assert len(cells) == 5
            shown_text = words(text)
            if len(shown_text) < 30:
                assert " ".join(cells[2].split()) == shown_text
                assert " ".join(cells[3].removeprefix("= ").split()).strip() in (shown_text, f"= {shown_text}".strip())
            assert all(" ".join(part.split()) == shown_text for part in cells[4].split("\n"))
        assert [token.tag for token in tokens if token.type == "heading_open"] == ["h2"]


class Page(HTMLParser):
    """The tags of a page in order, and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, tuple[str, ...]]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, tuple(name for name, _ in attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def handle_comment(self, data: str) -> None:
        raise AssertionError(data)


def test_html() -> None:
    """The page has the tags and attributes of a page in which every text is `x`, in the same order."""
    for some, report in checks():
        page = Page(check(ReportFormat.HTML, report, some[3]))
        xs = [re.sub(r"\S+", "x", words(text)) or text for text in some]
        harmless = replace(
            report, profile="x", findings=tuple(map(odd, xs)), sentences=tuple("x" for _ in report.sentences)
        )
        plain = Page(check(ReportFormat.HTML, harmless))
        assert page.tags == plain.tags
        assert all(words(text) in " ".join(page.text.split()) for text in some)


def test_json() -> None:
    """Each text is a string of the document, which has the keys of any other."""
    for some, report in checks():
        document = json.loads(check(ReportFormat.JSON, report, some[3]))
        assert [each["why"] for each in document["findings"]] == [shown(text) for text in some]
        assert {tuple(each) for each in document["findings"]} == {tuple(document["findings"][0])}


def test_csv() -> None:
    """A line a finding, and no cell that a spreadsheet takes for a formula."""
    for some, report in checks():
        rows = list(csv.reader(io.StringIO(check(ReportFormat.CSV, report)), strict=True))
        assert len(rows) == len(some) + 1
        assert {len(row) for row in rows} == {len(rows[0])}
        assert not any(cell.startswith(("=", "+", "-", "@")) for row in rows for cell in row)
        assert [row[-1].removeprefix("'") for row in rows[1:]] == [words(text).removeprefix("'") for text in some]


def test_nagios() -> None:
    """One line with one bar, and a line a finding."""
    for some, report in checks():
        first, *others = check(ReportFormat.NAGIOS, report).removesuffix("\n").split("\n")
        assert first.count("|") == 1
        assert len(others) == len(some)
        assert not any("|" in line for line in others)


def test_junit() -> None:
    """A case for each finding, whose text is the text."""
    for some, report in checks():
        root = ET.fromstring(check(ReportFormat.JUNIT, report, some[3]))  # noqa: S314  our own output
        cases = root.findall(".//testcase")
        assert len(cases) == len(some) + 1
        assert {element.tag for element in root.iter()} <= {
            "testsuites", "testsuite", "properties", "property", "testcase", "failure", "error", "skipped",
        }  # fmt: skip
        for text, case in zip(some, cases, strict=False):
            said = [line for part in (case.findtext("failure") or "").split("\n") if (line := words(part))]
            fix = words(f"fix: {text}") if shown(text) else ""
            assert said == [line for line in (words(text), words(text), fix) if line]


def labels(text: str) -> set[tuple[str, tuple[str, ...]]]:
    """Name and labels of every sample."""
    families = text_string_to_metric_families(text)
    return {(sample.name, tuple(sorted(sample.labels))) for family in families for sample in family.samples}


def test_prometheus() -> None:
    """Read by the client's parser: the profile's name is a label's value, and no sample is there that was not meant."""
    expected = labels(check(ReportFormat.PROMETHEUS, replace(EVERY_OUTCOME, profile="x")))
    for text in hostile(COUNT // 4):
        written = check(ReportFormat.PROMETHEUS, replace(EVERY_OUTCOME, profile=text))
        families = list(text_string_to_metric_families(written))
        profiles = {sample.labels.get("profile", "") for family in families for sample in family.samples}
        assert profiles == {shown(text)}
        if shown(text):
            assert labels(written) == expected
    for text, burst in verifies(500):
        written = write(ReportFormat.PROMETHEUS, burst, head("x"), Look())
        grown = [f for f in text_string_to_metric_families(written) if f.name == "wstune_verify_counter_growth"]
        assert [sample.labels.get("counter", "") for sample in grown[0].samples] == [shown(text)]


@pytest.mark.slow
def test_promtool_takes_them() -> None:
    """`promtool check metrics` reads 200 hostile names of profiles."""
    need("promtool")
    for text in list(hostile(COUNT))[:200:10]:
        written = check(ReportFormat.PROMETHEUS, replace(EVERY_OUTCOME, profile=text))
        done = exports.run("sh", "-c", 'printf %s "$1" | promtool check metrics', "sh", written)
        assert done.returncode in (0, 3), done.stderr  # 3: its taste in names
        assert "error while linting" not in done.stderr


def test_numbers_and_what_is_printable_are_the_same_object() -> None:
    """A report without an odd text is not copied."""
    assert shown(EVERY_OUTCOME) is EVERY_OUTCOME
    texts = ("a", 1, None, 2.5)
    assert shown(texts) is texts


@given(st.recursive(st.text() | st.integers(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_every_text_within_is_shown(what: object) -> None:
    """However deep it lies."""
    assert not BARE.search(json.dumps(shown(what), ensure_ascii=False))
