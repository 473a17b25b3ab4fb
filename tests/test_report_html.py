"""The HTML report: one file, nothing executable, the same data as the JSON, readable whatever the run came to."""

from __future__ import annotations

import html
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import pytest

from tests.samples import CHECKS, EVERY_OUTCOME, finding
from tests.samples_verify import CASES
from wstune.model import Operator, Outcome
from wstune.report.formats import Look, ReportFormat, write
from wstune.report.head import Head
from wstune.report.json import check_document
from wstune.report.json_read import load
from wstune.service import Hit
from wstune.verification import VerifyReport

HEAD = Head("verify", "2026-11-24T05:00:00Z", None, ("verify", "host", "-n", "61189"), 1)
VOID = {"meta", "br"}


class Page(HTMLParser):
    """The page's elements; closing tags that do not fit are an error."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def verify_page(report: VerifyReport, look: Look | None = None) -> str:
    return write(ReportFormat.HTML, report, HEAD, look or Look(check=EVERY_OUTCOME))


PAGES = {
    **{name: write(ReportFormat.HTML, report, HEAD, Look()) for name, report in CHECKS.items()},
    **{name: verify_page(report) for name, report in CASES.items()},
    "verify-with-baseline": verify_page(
        CASES["verify-missed"], Look(baseline=("before.json", CASES["verify-confirmed-sharded"]))
    ),
}


def embedded(text: str) -> Any:
    """The document that the page holds."""
    found = re.search(r'<pre tabindex="0">(.*?)</pre>', text, re.DOTALL)
    assert found
    return json.loads(html.unescape(found[1]))


@pytest.mark.parametrize("name", PAGES)
def test_nothing_is_executable_or_from_outside(name: str) -> None:
    """No script, no handler, no frame, no address that is loaded; the page's own policy forbids them too."""
    page = Page(PAGES[name])
    for tag, attributes in page.elements:
        assert tag not in {"script", "iframe", "object", "embed", "link", "img", "form", "base"}
        assert not any(attribute.startswith("on") for attribute in attributes)
        for attribute in ("src", "href", "action", "xlink:href"):
            assert (attributes.get(attribute) or "#").startswith("#")
    policy = "default-src 'none'; style-src 'unsafe-inline'"
    assert any(attributes.get("content") == policy for tag, attributes in page.elements if tag == "meta")
    assert "url(" not in PAGES[name]
    assert "@import" not in PAGES[name]


@pytest.mark.parametrize("name", PAGES)
def test_links_within_the_page_lead_somewhere(name: str) -> None:
    """Every part that the head names is there, once."""
    page = Page(PAGES[name])
    ids = [attributes["id"] for _, attributes in page.elements if attributes.get("id")]
    targets = [str(attributes["href"])[1:] for tag, attributes in page.elements if tag == "a"]
    assert len(ids) == len(set(ids))
    assert set(targets) <= set(ids)


@pytest.mark.parametrize("name", CASES)
def test_a_burst_has_the_same_data_as_its_json(name: str) -> None:
    """The document in the page loads as the report that was shown; verdict, wall, errors and counters are in words."""
    report = CASES[name]
    assert load(json.dumps(embedded(PAGES[name])))[1] == report
    text = Page(PAGES[name]).text
    for said in (
        report.sentences[-1],
        f"{report.reached:,}",
        *([report.wall.name, report.wall.evidence, report.wall.fix] if report.wall else []),
        *(f"{error.errno} {error.count:,} {error.side} {error.limit}" for error in report.errors),
        *(f"{counter} {change:+,}" for counter, change in report.counters.items()),
    ):
        assert said in text


@pytest.mark.parametrize("name", CHECKS)
def test_a_check_has_the_same_data_as_its_json(name: str) -> None:
    """The document in the page is that of --format json, and each finding has its row."""
    report = CHECKS[name]
    assert embedded(PAGES[name]) == json.loads(json.dumps(check_document(report, HEAD)))
    text = Page(PAGES[name]).text
    for each in report.findings:
        assert each.tunable in text
        assert each.why in text


def test_a_run_of_a_million_is_small() -> None:
    """An hour at ten moments a second is thinned to 600 points a series, and the page stays far under a megabyte."""
    moments = tuple((round(number / 10, 1), min(number * 1500, 1_000_000)) for number in range(36_000))
    report = replace(CASES["verify-missed"], connections=1_000_000, reached=1_000_000, timeline=moments)
    text = verify_page(report, Look(check=EVERY_OUTCOME, baseline=("before", report)))
    assert len(text.encode()) < 300_000
    for path in re.findall(r'<path [^>]*d="([^"]*)"', text):
        assert path.count("L") + 1 <= 600
    assert len(embedded(text)["timeline"]) <= 600
    assert "thinned to" in text


def test_hostile_text_stays_text() -> None:
    """What a profile, a kernel file or a server says is shown, not obeyed."""
    odd = "<script>alert(1)</script>\"'&"
    checked = replace(EVERY_OUTCOME, findings=(finding("nofile", "1", Operator.AT_LEAST, "2", note=odd, fix=odd),))
    report = replace(CASES["verify-missed"], url=odd, sentences=(odd,), counters={odd: 1})
    text = verify_page(report, Look(check=checked, baseline=(odd, report)))
    page = Page(text)
    assert "script" not in {tag for tag, _ in page.elements}
    assert odd in page.text


def test_a_run_that_came_to_nothing_is_told() -> None:
    """Without a connection there is no chart, and words in its place."""
    page = Page(PAGES["verify-nothing-opened"])
    assert "svg" not in {tag for tag, _ in page.elements}
    assert "No connection was open long enough to draw." in page.text
    assert "nothing to measure" in page.text
    assert "Nothing was judged." in Page(PAGES["check-nothing"]).text


def test_a_run_that_was_cut_is_told() -> None:
    """It says so, and shows what there was."""
    page = Page(PAGES["verify-interrupted"])
    assert "the run was cut" in page.text
    assert "svg" in {tag for tag, _ in page.elements}


def test_a_baseline_is_compared() -> None:
    """The earlier figures stand beside the later ones, and in the chart."""
    page = Page(PAGES["verify-with-baseline"])
    assert "Compared with before.json" in page.text
    assert "reached (connections) 61,189 19,990 -67.3% worse" in page.text
    assert "open, before" in page.text


def test_what_holds_between_limits_and_what_was_met_is_told() -> None:
    """Invariants stand among the findings, and limits that were met since boot have a table."""
    between = finding("net.ipv4.ip_local_reserved_ports", "", Operator.CONTAINS, "8000", outcome=Outcome.WARN)
    hit = Hit(
        "TcpExt.ListenOverflows", 45, "net.core.somaxconn", "a listener's accept queue was full", "a larger backlog"
    )
    report = replace(CHECKS["check-ready"], invariants=(between,), hits=(hit,))
    text = Page(write(ReportFormat.HTML, report, HEAD, Look())).text
    assert "could be better net.ipv4.ip_local_reserved_ports" in text
    assert "accept queue was full TcpExt.ListenOverflows 45" in text
