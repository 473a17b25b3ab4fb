"""Walls that only real root of a whole host can build, and a slow network: in a virtual machine.

make test-vm
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.vm.image import Image
from tests.vm.machine import Machine, ok

pytestmark = [
    pytest.mark.qemu, pytest.mark.root, pytest.mark.slow, pytest.mark.timeout(900),
    pytest.mark.usefixtures("every_scenario"),
]  # fmt: skip

UNDO = """
sysctl -q -w fs.epoll.max_user_watches=200000 fs.file-max=9223372036854775807
nft flush ruleset
tc qdisc del dev lo root 2>/dev/null || true
"""

UNPRIVILEGED = "setpriv --bounding-set=-sys_admin --inh-caps=-sys_admin"
"""fs.file-max does not bind who has CAP_SYS_ADMIN."""


@pytest.fixture(scope="module")
def booted(image: Image, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    machine = Machine(image, tmp_path_factory.mktemp("walls"))
    try:
        machine.boot()
        yield machine
    finally:
        machine.cut()


@pytest.fixture
def machine(booted: Machine) -> Machine:
    """One machine for all, without the walls of the test before."""
    ok(booted, UNDO)
    return booted


def verify(machine: Machine, arguments: str, prefix: str = "") -> dict[str, Any]:
    """The report of a burst against the built-in server."""
    answer = machine.run(
        f"{prefix} python3 -m wstune verify host --format json {arguments} 2>/run/err; cat /run/err >&2", 400
    )
    start = answer.text.find("{")
    assert start >= 0, answer.text
    report: dict[str, Any]
    report, end = json.JSONDecoder().raw_decode(answer.text[start:])
    assert "Traceback" not in answer.text[start + end :], answer.text[start + end :]
    return report


def wall(report: dict[str, Any]) -> tuple[str, str]:
    """Its name and side; evidence and a fix belong to it."""
    found = report["wall"]
    assert found, report["sentences"]
    assert found["evidence"]
    assert found["fix"]
    return found["name"], found["side"]


def test_epoll_watches(machine: Machine) -> None:
    """fs.epoll.max_user_watches binds root too."""
    ok(machine, "sysctl -w fs.epoll.max_user_watches=800")
    report = verify(machine, "-n 1000 --hold 0 --force")
    assert report["reached"] < 1000
    assert wall(report) == ("fs.epoll.max_user_watches", "host")


def test_open_files_of_the_host(machine: Machine) -> None:
    """fs.file-max, a few hundred above what is open."""
    ok(machine, "sysctl -w fs.file-max=$(($(cut -f1 /proc/sys/fs/file-nr) + 1200))")
    report = verify(machine, "-n 1000 --hold 0 --force", UNPRIVILEGED)
    assert report["reached"] < 1000
    assert wall(report) == ("fs.file-max", "host")


def test_connection_tracking(machine: Machine) -> None:
    """nf_conntrack_max, where a rule of nftables makes the kernel track: a SYN without an entry is dropped."""
    ok(machine, "nft add table inet t && nft add chain inet t c '{ type filter hook input priority 0; }' && "
       "nft add rule inet t c ct state established accept && sysctl -w net.netfilter.nf_conntrack_max=400")  # fmt: skip
    report = verify(machine, "-n 800 --hold 0 --force")
    assert report["reached"] < 800
    assert wall(report) == ("net.netfilter.nf_conntrack_max", "host")


def test_a_delay_of_the_network_is_no_wall(machine: Machine) -> None:
    """50 ms each way: a connect takes two of them and a fan-out too, and nothing is found wanting."""
    near = verify(machine, "-n 300 --hold 1")
    ok(machine, "modprobe sch_netem && tc qdisc add dev lo root netem delay 50ms limit 100000")
    far = verify(machine, "-n 300 --hold 1")
    for report in near, far:
        assert (report["verdict"], report["reached"], report["held"]["lost"]) == ("confirmed", 300, 0)
        assert report["wall"] is None
    assert far["open"]["connect_ms"]["p50"] >= 100
    for at in ("p50", "p90"):
        assert far["open"]["connect_ms"][at] > near["open"]["connect_ms"][at] + 50
    assert far["canary"]["rtt_ms"]["p50"] >= 100
    assert near["canary"]["rtt_ms"]["p50"] < 100
