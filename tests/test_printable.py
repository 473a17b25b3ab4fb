"""Text of others cannot steer a terminal, break a line, hide, or fail to be written; ordinary text stays as it is."""

import io
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wstune.printable import printable


def test_every_control_character_of_unicode_is_spelled_out() -> None:
    """No control, line separator, paragraph separator or surrogate of all of Unicode passes."""
    for number in range(0x110000):
        if unicodedata.category(chr(number)) in ("Cc", "Cs", "Zl", "Zp"):
            assert printable(f"a{chr(number)}b").isprintable(), hex(number)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("x\x1b[2J\x1b]0;t\x07", r"x\x1b[2J\x1b]0;t\x07"),
        ("a\nb\tc\r", r"a\nb\tc\r"),
        ("\x7f\x85\x9b31m", r"\x7f\x85\x9b31m"),
        ("a\u2028b\u2029", r"a\u2028b\u2029"),
        ("safe\u202egpj.exe\u202c \u2066x\u2069", r"safe\u202egpj.exe\u202c \u2066x\u2069"),
        ("\ud800", r"\ud800"),
        ("\ufeff# BOM", r"\ufeff# BOM"),
        ("\U000e0041", r"\U000e0041"),
    ],
)
def test_what_steers_is_spelled_as_python_spells_it(text: str, shown: str) -> None:
    """Escapes, line ends, C1, bidirectional overrides, lone surrogates and invisible tags are shown by number."""
    assert printable(text) == shown


@pytest.mark.parametrize(
    "text", ["net.core.somaxconn = 4096", "¾ L, ≥ 240 — naïve", "日本語 العربية עברית", "👩‍💻 🇩🇪", "a\\x1b"]
)
def test_ordinary_text_stays_as_it_is(text: str) -> None:
    """Letters of every script, dashes, signs and joined pictures are not touched."""
    assert printable(text) == text


@given(st.text(st.characters(exclude_categories=())))
def test_any_text_becomes_one_line_that_can_be_written(text: str) -> None:
    """Whatever the text, what is shown is one line of UTF-8, and showing it again changes nothing."""
    shown = printable(text)
    assert len((shown + "x").splitlines()) == 1
    assert "\x1b" not in shown
    assert printable(shown) == shown
    io.TextIOWrapper(io.BytesIO(), encoding="utf-8").write(shown)
