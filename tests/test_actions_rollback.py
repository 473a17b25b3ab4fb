"""Rolling back, up to the lock and the privilege, on a host made of files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.tuning_scene import ORIGIN, change, journal_in, make_host, sysctl_plan, values
from wstune.actions.place import here
from wstune.actions.rollback import run_rollback
from wstune.errors import LockedError, PrivilegeError, UsageError
from wstune.host.host import Host
from wstune.tuning.apply import apply_plan
from wstune.tuning.lock import locked

SOMAXCONN = change("net.core.somaxconn", "4096", "65535")


def host_of(root: Path, uid: int) -> Host:
    """A host of files on which wstune runs as that user."""
    host = make_host(root)
    status = root / "proc/self/status"
    status.parent.mkdir(exist_ok=True)
    status.write_text(f"Name:\tpython3\nUid:\t{uid}\t{uid}\t{uid}\t{uid}\n")
    return host


def applied(tmp_path: Path) -> tuple[Host, str]:
    """A host on which something was applied, and where its journal is."""
    host, journal = host_of(tmp_path / "host", 0), journal_in(tmp_path)
    apply_plan(sysctl_plan("test", SOMAXCONN), host, journal, replace(ORIGIN, here=here(host.facts())))
    journal.close()
    return host, str(journal.state_dir)


def test_the_last_one_is_taken_back_unless_named(tmp_path: Path) -> None:
    """And then there is nothing more."""
    host, state = applied(tmp_path)
    undone = run_rollback(host, state_dir=state)
    assert (undone.txn, undone.complete) == ("1", True)
    assert values(host)["net.core.somaxconn"] == "4096\n"
    with pytest.raises(UsageError, match="nothing to roll back"):
        run_rollback(host, state_dir=state)
    with pytest.raises(UsageError, match="taken back already"):
        run_rollback(host, txn="1", state_dir=state)


def test_drift_is_kept_unless_forced(tmp_path: Path) -> None:
    """Somebody else's value stays, and is told."""
    host, state = applied(tmp_path)
    host.root.write_text("/proc/sys/net/core/somaxconn", "7\n")
    assert [target for target, _ in run_rollback(host, state_dir=state).drifted] == ["net.core.somaxconn"]
    assert values(host)["net.core.somaxconn"] == "7\n"
    assert run_rollback(host, txn="1", force=True, state_dir=state).complete
    assert values(host)["net.core.somaxconn"] == "4096\n"


def test_while_another_one_is_at_work_nothing_is_done(tmp_path: Path) -> None:
    """Exit code 75, with who and since when."""
    host, state = applied(tmp_path)
    with (
        locked(state, now="05:00", command="apply million"),
        pytest.raises(LockedError, match="apply million") as caught,
    ):
        run_rollback(host, state_dir=state)
    assert caught.value.exit_code == 75
    assert values(host)["net.core.somaxconn"] == "65535\n"
    assert run_rollback(host, state_dir=state).complete


def test_without_root_nothing_is_done(tmp_path: Path) -> None:
    """Exit code 77, before the journal is looked at."""
    with pytest.raises(PrivilegeError, match="needs root"):
        run_rollback(host_of(tmp_path / "host", 1000), state_dir=str(tmp_path / "none"))


def test_where_nothing_was_ever_applied_nothing_is_made(tmp_path: Path) -> None:
    """No directory, no lock."""
    with pytest.raises(UsageError, match="nothing was ever applied here"):
        run_rollback(host_of(tmp_path / "host", 0), state_dir=str(tmp_path / "none"))
    assert not (tmp_path / "none").exists()
