"""The row `json` of the table of formats: documents of check and of verify."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wstune.report.json import Head, check_document, dumps

if TYPE_CHECKING:
    from wstune.model import CheckReport
    from wstune.report.formats import Look
    from wstune.verification import VerifyReport


def check(report: CheckReport, head: Head, look: Look) -> str:
    """See report.json."""
    return dumps(check_document(report, head))


def verify(report: VerifyReport, head: Head, look: Look) -> str:
    """See report.json_verify."""
    from wstune.report.json_verify import verify_document

    return dumps(verify_document(report, head))
