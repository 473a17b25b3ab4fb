"""Whose files root obeys."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from wstune.errors import UsageError
from wstune.host.trust import require_trusted, trusted_users, weak_spot

pytestmark = pytest.mark.root


@pytest.fixture
def profile(tmp_path: Path) -> Path:
    path = tmp_path / "dir" / "mine.toml"
    path.parent.mkdir()
    path.write_text("schema = 1\n")
    path.chmod(0o644)
    return path


def test_what_only_root_may_write_is_obeyed(profile: Path) -> None:
    """The sticky /tmp above it does not matter."""
    require_trusted(str(profile))
    assert weak_spot(str(profile)) == ""


@pytest.mark.parametrize("mode", [0o646, 0o666, 0o602])
def test_a_file_that_everyone_may_write_is_not(profile: Path, mode: int) -> None:
    """And it is said which and why."""
    profile.chmod(mode)
    with pytest.raises(UsageError, match=r"mine\.toml can be written by everyone"):
        require_trusted(str(profile))


def test_nor_one_in_a_directory_that_others_may_write(profile: Path) -> None:
    """Whoever may write the directory may put another file there."""
    profile.parent.chmod(0o777)
    with pytest.raises(UsageError, match="dir can be written by everyone"):
        require_trusted(str(profile))
    profile.parent.chmod(0o1777)  # sticky: only the owner may take it away
    require_trusted(str(profile))


def test_nor_one_that_a_group_may_write_or_that_belongs_to_another(profile: Path) -> None:
    """Unless that is root's group, or whoever called sudo."""
    os.chown(profile, 0, 12345)
    profile.chmod(0o664)
    with pytest.raises(UsageError, match="group 12345"):
        require_trusted(str(profile))
    os.chown(profile, 12345, 0)
    profile.chmod(0o644)
    with pytest.raises(UsageError, match="belongs to user 12345"):
        require_trusted(str(profile))


def test_the_user_behind_sudo_counts_as_oneself(profile: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`sudo wstune apply ./mine.toml` works."""
    os.chown(profile, 12345, 0)
    monkeypatch.setenv("SUDO_UID", "12345")
    require_trusted(str(profile))
    monkeypatch.setenv("SUDO_UID", "nonsense")
    assert trusted_users() == {0}


def test_a_link_is_looked_through_to_the_place_it_leads_to(profile: Path, tmp_path: Path) -> None:
    """Where a link is allowed at all."""
    link = tmp_path / "link.toml"
    link.symlink_to(profile)
    require_trusted(str(link), link=True)
    with pytest.raises(UsageError, match="not a regular file"):
        require_trusted(str(link))
    profile.parent.chmod(0o777)
    with pytest.raises(UsageError, match="dir can be written by everyone"):
        require_trusted(str(link), link=True)
