"""The highest file limit that anybody has or will ask for, and what may not be written."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.trees import plant
from wstune.host.files import Root
from wstune.host.live_limits import highest_hard_nofile, unwritable


def process(hard: str) -> str:
    return f"Max open files            1024                 {hard}                files\n"


@pytest.mark.parametrize(
    ("path", "text", "highest"),
    [
        pytest.param("proc/2/limits", process("9000"), 9000, id="a process"),
        pytest.param("proc/2/limits", process("unlimited"), 5000, id="no limit, which is none to keep to"),
        pytest.param("etc/security/limits.conf", "alice hard nofile 9000\n", 9000, id="limits.conf"),
        pytest.param("etc/security/limits.d/x.conf", "@ws - nofile 9000\n", 9000, id="limits.d"),
        pytest.param("etc/security/limits.d/x.conf", "# a hard nofile 9000\na soft nofile 8000\n", 5000, id="neither"),
        pytest.param("etc/systemd/system/a.service", "[Service]\nLimitNOFILE=9000\n", 9000, id="a unit"),
        pytest.param("etc/systemd/system/a.service.d/x.conf", "LimitNOFILE=100:9000\n", 9000, id="its drop-in"),
        pytest.param("etc/systemd/system.conf", "DefaultLimitNOFILE=1024:9000\n", 9000, id="systemd itself"),
        pytest.param("etc/systemd/system/a.service", "LimitNOFILE=infinity\n", 5000, id="whatever nr_open is"),
    ],
)
def test_whoever_has_or_asks_for_the_most(tmp_path: Path, path: str, text: str, highest: int) -> None:
    """Running processes, logins and services alike."""
    plant(tmp_path, {"proc/1/limits": process("5000"), path: text})
    assert highest_hard_nofile(Root(tmp_path)) == highest


def test_where_processes_cannot_be_listed_it_is_not_known(tmp_path: Path) -> None:
    """Then nothing is lowered."""
    assert highest_hard_nofile(Root(tmp_path)) is None


def test_what_may_not_be_written(tmp_path: Path) -> None:
    """In the kernel's words; what is not there stands in nobody's way."""
    plant(tmp_path, {"proc/sys/x": "1"})
    assert unwritable(Root(tmp_path), "/proc/sys/x") == ""
    assert unwritable(Root(tmp_path), "/proc/sys/y") == ""
    (tmp_path / "proc/sys/z").mkdir()
    assert unwritable(Root(tmp_path), "/proc/sys/z") == "is a directory"
    if os.geteuid() != 0:
        (tmp_path / "proc/sys/x").chmod(0o400)
        assert unwritable(Root(tmp_path), "/proc/sys/x") == "permission denied"
