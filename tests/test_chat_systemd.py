"""systemd's two lines: descriptors are ours only if they were meant for us; telling never fails."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from wstune.chat.systemd import listen_fds, notify


@pytest.mark.parametrize(
    ("pid", "count", "expected"),
    [("own", "2", [3, 4]), ("1", "2", []), ("own", "x", []), ("own", "", []), ("", "1", [])],
)
def test_descriptors_are_taken_if_they_are_meant_for_us(
    monkeypatch: pytest.MonkeyPatch, pid: str, count: str, expected: list[int]
) -> None:
    """LISTEN_PID must be this process; the variables are gone afterwards, so that no child takes them too."""
    monkeypatch.setenv("LISTEN_PID", str(os.getpid()) if pid == "own" else pid)
    monkeypatch.setenv("LISTEN_FDS", count)
    assert listen_fds() == expected
    assert "LISTEN_FDS" not in os.environ
    assert listen_fds() == []


def test_the_manager_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """By a path, by an abstract name, and not at all when there is nobody."""
    for address, name in (
        (str(tmp_path / "manager"), str(tmp_path / "manager")),
        (f"\0wstune-{os.getpid()}", f"@wstune-{os.getpid()}"),
    ):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            manager.bind(address)
            monkeypatch.setenv("NOTIFY_SOCKET", name)
            notify("READY=1")
            assert manager.recv(100) == b"READY=1"
    notify("READY=1")
    monkeypatch.delenv("NOTIFY_SOCKET")
    notify("READY=1")
