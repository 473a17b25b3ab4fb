"""Applying and taking back, on a host made of files."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tuning_scene import (
    HERE,
    MACHINE,
    ORIGIN,
    change,
    journal_in,
    make_host,
    put,
    sysctl_plan,
    values,
)
from wstune.changes import Change, FileChange
from wstune.errors import ApplyError, RollbackError, UsageError
from wstune.host import rlimits
from wstune.host.host import Host
from wstune.model import Severity, Store
from wstune.tuning.apply import apply_plan
from wstune.tuning.persist import read_own, render
from wstune.tuning.records import Standing
from wstune.tuning.rollback import cut_short, rollback

SOMAXCONN = change("net.core.somaxconn", "4096", "65535")
RANGE = change("net.ipv4.ip_local_port_range", "32768 60999", "10000 65535")
PORTS = change("net.ipv4.ip_local_reserved_ports", "", "8080,9000-9010")


def test_apply_then_rollback_is_byte_for_byte_what_it_was(tmp_path: Path) -> None:
    """Tabs in the kernel's text, an empty list, and every value in between come back."""
    host, journal = make_host(tmp_path / "host"), journal_in(tmp_path)
    before = values(host)
    applied = apply_plan(sysctl_plan("test", PORTS, RANGE, SOMAXCONN), host, journal, ORIGIN)
    assert values(host)["net.core.somaxconn"] == "65535\n"
    assert [each.tunable for each in applied.done] == [each.tunable for each in (PORTS, RANGE, SOMAXCONN)]
    undone = rollback(journal, host, HERE)
    assert undone.complete
    assert values(host) == before
    assert [target for target, _ in undone.restored] == [each.tunable for each in (SOMAXCONN, RANGE, PORTS)]
    assert journal.transactions()[0].standing is Standing.CLOSED


def test_a_value_that_somebody_else_changed_is_kept_unless_forced(tmp_path: Path) -> None:
    """Drift leaves the transaction open, the rest is taken back, and --force then overwrites it."""
    host, journal = make_host(tmp_path / "host"), journal_in(tmp_path)
    before = values(host)
    apply_plan(sysctl_plan("test", RANGE, SOMAXCONN), host, journal, ORIGIN)
    put(host, "net.core.somaxconn", "1234")
    undone = rollback(journal, host, HERE)
    assert not undone.complete
    assert [target for target, _ in undone.drifted] == ["net.core.somaxconn"]
    assert values(host)["net.core.somaxconn"] == "1234\n"
    assert values(host)["net.ipv4.ip_local_port_range"] == before["net.ipv4.ip_local_port_range"]
    assert journal.transactions()[0].standing is Standing.PARTLY
    assert rollback(journal, host, HERE, force=True).complete
    assert values(host) == before


def test_a_value_that_somebody_else_put_back_is_no_drift(tmp_path: Path) -> None:
    """What is as it was before needs no writing."""
    host, journal = make_host(tmp_path / "host"), journal_in(tmp_path)
    apply_plan(sysctl_plan("test", SOMAXCONN), host, journal, ORIGIN)
    put(host, "net.core.somaxconn", "4096")
    assert rollback(journal, host, HERE).complete


@pytest.mark.parametrize("first", ["1", "2"])
def test_overlapping_transactions_come_off_in_either_order(tmp_path: Path, first: str) -> None:
    """Taking back the lower one leaves the upper one's value; taking back both leaves what was before both."""
    host, journal = make_host(tmp_path / "host"), journal_in(tmp_path)
    before = values(host)
    apply_plan(sysctl_plan("one", SOMAXCONN), host, journal, ORIGIN)
    apply_plan(sysctl_plan("two", change("net.core.somaxconn", "65535", "70000")), host, journal, ORIGIN)
    rollback(journal, host, HERE, first)
    assert values(host)["net.core.somaxconn"] == ("70000\n" if first == "1" else "65535\n")
    assert rollback(journal, host, HERE).complete
    assert values(host) == before


@given(st.permutations([1, 2, 3]), st.lists(st.integers(5000, 5003), min_size=3, max_size=3))
def test_three_on_one_key_come_off_in_any_order(
    tmp_path_factory: pytest.TempPathFactory, order: list[int], wanted: list[int]
) -> None:
    """Whatever they set, and whichever goes first, the first reading comes back."""
    tmp_path = tmp_path_factory.mktemp("chain")
    host, journal = make_host(tmp_path / "host", {"net.core.somaxconn": "4096"}), journal_in(tmp_path)
    present = "4096"
    for number, value in enumerate(wanted):
        step = change("net.core.somaxconn", present, str(value))
        drawn = sysctl_plan(f"profile-{number}", step)
        if str(value) == present:  # as plan() does: nothing to write, but the value is wanted
            drawn = replace(drawn, changes=(), claims=(step,))
        apply_plan(drawn, host, journal, ORIGIN)
        present = str(value)
    for number in order:
        assert rollback(journal, host, HERE, str(number)).complete
    assert values(host, {"net.core.somaxconn": ""}) == {"net.core.somaxconn": "4096\n"}
    journal.close()


def test_a_change_of_severity_error_that_fails_undoes_everything(tmp_path: Path) -> None:
    """The key is gone when its turn comes: what was changed before it is put back, exit code 4."""
    host, journal = make_host(tmp_path / "host"), journal_in(tmp_path)
    before = values(host)
    gone = change("net.ipv4.tcp_tw_reuse", "2", "1")
    with pytest.raises(ApplyError, match=r"tcp_tw_reuse.*everything was put back") as caught:
        apply_plan(sysctl_plan("test", RANGE, gone, SOMAXCONN), host, journal, ORIGIN)
    assert caught.value.exit_code == 4
    assert values(host) == before
    assert journal.transactions()[0].ended == "failed"


def test_a_change_of_severity_warn_that_fails_is_skipped_and_told(tmp_path: Path) -> None:
    """The others stay."""
    host, journal = make_host(tmp_path / "host"), journal_in(tmp_path)
    gone = change("net.ipv4.tcp_tw_reuse", "2", "1", Severity.WARN)
    applied = apply_plan(sysctl_plan("test", gone, SOMAXCONN), host, journal, ORIGIN)
    assert [each.tunable for each, _ in applied.skipped] == ["net.ipv4.tcp_tw_reuse"]
    assert values(host)["net.core.somaxconn"] == "65535\n"


@pytest.mark.parametrize("earlier", [False, True])
def test_what_was_skipped_is_not_persisted(tmp_path: Path, earlier: bool) -> None:
    """The file for the next boot has what the kernel took, and of a skipped key the line that stood there before."""
    host, journal = make_host(tmp_path / "host"), journal_in(tmp_path)
    path = tmp_path / "host/etc/99-wstune.conf"
    had = render("sysctl", [("net.ipv4.tcp_tw_reuse", "0", "2")], MACHINE) if earlier else None
    path.parent.mkdir()
    if had:
        path.write_text(had)
    gone = change("net.ipv4.tcp_tw_reuse", "2", "1", Severity.WARN)
    entries = tuple((each.tunable, each.after, each.before) for each in (SOMAXCONN, gone))
    file = FileChange("sysctl", str(path), had, render("sysctl", entries, MACHINE), entries, "at boot")
    applied = apply_plan(replace(sysctl_plan("test", gone, SOMAXCONN), files=(file,)), host, journal, ORIGIN)
    assert [each.tunable for each, _ in applied.skipped] == ["net.ipv4.tcp_tw_reuse"]
    own = read_own(path.read_text())
    assert own is not None
    assert own.intact
    kept = [("net.ipv4.tcp_tw_reuse", "0", "2")] if earlier else []
    assert list(own.entries) == [("net.core.somaxconn", "65535", "4096"), *kept]
    assert rollback(journal, host, HERE).complete
    assert (path.read_text() if had else path.exists()) == (had or False)


def test_nothing_is_written_when_all_was_skipped(tmp_path: Path) -> None:
    """A file with no line of this apply is left as it was: there is none."""
    host, journal = make_host(tmp_path / "host"), journal_in(tmp_path)
    path = tmp_path / "host/99-wstune.conf"
    gone = change("net.ipv4.tcp_tw_reuse", "2", "1", Severity.WARN)
    entries = ((gone.tunable, gone.after, gone.before),)
    file = FileChange("sysctl", str(path), None, render("sysctl", entries, MACHINE), entries, "at boot")
    applied = apply_plan(replace(sysctl_plan("test", gone), files=(file,)), host, journal, ORIGIN)
    assert applied.txn == ""
    assert not path.exists()


def test_a_plan_gone_stale_is_not_carried_out(tmp_path: Path) -> None:
    """Each value is read again right before it is written."""
    host, journal = make_host(tmp_path / "host"), journal_in(tmp_path)
    put(host, "net.core.somaxconn", "9999")
    before = values(host)
    with pytest.raises(ApplyError, match="has become 9999"):
        apply_plan(sysctl_plan("test", RANGE, SOMAXCONN), host, journal, ORIGIN)
    assert values(host) == before


def test_a_transaction_cut_short_is_seen_and_taken_back(tmp_path: Path) -> None:
    """An intent without an outcome, with and without the write having happened, and a torn last line."""
    for happened in (False, True):
        place = tmp_path / str(happened)
        host, journal = make_host(place / "host"), journal_in(place)
        before = values(host)
        apply_plan(sysctl_plan("test", RANGE, SOMAXCONN), host, journal, ORIGIN)
        journal.close()
        lines = journal.index.read_text().splitlines(keepends=True)
        journal.index.write_text("".join(lines[:-2]) + '{"type":"done","tx')  # without the last done and the commit
        if not happened:
            put(host, "net.core.somaxconn", "4096")
        (txn,) = journal.transactions()
        assert txn.standing is Standing.CUT
        assert cut_short(journal.transactions(), HERE) == txn
        assert rollback(journal, host, HERE).complete
        assert values(host) == before
        assert journal.read().damaged == 0, "the torn line is gone"


def test_a_vector_half_written_when_the_power_went_is_ours(tmp_path: Path) -> None:
    """The kernel stores element by element; some of our numbers and else the old ones is no foreign hand."""
    host, journal = make_host(tmp_path / "host"), journal_in(tmp_path)
    before = values(host)
    step = change("net.ipv4.tcp_rmem", "4096 131072 6291456", "8192 262144 8388608")
    apply_plan(sysctl_plan("test", step), host, journal, ORIGIN)
    journal.close()
    lines = journal.index.read_text().splitlines(keepends=True)
    journal.index.write_text("".join(lines[:-2]))
    put(host, "net.ipv4.tcp_rmem", "8192\t131072\t6291456")
    assert rollback(journal, host, HERE).complete
    assert values(host) == before


def test_after_a_reboot_values_that_are_not_ours_are_left_without_complaint(tmp_path: Path) -> None:
    """A runtime-only change is gone with the boot; what came instead is nobody's drift."""
    host, journal = make_host(tmp_path / "host"), journal_in(tmp_path)
    apply_plan(sysctl_plan("test", RANGE, SOMAXCONN), host, journal, ORIGIN)
    put(host, "net.core.somaxconn", "128")
    undone = rollback(journal, host, HERE._replace(boot_id="boot-2", netns=77, cookie=1))
    assert undone.complete
    assert [target for target, _ in undone.left] == ["net.core.somaxconn"]
    assert values(host)["net.core.somaxconn"] == "128\n"
    assert values(host)["net.ipv4.ip_local_port_range"] == "32768\t60999\n"


def test_another_namespaces_transaction_is_refused_and_nothing_written(tmp_path: Path) -> None:
    """Told apart by inode, and by cookie where an inode was used again."""
    host, journal = make_host(tmp_path / "host"), journal_in(tmp_path)
    inside = replace(ORIGIN, here=HERE._replace(netns=4026532999, cookie=5, initial=False))
    apply_plan(sysctl_plan("test", SOMAXCONN), host, journal, inside)
    after = values(host)
    for here in (HERE, HERE._replace(netns=4026532999, cookie=6, initial=False)):
        with pytest.raises(RollbackError, match="belongs to network namespace 4026532999"):
            rollback(journal, host, here)
    assert values(host) == after
    # It is gone; --force closes the record, and still writes nothing.
    assert rollback(journal, host, HERE, force=True).complete
    assert values(host) == after


def test_nr_open_stays_above_what_a_process_has(tmp_path: Path) -> None:
    """Rollback does not lower it below a live hard limit, says so, and can be repeated once that has ended."""
    host, journal = make_host(tmp_path / "host"), journal_in(tmp_path)
    before = values(host)
    apply_plan(sysctl_plan("test", change("fs.nr_open", "1048576", "3000000")), host, journal, ORIGIN)
    process = tmp_path / "host/proc/77"
    process.mkdir()
    row = "Max open files            1024                 2000000              files     \n"
    (process / "limits").write_text(
        "Limit                     Soft Limit           Hard Limit           Units     \n" + row
    )
    undone = rollback(journal, host, HERE)
    assert [target for target, _ in undone.failed] == ["fs.nr_open"]
    assert values(host)["fs.nr_open"] == "3000000\n"
    (process / "limits").write_text(row.replace("2000000", "1048576"))
    assert rollback(journal, host, HERE).complete
    assert values(host) == before


@pytest.fixture
def sleeper() -> Iterator[int]:
    """A process of ours."""
    process = subprocess.Popen(["sleep", "60"])
    yield process.pid
    process.kill()
    process.wait()


def test_a_processs_limit_is_raised_and_taken_back(tmp_path: Path, sleeper: int) -> None:
    """Its soft limit, which needs no privilege; a reused pid is not mistaken for it."""
    host, journal = Host(), journal_in(tmp_path)
    limits = rlimits.nofile(host.root, sleeper)
    assert isinstance(limits, tuple)
    hard = limits[1]
    subprocess.run(["prlimit", f"--nofile=100:{hard}", "-p", str(sleeper)], check=True)
    started = rlimits.start_time(sleeper)
    step = Change("nofile", Store.RLIMIT, f"100 {hard}", f"500 {hard}", Severity.ERROR, "why", 60, sleeper, started)
    apply_plan(sysctl_plan("test", step), host, journal, ORIGIN)
    assert rlimits.nofile(host.root, sleeper) == (500, hard)
    assert rollback(journal, host, HERE).complete
    assert rlimits.nofile(host.root, sleeper) == (100, hard)
    with pytest.raises(ApplyError, match="another one has its number"):
        apply_plan(sysctl_plan("test", replace(step, started=started - 1)), host, journal, ORIGIN)
    assert rlimits.nofile(host.root, sleeper) == (100, hard)


def test_the_limit_of_a_process_that_has_ended_is_left(tmp_path: Path) -> None:
    """There is nothing to take back."""
    host, journal = Host(), journal_in(tmp_path)
    process = subprocess.Popen(["sleep", "60"])
    soft, hard = rlimits.nofile(host.root, process.pid)  # type: ignore[misc]
    step = Change(
        "nofile", Store.RLIMIT, f"{soft} {hard}", f"{soft - 1} {hard}", Severity.ERROR, "why", 60, process.pid
    )
    apply_plan(sysctl_plan("test", step), host, journal, ORIGIN)
    process.kill()
    process.wait()
    undone = rollback(journal, host, HERE)
    assert undone.complete
    assert [what for _, what in undone.left] == [f"process {process.pid} has ended"]


def test_there_must_be_something_to_take_back(tmp_path: Path) -> None:
    """An empty journal, an unknown number, and one that was taken back are usage errors."""
    host, journal = make_host(tmp_path / "host"), journal_in(tmp_path)
    with pytest.raises(UsageError, match="nothing to roll back"):
        rollback(journal, host, HERE)
    apply_plan(sysctl_plan("test", SOMAXCONN), host, journal, ORIGIN)
    with pytest.raises(UsageError, match="there is no transaction 9"):
        rollback(journal, host, HERE, "9")
    rollback(journal, host, HERE)
    with pytest.raises(UsageError, match="taken back already"):
        rollback(journal, host, HERE, "1")


def test_the_journal_is_open_to_all_and_what_it_keeps_of_files_is_not(tmp_path: Path) -> None:
    """Whatever the umask: directory 0755, index 0644, pre-images 0700; one JSON object a line."""
    old = os.umask(0o077)
    try:
        host, journal = make_host(tmp_path / "host"), journal_in(tmp_path)
        apply_plan(sysctl_plan("test", SOMAXCONN), host, journal, ORIGIN)
    finally:
        os.umask(old)
    modes = {path.name: oct(path.stat().st_mode & 0o7777) for path in (journal.state_dir, journal.index, journal.pre)}
    assert modes == {"state": "0o755", "journal.jsonl": "0o644", "pre": "0o700"}
    types = [json.loads(line)["type"] for line in journal.index.read_text().splitlines()]
    assert types == ["begin", "intent", "done", "commit"]
