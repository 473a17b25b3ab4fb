"""Files of our own: whole, durable, and back to the byte."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wstune.host import own_files, writing
from wstune.host.own_files import FileImage


def image(content: bytes = b"new\n", mode: int = 0o644) -> FileImage:
    return FileImage(content, mode, os.geteuid(), os.getegid(), {})


@given(st.binary(max_size=300), st.sampled_from([0o600, 0o640, 0o644, 0o755]))
def test_replaced_then_put_back_is_what_it_was(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, mode: int
) -> None:
    """Bytes, mode and extended attributes."""
    path = tmp_path_factory.mktemp("own") / "99-wstune.conf"
    path.write_bytes(content)
    path.chmod(mode)
    try:
        os.setxattr(path, "user.note", b"mine")
    except OSError:
        pass  # a file system without them
    before = own_files.capture(str(path))
    assert before is not None
    own_files.replace(str(path), image())
    assert path.read_bytes() == b"new\n"
    own_files.replace(str(path), before)
    assert own_files.capture(str(path)) == before
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


def test_modes_do_not_depend_on_the_umask(tmp_path: Path) -> None:
    """Neither wider nor narrower."""
    for umask in (0o000, 0o077):
        old = os.umask(umask)
        try:
            own_files.replace(str(tmp_path / "file"), image())
            own_files.make_directory(str(tmp_path / f"directory-{umask}"))
        finally:
            os.umask(old)
        assert (tmp_path / "file").stat().st_mode & 0o7777 == 0o644
        assert (tmp_path / f"directory-{umask}").stat().st_mode & 0o7777 == 0o755


def test_no_link_is_followed(tmp_path: Path) -> None:
    """Neither one in the file's place, nor one on the way, nor one where it used to be written first."""
    target = tmp_path / "precious"
    target.write_text("keep")
    path = tmp_path / "99-wstune.conf"
    path.symlink_to(target)
    with pytest.raises(OSError, match="symbolic link"):
        own_files.capture(str(path))
    path.unlink()
    (tmp_path / ".99-wstune.conf.wstune-new").symlink_to(target)
    own_files.replace(str(path), image())
    (tmp_path / "link").symlink_to(tmp_path)
    for act in (own_files.capture, own_files.remove, lambda place: own_files.replace(place, image())):
        with pytest.raises(OSError, match="symbolic link"):
            act(str(tmp_path / "link/99-wstune.conf"))
    assert target.read_text() == "keep"
    assert path.read_text() == "new\n"


def test_a_fifo_or_a_directory_in_its_place_is_no_file(tmp_path: Path) -> None:
    """And reading it does not hang."""
    path = tmp_path / "99-wstune.conf"
    os.mkfifo(path)
    with pytest.raises(OSError, match="not a regular file"):
        own_files.capture(str(path))


def test_the_name_it_is_written_under_first_is_read_by_no_loader() -> None:
    """systemd-sysctl, procps, pam_limits and systemd read `*.conf`, hidden ones not."""
    name = writing.temporary_name("99-wstune.conf")
    assert name.startswith(".")
    assert not name.endswith(".conf")
    assert writing.is_temporary_of("99-wstune.conf", name)
    assert not writing.is_temporary_of("wstune.conf", name)


def test_what_a_write_left_is_cleared_and_nothing_else(tmp_path: Path) -> None:
    """Also under the name that it once had; a directory, a link and another file's temporary are in nobody's way."""
    path = tmp_path / "99-wstune.conf"
    left = [".99-wstune.conf.wstune-new", writing.temporary_name(path.name)]
    for name in left:
        (tmp_path / name).write_text("half")
    other = [writing.temporary_name("98-other.conf"), ".99-wstune.conf.wstune-mine"]
    for name in other:
        (tmp_path / name).write_text("keep")
    link, directory = writing.temporary_name(path.name), writing.temporary_name(path.name)
    (tmp_path / link).symlink_to("gone")
    (tmp_path / directory).mkdir()
    own_files.replace(str(path), image())
    assert sorted(entry.name for entry in tmp_path.iterdir()) == sorted([*other, link, directory, path.name])


def test_a_relative_path_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would mean another file from elsewhere: "there is none" would be no answer."""
    monkeypatch.chdir(tmp_path)
    for act in (own_files.capture, own_files.remove, own_files.make_directory, own_files.remove_directory):
        with pytest.raises(OSError, match="not an absolute path"):
            act("etc/99-wstune.conf")


def test_a_directory_that_is_not_empty_stays(tmp_path: Path) -> None:
    """Somebody else keeps something in it."""
    (tmp_path / "unit.d").mkdir()
    (tmp_path / "unit.d/other.conf").write_text("")
    assert own_files.remove_directory(str(tmp_path / "unit.d")) is False
    (tmp_path / "unit.d/other.conf").unlink()
    assert own_files.remove_directory(str(tmp_path / "unit.d")) is True
    assert own_files.remove_directory(str(tmp_path / "unit.d")) is True
