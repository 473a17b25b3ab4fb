"""The verdict of a check in words."""

from __future__ import annotations

import pytest

from tests.samples import finding
from wstune.model import Absence, CapacityLimit, Confidence, Effect, Finding, Operator, Outcome, Reading, Role, Severity
from wstune.readiness.sentences import check_sentences, more_processes_may_help

NOFILE = finding("nofile", "20000", Operator.AT_LEAST, "106024")
SOMAXCONN = finding("net.core.somaxconn", "128", Operator.AT_LEAST, "4096")
LOWERING = finding("net.core.rmem_max", "212992", Operator.EQUALS, "16384", effect=Effect.LOWERS, outcome=Outcome.WARN)
REFUSED = finding("net.ipv4.tcp_rmem", "4096 8192 16384", Operator.EQUALS, "1 2 3", effect=Effect.REFUSED)
MET = finding("fs.file-max", "1000000", Operator.AT_LEAST, "1", outcome=Outcome.PASS, effect=Effect.NOTHING)
UNREAD = finding(
    "fs.nr_open",
    Reading(absence=Absence.DENIED, why="denied"),
    Operator.AT_LEAST,
    "1",
    outcome=Outcome.UNKNOWN,
    effect=Effect.UNKNOWN,
)


def _said(
    verdict: str, *findings: Finding, processes: int = 1, enough: int | None = None, role: Role = Role.SERVER
) -> tuple[str, ...]:
    return check_sentences(
        verdict,
        findings,
        profile="high-conn",
        connections=100_000,
        processes=processes,
        role=role,
        enough_processes=enough,
    )


def test_ready_is_said_plainly() -> None:
    """A host that is ready gets one sentence."""
    assert _said("ready", MET) == ("ready for 100,000 connections as server",)


def test_ready_says_over_how_many_processes() -> None:
    """When the target is spread, the verdict holds for that many processes."""
    assert _said("ready", MET, processes=6)[-1] == "ready for 100,000 connections as server over 6 processes"


def test_ready_mentions_warnings() -> None:
    """Warnings do not change the verdict, and are counted."""
    assert _said("ready", LOWERING)[-1].endswith("; 1 of the values should be better")


def test_only_more_processes_are_needed() -> None:
    """When only the file limit of a process fails, the last line says over how many processes the host is ready."""
    assert _said("not-ready", NOFILE, enough=6)[-1] == (
        "not ready for 100,000 connections as server in 1 process: ready only with ≥ 6 processes (--processes 6)"
    )


@pytest.mark.parametrize(
    ("findings", "names"),
    [
        pytest.param((NOFILE,), "nofile is not as required", id="one"),
        pytest.param((NOFILE, SOMAXCONN), "nofile and net.core.somaxconn are not as required", id="two"),
        pytest.param((NOFILE, NOFILE), "nofile", id="one twice"),
    ],
)
def test_not_ready_names_what_fails(findings: tuple[Finding, ...], names: str) -> None:
    """What fails is named."""
    assert names in _said("not-ready", *findings)[-1]


@pytest.mark.parametrize(
    ("findings", "read_only", "offered"),
    [
        pytest.param((SOMAXCONN,), False, True, id="a sysctl that is too low"),
        pytest.param((SOMAXCONN,), True, False, id="where sysctls cannot be written"),
        pytest.param((NOFILE,), False, False, id="only a file limit"),
        pytest.param((SOMAXCONN, LOWERING), False, False, id="it would lower another"),
        pytest.param((SOMAXCONN, REFUSED), False, False, id="another is refused"),
    ],
)
def test_apply_is_offered_where_it_helps(findings: tuple[Finding, ...], read_only: bool, offered: bool) -> None:
    """wstune apply is offered where it would raise something, could, and would do no harm."""
    said = check_sentences(
        "not-ready",
        findings,
        profile="high-conn",
        connections=100_000,
        processes=1,
        role=Role.SERVER,
        read_only=read_only,
    )
    line = "sudo wstune apply high-conn -n 100000 would raise net.core.somaxconn"
    assert (line in said) is offered
    assert offered or not [sentence for sentence in said if "would raise" in sentence]


def test_lowering_and_refusals_are_remarked() -> None:
    """What a profile would lower, and what this kernel refuses, is said before the verdict."""
    said = _said("not-ready", NOFILE, LOWERING, REFUSED)
    assert "high-conn would lower net.core.rmem_max; wstune apply does not, unless told --allow-lower" in said
    assert "this kernel refuses what high-conn sets for net.ipv4.tcp_rmem" in said


def test_inconclusive_names_what_could_not_be_read() -> None:
    """What could not be read is named."""
    assert _said("inconclusive", UNREAD)[-1].endswith(": fs.nr_open could not be read")


def test_nothing_judged_is_inconclusive_in_words() -> None:
    """With nothing to judge the sentence is whole all the same."""
    assert _said("inconclusive")[-1] == "inconclusive for 100,000 connections as server: there was nothing to judge"


def test_both_ends_are_said() -> None:
    """The role is part of the verdict."""
    assert _said("ready", MET, role=Role.BOTH)[-1] == "ready for 100,000 connections, both ends on this host"


def test_more_processes_help_with_limits_of_a_process_only() -> None:
    """More processes get round nofile, not round somaxconn, and there is nothing to get round where nothing fails."""
    assert more_processes_may_help((NOFILE, MET, LOWERING))
    assert not more_processes_may_help((NOFILE, SOMAXCONN))
    assert not more_processes_may_help((MET,))


def test_severity_decides_what_inconclusive_names() -> None:
    """An unreadable warning is not what made the verdict inconclusive."""
    minor = finding(
        "net.ipv4.tcp_tw_reuse",
        Reading(absence=Absence.DENIED),
        Operator.ONE_OF,
        "1",
        outcome=Outcome.UNKNOWN,
        severity=Severity.WARN,
    )
    assert "tcp_tw_reuse" not in _said("inconclusive", UNREAD, minor)[-1]


MEMORY = CapacityLimit("memory", 75_000, Confidence.ESTIMATE, "why")


def test_too_little_memory_is_the_verdict() -> None:
    """Where all values are as required and memory is too small, that is what the last line says."""
    said = check_sentences(
        "not-ready",
        (MET,),
        profile="high-conn",
        connections=100_000,
        processes=1,
        role=Role.SERVER,
        enough_processes=None,
        short=MEMORY,
    )
    assert said == ("not ready for 100,000 connections as server: memory here is enough for about 75,000",)


def test_too_little_memory_is_remarked_beside_what_fails() -> None:
    """Where a value fails too, both are said."""
    said = check_sentences(
        "not-ready", (SOMAXCONN,), profile="p", connections=100_000, processes=1, role=Role.SERVER, short=MEMORY
    )
    assert "memory here is enough for about 75,000" in said
    assert said[-1].endswith("net.core.somaxconn is not as required")
