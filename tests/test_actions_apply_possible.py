"""Where what cannot be set here is set: a tip that works there."""

from __future__ import annotations

import pytest

from tests.tuning_scene import change
from wstune.actions.apply_possible import elsewhere
from wstune.changes import Change

QUEUE = change("net.core.somaxconn", "128", "4096")
PORTS = change("net.ipv4.ip_local_port_range", "32768\t60999", "10000 65535")
FILES = change("fs.file-max", "1000", "2000")


@pytest.mark.parametrize(
    ("changes", "initial", "tip"),
    [
        ([QUEUE], False, "docker run --sysctl net.core.somaxconn=4096 …"),
        ([QUEUE], None, "docker run --sysctl net.core.somaxconn=4096 …"),
        ([QUEUE, PORTS], False, "--sysctl net.core.somaxconn=4096 --sysctl 'net.ipv4.ip_local_port_range=10000 65535'"),
        ([FILES], True, "on the host: sudo sysctl -w fs.file-max=2000"),
        ([QUEUE, FILES], True, "on the host: sudo sysctl -w net.core.somaxconn=4096 fs.file-max=2000"),
    ],
)
def test_where_a_read_only_sysctl_is_set(changes: list[Change], initial: bool | None, tip: str) -> None:
    """docker takes only what belongs to a network namespace, and none of it with the host's network."""
    said = elsewhere(changes, initial)
    assert tip in said
    assert ("docker" in said) is (initial is not True)
