"""Expressions of profiles: arithmetic as Python's, and nothing else reachable."""

from __future__ import annotations

import operator
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wstune.readiness.expressions import FUNCTIONS, MAX_LENGTH, MAX_NUMBER, ExpressionError, evaluate, names_in

NAMES = {"connections": 100_000, "processes": 3, "ram_bytes": 8 << 30}

OPERATORS = {"+": operator.add, "-": operator.sub, "*": operator.mul, "//": operator.floordiv}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1 + 2 * 3", 7),
        ("(1 + 2) * 3", 9),
        ("-7 // 2", -4),
        ("min(4, 2, 3)", 2),
        ("max(connections, 5)", 100_000),
        ("ceil_div(connections, processes)", 33_334),
        ("ceil_div(-7, 2)", -3),
        ("pow2(4096)", 4096),
        ("pow2(4097)", 8192),
        ("pow2(0)", 1),
        ("pow2(-5)", 1),
        ("  connections  ", 100_000),
        ("1_000", 1000),
        ("0x10", 16),
        ("9223372036854775807", MAX_NUMBER),
    ],
)
def test_value(text: str, value: int) -> None:
    """An expression comes to the integer that its arithmetic says."""
    assert evaluate(text, NAMES) == value


@pytest.mark.parametrize(
    "text",
    [
        "connections.real",
        "connections.__class__",
        "().__class__.__bases__",
        "'text'",
        "b'bytes'",
        "f'{connections}'",
        "1.5",
        "1e5",
        "1j",
        "True",
        "None",
        "...",
        "2 ** 9",
        "7 % 2",
        "7 / 2",
        "1 << 60",
        "8 >> 1",
        "1 | 2",
        "~1",
        "+1",
        "not 1",
        "1 and 2",
        "1 < 2",
        "1 if 1 else 2",
        "[1]",
        "[1][0]",
        "(1, 2)",
        "{1: 2}",
        "[x for x in (1, 2)]",
        "lambda: 1",
        "(lambda: 1)()",
        "(x := 1)",
        "max(*[1, 2])",
        "max(1, default=2)",
        "max(**{})",
        "max",
        "min(max)",
        "max()",
        "max(1)",
        "pow2(1, 2)",
        "ceil_div(1)",
        "eval('1')",
        "__import__('os')",
        "open('/etc/passwd')",
        "print(1)",
        "await x",
        "yield",
        "1; 2",
        "x = 1",
        "import os",
        "",
        "   ",
        "\x00",
        "1 1",
        "(1",
        "1if 2",
    ],
)
def test_refused(text: str) -> None:
    """Whatever is not integers, + - * //, our functions or a given name is refused."""
    with pytest.raises(ExpressionError):
        evaluate(text, NAMES)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("1 // 0", "divides by zero"),
        ("ceil_div(1, processes - 3)", "divides by zero"),
        ("9223372036854775808", "above 2^63"),
        ("9223372036854775807 + 1", "above 2^63"),
        ("9" * 399, "above 2^63"),
        ("1" + " * 99999999" * 30, "above 2^63"),
        ("pow2(9223372036854775807)", "above 2^63"),
        ("1 + " * 200 + "1", "characters long"),
        ("-" * 300 + "1", "nested too deeply"),
        ("(" * 190 + "1" + ")" * 190, ""),
        ("pow2(" * 65 + "1" + ")" * 65, "nested too deeply"),
    ],
)
def test_bounded(text: str, words: str) -> None:
    """Nothing grows without bound: numbers, length and depth end in a sentence, or in a value."""
    if not words:
        assert evaluate(text, NAMES) == 1
        return
    with pytest.raises(ExpressionError, match=re.escape(words)):
        evaluate(text, NAMES)


def test_nearest_name() -> None:
    """A misspelt variable or function is answered with the nearest right one."""
    with pytest.raises(ExpressionError) as caught:
        evaluate("conections * 2", NAMES)
    assert caught.value.tip == "did you mean connections?"
    with pytest.raises(ExpressionError) as caught:
        evaluate("ceildiv(1, 2)", NAMES)
    assert caught.value.tip == "did you mean ceil_div?"


def test_functions_are_no_values() -> None:
    """A function's name is not a variable, whether or not it is called."""
    for name in FUNCTIONS:
        with pytest.raises(ExpressionError):
            evaluate(name, NAMES)


def test_names_in() -> None:
    """The variables of an expression are its names that are not called."""
    assert names_in("max(connections, ceil_div(ram_bytes, 2)) + rate") == {"connections", "ram_bytes", "rate"}


numbers = st.integers(0, 10**6)


@given(st.recursive(numbers.map(str), lambda inner: st.tuples(inner, st.sampled_from([*OPERATORS]), inner).map(
    lambda parts: f"({parts[0]} {parts[1]} {parts[2]})"), max_leaves=12))  # fmt: skip
def test_as_python(text: str) -> None:
    """Arithmetic is Python's, or a refusal."""
    try:
        expected = eval(text)  # noqa: S307  the text is made of digits, brackets and four operators
    except ZeroDivisionError:
        expected = None
    try:
        assert evaluate(text, {}) == expected
    except ExpressionError:
        assert expected is None or abs(expected) > MAX_NUMBER or any(len(part) > 12 for part in text.split())


@given(st.text(max_size=MAX_LENGTH + 5))
def test_any_text(text: str) -> None:
    """Any text is worked out or refused; no other error, no warning, nothing but an integer."""
    try:
        found: object = evaluate(text, NAMES)
    except ExpressionError:
        return
    assert type(found) is int


@given(st.integers(-(10**12), 10**12), st.integers(1, 10**9))
def test_rounding(number: int, by: int) -> None:
    """ceil_div is the least whole number that is not below the quotient; pow2 the least power of two not below."""
    up = (
        evaluate(f"ceil_div({number}, {by})", {}) if number >= 0 else evaluate("ceil_div(a, b)", {"a": number, "b": by})
    )
    assert (up - 1) * by < number <= up * by
    power = evaluate("pow2(a)", {"a": number})
    assert power & (power - 1) == 0
    assert power >= number
    assert power == 1 or power // 2 < number
