"""The JSON documents: their head and `check`'s body. Published as JSON Schemas in docs/reference/schemas/.

Every kernel value is `{"raw": string, "value": int | [int] | null, "unlimited": bool}`; `value` is null for text and
for "no limit", since LONG_MAX does not survive as a number in every reader.
"""

from __future__ import annotations

import json
import re
from typing import Any

from wstune import __version__
from wstune.model import Capacity, CapacityLimit, CheckReport, Finding, HostFacts, Persisted, Reading, Requirement
from wstune.printable import CONTROLS
from wstune.report.head import Head as Head
from wstune.service import Limits
from wstune.values import UNLIMITED, Kind, Value

SCHEMA = 2
"""Raised when a reader of an older number could misread the document; a new key does not raise it."""

READS = (1, 2)
"""Schemas that are read: what came with 2 are new keys."""

_UNSHOWN = re.compile(f"(?!\n)[{CONTROLS}]")
"""What JSON lets stand as it is, and a terminal does not."""

Document = dict[str, Any]


def dumps(document: Document) -> str:
    """The text of a document: indented, not sorted, ending in a newline; non-ASCII as it is, controls escaped."""
    text = json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False)
    return _UNSHOWN.sub(lambda found: json.dumps(found[0])[1:-1], text) + "\n"


def head_document(head: Head) -> Document:
    """The first keys of every document."""
    return {
        "schema": SCHEMA,
        "tool_version": __version__,
        "command": head.command,
        "started_at": head.started_at,
        "boot_id": head.boot_id,
        "argv": list(head.argv),
        "exit_code": head.exit_code,
    }


def value_document(value: Value) -> Document:
    """A kernel value."""
    number: int | list[int] | None = None
    if value.kind is Kind.INTEGER:
        number = None if value.unlimited else value.numbers[0]
    elif value.kind is not Kind.TEXT:
        number = list(value.numbers)
    return {"raw": value.raw, "value": number, "unlimited": value.unlimited}


def check_document(report: CheckReport, head: Head) -> Document:
    """`wstune check --format json`."""
    return {
        **head_document(head),
        "verdict": report.verdict,
        "profile": report.profile,
        "connections": report.connections,
        "processes": report.processes,
        "role": report.role.value,
        "host": host_document(report.host),
        "findings": [_finding(finding) for finding in report.findings],
        "capacity": {capacity.role.value: capacity_document(capacity) for capacity in report.capacity},
        "costs": None if report.costs is None else report.costs._asdict(),
        "invariants": [_finding(finding) for finding in report.invariants],
        "already_hit": [hit._asdict() for hit in report.hits],
        "limits": [limits_document(limits) for limits in report.limits],
        "listeners": None if report.listeners is None else [listener._asdict() for listener in report.listeners],
        "sentences": list(report.sentences),
    }


def limits_document(limits: Limits) -> Document:
    """Numbers as they are; no limit is null in `value` and true in `unlimited`, and what is not known is null."""
    numbers: Document = {}
    for name, number in limits._asdict().items():
        if name not in ("title", "who", "sources"):
            unlimited = number is not None and number >= UNLIMITED
            numbers[name] = None if number is None else {"value": None if unlimited else number, "unlimited": unlimited}
    return {"title": limits.title, "who": limits.who, **numbers, "sources": dict(limits.sources)}


def host_document(host: HostFacts) -> Document:
    return {
        "kernel": host.kernel,
        "hostname": host.hostname,
        "ram_bytes": host.ram_bytes,
        "available_bytes": host.available_bytes,
        "page_size": host.page_size,
        "cpus": host.cpus,
        "container": host.container,
        "netns": host.netns,
        "initial_netns": host.initial_netns,
        "user_namespace": host.user_namespace,
        "euid": host.euid,
        "capabilities": list(host.capabilities),
        "cgroup_version": host.cgroup_version,
        "cgroup_memory_headroom": host.cgroup_memory_headroom,
        "cgroup_pids_headroom": host.cgroup_pids_headroom,
        "notes": list(host.notes),
    }


def _finding(finding: Finding) -> Document:
    return {
        "tunable": finding.tunable,
        "store": finding.store.value,
        "outcome": finding.outcome.value,
        "severity": finding.severity.value,
        "live": _reading(finding.live),
        "absence": finding.live.absence.value if finding.live.absence else None,
        "required": _required(finding.requirement),
        "persisted": persisted_document(finding.persisted),
        "persisted_by_procps": persisted_document(finding.by_procps),
        "survives_reboot": finding.survives_reboot,
        "survives_reboot_note": finding.boot_note,
        "managers": list(finding.managers),
        "effect": finding.effect.value,
        "why": finding.why,
        "note": finding.note,
        "fix": finding.fix,
        "where": finding.requirement.where,
        "refs": list(finding.requirement.refs),
    }


def persisted_document(persisted: Persisted | None) -> Document | None:
    """A value of the next boot, and where it is from."""
    if persisted is None:
        return None
    return {"value": value_document(persisted.value), "source": persisted.source}


def _reading(reading: Reading) -> Document | None:
    """A value, or null; the finding's `note` says why."""
    return value_document(reading.value) if reading.value is not None else None


def _required(requirement: Requirement) -> Document:
    """`values`: one value, for `one_of` each that will do; `fields`: a triple's numbers, null where any will do."""
    return {
        "operator": requirement.operator.value,
        "values": [value_document(value) for value in requirement.operands],
        "fields": list(requirement.fields),
    }


def capacity_document(capacity: Capacity) -> Document:
    bottleneck = capacity.bottleneck
    return {
        "connections": bottleneck and bottleneck.connections,
        "bottleneck": bottleneck and bottleneck.name,
        "limits": [_limit(limit) for limit in capacity.limits],
    }


def _limit(limit: CapacityLimit) -> Document:
    return {
        "name": limit.name,
        "connections": limit.connections,
        "confidence": limit.confidence.value,
        "per_process": limit.per_process,
        "per_source": limit.per_source,
        "why": limit.why,
        "fix": limit.fix,
    }
