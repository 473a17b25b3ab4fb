"""Is what was applied still so: told from the journal, the live values and the files, on a host made of files."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from tests.schemas import require_published
from tests.test_actions_rollback import host_of
from tests.trees import HOSTS, plant
from tests.tuning_scene import HERE, ORIGIN, change, journal_in, put, records_of, sysctl_plan, write_records
from wstune.actions.check import run_check
from wstune.actions.drift import Drift
from wstune.actions.place import here
from wstune.actions.status import Held, Status, run_status, status_document, status_text
from wstune.changes import Change, FileChange
from wstune.host import rlimits
from wstune.host.host import Host
from wstune.model import Severity, Store
from wstune.report.head import Head
from wstune.tuning.ageing import Aged
from wstune.tuning.apply import apply_plan
from wstune.tuning.journal import Journal
from wstune.tuning.persist import Machine, render
from wstune.tuning.records import Transaction

KEY = "net.core.somaxconn"
SOMAXCONN = change(KEY, "4096", "65535")


@pytest.fixture
def scene(tmp_path: Path) -> tuple[Host, Journal, Path]:
    """A host on which a value and a file were applied."""
    host, journal = host_of(tmp_path / "host", 0), journal_in(tmp_path)
    path = tmp_path / "host/etc/sysctl.d/99-wstune.conf"
    path.parent.mkdir(parents=True)
    file = FileChange("sysctl", str(path), None, f"{KEY} = 65535\n", ((KEY, "65535", "4096"),), "at boot")
    plan = replace(sysctl_plan("test", SOMAXCONN), files=(file,))
    apply_plan(plan, host, journal, replace(ORIGIN, here=here(host.facts())))
    return host, journal, path


def look(scene: tuple[Host, Journal, Path]) -> Status:
    host, journal, path = scene
    return run_status(host, str(journal.state_dir), str(path.parent.parent.parent))


def test_all_is_as_applied(scene: tuple[Host, Journal, Path]) -> None:
    """Values and files, and it ends with that sentence."""
    found = look(scene)
    assert {(each.target, each.state) for each in found.held} == {(KEY, "as-applied"), (str(scene[2]), "as-applied")}
    assert found.clean
    assert status_text(found).endswith("everything is as it was applied\n")


def test_foreign_hands_are_told_first(scene: tuple[Host, Journal, Path]) -> None:
    """What is now, what was applied, by which transaction; a file that was edited, one that was removed."""
    put(scene[0], KEY, "128")
    scene[2].write_text("edited")
    found = look(scene)
    assert not found.clean
    lines = status_text(found, width=999).splitlines()
    assert lines[0] == f"changed     {KEY} = 128, applied was 65535 (transaction 1)"
    assert lines[1] == f"changed     {scene[2]} = edited, applied was as written (transaction 1)"
    scene[2].unlink()
    assert "= removed, applied was as written" in " ".join(status_text(look(scene)).split())


def test_what_cannot_be_read_is_neither_good_nor_bad(scene: tuple[Host, Journal, Path]) -> None:
    """A key that is gone, a directory in the place of the file."""
    (scene[0].root.path / Path("proc/sys/net/core/somaxconn")).unlink()
    scene[2].unlink()
    scene[2].mkdir()
    found = look(scene)
    assert {each.state for each in found.held} == {"unreadable"}
    assert not found.clean


def test_a_transaction_that_was_cut_short_and_one_of_another_namespace(scene: tuple[Host, Journal, Path]) -> None:
    """The first with the command that takes it back, the second with its namespace."""
    host, journal, _ = scene
    inside = replace(ORIGIN, here=here(host.facts())._replace(netns=77, cookie=9))
    apply_plan(sysctl_plan("other", change(KEY, "65535", "70000")), host, journal, inside)
    keep = [record for record in records_of(journal) if (record["type"], record["txn"]) != ("commit", "1")]
    write_records(journal, keep)
    found = look(scene)
    assert [txn.id for txn in found.cut] == ["1"]
    assert not found.clean
    text = status_text(found)
    assert text.startswith("transaction 1 (test) is cut short: wstune rollback 1\n")
    assert text.endswith("transaction 2 (other) stands in network namespace 77\n")


def test_the_limit_of_a_process(tmp_path: Path) -> None:
    """As applied while it runs; gone with it, which is no drift."""
    host, journal = Host(), journal_in(tmp_path)
    process = subprocess.Popen(["sleep", "60"])
    soft, hard = rlimits.nofile(host.root, process.pid)  # type: ignore[misc]
    step = Change("nofile", Store.RLIMIT, f"{soft} {hard}", f"{soft - 1} {hard}", Severity.ERROR, "", 60, process.pid)
    apply_plan(sysctl_plan("test", step), host, journal, replace(ORIGIN, here=here(host.facts())))
    state = str(journal.state_dir)
    assert [each.state for each in run_status(host, state, str(tmp_path)).held] == ["as-applied"]
    rlimits.set_nofile(process.pid, soft - 2, hard)
    assert [each.state for each in run_status(host, state, str(tmp_path)).held] == ["changed"]
    process.kill()
    process.wait()
    assert [(each.state, each.now) for each in run_status(host, state, str(tmp_path)).held] == [
        ("gone", "the process has ended")
    ]


def test_nothing_is_applied(tmp_path: Path) -> None:
    """Exit 0, and no directory is made."""
    found = run_status(host_of(tmp_path / "host", 0), str(tmp_path / "none"), str(tmp_path))
    assert found.clean
    assert status_text(found) == "nothing is applied here\n"
    assert not (tmp_path / "none").exists()


def test_a_machine_that_has_grown_is_seen_by_status_and_by_check(tmp_path: Path) -> None:
    """Persisted on 2 GiB, looked at on 64: the line that now lowers a default is named by both."""
    tree = tmp_path / "host"
    shutil.copytree(HOSTS / "systemd-server", tree, symlinks=True)
    memory = (tree / "proc/meminfo").read_text().splitlines(keepends=True)
    (tree / "proc/meminfo").write_text("".join(["MemTotal:       67108864 kB\n", *memory[1:]]))
    text = render("sysctl", (("fs.file-max", "300000", "195000"),), Machine("6.1.0", 2 << 30))
    plant(tree, {"etc/sysctl.d/99-wstune.conf": text})
    sentence = (
        "lowers a default: fs.file-max = 300000; with this much memory (2.0 GiB when it was applied, 64.0 GiB now)"
    )
    found = run_status(Host(tree), str(tmp_path / "none"))
    assert sentence in status_text(found, width=999)
    assert not found.clean
    assert any(sentence in each for each in run_check("high-conn", Host(tree)).sentences)


def test_the_document_is_as_published() -> None:
    """With something in each of its lists."""
    txn = Transaction("1", "", HERE, "one", "", 0)
    held = tuple(Held("1", KEY, "65535", "1", state) for state in ("as-applied", "changed", "gone", "unreadable"))
    aged = (Aged(KEY, "1", None, "it may be larger"), Aged(KEY, "1", "2", "this kernel's own value is 2"))
    drift = (Drift(KEY, "1", None, "", None, True, ("tuned sets it",), ""),)
    status = Status(held, (txn,), (txn,), aged, drift)
    found = status_document(status, Head("status", "2026-11-24T05:00:00Z", "boot-1", ("status",), 1))
    require_published(json.loads(json.dumps(found)))
    assert found["clean"] is False
    assert max(map(len, status_text(status).splitlines())) <= 80
    text = status_text(status, width=999)
    assert "may lower a default" in text
    assert "lowers a default: net.core.somaxconn = 1; this kernel's own value is 2" in text
