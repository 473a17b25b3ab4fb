"""How the texts of options are read."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from wstune.cli import options
from wstune.errors import UsageError


@pytest.mark.parametrize(
    ("text", "number"), [("1", 1), ("61189", 61189), ("100k", 100_000), ("1.5M", 1_500_000), ("100_000", 100_000)]
)
def test_counts_take_k_and_m(text: str, number: int) -> None:
    """-n takes digits, k and M."""
    assert options.connections(text) == number


@pytest.mark.parametrize(
    ("read", "text"),
    [
        (options.connections, "0"),
        (options.connections, "-5"),
        (options.connections, "many"),
        (options.connections, ""),
        (options.connections, "1e6"),
        (options.connections, "10000000000"),
        (options.processes, "0"),
        (options.processes, "-1"),
        (options.processes, "1M"),
        (options.pid, "0"),
        (options.pid, "-1"),
        (options.pid, "self"),
        (options.pid, "99999999999"),
        (options.app_bytes, "-1"),
        (options.app_bytes, "lots"),
    ],
)
def test_nonsense_is_a_usage_error(read: Callable[[str], int], text: str) -> None:
    """Zero, negative, absurd and unreadable numbers are a sentence and a tip."""
    with pytest.raises(UsageError) as caught:
        read(text)
    assert str(caught.value)
    assert caught.value.tip


def test_settings() -> None:
    """--set NAME=VALUE can be given several times."""
    assert options.settings(["rate=5k", "stall=2"]) == {"rate": 5000, "stall": 2}


@pytest.mark.parametrize("pair", ["rate", "=5", "rate=", "rate=fast", "a b=1", "1x=1"])
def test_a_bad_setting_is_a_usage_error(pair: str) -> None:
    """--set wants a name and a count."""
    with pytest.raises(UsageError):
        options.settings([pair])
