"""`wstune --help`: every command under one heading, and examples that the command line takes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from wstune.cli.groups import GROUPS, grouped, shortened
from wstune.cli.main import VERBS


def test_every_command_has_its_heading() -> None:
    """None is left for `More`, and none stands twice."""
    found = [name for names in grouped(VERBS).values() for name in names]
    assert sorted(found) == sorted(VERBS)
    assert "More" not in grouped(VERBS)
    assert set(grouped(VERBS)) <= set(GROUPS)


def test_a_command_without_a_heading_is_not_lost() -> None:
    """It comes last."""
    assert grouped(["check", "novel"]) == {"Is it ready": ["check"], "More": ["novel"]}


@given(st.text("abc ,.:;", min_size=1), st.integers(1, 60))
def test_a_short_help_fits(sentence: str, room: int) -> None:
    """Never longer than its room, and always the beginning of the sentence."""
    text = shortened(sentence, room)
    assert sentence.startswith(text)
    assert len(text) <= room
    assert text or sentence.strip(".") == ""
