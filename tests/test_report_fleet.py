"""A fleet that was checked: one table for people, one document that fits its schema."""

from __future__ import annotations

import json
from typing import Any

import jsonschema

from tests.conftest import ROOT, Golden
from wstune.actions.check_fleet import NO_ANSWER, FleetRow, verdict
from wstune.report.fleet import fleet_document, fleet_text
from wstune.report.head import Head


def checked(word: str, number: int, *failed: tuple[str, str]) -> dict[str, Any]:
    findings = [{"tunable": name, "outcome": "fail", "severity": "error", "fix": fix} for name, fix in failed]
    held = {"connections": number, "bottleneck": "net.ipv4.ip_local_port_range"}
    return {"verdict": word, "role": "generator", "findings": findings, "capacity": {"generator": held}}


ROWS = (
    FleetRow("gen1", checked("ready", 64_512)),
    FleetRow("gen2", checked("not-ready", 500, ("nofile", "raise the hard limit to 50,064"))),
    FleetRow("user@gen3", None, "user@gen3 refuses to let us in: Permission denied", "ssh gen3 true"),
)


def test_the_table(golden: Golden) -> None:
    """A line a machine; below it what it lacks; the verdict of all last."""
    golden("fleet-not-ready.1.terminal", fleet_text(ROWS, verdict(ROWS), color=False))


def test_the_document_fits_its_schema() -> None:
    """docs/reference/schemas/check-hosts.json is what is written."""
    schema = json.loads((ROOT / "docs/reference/schemas/check-hosts.json").read_text())
    head = Head("check --hosts", "2026-01-01T00:00:00Z", None, ("check",), 1)
    document = fleet_document(ROWS, verdict(ROWS), head)
    jsonschema.validate(document, schema)
    assert [each["verdict"] for each in document["hosts"]] == ["ready", "not-ready", NO_ANSWER]


def test_the_verdict_of_all() -> None:
    """One that is not ready decides; one that does not answer leaves it open."""
    assert verdict(ROWS) == "not-ready"
    assert verdict((ROWS[0], ROWS[2])) == "inconclusive"
    assert verdict(ROWS[:1]) == "ready"
