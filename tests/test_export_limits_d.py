"""limits.d: lines of four fields, as limits.conf(5) has them."""

from __future__ import annotations

from tests import exports
from wstune.export.formats import ExportFormat


def test_both_limits_of_a_user() -> None:
    """Soft and hard, in numbers: `unlimited` is refused for files."""
    text = exports.text(ExportFormat.LIMITS_D, user="alice")
    lines = [line.split() for line in text.splitlines() if line and not line.startswith("#")]
    assert lines == [["alice", "soft", "nofile", "263524"], ["alice", "hard", "nofile", "263524"]]


def test_a_profile_without_a_limit() -> None:
    """There is a file all the same, and it says so."""
    text = exports.text(ExportFormat.LIMITS_D, "container", user="alice")
    assert all(line.startswith("#") for line in text.splitlines() if line)
    assert "asks for no limit" in text
