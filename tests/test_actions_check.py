"""`check` on captured hosts: what it finds, what it says, and what it reads."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import Golden
from tests.trees import HOSTS, plant
from wstune.actions.check import EXIT_CODES, cut_short, run_check
from wstune.errors import InconclusiveError, ProfileError, UsageError
from wstune.host.host import Host
from wstune.model import Outcome, Role, Severity
from wstune.report.terminal import check_text
from wstune.tuning.journal import Journal

CASES = [
    (profile, host)
    for host in ("vm", "systemd-server", "container", "droplet-512m")
    for profile in ("high-conn", "kemal-60k", "container", "load-generator")
]


@pytest.mark.parametrize(("profile", "host"), CASES, ids=lambda name: str(name))
def test_captured_hosts(profile: str, host: str, golden: Golden) -> None:
    """Each profile on each captured host, as a person reads it; the exit code is in the file's name."""
    report = run_check(profile, Host(HOSTS / host))
    text = check_text(report, color=False)
    # A command that is to be pasted stays in one piece.
    assert not [line for line in text.splitlines() if len(line) > 80 and "ip_local_reserved_ports=" not in line]
    golden(f"{profile}-on-{host}.{EXIT_CODES[report.verdict]}.terminal", text)


def test_ready_with_the_processes_that_it_names() -> None:
    """A host short of nofile alone is ready over as many processes as the verdict says, and not over one fewer."""
    host = Host(HOSTS / "vm")
    report = run_check("high-conn", host)
    assert report.verdict == "not-ready"
    assert report.sentences[-1].endswith("ready only with ≥ 6 processes (--processes 6)")
    assert run_check("high-conn", host, processes=6).verdict == "ready"
    assert run_check("high-conn", host, processes=5).verdict == "not-ready"


def test_the_target_is_the_input() -> None:
    """The same host is ready for few connections and not for many."""
    host = Host(HOSTS / "vm")
    assert run_check("high-conn", host, connections=10_000).verdict == "ready"
    assert run_check("high-conn", host, connections=1_000_000).verdict == "not-ready"


def test_too_little_memory_is_not_ready() -> None:
    """On 512 MB no values make room for a million connections: the verdict is memory's, whatever else is met."""
    report = run_check("container", Host(HOSTS / "droplet-512m"), connections=1_000_000)
    assert not [finding for finding in report.findings if finding.outcome is Outcome.FAIL]
    assert report.verdict == "not-ready"
    assert "memory here is enough for about " in report.sentences[-1]


def test_the_applications_memory_counts() -> None:
    """With 100 KB a connection for the application, 24 GB hold fewer."""
    host = Host(HOSTS / "vm")
    bare, heavy = (run_check("high-conn", host, app_bytes=size).capacity[0] for size in (0, 100 << 10))

    def memory(limits: object) -> int:
        return next(limit.connections for limit in limits if limit.name == "memory")  # type: ignore[attr-defined, no-any-return]

    assert memory(heavy.limits) < memory(bare.limits) / 10


def test_absent_keys_are_not_applicable() -> None:
    """What a container does not see is neither a pass nor a failure, and says who decides."""
    report = run_check("high-conn", Host(HOSTS / "container"))
    absent = [finding for finding in report.findings if finding.outcome is Outcome.NOT_APPLICABLE]
    assert "net.ipv4.tcp_mem" in {finding.tunable for finding in absent}
    assert all(finding.note for finding in absent)


def test_every_finding_explains_itself() -> None:
    """Each has a reason; each that could be made right has a fix, or a note that says why there is none."""
    for profile, host in CASES:
        for finding in run_check(profile, Host(HOSTS / host)).findings:
            assert finding.why
            if finding.outcome in (Outcome.FAIL, Outcome.WARN, Outcome.UNKNOWN, Outcome.NOT_APPLICABLE):
                assert finding.fix or finding.note, finding.tunable


def test_unreadable_values_are_inconclusive(tmp_path: Path) -> None:
    """A tree in which the values are missing but the directories are not is never ready."""
    plant(tmp_path, {"proc/sys/fs/file-max": "nonsense\n", "proc/meminfo": "MemTotal: 4000000 kB\n"})
    report = run_check("high-conn", Host(tmp_path))
    assert report.verdict == "inconclusive"
    assert EXIT_CODES[report.verdict] == 3
    unknown = [finding for finding in report.findings if finding.outcome is Outcome.UNKNOWN]
    assert "fs.file-max" in {finding.tunable for finding in unknown if finding.severity is Severity.ERROR}


def test_an_apply_that_was_cut_short_is_said(tmp_path: Path) -> None:
    """A transaction that a crash cut short is seen by the next check, with the way back; a complete one is not."""
    journal = Journal(str(tmp_path))
    journal.prepare()
    begin, commit = ({"format": 1, "type": kind, "txn": "0001"} for kind in ("begin", "commit"))
    journal.append({**begin, "at": "2026-11-24T05:00:00Z", "profile": "high-conn"})
    journal.close()
    said = run_check("high-conn", Host(HOSTS / "vm"), state_dir=str(tmp_path)).sentences
    assert said[0].startswith("transaction 0001 of wstune apply was cut short")
    assert "wstune rollback 0001" in said[0]
    journal.append(commit)
    journal.close()
    assert "transaction" not in run_check("high-conn", Host(HOSTS / "vm"), state_dir=str(tmp_path)).sentences[0]


def test_a_journal_that_is_none_does_not_keep_check_from_its_work(tmp_path: Path) -> None:
    """An unreadable journal is a remark."""
    (tmp_path / "journal.jsonl").mkdir()
    report = run_check("high-conn", Host(HOSTS / "vm"), state_dir=str(tmp_path))
    assert report.sentences[0].startswith("whether an apply was cut short is not known: ")
    assert report.verdict == "not-ready"


def test_a_tree_that_is_no_host(tmp_path: Path) -> None:
    """A directory without proc/sys is a usage error."""
    with pytest.raises(UsageError, match="no captured host"):
        run_check("high-conn", Host(tmp_path))


def test_a_process_that_is_not_there() -> None:
    """A pid that does not run is a usage error."""
    with pytest.raises(UsageError, match="there is no process 2147483646"):
        run_check("high-conn", Host(pid=2147483646))


def test_unknown_memory_is_inconclusive(tmp_path: Path) -> None:
    """Without the machine's size the values that follow from it cannot be worked out."""
    plant(tmp_path, {"proc/sys/fs/file-max": "1000000\n"})
    with pytest.raises(InconclusiveError, match="ram_bytes"):
        run_check("high-conn", Host(tmp_path))


def test_an_unknown_profile() -> None:
    """The nearest name is in the tip."""
    with pytest.raises(ProfileError, match="no profile is named") as caught:
        run_check("hihg-conn", Host())
    assert "high-conn" in caught.value.tip


@pytest.mark.parametrize("role", list(Role))
def test_every_role_is_judged(role: Role) -> None:
    """Each end of the connection has findings, and the report says which end it is about."""
    report = run_check("high-conn", Host(HOSTS / "systemd-server"), role=role)
    assert report.role is role
    assert report.findings
    assert {capacity.role for capacity in report.capacity} == {Role.SERVER, Role.GENERATOR, role}


@pytest.mark.parametrize("name", ["x" * 300, "x" * 5000, "a-file"])
def test_a_state_directory_that_cannot_be_looked_into_is_said(tmp_path: Path, name: str) -> None:
    """A name that is too long, or no directory: the check goes on, and says that it does not know."""
    (tmp_path / "a-file").touch()
    (said,) = cut_short(str(tmp_path / name))
    assert said.startswith("whether an apply was cut short is not known: cannot use ")
    assert cut_short(str(tmp_path / "nothing")) == ()
