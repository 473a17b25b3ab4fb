"""Numbers and values in words."""

from __future__ import annotations

import pytest

from wstune.model import HostFacts
from wstune.report.words import count, counted, host_text, size, value_text, wrapped
from wstune.values import UNLIMITED, Kind, parse


@pytest.mark.parametrize(
    ("kind", "text", "words"),
    [
        pytest.param(Kind.INTEGER, "0", "0", id="zero"),
        pytest.param(Kind.INTEGER, "1048576", "1,048,576", id="grouped"),
        pytest.param(Kind.INTEGER, str(UNLIMITED), "no limit", id="LONG_MAX"),
        pytest.param(Kind.INTEGER, "9223372036854771712", "no limit", id="cgroup v1"),
        pytest.param(Kind.TRIPLE, "4096\t131072\t33554432", "4,096 131,072 33,554,432", id="triple"),
        pytest.param(Kind.RANGE, "32768\t60999", "32768-60999", id="port range"),
        pytest.param(Kind.PORTS, "", "none", id="no ports"),
        pytest.param(Kind.PORTS, "80,8000-8010", "80, 8000-8010", id="few ports"),
        pytest.param(Kind.PORTS, "1,3,5,7,9", "1, 3 and 3 more", id="many ports"),
        pytest.param(Kind.TEXT, "cubic", "cubic", id="text"),
        pytest.param(Kind.TEXT, "x" * 50, "x" * 39 + "…", id="long text"),
    ],
)
def test_values(kind: Kind, text: str, words: str) -> None:
    """Ports as they are, other numbers grouped, no limit in words, long lists cut."""
    assert value_text(parse(kind, text)) == words


def test_counts() -> None:
    """One is singular, many are plural and grouped."""
    assert (count(1234567), counted(1, "process"), counted(6, "process")) == ("1,234,567", "1 process", "6 processes")
    assert counted(100_000, "connection") == "100,000 connections"


@pytest.mark.parametrize(
    ("number", "words"), [(0, "0 B"), (1023, "1023 B"), (1024, "1 KiB"), (512 << 20, "512 MiB"), (3 << 43, "24 TiB")]
)
def test_sizes(number: int, words: str) -> None:
    """Bytes are told in the largest binary unit that leaves at least 1."""
    assert size(number) == words


def test_an_unreadable_host_is_told_as_such() -> None:
    """What could not be read of a host is said to be unknown."""
    assert host_text(HostFacts()) == "kernel unknown, memory unknown, CPUs unknown"


def test_wrapping_keeps_long_words() -> None:
    """A command that is longer than the line is not cut."""
    assert wrapped("a " + "b" * 30, 20, "  ", "- ") == ["- a", "  " + "b" * 30]
