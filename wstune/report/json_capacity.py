"""`wstune capacity --format json`; docs/reference/schemas/capacity.json is its published schema."""

from __future__ import annotations

from wstune.model import CapacityReport
from wstune.report.json import Document, Head, capacity_document, head_document, host_document, limits_document
from wstune.service import Share


def capacity_report_document(report: CapacityReport, head: Head) -> Document:
    """The whole document. `host` is null, and `capacity` empty, for a fleet on paper."""
    return {
        **head_document(head),
        "connections": report.connections,
        "host": None if report.host is None else host_document(report.host),
        "capacity": {each.role.value: capacity_document(each) for each in report.capacity},
        "limits": [limits_document(limits) for limits in report.limits],
        "costs": report.costs._asdict(),
        "fleet": [_share(share) for share in report.fleet],
        "sentences": list(report.sentences),
    }


def _share(share: Share) -> Document:
    return {
        **share._asdict(),
        "machine": share.machine._asdict(),
        "settings": dict(share.settings),
        "seconds": round(share.seconds, 1),
    }
