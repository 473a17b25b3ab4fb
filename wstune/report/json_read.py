"""Saved JSON documents read back: of check and verify, of schema 1 and 2. Keys that are new to us are passed over."""

from __future__ import annotations

import json
from dataclasses import fields
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from wstune.model import (
    Absence,
    Capacity,
    CapacityLimit,
    CheckReport,
    Confidence,
    Effect,
    Finding,
    HostFacts,
    Operator,
    Outcome,
    Persisted,
    Reading,
    Requirement,
    Role,
    Severity,
    Store,
)
from wstune.report.checked import checked
from wstune.report.head import Head
from wstune.report.json import READS
from wstune.report.json_verify import verify_report
from wstune.service import Costs, Hit, Limits, Listener
from wstune.tunables import CATALOGUE
from wstune.values import UNLIMITED, Kind, Value

if TYPE_CHECKING:
    from wstune.report.json import Document
    from wstune.verification import VerifyReport

_LENGTHS = {Kind.TRIPLE: 3, Kind.RANGE: 2}
"""Numbers of a value; PORTS have pairs, the others one."""
VERDICTS = ("ready", "not-ready", "inconclusive")


def load(text: str) -> tuple[Head, CheckReport | VerifyReport]:
    """The report of check or verify that a document holds, and its head.

    Raises:
        ValueError: worded `got X, expected Y`, when it is no report that we wrote.
    """
    expected = "a report of wstune check or verify --format json"
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"got no JSON ({error}), expected {expected}") from None
    if not isinstance(document, dict) or document.get("command") not in ("check", "verify"):
        raise ValueError(f"got some other JSON, expected {expected}")
    if document.get("schema") not in READS:
        raise ValueError(f"got schema {document.get('schema')!r}, expected {' or '.join(map(str, READS))}")
    try:
        head = _head(document)
        return head, verify_report(document) if head.command == "verify" else checked(_check(document))
    except (KeyError, TypeError, AttributeError, IndexError) as error:
        raise ValueError(f"got a report that is not whole ({error!r}), expected {expected}") from None


def _head(document: Document) -> Head:
    boot_id, argv = document["boot_id"], tuple(document["argv"])
    started = str(document["started_at"])
    try:
        datetime.strptime(started, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC).timestamp()
    except (ValueError, OverflowError):
        raise ValueError(f"got started_at {started!r:.60}, expected a time such as 2026-11-24T05:00:00Z") from None
    return checked(Head(document["command"], started, boot_id, argv, document["exit_code"]))


def _check(document: Document) -> CheckReport:
    if document["verdict"] not in VERDICTS:
        raise ValueError(f"got the verdict {document['verdict']!r}, expected one of {', '.join(VERDICTS)}")
    costs, listeners = document.get("costs"), document.get("listeners")
    return CheckReport(
        verdict=document["verdict"],
        profile=document["profile"],
        connections=document["connections"],
        processes=document["processes"],
        role=Role(document["role"]),
        host=_host(document),
        findings=tuple(map(_finding, document["findings"])),
        capacity=tuple(_capacity(Role(role), found) for role, found in document["capacity"].items()),
        sentences=tuple(document["sentences"]),
        costs=None if costs is None else Costs(**costs),
        invariants=tuple(map(_finding, document.get("invariants", ()))),
        hits=tuple(Hit(**hit) for hit in document.get("already_hit", ())),
        limits=tuple(map(_limits, document.get("limits", ()))),
        listeners=None if listeners is None else tuple(Listener(**listener) for listener in listeners),
    )


def _host(document: Document) -> HostFacts:
    known = {field.name for field in fields(HostFacts)}
    table = {name: value for name, value in document["host"].items() if name in known}
    table |= {name: tuple(table[name]) for name in ("capabilities", "notes") if name in table}
    return HostFacts(**{**table, "boot_id": document["boot_id"]})


def _finding(table: Document) -> Finding:
    name, severity = str(table["tunable"]), Severity(table["severity"])
    live = table["live"]
    absence = table.get("absence") or ("unreadable" if live is None else None)
    required = table["required"]
    values = tuple(_value(name, value) for value in required["values"])
    if not values:
        raise ValueError(f"got no value that {name} must have, expected one")
    requirement = Requirement(
        name,
        Operator(required["operator"]),
        values,
        severity,
        str(table["why"]),
        tuple(required["fields"]),
        refs=tuple(table.get("refs", ())),
        where=str(table.get("where", "")),
    )
    return Finding(
        tunable=name,
        store=Store(table["store"]),
        outcome=Outcome(table["outcome"]),
        severity=severity,
        live=Reading(None, Absence(absence)) if live is None else Reading(_value(name, live)),
        requirement=requirement,
        why=str(table["why"]),
        fix=str(table["fix"]),
        effect=Effect(table["effect"]),
        persisted=_persisted(name, table["persisted"]),
        survives_reboot=table["survives_reboot"],
        by_procps=_persisted(name, table.get("persisted_by_procps")),
        boot_note=str(table.get("survives_reboot_note", "")),
        managers=tuple(table.get("managers", ())),
        note=str(table["note"]),
    )


def _persisted(name: str, table: Document | None) -> Persisted | None:
    return None if table is None else Persisted(_value(name, table["value"]), str(table["source"]))


def _value(name: str, table: Document) -> Value:
    """A kernel value, of its tunable's kind; of a tunable that we do not know, of the kind that it looks like."""
    raw, number, unlimited = str(table["raw"]), table["value"], bool(table["unlimited"])
    kind = CATALOGUE[name].kind if name in CATALOGUE else _kind(number, unlimited=unlimited)
    numbers = (UNLIMITED,) if unlimited else tuple(number) if isinstance(number, list) else (number,)
    if len(numbers) % 2 if kind is Kind.PORTS else len(numbers) != _LENGTHS.get(kind, 1):
        raise ValueError(f"got {number!r:.60} of {name:.60}, expected a value of kind {kind.value}")
    if kind is not Kind.TEXT and not raw.replace("\t", " ").isprintable():
        raise ValueError(f"got {raw!r:.60} of {name:.60}, expected numbers")
    return Value(kind, raw, () if kind is Kind.TEXT else numbers)


def _kind(number: int | list[int] | None, *, unlimited: bool) -> Kind:
    if isinstance(number, int) or unlimited:
        return Kind.INTEGER
    if isinstance(number, list):
        return {2: Kind.RANGE, 3: Kind.TRIPLE}.get(len(number), Kind.PORTS)
    return Kind.TEXT


def _capacity(role: Role, table: Document) -> Capacity:
    return Capacity(
        role,
        tuple(
            CapacityLimit(**{**limit, "confidence": Confidence(limit["confidence"])})  # fields as they are named
            for limit in table["limits"]
        ),
    )


def _limits(table: Document) -> Limits:
    def number(entry: Document | None) -> int | None:
        return None if entry is None else UNLIMITED if entry["unlimited"] else int(entry["value"])

    numbers = {name: number(table[name]) for name in Limits._fields if name not in ("title", "who", "sources")}
    sources = tuple((str(name), str(where)) for name, where in table["sources"].items())
    return Limits(str(table["title"]), str(table["who"]), **numbers, sources=sources)
