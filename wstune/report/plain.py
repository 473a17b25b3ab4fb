"""The row `terminal` of the table of formats: reports for people, of check and of verify."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wstune.model import CheckReport
    from wstune.report.formats import Look
    from wstune.report.head import Head
    from wstune.verification import VerifyReport


def check(report: CheckReport, head: Head, look: Look) -> str:
    """See report.terminal."""
    from wstune.report.terminal import check_text

    return check_text(report, color=look.color)


def verify(report: VerifyReport, head: Head, look: Look) -> str:
    """See report.terminal_verify; with a baseline, report.comparison before it."""
    from wstune.report.terminal_verify import verify_text

    text = verify_text(report, color=look.color)
    if look.baseline is None:
        return text
    from wstune.report.comparison import comparison_text

    name, before = look.baseline
    return f"compared with {name}\n\n{comparison_text(before, report)}\n{text}"
