"""`wstune profiles list` and `show` as text."""

from __future__ import annotations

from wstune.model import Operator, Profile, Requirement, Role, Severity
from wstune.report.profiles import list_text, show_text
from wstune.values import Kind, make

SOMAXCONN = Requirement(
    "net.core.somaxconn", Operator.AT_LEAST, (make(Kind.INTEGER, 4096),), Severity.WARN, "a burst fills the queue"
)
PROFILE = Profile("mine", "What it is for", (SOMAXCONN,), {"connections": 61189, "processes": 2}, "/p/mine.toml")


def test_a_list_is_names_with_what_they_are_for() -> None:
    """Name, summary and path, the latter two indented."""
    assert list_text([("mine", "What it is for", "/p/mine.toml")]) == "mine\n  What it is for\n  /p/mine.toml\n"


def test_show_has_target_variables_and_reasons() -> None:
    """The target, what it was resolved with, and each requirement with its severity and reason."""
    assert show_text(PROFILE, PROFILE.requirements, Role.SERVER).splitlines() == [
        "mine: 61,189 connections, server",
        "What it is for",
        "with connections 61,189, processes 2",
        "/p/mine.toml",
        "",
        "net.core.somaxconn ≥ 4,096",
        "  warn",
        "  a burst fills the queue",
    ]
