"""What a server elsewhere tells of itself and of its kernel, and what of it goes into a report."""

from __future__ import annotations

import pytest

from wstune.actions import server_stats


def told(boot: str = "a", netns: int = 1, **counters: object) -> server_stats.Stats:
    return {"total": {"opened": 5}, "kernel": {"boot_id": boot, "netns": netns, "counters": counters}}


def test_the_kernel_of_the_server() -> None:
    """What has grown, and whose it is; what stood still, or is no number, is left out."""
    before, after = told(drop=1, still=2, odd=1), told(drop=8, still=2, odd="x")
    assert server_stats.kernel_growth(before, after) == ("a", 1, {"drop": 7})


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (None, told(drop=1)),
        (told(drop=1), None),
        (told(drop=1), told("b", drop=2)),
        (told(drop=1), told(netns=2, drop=2)),
        (told(drop=1), {"total": {}}),
        (told(drop=1), {"total": {}, "kernel": {"boot_id": "a", "netns": 1}}),
        (told(drop=1), {"total": {}, "kernel": {"boot_id": 1, "netns": 1, "counters": {}}}),
    ],
    ids=["unknown before", "gone", "another boot", "another namespace", "older", "no counters", "nonsense"],
)
def test_nothing_is_made_of_two_kernels(before: server_stats.Stats | None, after: server_stats.Stats | None) -> None:
    """Where not both answers are of one kernel there is no growth."""
    assert server_stats.kernel_growth(before, after) is None
