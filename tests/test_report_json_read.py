"""Saved JSON reports, read back: as they were, of both schemas, and nothing else."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.samples import CHECKS, EVERY_OUTCOME
from tests.samples_verify import CASES
from wstune.model import CheckReport
from wstune.report.formats import Look, ReportFormat, write
from wstune.report.head import Head
from wstune.report.json_read import load
from wstune.verification import VerifyReport

REPORTS: dict[str, CheckReport | VerifyReport] = {**CHECKS, "every-outcome": EVERY_OUTCOME, **CASES}


def saved(report: CheckReport | VerifyReport) -> str:
    command = "check" if isinstance(report, CheckReport) else "verify"
    head = Head(command, "2026-11-24T05:00:00Z", "3fc8b6a9", (command, "sample"), 3)
    return write(ReportFormat.JSON, report, head, Look())


@pytest.mark.parametrize("format_", list(ReportFormat), ids=[format_.value for format_ in ReportFormat])
@pytest.mark.parametrize("name", REPORTS)
def test_a_saved_report_is_written_as_it_was(name: str, format_: ReportFormat) -> None:
    """In any format, from its JSON alone, with the head of the run that made it."""
    head, report = load(saved(REPORTS[name]))
    assert (head.started_at, head.boot_id, head.exit_code) == ("2026-11-24T05:00:00Z", "3fc8b6a9", 3)
    assert write(format_, report, head, Look()) == write(format_, REPORTS[name], head, Look())


@pytest.mark.parametrize("name", ["every-outcome", "verify-everything"])
def test_a_report_of_schema_1_is_read(name: str) -> None:
    """It lacks what came later."""
    document = json.loads(saved(REPORTS[name]))
    document["schema"] = 1
    document.pop("figures", None)
    for finding in document.get("findings", ()):
        del finding["absence"]
    _, report = load(json.dumps(document))
    assert report.verdict == REPORTS[name].verdict


def spoilt(path: list[str | int], value: Any) -> str:
    document = json.loads(saved(EVERY_OUTCOME))
    where = document
    for key in path[:-1]:
        where = where[key]
    where[path[-1]] = value
    return json.dumps(document)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("no json", "got no JSON"),
        ("[" * 100_000, "got no JSON"),
        ("[]", "some other JSON"),
        ('{"command": "apply", "schema": 2}', "some other JSON"),
        (spoilt(["schema"], 3), "got schema 3, expected 1 or 2"),
        (spoilt(["verdict"], "fine"), "got the verdict 'fine'"),
        (spoilt(["findings", 0, "outcome"], "odd"), "odd"),
        (spoilt(["findings", 0], {}), "not whole"),
        (spoilt(["findings"], 5), "not whole"),
        (spoilt(["capacity", "server"], None), "not whole"),
        (spoilt(["host"], []), "not whole"),
    ],
)
def test_what_is_no_report_is_said(text: str, words: str) -> None:
    """In one sentence that says what was expected."""
    with pytest.raises(ValueError, match=words) as refused:
        load(text)
    assert "expected" in str(refused.value) or words == "odd"


@given(st.data())
@settings(max_examples=200, deadline=None)
def test_a_spoilt_report_is_read_or_refused(data: st.DataObject) -> None:
    """Whatever stands in one of its places: no other error than that it is none."""
    document = json.loads(saved(EVERY_OUTCOME))
    where: Any = document
    while isinstance(where, dict | list) and where:
        key = data.draw(st.sampled_from(sorted(where) if isinstance(where, dict) else range(len(where))))
        if not isinstance(where[key], dict | list) or not where[key] or data.draw(st.booleans()):
            where[key] = data.draw(st.none() | st.booleans() | st.integers() | st.text() | st.just([]) | st.just({}))
            break
        where = where[key]
    try:
        load(json.dumps(document))
    except ValueError:
        return
