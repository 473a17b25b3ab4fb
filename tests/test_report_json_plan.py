"""The documents of apply and rollback: as published, whatever is in them."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import jsonschema
import pytest

from tests.samples_plan import plan_of_everything
from tests.schemas import require_published, schema_of
from tests.test_report_json import SCHEMAS
from wstune.changes import Refusal
from wstune.model import Outcome
from wstune.report.head import Head
from wstune.report.json import dumps
from wstune.report.json_plan import apply_document, rollback_document
from wstune.tuning.undo import Undone

HEAD = Head("apply", "2026-11-24T05:00:00Z", "boot-1", ("apply", "sample", "--yes"), 0)


def document() -> dict[str, Any]:
    """What apply writes when something of everything happened."""
    plan = plan_of_everything()
    skipped = ((plan.changes[0], "the kernel refuses it"),)
    return apply_document(
        plan, HEAD, dry_run=False, txn="7", skipped=skipped, verdict="not-ready", unmet=("nofile",),
        not_restarted="systemctl restart: no",
    )  # fmt: skip


def test_a_plan_with_something_of_everything_is_as_published() -> None:
    """Carried out, and only shown; each reason for refusing has its word in the schema."""
    require_published(json.loads(dumps(document())))
    require_published(json.loads(dumps(apply_document(plan_of_everything(), HEAD, dry_run=True))))
    plan = plan_of_everything()
    for refusal in Refusal:
        refused = replace(plan, refused=tuple(replace(each, refusal=refusal) for each in plan.refused))
        require_published(json.loads(dumps(apply_document(refused, HEAD, dry_run=True))))


def test_a_value_keeps_its_text_and_a_limit_is_a_pair() -> None:
    """Nothing to read is null, not zero."""
    found = {change["tunable"]: change for change in [*document()["changes"], *document()["refused"]]}
    assert found["net.ipv4.tcp_rmem"]["from"]["value"] == [4096, 131072, 6291456]
    assert found["nofile"]["from"] == {"raw": "1024 4096", "value": [1024, 4096], "unlimited": False}
    assert found["net.netfilter.nf_conntrack_max"]["from"] is None


@pytest.mark.parametrize("key", ["changes", "files", "transaction", "not_restarted"])
def test_what_is_left_out_is_missed(key: str) -> None:
    """A document without a key is not as published."""
    found = document()
    del found[key]
    with pytest.raises(jsonschema.ValidationError):
        require_published(found)


def test_every_outcome_of_a_rollback_is_as_published() -> None:
    """The word for what became of an act is one of the schema's."""
    outcomes = {name: [("net.core.somaxconn", "words")] for name in Undone.__slots__ if name != "txn"}
    head = Head("rollback", HEAD.started_at, None, ("rollback",), 5)
    require_published(json.loads(dumps(rollback_document("7", outcomes, False, head))))


@pytest.mark.parametrize("name", sorted(path.stem for path in SCHEMAS.glob("*.json")))
def test_the_schemas_are_sound(name: str) -> None:
    """Each is a schema, and of apply's, rollback's, history's and status' no key may be left out silently."""
    schema = schema_of(name)
    jsonschema.Draft202012Validator.check_schema(schema)

    def look(node: Any) -> None:
        if isinstance(node, dict):
            if node.get("type") == "object":
                assert set(node["required"]) == set(node["properties"])
            for child in node.values():
                look(child)

    if name in ("apply", "rollback", "history", "status"):
        look(schema)


def test_the_outcomes_of_a_check_are_not_those_of_an_apply() -> None:
    """`unknown` is a reason not to change, and an outcome of judging; they are not mixed up in the document."""
    words = schema_of("apply")["$defs"]["change"]["properties"]["refusal"]["enum"]
    assert set(words) == {each.name.lower().replace("_", "-") for each in Refusal} | {None}
    assert Outcome.UNKNOWN.value == "unknown"
