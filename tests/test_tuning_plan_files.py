"""What is persisted, for whom, and never lower than it is."""

from __future__ import annotations

import pytest

from tests.tuning_scene import MACHINE, findings, reading
from wstune.changes import Plan, Refusal
from wstune.model import Finding, NextBoot, Operator, Persisted, Profile, Requirement, Role, Severity
from wstune.readiness.judge import judge
from wstune.readiness.next_boot import OWN
from wstune.tunables import find
from wstune.tuning.persist import read_own, render
from wstune.tuning.plan_files import Bounds, Present, nofile_demand, with_limit_file, with_sysctl_file
from wstune.values import parse

NEVER_SET = Present("/etc/security/limits.d/99-wstune.conf", None, ())
SYSTEMD = (1024, 524288)


def asks(*demands: tuple[str, int]) -> tuple[Finding, ...]:
    """Findings of a process that has what systemd gives."""
    requirements = tuple(
        Requirement(name, Operator.AT_LEAST, (parse(find(name).kind, str(number)),), Severity.ERROR, "a test")
        for name, number in demands
    )
    return findings(requirements, {name: reading(name, "4096") for name, _ in demands})


@pytest.mark.parametrize(
    ("demands", "expected"),
    [
        pytest.param([("nofile", 70000)], (70000, 70000), id="the hard one alone"),
        pytest.param([("nofile", 70000), ("nofile.soft", 5000)], (5000, 70000), id="both"),
        pytest.param([("nofile.soft", 5000)], (5000, 5000), id="the soft one alone"),
        pytest.param([("fs.nr_open", 5000)], None, id="neither"),
        pytest.param([("nofile", 100)], (100, 100), id="what this process has already"),
    ],
)
def test_what_a_profile_asks_of_a_process(demands: list[tuple[str, int]], expected: tuple[int, int] | None) -> None:
    """Of any process, whatever the one that runs wstune has."""
    assert nofile_demand(asks(*demands)) == expected


@pytest.mark.parametrize(
    ("demand", "already", "line"),
    [
        pytest.param(70000, SYSTEMD, "alice 70000 524288", id="a hard limit that is higher stays"),
        pytest.param(700000, SYSTEMD, "alice 700000 700000", id="both raised"),
        pytest.param(70000, (100000, 524288), None, id="good enough"),
        pytest.param(70000, (1024, 1073741816), "alice 70000 1048576", id="not above nr_open"),
    ],
)
def test_a_login_gets_at_least_what_it_has(demand: int, already: tuple[int, int], line: str | None) -> None:
    """A line of ours never lowers a login's limit, and never asks for more than nr_open."""
    some = asks(("nofile", demand))
    drawn = with_limit_file(
        Plan("test", ()), some, "limits", "alice", NEVER_SET, MACHINE, Bounds(1048576, already, already)
    )
    if line is None:
        assert not drawn.files
        return
    user, soft, hard = line.split()
    assert drawn.files[0].after == render("limits", ((user, f"{soft} {hard}", ""),), MACHINE)


def test_a_limit_above_nr_open_is_refused() -> None:
    """It would lock the user out (linux-pam#353)."""
    some = asks(("nofile", 2000000))
    drawn = with_limit_file(
        Plan("test", ()), some, "limits", "alice", NEVER_SET, MACHINE, Bounds(1048576, SYSTEMD, SYSTEMD)
    )
    assert not drawn.files
    assert [change.refusal for change in drawn.refused] == [Refusal.GUARD]


def test_another_profile_that_finds_it_done_holds_on_to_it() -> None:
    """The file stays as it is, and is noted for the second profile; for the first one there is nothing to do."""
    entries = (("alice", "70000 524288", ""),)
    present = Present(NEVER_SET.path, render("limits", entries, MACHINE), entries, frozenset({"one"}))
    some = asks(("nofile", 70000))
    done = Bounds(1048576, (70000, 524288), (70000, 524288))
    for profile, count in (("one", 0), ("two", 1)):
        drawn = with_limit_file(Plan(profile, ()), some, "limits", "alice", present, MACHINE, done)
        assert len(drawn.files) == count
        assert all(file.before == file.after for file in drawn.files)


def test_the_file_of_a_lost_journal_is_added_to() -> None:
    """What it says is kept, although no transaction tells of it any more."""
    present = Present(NEVER_SET.path, render("limits", (("bob", "1 2", ""),), MACHINE), ())
    some = asks(("nofile", 70000))
    drawn = with_limit_file(
        Plan("test", ()), some, "limits", "alice", present, MACHINE, Bounds(1048576, SYSTEMD, SYSTEMD)
    )
    own = read_own(drawn.files[0].after)
    assert own is not None
    assert [entry[0] for entry in own.entries] == ["alice", "bob"]


def test_a_key_that_comes_with_a_module_is_said_to() -> None:
    """The boot may read the sysctls before the module is there."""
    requirement = Requirement(
        "net.netfilter.nf_conntrack_max",
        Operator.AT_LEAST,
        (parse(find("fs.nr_open").kind, "9"),),
        Severity.WARN,
        "why",
    )
    some = findings((requirement,), {requirement.tunable: reading(requirement.tunable, "9")})
    standing = {requirement.tunable: ("9", frozenset({"other"}))}
    drawn = with_sysctl_file(
        Plan("test", ()), some, standing, MACHINE, Present("/etc/sysctl.d/99-wstune.conf", None, ())
    )
    assert [claim.tunable for claim in drawn.claims] == ["net.netfilter.nf_conntrack_max"]
    assert "once its module is loaded" in drawn.notes[0]
    assert "-net.netfilter.nf_conntrack_max = 9" in drawn.files[0].after


def test_a_login_that_is_held_down_is_raised_to_what_is_needed_and_no_further() -> None:
    """Although process 1 has more."""
    some = asks(("nofile", 70000))
    bounds = Bounds(1048576, (500, 600), (500, 600))
    drawn = with_limit_file(Plan("test", ()), some, "limits", "alice", NEVER_SET, MACHINE, bounds)
    assert "alice hard nofile 70000" in drawn.files[0].after


@pytest.mark.parametrize(
    ("source", "kept"),
    [
        pytest.param("/usr/lib/sysctl.d/50-x.conf:1", True, id="another file"),
        pytest.param(OWN, True, id="nothing sets it"),
        pytest.param("/usr/lib/tuned/x/tuned.conf:1", False, id="a program that comes later"),
    ],
)
def test_what_a_boot_would_take_away_is_written(source: str, kept: bool) -> None:
    """A value that is as required now, and lost at the next boot, gets a line where that helps."""
    key = "net.core.somaxconn"
    demand = Requirement(key, Operator.AT_LEAST, (parse(find(key).kind, "4096"),), Severity.ERROR, "a test")
    boot = NextBoot(Persisted(parse(find(key).kind, "128"), source))
    profile = Profile("test", "a test", (demand,), {})
    found = judge(profile, {key: reading(key, "8192")}, role=Role.SERVER, boots={key: boot})
    drawn = with_sysctl_file(Plan("test", ()), found, {}, MACHINE, Present("/etc/sysctl.d/99-wstune.conf", None, ()))
    assert [file.entries for file in drawn.files] == ([((key, "8192", "128"),)] if kept else [])
