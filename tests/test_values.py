"""Kernel values: parsed as what they are, compared as numbers, written back as the kernel wants them."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wstune.values import (
    UNLIMITED,
    Kind,
    Value,
    format_value,
    make,
    merged,
    overlap,
    parse,
    parse_count,
    parse_size,
    port_count,
)

INTEGERS = st.integers(min_value=-(2**63), max_value=2**63 - 1)
PORTS = st.integers(0, 300) | st.integers(65_300, 65_535)
"""Near both ends: ranges that overlap are the ones that matter, and counting their ports one by one takes time."""
RANGES = st.lists(st.tuples(PORTS, PORTS).map(sorted).filter(lambda pair: pair[1] - pair[0] <= 300), max_size=8).map(
    lambda pairs: tuple(n for pair in pairs for n in pair)
)


@st.composite
def values(draw: st.DrawFn) -> Value:
    """Any value but text."""
    kind = draw(st.sampled_from([Kind.INTEGER, Kind.TRIPLE, Kind.RANGE, Kind.PORTS]))
    if kind is Kind.PORTS:
        return make(kind, *draw(RANGES))
    size = {Kind.INTEGER: 1, Kind.TRIPLE: 3, Kind.RANGE: 2}[kind]
    return make(kind, *draw(st.lists(INTEGERS, min_size=size, max_size=size)))


@given(values())
def test_what_is_formatted_parses_to_itself(value: Value) -> None:
    """parse(format(value)) is the value."""
    assert parse(value.kind, format_value(value)) == value


@given(values(), st.sampled_from([" ", "\t", "  ", " \t "]))
def test_tabs_and_spaces_are_equal(value: Value, space: str) -> None:
    """However the numbers are separated, the value is the same."""
    text = space + format_value(value).replace(" ", space) + "\n"
    assert parse(value.kind, text).same(value)


@given(RANGES)
def test_merged_ranges_hold_the_same_ports(numbers: tuple[int, ...]) -> None:
    """Merging loses and adds no port, leaves ranges apart and in order, and a second time changes nothing."""
    joined = merged(numbers)
    pairs = list(zip(joined[::2], joined[1::2], strict=True))
    assert all(high + 1 < low for (_, high), (low, _) in pairwise(pairs))
    assert all(low <= high for low, high in pairs)
    held = {port for low, high in zip(numbers[::2], numbers[1::2], strict=True) for port in range(low, high + 1)}
    assert port_count(numbers) == len(held)
    assert all(any(low <= port <= high for low, high in pairs) for port in held)
    assert merged(joined) == joined


@given(RANGES, PORTS, PORTS)
def test_overlap_counts_ports(numbers: tuple[int, ...], one: int, other: int) -> None:
    """The ports between two bounds are those that are in both."""
    low, high = sorted((one, other))
    held = {port for a, b in zip(numbers[::2], numbers[1::2], strict=True) for port in range(a, b + 1)}
    assert overlap(numbers, low, high) == sum(low <= port <= high for port in held)


@pytest.mark.parametrize(
    ("kind", "text", "numbers"),
    [
        pytest.param(Kind.INTEGER, "0", (0,), id="0 is a value"),
        pytest.param(Kind.INTEGER, "-262144\n", (-262144,), id="negative"),
        pytest.param(Kind.INTEGER, "max", (UNLIMITED,), id="cgroup v2"),
        pytest.param(Kind.INTEGER, "unlimited", (UNLIMITED,), id="rlimit"),
        pytest.param(Kind.TRIPLE, "4096\t131072\t6291456\n", (4096, 131072, 6291456), id="triple"),
        pytest.param(Kind.RANGE, "32768\t60999", (32768, 60999), id="range"),
        pytest.param(Kind.PORTS, "", (), id="no ports"),
        pytest.param(Kind.PORTS, "8080,80,81-82", (80, 82, 8080, 8080), id="ports"),
        pytest.param(Kind.TEXT, " cubic\n", (), id="text"),
    ],
)
def test_kernel_texts(kind: Kind, text: str, numbers: tuple[int, ...]) -> None:
    """What the kernel shows is read as what it is."""
    value = parse(kind, text)
    assert (value.numbers, value.raw) == (numbers, text.strip())


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (Kind.INTEGER, ""),
        (Kind.INTEGER, "1 2"),
        (Kind.INTEGER, "0x10"),
        (Kind.INTEGER, "1e6"),
        (Kind.INTEGER, "9" * 30),
        (Kind.INTEGER, "\u0661"),
        (Kind.TRIPLE, "1 2"),
        (Kind.TRIPLE, "1 2 3 4"),
        (Kind.RANGE, "1-2"),
        (Kind.PORTS, "65536"),
        (Kind.PORTS, "20-10"),
        (Kind.PORTS, "ssh"),
        (Kind.PORTS, "1-"),
        (Kind.PORTS, "\u0661"),
    ],
)
def test_other_texts_are_refused(kind: Kind, text: str) -> None:
    """What is not of the kind is an error that says what was expected."""
    with pytest.raises(ValueError, match="expected"):
        parse(kind, text)


@pytest.mark.parametrize(
    ("number", "unlimited"),
    [(UNLIMITED, True), (9223372036854771712, True), (2**62 - 1, False), (0, False), (-1, False)],
)
def test_no_limit(number: int, unlimited: bool) -> None:
    """LONG_MAX, and what cgroup version 1 rounds it down to, mean no limit."""
    assert make(Kind.INTEGER, number).unlimited is unlimited


def test_only_integers_have_a_number() -> None:
    """Asking a triple for its number is a mistake of the program."""
    with pytest.raises(TypeError, match="triple"):
        _ = make(Kind.TRIPLE, 1, 2, 3).number


def test_texts_are_compared_by_their_words() -> None:
    """Spaces do not matter in a text, the words do."""
    assert parse(Kind.TEXT, "reno  cubic").same(parse(Kind.TEXT, "reno cubic"))
    assert not parse(Kind.TEXT, "reno").same(parse(Kind.TEXT, "cubic"))


@pytest.mark.parametrize(
    ("text", "number"),
    [("61189", 61189), ("100k", 100_000), ("100K", 100_000), ("2M", 2_000_000), ("1.5M", 1_500_000), ("61,189", 61189)],
)
def test_counts(text: str, number: int) -> None:
    """k and M are thousands and millions."""
    assert parse_count(text) == number


@pytest.mark.parametrize("text", ["", "-1", "k", "1G", "1e3", "1 000", "1,00", "0x1", "nan", "inf", "\u0661"])
def test_no_counts(text: str) -> None:
    """Anything else is refused."""
    with pytest.raises(ValueError, match="expected a count"):
        parse_count(text)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0", 0),
        ("4096", 4096),
        ("16K", 1 << 14),
        ("512M", 1 << 29),
        ("64G", 1 << 36),
        ("1.5GiB", 3 << 29),
        ("1t", 1 << 40),
    ],
)
def test_sizes(text: str, number: int) -> None:
    """K, M, G and T are powers of 1024."""
    assert parse_size(text) == number


@pytest.mark.parametrize("text", ["", "-1", "K", "1X", "1 G", "1e3", "\u0661K"])
def test_no_sizes(text: str) -> None:
    """Anything else is refused."""
    with pytest.raises(ValueError, match="expected a size"):
        parse_size(text)


@pytest.mark.parametrize("text", ["1.5", "0.0001k", "1.2345k", "9" * 5000, "9" * 5000 + "k", "1." + "1" * 400 + "M"])
def test_a_count_is_whole_and_no_endless_number(text: str) -> None:
    """Half a connection, and a number of thousands of digits, are refused in our own words."""
    with pytest.raises(ValueError, match=r"whole number|digits") as caught:
        parse_count(text)
    assert len(str(caught.value)) < 100


@pytest.mark.parametrize("text", ["9" * 400 + "G", "9" * 5000])
def test_a_size_is_no_endless_number(text: str) -> None:
    """A size beyond every machine's is refused, not infinite."""
    with pytest.raises(ValueError, match="digits"):
        parse_size(text)


@pytest.mark.parametrize("text", ["1\n2\n3", "1 2\x1c3", "1\u20282 3", "1\x0b2\x0c3"])
def test_numbers_stand_on_one_line(text: str) -> None:
    """Only blanks and tabs part numbers: no other white space gets into a value."""
    with pytest.raises(ValueError, match="three integers"):
        parse(Kind.TRIPLE, text)
    with pytest.raises(ValueError, match="ports"):
        parse(Kind.PORTS, text)
