"""`wstune verify --format json`, written and read back: docs/reference/schemas/verify.json is its published schema."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Any, TypeVar

from wstune.report.checked import checked
from wstune.report.json import Document, Head, head_document
from wstune.verification import (
    EXIT_CODES,
    BurstError,
    Canary,
    CanaryPhase,
    Close,
    Fanout,
    Machine,
    Memory,
    OpenPhase,
    Percentiles,
    Pings,
    Processes,
    Steps,
    Talk,
    VerifyReport,
    Wall,
)

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    _Kind = TypeVar("_Kind", bound=DataclassInstance)


def verify_document(report: VerifyReport, head: Head) -> Document:
    """The whole document. Latencies are in milliseconds, memory in bytes a connection, times in seconds."""
    return {
        **head_document(head),
        "verdict": report.verdict,
        "target": {"url": report.url, "connections": report.connections},
        "reached": report.reached,
        "held": {"seconds": report.held_seconds, "lost": report.lost},
        "open": asdict(report.open),
        "canary": _optional(report.canary, asdict),
        "fanout": _optional(report.fanout, asdict),
        "memory": asdict(report.memory),
        "processes": asdict(report.processes),
        "errors": [asdict(error) for error in report.errors],
        "wall": _optional(report.wall, asdict),
        "counters": dict(report.counters),
        "timeline": [{"t": seconds, "open": count} for seconds, count in report.timeline],
        "interrupted": report.interrupted,
        "sentences": list(report.sentences),
        "pings": _optional(report.pings, asdict),
        "talk": _optional(report.talk, asdict),
        "close": _optional(report.close, asdict),
        "scenario": _optional(report.scenario, asdict),
        "figures": dict(report.figures),
        "machines": [asdict(machine) for machine in report.machines],
    }


def verify_report(document: Document) -> VerifyReport:
    """The report that a document of verify holds; keys that are new to us are passed over.

    Raises:
        ValueError: worded `got X, expected Y`; KeyError, TypeError, AttributeError where it is not whole.
    """
    if document["verdict"] not in EXIT_CODES:
        raise ValueError(f"got the verdict {document['verdict']!r}, expected one of {', '.join(EXIT_CODES)}")
    table = {
        "verdict": document["verdict"],
        "url": document["target"]["url"],
        "connections": document["target"]["connections"],
        "reached": document["reached"],
        "held_seconds": document["held"]["seconds"],
        "lost": document["held"]["lost"],
        "open": _make(OpenPhase, _with_percentiles(document["open"])),
        "canary": _optional(document["canary"], _canary),
        "fanout": _optional(document["fanout"], lambda table: _make(Fanout, _with_percentiles(table))),
        "memory": _make(Memory, document["memory"]),
        "processes": _make(Processes, document["processes"]),
        "errors": tuple(_make(BurstError, error) for error in document["errors"]),
        "wall": _optional(document["wall"], lambda table: _make(Wall, table)),
        "counters": dict(document["counters"]),
        "timeline": tuple((point["t"], point["open"]) for point in document["timeline"]),
        "interrupted": document["interrupted"],
        "sentences": tuple(document["sentences"]),
        "pings": _optional(document.get("pings"), lambda table: _make(Pings, table)),
        "talk": _optional(document.get("talk"), lambda table: _make(Talk, _with_percentiles(table))),
        "close": _optional(document.get("close"), lambda table: _make(Close, table)),
        "scenario": _optional(document.get("scenario"), lambda table: _make(Steps, _with_percentiles(table))),
        "figures": dict(document.get("figures", {})),
        "machines": tuple(_make(Machine, _with_percentiles(row)) for row in document.get("machines", ())),
    }
    return checked(_make(VerifyReport, table))


def _make(kind: type[_Kind], table: Document) -> _Kind:
    """An object of that dataclass, of the keys that it knows. Raises TypeError."""
    return kind(**{field.name: table[field.name] for field in fields(kind) if field.name in table})


def _canary(table: Document) -> Canary:
    phases = {name: _make(CanaryPhase, _with_percentiles(phase)) for name, phase in table["phases"].items()}
    return _make(Canary, {**_with_percentiles(table), "phases": phases})


def _with_percentiles(table: Document) -> Document:
    """The table with every `…_ms` of it made Percentiles."""
    return {
        key: _make(Percentiles, value) if key.endswith("_ms") and isinstance(value, dict) else value
        for key, value in table.items()
    }


def _optional(value: Any, make: Callable[[Any], Any]) -> Any:
    return None if value is None else make(value)
