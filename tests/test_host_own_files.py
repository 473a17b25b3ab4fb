"""Files of our own: whole, durable, and back to the byte."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wstune.host import own_files
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
    """Neither one in the file's place nor one where it is written first."""
    target = tmp_path / "precious"
    target.write_text("keep")
    path = tmp_path / "99-wstune.conf"
    path.symlink_to(target)
    with pytest.raises(OSError, match="symbolic link"):
        own_files.capture(str(path))
    path.unlink()
    Path(own_files.temporary_of(str(path))).symlink_to(target)
    own_files.replace(str(path), image())
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
    name = Path(own_files.temporary_of("/etc/sysctl.d/99-wstune.conf")).name
    assert name.startswith(".")
    assert not name.endswith(".conf")


def test_a_directory_that_is_not_empty_stays(tmp_path: Path) -> None:
    """Somebody else keeps something in it."""
    (tmp_path / "unit.d").mkdir()
    (tmp_path / "unit.d/other.conf").write_text("")
    assert own_files.remove_directory(str(tmp_path / "unit.d")) is False
    (tmp_path / "unit.d/other.conf").unlink()
    assert own_files.remove_directory(str(tmp_path / "unit.d")) is True
    assert own_files.remove_directory(str(tmp_path / "unit.d")) is True
