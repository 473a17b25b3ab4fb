"""Reports made by hand that show every case a renderer must know."""

from __future__ import annotations

from dataclasses import replace

from wstune.model import (
    Absence,
    Capacity,
    CapacityLimit,
    CheckReport,
    Confidence,
    Effect,
    Finding,
    HostFacts,
    Operator,
    Outcome,
    Persisted,
    Reading,
    Requirement,
    Role,
    Severity,
)
from wstune.tunables import CATALOGUE
from wstune.values import Value, parse


def finding(
    name: str,
    have: str | Reading,
    operator: Operator,
    *need: str,
    outcome: Outcome = Outcome.FAIL,
    effect: Effect = Effect.RAISES,
    severity: Severity = Severity.ERROR,
    fields: tuple[int | None, ...] = (),
    fix: str = "",
    note: str = "",
    persisted: Persisted | None = None,
) -> Finding:
    """A finding on a tunable of the catalogue."""
    kind = CATALOGUE[name].kind
    operands: tuple[Value, ...] = tuple(parse(kind, text) for text in need)
    return Finding(
        tunable=name,
        store=CATALOGUE[name].store,
        outcome=outcome,
        severity=severity,
        live=have if isinstance(have, Reading) else Reading(parse(kind, have)),
        requirement=Requirement(name, operator, operands, severity, "the reason", fields, where="profile.toml:7"),
        why="the reason why it is required, in a sentence that is longer than one line of a terminal",
        fix=fix,
        effect=effect,
        note=note,
        persisted=persisted,
        survives_reboot=False if persisted else None,
    )


HOST = HostFacts(
    kernel="6.1.0-25-amd64",
    hostname="example",
    boot_id="3fc8b6a9-0c5e-4a1b-9d6c-2a7f6b1f3d10",
    ram_bytes=25_200_000_000,
    available_bytes=20_000_000_000,
    cpus=2,
    container="docker",
    netns=4026531840,
    initial_netns=False,
    euid=0,
    capabilities=("CAP_NET_ADMIN",),
    cgroup_version=2,
    notes=("/proc/sys is read-only",),
)

CAPACITY = (
    Capacity(
        Role.SERVER,
        (
            CapacityLimit("nofile", 19_936, Confidence.HARD, "why", "fix", per_process=True),
            CapacityLimit("memory", 4_321_000, Confidence.ESTIMATE, "why"),
            CapacityLimit("fs.file-max", None, Confidence.HARD, "no limit"),
        ),
    ),
    Capacity(
        Role.GENERATOR,
        (CapacityLimit("net.ipv4.ip_local_port_range", 28_232, Confidence.HARD, "why", per_source=True),),
    ),
)

EVERY_OUTCOME = CheckReport(
    verdict="not-ready",
    profile="sample",
    connections=100_000,
    processes=1,
    role=Role.BOTH,
    host=HOST,
    findings=(
        finding("fs.file-max", "9223372036854775807", Operator.AT_LEAST, "220000", outcome=Outcome.PASS,
                effect=Effect.NOTHING),
        finding("net.ipv4.tcp_max_tw_buckets", "8192", Operator.AT_LEAST, "100000", outcome=Outcome.WARN,
                severity=Severity.WARN, fix="sysctl -w net.ipv4.tcp_max_tw_buckets=100000"),
        finding("nofile", "20000", Operator.AT_LEAST, "106024", fix="prlimit --pid PID --nofile=106024:106024"),
        finding("net.ipv4.tcp_rmem", "4096 131072 33554432", Operator.AT_LEAST, "4096 131072 262144",
                outcome=Outcome.PASS, effect=Effect.NOTHING, fields=(None, 131072, 262144)),
        finding("net.ipv4.tcp_mem", "287901 383868 575802", Operator.EQUALS, "10000000 10000000 10000000",
                effect=Effect.RAISES),
        finding("net.ipv4.tcp_wmem", "4096 16384 4194304", Operator.EQUALS, "1024 4096 16384", effect=Effect.LOWERS),
        finding("net.core.rmem_max", "16384", Operator.EQUALS, "16384", outcome=Outcome.PASS, effect=Effect.NOTHING),
        finding("net.ipv4.ip_local_port_range", "32768 60999", Operator.COVERS, "10000 65535", effect=Effect.RAISES,
                fix="sysctl -w net.ipv4.ip_local_port_range='10000 65535'",
                persisted=Persisted(parse(CATALOGUE["net.ipv4.ip_local_port_range"].kind, "32768 60999"),
                                    "/etc/sysctl.d/60-local.conf:3")),
        finding("net.ipv4.ip_local_reserved_ports", "80,443,3000-3010,8080,9090", Operator.CONTAINS, "8000",
                effect=Effect.REFUSED, note="this kernel refuses it: EINVAL"),
        finding("net.ipv4.tcp_tw_reuse", "0", Operator.ONE_OF, "1", "2", severity=Severity.WARN, outcome=Outcome.WARN),
        finding("net.core.somaxconn", Reading(absence=Absence.DENIED, why="permission denied"),
                Operator.AT_LEAST, "4096", outcome=Outcome.UNKNOWN, effect=Effect.UNKNOWN, note="denied"),
        finding("net.core.netdev_max_backlog", Reading(absence=Absence.ABSENT, why="no such file"), Operator.AT_LEAST,
                "10000", outcome=Outcome.NOT_APPLICABLE, effect=Effect.UNKNOWN,
                note="absent in this network namespace: the host decides, for all namespaces together"),
    ),
    capacity=CAPACITY,
    sentences=("A remark that precedes it.", "NOT READY for 100,000 connections: 4 requirements are not met."),
)  # fmt: skip
"""One finding of each outcome, kind and effect."""

_PASSED = tuple(each for each in EVERY_OUTCOME.findings if each.outcome is Outcome.PASS)
_UNREAD = tuple(each for each in EVERY_OUTCOME.findings if each.outcome is Outcome.UNKNOWN)
_WARNED = tuple(each for each in EVERY_OUTCOME.findings if each.outcome is Outcome.WARN)

CHECKS = {
    "check-ready": replace(
        EVERY_OUTCOME, verdict="ready", findings=_PASSED, sentences=("ready for 100,000 connections",)
    ),
    "check-ready-with-warnings": replace(
        EVERY_OUTCOME,
        verdict="ready",
        findings=(*_PASSED, *_WARNED),
        sentences=("ready for 100,000 connections; 2 of the values should be better",),
    ),
    "check-not-ready": EVERY_OUTCOME,
    "check-inconclusive": replace(
        EVERY_OUTCOME,
        verdict="inconclusive",
        findings=(*_PASSED, *_UNREAD),
        capacity=(Capacity(Role.SERVER, ()), Capacity(Role.GENERATOR, ())),
        sentences=("inconclusive for 100,000 connections: net.core.somaxconn could not be read",),
    ),
    "check-nothing": replace(
        EVERY_OUTCOME,
        verdict="inconclusive",
        host=HostFacts(),
        findings=(),
        capacity=(),
        sentences=("inconclusive for 100,000 connections: there was nothing to judge",),
    ),
}
"""One report of check for each kind of verdict."""
