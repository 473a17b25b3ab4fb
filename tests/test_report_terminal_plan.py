"""A plan as a person judges it: from → to, live and in which file, why, in which order, and what is not done."""

from __future__ import annotations

from tests.conftest import Golden
from tests.samples_plan import plan_of_everything
from wstune.changes import Plan
from wstune.report.terminal_plan import applied_text, plan_text, rolled_back_text


def test_a_plan_with_something_of_everything(golden: Golden) -> None:
    """Within 80 columns but for what must be copied whole: a file's lines and paths."""
    text = plan_text(plan_of_everything(), color=False)
    golden("plan-of-everything.0.terminal", text)
    wide = [line for line in text.splitlines() if len(line) > 80]
    assert all("/" in line or line.startswith(("  +", "  -", "   ")) for line in wide)


def test_colour_adds_nothing_but_colour() -> None:
    """Without its escapes the text is the same."""
    import re

    colored = plan_text(plan_of_everything(), color=True)
    assert colored != plan_text(plan_of_everything(), color=False)
    assert re.sub(r"\x1b\[\d+m", "", colored) == plan_text(plan_of_everything(), color=False)


def test_an_empty_plan_says_so() -> None:
    """There is nothing to judge."""
    assert "nothing" in plan_text(Plan("sample", ()), color=False)


def test_what_was_done() -> None:
    """What was skipped, how many changes, and the way back; nothing, when nothing was."""
    plan = plan_of_everything()
    text = applied_text("7", plan.changes, ((plan.changes[0], "the kernel refuses it"),), color=False)
    assert text == (
        "skipped the kernel refuses it\n"
        "applied: 5 changes, transaction 7; take it back with: wstune rollback 7\n"
    )  # fmt: skip
    assert applied_text("", (), (), color=False) == "nothing was changed\n"
    assert applied_text("8", (), (), files=1, color=False).startswith("applied: 1 file, transaction 8;")


def test_what_was_taken_back() -> None:
    """By heading, each with its words; and whether something is left."""
    parts = [("restored", [("net.core.somaxconn", "65535 → 4096")]), ("left", []), ("failed", [("fs.nr_open", "no")])]
    text = rolled_back_text("7", parts, False, color=False)
    assert "net.core.somaxconn" in text
    assert "65535 → 4096" in text
    assert text.index("restored") < text.index("failed")
