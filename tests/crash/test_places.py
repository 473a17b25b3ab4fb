"""A disk that is full or read-only, and a journal of which any byte has changed: exit codes, and what is touched."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.tuning_scene import HERE, MACHINE, ORIGIN, change, journal_in, make_host, sysctl_plan, values
from wstune.changes import FileChange
from wstune.errors import RollbackError, UsageError
from wstune.tuning.apply import apply_plan
from wstune.tuning.persist import render
from wstune.tuning.rollback import require_whole, rollback

PROFILE = """
schema = 1
variables = {connections = 1}
[[require]]
tunable = "net.core.somaxconn"
at_least = 5000
why = "w"
[[require]]
tunable = "net.ipv4.tcp_max_syn_backlog"
at_least = 9000
why = "w"
"""


def inside(script: str, tmp_path: Path) -> list[str]:
    """What a script printed in a network and a mount namespace of its own, where `w` is wstune and `say` its code."""
    (tmp_path / "p.toml").write_text(PROFILE)
    head = f"""
    mount --make-rprivate /
    cd {tmp_path}
    w() {{ {sys.executable} -m wstune "$@" 2>&1; }}
    say() {{ w "$@" >said && code=0 || code=$?; echo "$code"; }}
    value() {{ cat /proc/sys/net/core/somaxconn; }}
    mkdir -p root/etc/sysctl.d
    """
    done = subprocess.run(
        ["unshare", "-nm", "sh", "-euc", head + script],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.splitlines()


@pytest.mark.root
@pytest.mark.netns
@pytest.mark.parametrize("made", ["root/etc/sysctl.d", "root/etc"], ids=["with-sysctl.d", "without"])
def test_an_etc_that_is_read_only_is_exit_4_and_wedges_nothing(tmp_path: Path, made: str) -> None:
    """All is put back, the record is closed, and what writes no file can be applied afterwards, and taken back."""
    told = inside(
        f"""
        before=$(value)
        mount -t tmpfs none root
        mkdir -p {made}
        mount -o remount,ro root
        say apply p.toml --yes --persist --state-dir s --etc-root $PWD/root
        cat said >&2
        grep -c 'everything was put back' said
        [ "$before" = "$(value)" ]; echo same
        say status --state-dir s --etc-root $PWD/root
        say apply p.toml --yes --runtime-only --state-dir s --etc-root $PWD/root
        value
        say rollback --state-dir s
        [ "$before" = "$(value)" ]; echo same
        """,
        tmp_path,
    )
    assert told == ["4", "1", "same", "0", "0", "5000", "0", "same"]


@pytest.mark.root
@pytest.mark.netns
@pytest.mark.parametrize("kib", [0, 4, 8])
def test_a_state_directory_on_a_full_disk_is_exit_4(tmp_path: Path, kib: int) -> None:
    """Whatever it still takes: nothing is left changed, and with room again all goes as ever."""
    told = inside(
        f"""
        before=$(value)
        mkdir s; mount -t tmpfs -o size=64k none s
        say apply p.toml --yes --runtime-only --state-dir s/state >&2
        w rollback --state-dir s/state >&2
        head -c 60k /dev/zero >s/full 2>/dev/null || true
        cat /dev/zero >s/more 2>/dev/null || true
        truncate -s -{kib}k s/full
        say apply p.toml --yes --runtime-only --state-dir s/state
        cat said >&2
        [ "$before" = "$(value)" ] && echo same || value
        rm s/full s/more
        say rollback --state-dir s/state >&2
        [ "$before" = "$(value)" ]; echo same
        say apply p.toml --yes --runtime-only --state-dir s/state
        """,
        tmp_path,
    )
    assert told[0] in ("4", "0")
    assert told[1] == ("same" if told[0] == "4" else "5000")
    assert told[2:] == ["same", "0"]


@pytest.mark.root
@pytest.mark.netns
def test_a_state_disk_that_is_full_from_the_start_changes_nothing(tmp_path: Path) -> None:
    """The first record cannot be written: exit 4, and the tip leads somewhere."""
    told = inside(
        """
        mkdir s; mount -t tmpfs -o size=16k none s
        mkdir -p s/state/pre; chmod 700 s/state/pre
        : >s/state/pre/lock; chmod 600 s/state/pre/lock; : >s/state/journal.jsonl
        cat /dev/zero >s/full 2>/dev/null || true
        say apply p.toml --yes --runtime-only --state-dir s/state
        grep -c 'nothing was changed' said
        grep -c 'wstune rollback' said || true
        """,
        tmp_path,
    )
    assert told == ["4", "1", "0"]


@pytest.mark.root
@pytest.mark.netns
def test_sysctls_that_are_read_only_are_no_reason_to_say_nothing_to_do(tmp_path: Path) -> None:
    """As in a container of the default kind: exit 4, what could not be set, and how it is set from outside."""
    told = inside(
        """
        echo 128 >/proc/sys/net/core/somaxconn
        mount --bind /proc/sys /proc/sys && mount -o remount,ro,bind /proc/sys
        say apply p.toml --yes --state-dir s
        grep -c 'cannot set net.core.somaxconn, net.ipv4.tcp_max_syn_backlog' said
        grep -c 'docker run --sysctl net.core.somaxconn=5000 --sysctl net.ipv4.tcp_max_syn_backlog=9000' said
        say apply container --yes --state-dir s
        say apply p.toml --dry-run --state-dir s
        """,
        tmp_path,
    )
    assert told == ["4", "1", "1", "4", "0"]


@pytest.fixture
def applied(tmp_path: Path) -> tuple[Path, bytes]:
    """A host of files on which a value and a file were changed twice and taken back once, and its journal."""
    host, journal = make_host(tmp_path / "host"), journal_in(tmp_path)
    path = str(tmp_path / "host/99-wstune.conf")
    entries = (("net.core.somaxconn", "65535", "4096"),)
    file = FileChange("sysctl", path, None, render("sysctl", entries, MACHINE), entries, "at boot")
    plan = sysctl_plan("test", change("net.core.somaxconn", "4096", "65535"))
    apply_plan(plan, host, journal, ORIGIN)
    rollback(journal, host, HERE)
    apply_plan(plan.__class__("two", plan.changes, files=(file,)), host, journal, ORIGIN)
    journal.close()
    return tmp_path, journal.index.read_bytes()


@pytest.mark.timeout(600)
def test_a_byte_of_the_journal_that_has_changed_is_said(applied: tuple[Path, bytes]) -> None:
    """At every position, to each of three others: unknown, exit 5, and nothing touched; or it means what it meant."""
    place, whole = applied
    host, journal = make_host(place / "host", {}), journal_in(place)
    intact = journal.read()
    assert intact.holes == ()
    path = place / "host/99-wstune.conf"
    before, text = values(host), path.read_text()
    told = unchanged = 0
    for at, byte in enumerate(whole):
        for other in {byte ^ 1, ord("#"), ord("\n")} - {byte}:
            journal.index.write_bytes(whole[:at] + bytes([other]) + whole[at + 1 :])
            try:
                found = journal.read()
            except UsageError as error:
                raise AssertionError((at, other, error)) from error
            if not found.holes:
                assert found.transactions == intact.transactions, (at, other)
                unchanged += 1
                continue
            told += 1
            with pytest.raises(RollbackError, match="nothing was changed") as refused:
                rollback(journal, host, HERE)
            assert refused.value.exit_code == 5
            with pytest.raises(RollbackError):
                require_whole(journal, found)
            assert (values(host), path.read_text()) == (before, text)
    assert told > 2 * len(whole)
    assert unchanged < 10, unchanged
    journal.index.write_bytes(whole)
    assert rollback(journal, host, HERE).complete


def test_status_and_rollback_say_a_hole_by_the_command_line(applied: tuple[Path, bytes]) -> None:
    """Exit 5 of both, with the record; history lists it and ends with 0."""
    place, whole = applied
    lines = whole.splitlines(keepends=True)
    (place / "state/journal.jsonl").write_bytes(b"".join(lines[:7] + lines[8:]))
    for verb, code in (("status", 5), ("rollback", 5), ("history", 0)):
        command = [sys.executable, "-m", "wstune", verb, "--state-dir", str(place / "state")]
        done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
        if verb == "rollback" and "needs root" in done.stderr:
            continue
        assert done.returncode == code, done.stdout + done.stderr
        assert "record 8 cannot be read" in " ".join((done.stdout + done.stderr).split())
    command = [sys.executable, "-m", "wstune", "status", "--format", "json", "--state-dir", str(place / "state")]
    document = json.loads(subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False).stdout)
    assert document["unknown"]
