"""The report of check for people: aligned at 80 columns, what fails first, the verdict last."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from tests.conftest import Golden
from tests.samples import EVERY_OUTCOME, finding
from wstune.model import Effect, Operator, Outcome
from wstune.report.terminal import check_text

ANSI = re.compile(r"\x1b\[\d+m")


def test_every_outcome(golden: Golden) -> None:
    """Each outcome, kind of value and effect is told as the golden file has it."""
    golden("every-outcome.1.terminal", check_text(EVERY_OUTCOME, color=False))


def test_it_fits_80_columns() -> None:
    """No line is longer than the terminal."""
    assert max(map(len, check_text(EVERY_OUTCOME, color=False).splitlines())) <= 80


def test_colour_changes_no_text() -> None:
    """With the colours taken out it is the same report."""
    plain = check_text(EVERY_OUTCOME, color=False)
    painted = check_text(EVERY_OUTCOME, color=True)
    assert "\x1b" not in plain
    assert painted != plain
    assert ANSI.sub("", painted) == plain


def test_what_fails_comes_first_and_the_verdict_last() -> None:
    """Groups are in the order fail, warn, unknown, pass, not applicable; the last line is the verdict."""
    lines = check_text(EVERY_OUTCOME, color=False).splitlines()
    marks = [line.split()[0] for line in lines if re.match(r"  (FAIL|WARN|\?|ok|-) ", line)]
    order = ["FAIL", "WARN", "?", "ok", "-"]
    assert [mark for mark in order if mark in marks] == order
    assert marks == sorted(marks, key=order.index)
    assert lines[-1] == EVERY_OUTCOME.sentences[-1]


@pytest.mark.parametrize(
    ("effect", "told"),
    [
        pytest.param(Effect.LOWERS, "would lower 4,194,304 to 16,384", id="lowers"),
        pytest.param(Effect.RAISES, "would raise 4,194,304 to 16,384", id="raises"),
        pytest.param(Effect.CHANGES, "would change 4,194,304 to 16,384", id="changes"),
        pytest.param(Effect.NOTHING, "does nothing here", id="nothing"),
        pytest.param(Effect.REFUSED, "this kernel refuses it", id="refused"),
        pytest.param(Effect.UNKNOWN, "unknown", id="unknown"),
    ],
)
def test_a_fixed_value_tells_its_effect(effect: Effect, told: str) -> None:
    """A line that sets a value come what may says what it does to this host, in every outcome."""
    for outcome in (Outcome.FAIL, Outcome.PASS):
        one = finding("net.core.wmem_max", "4194304", Operator.EQUALS, "16384", outcome=outcome, effect=effect)
        assert told in check_text(replace(EVERY_OUTCOME, findings=(one,)), color=False)


def test_a_report_without_findings_or_capacity_is_still_one() -> None:
    """Nothing to say is no crash: the heading and the verdict remain."""
    bare = replace(EVERY_OUTCOME, findings=(), capacity=())
    assert check_text(bare, color=False).endswith(EVERY_OUTCOME.sentences[-1] + "\n")
