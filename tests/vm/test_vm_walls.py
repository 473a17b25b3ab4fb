"""Walls that only real root of a whole host can build: in a virtual machine.

make test-vm
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.vm.machine import Machine, ok

pytestmark = [
    pytest.mark.qemu, pytest.mark.root, pytest.mark.slow, pytest.mark.timeout(900),
    pytest.mark.usefixtures("every_scenario"),
]  # fmt: skip


def verify(machine: Machine, arguments: str) -> dict[str, Any]:
    """The report of a burst against the built-in server."""
    answer = machine.run(f"python3 -m wstune verify host --format json {arguments} 2>/run/err; cat /run/err >&2", 400)
    start = answer.text.find("{")
    assert start >= 0, answer.text
    report: dict[str, Any] = json.JSONDecoder().raw_decode(answer.text[start:])[0]
    return report


def wall(report: dict[str, Any]) -> tuple[str, str]:
    """Its name and side; evidence and a fix belong to it."""
    found = report["wall"]
    assert found, report["sentences"]
    assert found["evidence"]
    assert found["fix"]
    return found["name"], found["side"]


def test_connection_tracking(machine: Machine) -> None:
    """nf_conntrack_max, where a rule of nftables makes the kernel track: a SYN without an entry is dropped."""
    ok(machine, "nft add table inet t && nft add chain inet t c '{ type filter hook input priority 0; }' && "
       "nft add rule inet t c ct state established accept && sysctl -w net.netfilter.nf_conntrack_max=400")  # fmt: skip
    report = verify(machine, "-n 800 --hold 0 --force")
    assert report["reached"] < 800
    assert wall(report) == ("net.netfilter.nf_conntrack_max", "host")
