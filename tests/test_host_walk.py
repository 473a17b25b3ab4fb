"""The way to a file: what each step is looked at for, and where it ends."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from wstune.host.walk import Step, Way, absolute, reopen


def test_each_step_is_looked_at_with_the_directory_above_it(tmp_path: Path) -> None:
    """Links among them, before they are followed; and what the look raises ends the way."""
    (tmp_path / "a").mkdir()
    (tmp_path / "a/file").write_text("text")
    (tmp_path / "link").symlink_to("a")
    seen: list[tuple[str, str, bool]] = []

    def look(above: Step, found: Step) -> None:
        seen.append((Path(above.path).name, Path(found.path).name, found.is_link))

    with Way(str(tmp_path), look) as way:
        end = way.go("link/file").end
        fd = reopen(end, os.O_RDONLY)
        assert os.read(fd, 10) == b"text"
        os.close(fd)
        assert way.path == str(tmp_path / "a/file")
    assert seen == [(tmp_path.name, "link", True), (tmp_path.name, "a", False), ("a", "file", False)]


def test_a_name_that_changes_meanwhile_is_what_it_was(tmp_path: Path) -> None:
    """What was looked at is what is opened, whatever the name has come to stand for."""
    (tmp_path / "file").write_text("first")

    def exchange(_: Step, found: Step) -> None:
        if found.path.endswith("/file"):
            (tmp_path / "file").rename(tmp_path / "old")
            (tmp_path / "file").symlink_to("/etc/passwd")

    with Way(str(tmp_path), exchange) as way:
        fd = reopen(way.go("file").end, os.O_RDONLY)
        assert os.read(fd, 10) == b"first"
        os.close(fd)


def test_no_descriptor_is_left_open(tmp_path: Path) -> None:
    """Whatever way it went, also where that failed."""
    (tmp_path / "a/b").mkdir(parents=True)
    (tmp_path / "a/up").symlink_to("../a/b/..")
    (tmp_path / "loop").symlink_to("loop")
    before = os.open(tmp_path, os.O_PATH)
    os.close(before)
    for name in ("a/b", "a/up/b", "loop", "a/none", "a/b/../..", "/a", "a\0b", "x" * 300):
        try:
            with Way(str(tmp_path)) as way:
                way.go(name, lacking=True)
        except OSError:
            pass
    after = os.open(tmp_path, os.O_PATH)
    os.close(after)
    assert after == before


def test_a_path_from_the_top(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A relative one is below the current directory, and an empty one is none."""
    monkeypatch.chdir(tmp_path)
    assert absolute("a/../b") == f"{tmp_path}/a/../b"
    assert absolute("/a") == "/a"
    with pytest.raises(OSError, match="an empty name"):
        absolute("")
