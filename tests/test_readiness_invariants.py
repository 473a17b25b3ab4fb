"""What must hold between limits, as findings of their own."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from tests.judging import readings
from wstune.model import Finding, Outcome, Severity
from wstune.readiness.invariants import NEEDS, invariants
from wstune.service import Listener
from wstune.tunables import CATALOGUE

STOCK = {
    "nofile": "20000",
    "nofile__soft": "1024",
    "fs__nr_open": "1048576",
    "fs__file_max": "9223372036854775807",
    "net__ipv4__tcp_mem": "287901 383869 575802",
    "net__ipv4__tcp_rmem": "4096 131072 33554432",
    "net__ipv4__tcp_wmem": "4096 16384 4194304",
    "net__ipv4__ip_local_port_range": "32768 60999",
    "net__ipv4__ip_local_reserved_ports": "",
    "net__ipv4__ip_unprivileged_port_start": "1024",
    "net__netfilter__nf_conntrack_max": "262144",
    "net__netfilter__nf_conntrack_buckets": "262144",
}


def listener(port: int) -> Listener:
    return Listener(port, "0.0.0.0", 4096, 0, 0, port)


def found(*ports: int, counts: bool = True, changes: Mapping[str, str] = {}) -> dict[str, Finding]:
    """By `limit other`."""
    have = readings(**{**STOCK, **changes})
    findings = invariants(have, [listener(port) for port in ports], conntrack_counts=counts)
    return {f"{each.tunable} {each.requirement.refs[0]}": each for each in findings}


def test_a_stock_host_is_in_order() -> None:
    """All hold, without a fix; everything that is needed is in the catalogue."""
    every = found()
    assert len(every) >= 8
    assert {each.outcome for each in every.values()} == {Outcome.PASS}
    assert not any(each.fix for each in every.values())
    assert set(NEEDS) <= set(CATALOGUE)


@pytest.mark.parametrize(
    ("changes", "ports", "name", "severity", "fix"),
    [
        ({"nofile": "2000000"}, (), "nofile fs.nr_open", Severity.WARN, "sysctl -w fs.nr_open=2000000"),
        ({"nofile__soft": "30000"}, (), "nofile.soft nofile", Severity.WARN, "soft limit"),
        ({"fs__file_max": "49000"}, (), "fs.nr_open fs.file-max", Severity.INFO, "sysctl -w fs.file-max=1048576"),
        (
            {"net__ipv4__tcp_rmem": "4096 131072 16384"},
            (),
            "net.ipv4.tcp_rmem net.ipv4.tcp_rmem",
            Severity.WARN,
            "'4096 131072 131072'",
        ),
        (
            {"net__ipv4__tcp_mem": "300 200 100"},
            (),
            "net.ipv4.tcp_mem net.ipv4.tcp_mem",
            Severity.WARN,
            "'300 300 300'",
        ),
        (
            {"net__ipv4__ip_local_port_range": "1000 2000"},
            (),
            "net.ipv4.ip_unprivileged_port_start net.ipv4.ip_local_port_range",
            Severity.WARN,
            "port_start=1000",
        ),
        (
            {"net__ipv4__ip_local_reserved_ports": "40000"},
            (22, 40000, 50000, 50000, 50001),
            "net.ipv4.ip_local_reserved_ports net.ipv4.ip_local_port_range",
            Severity.INFO,
            "=40000,50000-50001",
        ),
        (
            {"net__netfilter__nf_conntrack_max": "2000000"},
            (),
            "net.netfilter.nf_conntrack_buckets net.netfilter.nf_conntrack_max",
            Severity.INFO,
            "nf_conntrack_buckets=500000",
        ),
    ],
)
def test_what_does_not_hold(
    changes: dict[str, str], ports: tuple[int, ...], name: str, severity: Severity, fix: str
) -> None:
    """Each is a finding on one limit that names the other, with a reason and a way out; nothing else is amiss."""
    every = found(*ports, changes=changes)
    finding = every[name]
    assert (finding.outcome, finding.severity) == (Outcome.WARN, severity)
    assert finding.why
    assert fix in finding.fix
    assert [each for each in every.values() if each.outcome is not Outcome.PASS] == [finding]


def test_listening_ports_outside_the_range() -> None:
    """A port that is listened on outside the range needs no reservation, and a reserved one has it."""
    name = "net.ipv4.ip_local_reserved_ports net.ipv4.ip_local_port_range"
    assert name not in found(22, 443)
    assert found(40000, changes={"net__ipv4__ip_local_reserved_ports": "39000-41000"})[name].outcome is Outcome.PASS


def test_conntrack_only_if_it_counts() -> None:
    """A table that nothing is entered into is no matter."""
    assert "net.netfilter.nf_conntrack_buckets net.netfilter.nf_conntrack_max" not in found(counts=False)


def test_what_could_not_be_read() -> None:
    """Without a reading there is no finding; without the listeners nothing is said of ports."""
    assert invariants({}, None, conntrack_counts=True) == ()
    names = {each.tunable for each in invariants(readings(**STOCK), None, conntrack_counts=True)}
    assert "net.ipv4.ip_local_reserved_ports" not in names
