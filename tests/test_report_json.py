"""The JSON document of check: as its published schema says, nothing more and nothing less."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests.conftest import ROOT, Golden
from tests.samples import EVERY_OUTCOME
from wstune.report.json import Document, Head, check_document, dumps, value_document
from wstune.values import UNLIMITED, Kind, make, parse

SCHEMAS = ROOT / "docs" / "reference" / "schemas"
HEAD = Head("check", "2026-11-24T05:00:00Z", EVERY_OUTCOME.host.boot_id, ("check", "sample"), 1)


def strict(schema: Any) -> Any:
    """The schema with every object closed: what we write has no key that is not published."""
    if isinstance(schema, dict):
        closed = {key: strict(value) for key, value in schema.items()}
        return {**closed, "additionalProperties": False} if schema.get("type") == "object" else closed
    return [strict(item) for item in schema] if isinstance(schema, list) else schema


def validate(document: Document, path: Path) -> None:
    """Raises jsonschema.ValidationError."""
    jsonschema.Draft202012Validator(strict(json.loads(path.read_text()))).validate(document)


def test_the_document_is_as_published() -> None:
    """Every key and value is as docs/reference/schemas/check.json says."""
    validate(check_document(EVERY_OUTCOME, HEAD), SCHEMAS / "check.json")


def test_the_schema_itself_is_sound() -> None:
    """The published schema is one, and every key that it describes is required: none is left out silently."""
    schema = json.loads((SCHEMAS / "check.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)

    def look(node: Any) -> None:
        if isinstance(node, dict):
            if node.get("type") == "object":
                assert set(node["required"]) == set(node["properties"])
            for child in node.values():
                look(child)

    look(schema)


@pytest.mark.parametrize("key", ["verdict", "findings", "capacity", "argv"])
def test_the_schema_misses_what_is_left_out(key: str) -> None:
    """A document without a key is not as published."""
    document = check_document(EVERY_OUTCOME, HEAD)
    del document[key]
    with pytest.raises(jsonschema.ValidationError):
        validate(document, SCHEMAS / "check.json")


def test_the_document(golden: Golden) -> None:
    """The whole document, as text."""
    document = check_document(EVERY_OUTCOME, HEAD)
    document["tool_version"] = "VERSION"
    golden("every-outcome.1.json", dumps(document))


@pytest.mark.parametrize(
    ("kind", "text", "expected"),
    [
        pytest.param(Kind.INTEGER, "0", {"raw": "0", "value": 0, "unlimited": False}, id="zero"),
        pytest.param(Kind.INTEGER, str(UNLIMITED), {"raw": str(UNLIMITED), "value": None, "unlimited": True}, id="max"),
        pytest.param(Kind.INTEGER, "max", {"raw": "max", "value": None, "unlimited": True}, id="the word max"),
        pytest.param(Kind.TRIPLE, "1\t2\t3", {"raw": "1\t2\t3", "value": [1, 2, 3], "unlimited": False}, id="triple"),
        pytest.param(Kind.PORTS, "", {"raw": "", "value": [], "unlimited": False}, id="no ports"),
        pytest.param(Kind.PORTS, "80", {"raw": "80", "value": [80, 80], "unlimited": False}, id="a port"),
        pytest.param(Kind.TEXT, "bbr", {"raw": "bbr", "value": None, "unlimited": False}, id="text"),
    ],
)
def test_values(kind: Kind, text: str, expected: Document) -> None:
    """A kernel value keeps its text, and its number where a reader of JSON can hold it."""
    assert value_document(parse(kind, text)) == expected


def test_numbers_stay_exact() -> None:
    """A number below "no limit" is written in full."""
    assert json.loads(dumps(value_document(make(Kind.INTEGER, 2**53 + 1))))["value"] == 2**53 + 1
