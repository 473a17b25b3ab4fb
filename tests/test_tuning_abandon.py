"""A transaction that cannot be taken back has a way out: what can be is restored, the rest is told and closed."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from tests.tuning_scene import HERE, MACHINE, ORIGIN, change, journal_in, make_host, put, sysctl_plan, values
from wstune.changes import FileChange
from wstune.errors import RollbackError, UsageError
from wstune.host.host import Host
from wstune.tuning.abandon import Abandoned, abandon
from wstune.tuning.apply import apply_plan
from wstune.tuning.journal import Journal
from wstune.tuning.persist import render
from wstune.tuning.rollback import cut_short, require_whole, rollback

SOMAXCONN = change("net.core.somaxconn", "4096", "65535")


def agreed(found: Abandoned) -> None:
    """Yes."""


@pytest.fixture
def scene(tmp_path: Path) -> tuple[Host, Journal, Path]:
    """A value and a file were changed, and the file as it was is lost."""
    host, journal = make_host(tmp_path / "host"), journal_in(tmp_path)
    path = tmp_path / "host/99-wstune.conf"
    path.write_text("# somebody's\n")
    entries = (("net.core.somaxconn", "65535", "4096"),)
    file = FileChange("sysctl", str(path), path.read_text(), render("sysctl", entries, MACHINE), entries, "at boot")
    apply_plan(replace(sysctl_plan("test", SOMAXCONN), files=(file,)), host, journal, ORIGIN)
    return host, journal, path


def test_a_lost_pre_image_blocks_nobody_for_ever(scene: tuple[Host, Journal, Path]) -> None:
    """What can be taken back is, the file is told with its hash, and the next apply goes ahead."""
    host, journal, path = scene
    for image in journal.pre.glob("*.json"):
        image.unlink()
    undone = rollback(journal, host, HERE)
    assert ([target for target, _ in undone.failed], undone.complete) == ([str(path)], False)
    assert values(host)["net.core.somaxconn"] == "4096\n"
    assert cut_short(journal.transactions(), HERE) is not None
    told: list[Abandoned] = []
    found = abandon(journal, host, HERE, told.append)
    assert told == [found]
    ((target, wanted, command),) = found.by_hand
    assert (target, command) == (str(path), "")
    assert "SHA-256 is " in wanted
    (txn,) = journal.transactions()
    assert txn.ended == "abandoned"
    assert cut_short(journal.transactions(), HERE) is None
    assert apply_plan(sysctl_plan("again", SOMAXCONN), host, journal, ORIGIN).txn == "2"
    assert rollback(journal, host, HERE).complete
    assert values(host)["net.core.somaxconn"] == "4096\n"


def test_pre_images_are_kept_and_the_command_brings_the_file_back(scene: tuple[Host, Journal, Path]) -> None:
    """As where the file's place cannot be written: the line for the shell makes it what it was."""
    host, journal, path = scene
    path.write_text("edited by hand\n")
    found = abandon(journal, host, HERE, agreed)
    ((target, _, command),) = found.by_hand
    assert target == str(path)
    subprocess.run(["sh", "-c", command], check=True)
    assert path.read_text() == "# somebody's\n"
    assert list(journal.pre.glob("*.json"))


def test_a_value_that_somebody_changed_is_told_with_its_command(tmp_path: Path) -> None:
    """It is kept as it is, and the command is the one to set it."""
    host, journal = make_host(tmp_path / "host"), journal_in(tmp_path)
    apply_plan(sysctl_plan("test", SOMAXCONN), host, journal, ORIGIN)
    put(host, "net.core.somaxconn", "7")
    found = abandon(journal, host, HERE, agreed)
    assert found.by_hand == (("net.core.somaxconn", "4096", "sysctl -w net.core.somaxconn=4096"),)
    assert values(host)["net.core.somaxconn"] == "7\n"


def test_whoever_does_not_agree_closes_nothing(scene: tuple[Host, Journal, Path]) -> None:
    """The record stays, and can be taken back later."""
    host, journal, _ = scene
    for image in journal.pre.glob("*.json"):
        image.unlink()

    def no(_: Abandoned) -> None:
        raise RollbackError("no")

    with pytest.raises(RollbackError, match="no"):
        abandon(journal, host, HERE, no)
    assert journal.transactions()[0].ended == ""


def test_what_can_be_taken_back_is_no_question(scene: tuple[Host, Journal, Path]) -> None:
    """Nobody is asked, and it has ended as after any rollback."""
    host, journal, path = scene

    def never(_: Abandoned) -> None:
        raise AssertionError

    assert abandon(journal, host, HERE, never).by_hand == ()
    assert (journal.transactions()[0].ended, path.read_text()) == ("rolled back", "# somebody's\n")
    with pytest.raises(UsageError, match="nothing to roll back"):
        abandon(journal, host, HERE, never)


def test_a_damaged_journal_is_whole_again_once_somebody_knows(scene: tuple[Host, Journal, Path]) -> None:
    """Until then rollback refuses, and says which record; then it is closed, and the next apply goes ahead."""
    host, journal, path = scene
    journal.close()
    data = journal.index.read_bytes().splitlines(keepends=True)
    data[1] = b"#" + data[1][1:]
    journal.index.write_bytes(b"".join(data))
    with pytest.raises(RollbackError, match=r"record 2 cannot be read .*nothing was changed"):
        rollback(journal, host, HERE)
    assert values(host)["net.core.somaxconn"] == "65535\n"
    found = abandon(journal, host, HERE, agreed)
    assert any("record 2" in hole for hole in found.holes)
    assert path.read_text() == "# somebody's\n"
    require_whole(journal, journal.read())
    assert (
        apply_plan(sysctl_plan("x", change("net.core.somaxconn", "65535", "70000")), host, journal, ORIGIN).txn == "2"
    )


def test_a_journal_of_which_nothing_stands_can_be_made_whole(scene: tuple[Host, Journal, Path]) -> None:
    """There is no transaction to close then."""
    host, journal, _ = scene
    rollback(journal, host, HERE)
    journal.close()
    data = journal.index.read_bytes().splitlines(keepends=True)
    journal.index.write_bytes(b"".join(data[:2] + data[3:]))
    assert abandon(journal, host, HERE, agreed).undone is None
    assert journal.read().holes == ()


def test_a_record_that_cannot_be_written_is_said(
    scene: tuple[Host, Journal, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then even this failed: exit 5."""
    host, journal, _ = scene
    shutil.rmtree(journal.pre)
    journal.close()
    full = Path("/dev/full")
    monkeypatch.setattr(journal, "append", lambda record: full.write_text(str(record)))
    with pytest.raises(RollbackError, match="could not be closed"):
        abandon(journal, host, HERE, agreed)
