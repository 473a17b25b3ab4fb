"""The reports of `wstune verify`: for people (golden files) and as JSON (schema, and the way back)."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import ROOT, Golden
from tests.samples_verify import CASES
from wstune.report.json import Head, dumps
from wstune.report.json_read import load
from wstune.report.json_verify import verify_document
from wstune.report.terminal_verify import verify_text
from wstune.verification import (
    EXIT_CODES,
    BurstError,
    Canary,
    CanaryPhase,
    Fanout,
    Memory,
    OpenPhase,
    Percentiles,
    Pings,
    Processes,
    Talk,
    VerifyReport,
    Wall,
)

SCHEMA: dict[str, Any] = json.loads((ROOT / "docs/reference/schemas/verify.json").read_text())


def _document(report: VerifyReport) -> dict[str, Any]:
    code = EXIT_CODES[report.verdict]
    return verify_document(report, Head("verify", "2026-11-24T05:00:00Z", None, ("verify", "host"), code))


@pytest.mark.parametrize("name", CASES)
def test_terminal(name: str, golden: Golden) -> None:
    """What a person reads of each kind of verdict is the golden file, in 80 columns, without a colour."""
    report = CASES[name]
    text = verify_text(report, color=False)
    assert max(map(len, text.splitlines())) <= 80
    golden(f"{name}.{EXIT_CODES[report.verdict]}.terminal", text)


def test_colour_changes_no_word() -> None:
    """Colour only adds escape sequences."""
    for report in CASES.values():
        painted = verify_text(report, color=True)
        plain = verify_text(report, color=False)
        for code in ("1", "2", "31", "32", "33", "0"):
            painted = painted.replace(f"\x1b[{code}m", "")
        assert painted == plain


@pytest.mark.parametrize("name", CASES)
def test_json_golden(name: str, golden: Golden) -> None:
    """The document of each kind of verdict is the golden file."""
    report = CASES[name]
    golden(f"{name}.{EXIT_CODES[report.verdict]}.json", dumps({**_document(report), "tool_version": "0"}))


@pytest.mark.parametrize("name", CASES)
def test_json_fits_the_schema(name: str) -> None:
    """Each document fits the published schema, which names every one of its keys."""
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    jsonschema.Draft202012Validator(_closed(SCHEMA)).validate(_document(CASES[name]))


def test_schema_refuses_what_is_not_a_report() -> None:
    """The schema is no formality: a missing key, a wrong verdict and a negative count do not fit it."""
    validator = jsonschema.Draft202012Validator(SCHEMA)
    good = _document(CASES["verify-missed"])
    for bad in (
        {key: value for key, value in good.items() if key != "reached"},
        {**good, "verdict": "fine"},
        {**good, "reached": -1},
        {**good, "wall": {"name": "nofile"}},
    ):
        assert not validator.is_valid(bad)


def _closed(schema: Any) -> Any:
    """The schema with no key allowed that it does not name."""
    if isinstance(schema, dict):
        closed = {key: _closed(value) for key, value in schema.items()}
        return {**closed, "additionalProperties": False} if "required" in schema and "properties" in schema else closed
    return [_closed(item) for item in schema] if isinstance(schema, list) else schema


_number = st.floats(0, 1e9, allow_nan=False)
_count = st.integers(0, 2**53)
_opt = st.none() | _number
_growth = st.none() | st.floats(-1e9, 1e9, allow_nan=False)
_percentile = st.none() | st.builds(Percentiles, _count, _number, _number, _number, _number, _number)
_text = st.text(max_size=20)
_phase = st.builds(CanaryPhase, _count, _count, _percentile, _percentile, _percentile)
_canary = st.builds(
    Canary,
    _count,
    _count,
    _percentile,
    _percentile,
    st.dictionaries(_text, st.integers(1, 99), max_size=2),
    _percentile,
    st.dictionaries(_text, _phase, max_size=2),
)
_side = st.sampled_from(("server", "generator", "host"))
_reports = st.builds(
    VerifyReport,
    st.sampled_from(sorted(EXIT_CODES)),
    _text,
    st.integers(1, 2**31),
    _count,
    _number,
    _count,
    st.builds(OpenPhase, _number, _number, _count, _percentile, _percentile, _percentile, _opt),
    st.none() | _canary,
    st.none() | st.builds(Fanout, _count, _count, _count, _number, _number, _opt, _percentile),
    st.builds(Memory, _opt, _opt, _growth, _growth, st.none() | _count),
    st.builds(Processes, _count, _count, _count, _count),
    st.lists(st.builds(BurstError, _text, _text, st.integers(1, 99), _side, _text, _text), max_size=2).map(tuple),
    st.none() | st.builds(Wall, _text, _side, _text, _text),
    st.dictionaries(_text, st.integers(-(2**53), 2**53), max_size=2),
    st.lists(st.tuples(_number, _count), max_size=2).map(tuple),
    st.booleans(),
    st.lists(_text, max_size=3).map(tuple),
    st.none() | st.builds(Pings, _count, _count, _count),
    st.none() | st.builds(Talk, _count, _count, _count, _count, _number, _number, _percentile),
)


@given(_reports)
def test_round_trip(report: VerifyReport) -> None:
    """A report that was written as JSON reads back as it was, and fits the schema."""
    document = _document(report)
    assert load(dumps(document))[1] == report
    assert jsonschema.Draft202012Validator(SCHEMA).is_valid(document)


def test_a_newer_report_still_loads() -> None:
    """Keys that are new to this version are passed over."""
    report = CASES["verify-missed"]
    document = _document(report)
    document["new"] = 1
    document["open"]["new"] = 2
    assert load(dumps(document))[1] == report


def _without(key: str) -> str:
    document = _document(CASES["verify-missed"])
    del document[key]
    return dumps(document)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        pytest.param("not json", "got no JSON", id="no-json"),
        pytest.param("[]", "some other JSON", id="no-object"),
        pytest.param('{"command": "apply"}', "some other JSON", id="of-apply"),
        pytest.param('{"command": "verify", "schema": 99}', "got schema 99", id="schema-of-the-future"),
        pytest.param(_without("reached"), "not whole", id="key-missing"),
        pytest.param(dumps(_document(CASES["verify-missed"])).replace('"missed"', '"odd"', 1), "odd", id="verdict"),
        pytest.param(
            dumps({**_document(CASES["verify-missed"]), "reached": "many"}), "'many' in reached", id="text-for-a-number"
        ),
    ],
)
def test_what_is_no_report_is_told_in_words(text: str, word: str) -> None:
    """A file that is no report of ours is a ValueError in words, never a traceback of another kind."""
    with pytest.raises(ValueError, match=word):
        load(text)
