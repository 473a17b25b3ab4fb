"""A unit as who serves, from the files of a tree."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.trees import plant
from wstune.actions.serving_unit import machine, of_unit
from wstune.errors import UsageError
from wstune.host.files import Root

UNIT = "etc/systemd/system/chat.service"
HOST = {
    "proc/sys/fs/nr_open": "1048576\n",
    "proc/sys/kernel/pid_max": "4194304\n",
    "proc/sys/kernel/threads-max": "60000\n",
    "proc/meminfo": "MemTotal:        1000 kB\n",
}


def test_its_files_and_the_process_that_runs_for_it(tmp_path: Path) -> None:
    """Drop-ins count; the first process of its control group is it; without one, that is told."""
    plant(tmp_path, {**HOST, UNIT: "[Service]\nLimitNOFILE=5000\n", f"{UNIT}.d/50-wstune.conf": "[Service]\n"
                     "LimitNOFILE=70000\n"})  # fmt: skip
    notes: list[str] = []
    limits, pid = of_unit(Root(tmp_path), "chat", notes)
    assert (limits.nofile_soft, limits.nofile_hard, limits.who, pid) == (70000, 70000, "chat.service", None)
    assert limits.source("nofile_hard") == f"/{UNIT}.d/50-wstune.conf:2"
    assert notes == ["no process of chat.service runs here: it is judged by what its files give it"]
    plant(tmp_path, {"sys/fs/cgroup/system.slice/chat.service/cgroup.procs": "812\n813\n"})
    assert of_unit(Root(tmp_path), "chat.service", [])[1] == 812


def test_a_masked_one_and_one_that_there_is_not(tmp_path: Path) -> None:
    """The first is told, the second is a usage error."""
    plant(tmp_path, HOST, {UNIT: "/dev/null"})
    notes: list[str] = []
    of_unit(Root(tmp_path), "chat", notes)
    assert notes[0] == "chat.service is masked: it cannot be started"
    with pytest.raises(UsageError, match=r"there is no unit nosuch\.service"):
        of_unit(Root(tmp_path), "nosuch", [])


def test_what_infinity_and_shares_are_relative_to(tmp_path: Path) -> None:
    """nr_open, the memory, and the least of what bounds tasks; None where it cannot be read."""
    assert machine(Root(plant(tmp_path / "host", HOST))) == (1048576, 1000 << 10, 60000)
    assert machine(Root(plant(tmp_path / "bare", {"proc/x": ""}))) == (None, None, None)
    plant(tmp_path / "host", {UNIT: "[Service]\nLimitNOFILE=infinity\nMemoryMax=50%\nTasksMax=10%\n"})
    limits, _ = of_unit(Root(tmp_path / "host"), "chat", [])
    assert (limits.nofile_hard, limits.memory, limits.tasks) == (1048576, 500 << 10, 6000)
