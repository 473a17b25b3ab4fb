"""Saved JSON reports, read back: as they were, of both schemas, and nothing else."""

from __future__ import annotations

import json
import unicodedata
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import ROOT
from tests.samples import CHECKS, EVERY_OUTCOME
from tests.samples_verify import CASES
from tests.trees import HOSTS
from wstune.actions.check import run_check
from wstune.host.host import Host
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


@pytest.mark.parametrize("host", ["container", "droplet-512m", "systemd-server"])
@pytest.mark.parametrize("profile", sorted(path.stem for path in (ROOT / "profiles").glob("*.toml")))
def test_what_check_found_on_a_host_is_read_back(profile: str, host: str) -> None:
    """With every kind of value that the profiles have, those of which only some fields are named included."""
    report = run_check(profile, Host(HOSTS / host))
    _, read = load(saved(report))
    assert saved(read) == saved(report)


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


ODD = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from([[], {}, [1], ["x"], {"a": 1}, "\ud800", "\x1b[31m"])
)


def spoilt(path: list[str | int], value: Any, name: str = "every-outcome") -> str:
    document = json.loads(saved(REPORTS[name]))
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


@pytest.mark.parametrize(
    ("name", "path", "value"),
    [
        ("every-outcome", ["started_at"], "2026-13-24T05:00:00Z"),
        ("every-outcome", ["findings", 0, "required", "values"], []),
        ("every-outcome", ["findings", 0, "live", "raw"], "1\x1b[31m"),
        ("every-outcome", ["capacity", "server", "limits", 0, "connections"], [1]),
        ("every-outcome", ["sentences"], [5]),
        ("verify-everything", ["open", "rate"], float("nan")),
        ("verify-everything", ["open", "rate"], 10**400),
        ("verify-everything", ["open", "connect_ms"], 5),
        ("verify-everything", ["counters"], {"TcpExtListenDrops": "many"}),
        ("verify-everything", ["timeline", 0, "open"], None),
        ("verify-everything", ["machines", 0, "room"], True),
    ],
)
def test_a_value_of_another_type_is_refused(name: str, path: list[str | int], value: Any) -> None:
    """By the place where it stands; it would end in an error of Python's when it is written."""
    with pytest.raises(ValueError, match=r"got .*, expected"):
        load(spoilt(path, value, name))


@pytest.mark.parametrize("name", ["every-outcome", "verify-everything"])
@given(data=st.data())
@settings(max_examples=150, deadline=None)
def test_a_spoilt_report_is_written_or_refused(name: str, data: st.DataObject) -> None:
    """Whatever stands in one of its places: no other error than that it is none, and no control characters."""
    document = json.loads(saved(REPORTS[name]))
    where: Any = document
    while isinstance(where, dict | list) and where:
        key = data.draw(st.sampled_from(sorted(where) if isinstance(where, dict) else range(len(where))))
        if not isinstance(where[key], dict | list) or not where[key] or data.draw(st.booleans()):
            where[key] = data.draw(ODD)
            break
        where = where[key]
    try:
        head, report = load(json.dumps(document))
    except ValueError:
        return
    for format_ in ReportFormat:
        text = write(format_, report, head, Look())
        assert text.encode()
        assert all(letter in "\n\t" or unicodedata.category(letter) != "Cc" for letter in text), format_
