"""The burst's guards read what the slow readers read, with nothing but os."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from wstune.host import guard
from wstune.host.files import Root
from wstune.host.memory import meminfo


def test_guards_agree_with_the_readers() -> None:
    """Memory within what changes in between, file-max exactly, descriptors to the one."""
    assert abs(guard.available_bytes() - meminfo(Root())["MemAvailable"]) < 1 << 30
    used, most = guard.file_nr()
    assert most == int(Path("/proc/sys/fs/file-max").read_text())
    assert 0 < used < most
    count = guard.open_files(os.getpid())
    assert count is None or count >= 3


def test_open_files_of_nobody_is_an_error() -> None:
    """A process that is gone has no descriptors to count."""
    with pytest.raises(FileNotFoundError):
        guard.open_files(2**22 - 1)


def test_guards_are_quick() -> None:
    """A hundred rounds of all take well under a tenth of a second: they run between waves of a burst."""
    pid = os.getpid()
    start = time.perf_counter()
    for _ in range(100):
        guard.available_bytes()
        guard.file_nr()
        guard.open_files(pid)
    assert time.perf_counter() - start < 0.1


def test_cgroup_room_counts_v1_subtrees(tmp_path: Path) -> None:
    """v1 has the subtree's inactive page cache under total_inactive_file, v2 under inactive_file; neither is 0."""
    (tmp_path / "usage").write_text("900\n")
    levels = []
    for name, text in (
        ("v1", "inactive_file 1\ntotal_inactive_file 300\n"),
        ("v2", "inactive_file 200\n"),
        ("none", ""),
    ):
        (tmp_path / name).write_text(text)
        levels.append((1000, str(tmp_path / "usage"), str(tmp_path / name)))
    assert [guard.cgroup_room((level,)) for level in levels] == [400, 300, 100]
    assert guard.cgroup_room(tuple(levels)) == 100


def test_ticks_are_those_that_the_process_has_used() -> None:
    """This process's own within a few ticks of its times; the host's used ones below all there were, and rising."""
    tick = os.sysconf("SC_CLK_TCK")
    own = guard.process_ticks([os.getpid(), 2**22 - 1])  # who is gone counts nothing
    times = os.times()
    assert abs(own - (times.user + times.system) * tick) <= 5
    used, total = guard.processor_ticks()
    assert 0 < used < total
    spent = time.process_time()
    while time.process_time() - spent < 0.2:
        pass
    assert guard.process_ticks([os.getpid()]) - own >= 10
    assert guard.processor_ticks()[0] - used >= 10


def test_guard_imports_nothing_but_os() -> None:
    """Workers are forked by the hundred: importing the guard loads no module that python has not loaded itself."""
    program = (
        "import sys; before = set(sys.modules); import wstune.host.guard; print(sorted(set(sys.modules) - before))"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout == "['__future__', 'wstune', 'wstune.host', 'wstune.host.guard']\n"
