"""What must hold between limits, whatever the target: findings of their own. Pure.

Each is a requirement on one limit whose operand is another limit's present value. They say how things stand, and are no
part of what `apply` plans: what one is raised to for its own sake, the other follows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from wstune.model import Effect, Finding, Operator, Outcome, Reading, Requirement, Severity
from wstune.readiness.compare import demanded_value, satisfied
from wstune.service import Listener
from wstune.tunables import CATALOGUE
from wstune.values import Kind, Value, make

NEEDS = (
    "nofile",
    "nofile.soft",
    "fs.nr_open",
    "fs.file-max",
    "net.ipv4.tcp_mem",
    "net.ipv4.tcp_rmem",
    "net.ipv4.tcp_wmem",
    "net.ipv4.ip_local_port_range",
    "net.ipv4.ip_local_reserved_ports",
    "net.ipv4.ip_unprivileged_port_start",
    "net.netfilter.nf_conntrack_max",
    "net.netfilter.nf_conntrack_buckets",
)
"""Tunables that `invariants` looks at."""

_MANY_PORTS = 16
"""Ranges of ports beyond which most are listened on for a moment only, by programs that took any port."""

_CHAIN = 4
"""Tracked connections for each bucket of conntrack's hash that are still quick to look up."""

_PORTS = "net.ipv4.ip_local_port_range"
_RESERVED = "net.ipv4.ip_local_reserved_ports"
_START = "net.ipv4.ip_unprivileged_port_start"


def invariants(
    readings: Mapping[str, Reading], listeners: Sequence[Listener] | None, *, conntrack_counts: bool
) -> tuple[Finding, ...]:
    """The findings, those that hold too; a limit that could not be read has none.

    Args:
        listeners: of the network namespace; None where they are not known, and then nothing is said of them.
        conntrack_counts: whether anything is tracked: else its table does not matter.
    """
    values = {name: readings[name].value for name in NEEDS if name in readings and readings[name].value is not None}
    have = {name: value for name, value in values.items() if value is not None}
    found = [*_files(have), *_triples(have), *_ports(have, listeners)]
    if conntrack_counts:
        found += _conntrack(have)
    return tuple(found)


def _files(have: Mapping[str, Value]) -> Iterator[Finding]:
    chain = (
        ("nofile.soft", "nofile", Severity.WARN, "the soft limit cannot be above the hard one"),
        (
            "nofile",
            "fs.nr_open",
            Severity.WARN,
            "above it setrlimit() answers EPERM, also to root: logins and services that set this limit again fail",
        ),
        (
            "fs.nr_open",
            "fs.file-max",
            Severity.INFO,
            "one process may be given every file that the host has: then nothing else can open any",
        ),
    )
    for name, other, severity, why in chain:
        if name in have and other in have:
            yield _finding(name, Operator.AT_MOST, have[name], have[other], severity, other, why)


def _triples(have: Mapping[str, Value]) -> Iterator[Finding]:
    for name in ("net.ipv4.tcp_mem", "net.ipv4.tcp_rmem", "net.ipv4.tcp_wmem"):
        if name in have:
            first, second, _ = have[name].numbers
            why = "its numbers should not fall: the kernel takes any order, and goes by each by itself"
            demanded = Value(Kind.TRIPLE, f"0 {first} {second}", (0, first, second))
            fields = (None, first, max(first, second))
            yield _finding(name, Operator.AT_LEAST, have[name], demanded, Severity.WARN, name, why, fields)


def _ports(have: Mapping[str, Value], listeners: Sequence[Listener] | None) -> Iterator[Finding]:
    if _PORTS not in have:
        return
    low, high = have[_PORTS].numbers
    start = have.get(_START)
    if start is not None:
        why = "the kernel takes no port range that begins below it"
        yield _finding(_START, Operator.AT_MOST, start, make(Kind.INTEGER, low), Severity.WARN, _PORTS, why)
    if listeners is None or _RESERVED not in have:
        return
    ports = sorted({each.port for each in listeners if low <= each.port <= high})
    if ports:
        demanded = make(Kind.PORTS, *(number for port in ports for number in (port, port)))
        why = (
            "these are listened on and lie in the range of ports for outgoing connections: while the service restarts, "
            "one of those may take its port"
        )
        yield _finding(_RESERVED, Operator.CONTAINS, have[_RESERVED], demanded, Severity.INFO, _PORTS, why)


def _conntrack(have: Mapping[str, Value]) -> Iterator[Finding]:
    buckets, most = (have.get(f"net.netfilter.nf_conntrack_{name}") for name in ("buckets", "max"))
    if buckets is not None and most is not None:
        demanded = make(Kind.INTEGER, -(-most.number // _CHAIN))
        why = f"more than {_CHAIN} tracked connections for each bucket make the lookup of every packet slow"
        name, other = "net.netfilter.nf_conntrack_buckets", "net.netfilter.nf_conntrack_max"
        yield _finding(name, Operator.AT_LEAST, buckets, demanded, Severity.INFO, other, why)


def _finding(
    name: str,
    operator: Operator,
    live: Value,
    operand: Value,
    severity: Severity,
    other: str,
    why: str,
    fields: tuple[int | None, ...] = (),
) -> Finding:
    requirement = Requirement(name, operator, (operand,), severity, why, fields, refs=(other,))
    met = satisfied(requirement, live)
    return Finding(
        tunable=name,
        store=CATALOGUE[name].store,
        outcome=Outcome.PASS if met else Outcome.FAIL if severity is Severity.ERROR else Outcome.WARN,
        severity=severity,
        live=Reading(live),
        requirement=requirement,
        why=why,
        fix="" if met else _fix(requirement, live),
        effect=Effect.NOTHING if met else Effect.UNKNOWN,
        note="" if name == other else f"stands against {other}",
    )


def _fix(requirement: Requirement, live: Value) -> str:
    """Limits of files are raised at the other end of the inequality; the others are set themselves."""
    name, other = requirement.tunable, requirement.refs[0]
    if name == "nofile.soft":
        return "a soft limit no higher than the hard one, where both are set"
    if requirement.operator is Operator.AT_MOST and name != _START:
        return f"sysctl -w {other}={live}, or a lower {name}"
    if name == _RESERVED and len(requirement.operands[0].numbers) > 2 * _MANY_PORTS:
        return f"reserve those of your services among them: sysctl -w {name}=…"
    demanded = str(demanded_value(requirement, live) or live)
    return f"sysctl -w {name}={demanded!r}" if " " in demanded else f"sysctl -w {name}={demanded}"
