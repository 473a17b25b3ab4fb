"""The table of exports: each is as its golden file has it, says what it cannot set, and lowers nothing by itself."""

from __future__ import annotations

import re

import pytest

from tests import exports
from tests.conftest import Golden
from wstune.export.formats import MODULES, ExportFormat

PAIRS = [
    pytest.param(format_, profile, id=f"{profile}-{format_.value}")
    for format_ in ExportFormat
    for profile in exports.PROFILES
]


@pytest.mark.parametrize(("format_", "profile"), PAIRS)
def test_golden(format_: ExportFormat, profile: str, golden: Golden) -> None:
    """The whole text of each format for each kind of profile."""
    golden(f"export-{profile}.0.{format_.value}", exports.text(format_, profile))


def test_every_format_has_its_row() -> None:
    """No name of a format is without a module."""
    assert set(MODULES) == set(ExportFormat)


@pytest.mark.parametrize("format_", ExportFormat, ids=lambda each: each.value)
def test_it_says_what_it_cannot_set(format_: ExportFormat) -> None:
    """Each format names, in a comment, what has to be set elsewhere, or is not there to be set."""
    comments = [line for line in exports.text(format_).splitlines() if line.lstrip().startswith("#")]
    assert any("What this cannot set:" in line for line in comments)
    assert any("memory that is not there" in line for line in comments)


@pytest.mark.parametrize(("format_", "profile"), PAIRS)
def test_what_would_lower_a_stock_machine_is_no_setting(format_: ExportFormat, profile: str) -> None:
    """The harmful lines of a well-known block stand there as comments, or as something that compares first."""
    text = exports.text(format_, profile)
    for key in ("fs.nr_open", "net.core.rmem_max", "net.ipv4.tcp_rmem"):
        for line in text.splitlines():
            bare = line.strip()
            if key in bare and not bare.startswith(("#", "want ")):
                assert profile != "kemal-60k", line
                assert "=>" in bare, line


def test_the_same_profile_gives_the_same_text() -> None:
    """No time, no host and no chance goes into an export."""
    for format_ in ExportFormat:
        assert exports.text(format_) == exports.text(format_)


def test_a_machine_of_another_size_gets_other_values() -> None:
    """A large machine needs fewer lines than a small one: it has more by itself."""

    def settings(ram_bytes: int) -> int:
        return len(re.findall(r"(?m)^-?[a-z].* = ", exports.text(ExportFormat.SYSCTL_D, ram_bytes=ram_bytes)))

    assert settings(2**30) > settings(2**36)
