"""The published JSON Schemas, for documents as they are really written."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
from referencing import Registry, Resource

from tests.test_report_json import SCHEMAS, strict


def schema_of(name: str) -> dict[str, Any]:
    """A published schema, as it is."""
    found: dict[str, Any] = json.loads((SCHEMAS / f"{name}.json").read_text())
    return found


def require_published(document: dict[str, Any]) -> None:
    """Raise jsonschema.ValidationError unless it has every key, and no other, that the schema of its command names."""
    check = Resource.from_contents(strict(schema_of("check")))
    registry: Registry[Any] = Registry().with_resource("check.json", check)
    schema = strict(schema_of(document["command"]))
    jsonschema.Draft202012Validator(schema, registry=registry).validate(document)
