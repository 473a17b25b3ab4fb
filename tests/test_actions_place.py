"""Where this wstune is."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.tuning_scene import FACTS
from wstune.actions.apply import ApplyOptions
from wstune.actions.place import etc_path, etc_tree, here
from wstune.errors import UsageError
from wstune.host import namespaces
from wstune.host.host import Host
from wstune.tuning.chain import belongs


def test_the_boot_and_the_namespace_of_the_facts() -> None:
    """And the cookie of this process's own, which no other namespace has."""
    place = here(FACTS)
    assert (place.boot_id, place.netns, place.initial) == ("boot-1", 4026531840, True)
    assert place.cookie == namespaces.cookie()


def test_twice_here_is_the_same_place() -> None:
    """What was made by one wstune belongs to the next one at the same place."""
    one, two = (here(Host().facts()) for _ in range(2))
    assert one == two
    assert belongs(one, two)
    assert not belongs(one._replace(netns=1), two)


def test_a_tree_is_named_by_a_path_that_means_the_same_everywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Relative names, `.`, `..` and links are resolved at once: the journal keeps what came of it."""
    (tmp_path / "root").mkdir()
    (tmp_path / "link").symlink_to("root")
    monkeypatch.chdir(tmp_path)
    for name in ("root", "./root/", "root/../root", "link", str(tmp_path / "link/.")):
        assert etc_tree(name) == str(tmp_path / "root")
        assert ApplyOptions("x", etc_root=name).etc_root == str(tmp_path / "root")
    for name in ("/", "//", "/../", "/."):
        assert etc_tree(name) == "/"


@pytest.mark.parametrize("name", ["", "missing", "missing/a/b", "file", "x\0y", "loop"])
def test_what_is_no_tree_is_wrong_usage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """An unset variable is not the live /etc, and a typing error makes no tree."""
    (tmp_path / "file").write_text("")
    (tmp_path / "loop").symlink_to("loop")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError) as caught:
        etc_tree(name)
    assert caught.value.tip
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "loop"]


@pytest.mark.root
def test_no_tree_below_what_others_may_write(tmp_path: Path) -> None:
    """Neither the tree itself nor its /etc, nor a stranger's link in it."""
    (tmp_path / "etc/sysctl.d").mkdir(parents=True)
    tmp_path.chmod(0o777)
    with pytest.raises(UsageError, match="can be written by everyone"):
        etc_path(str(tmp_path), "sysctl.d/99-wstune.conf")
    assert etc_tree(str(tmp_path), ask=False) == str(tmp_path)
    tmp_path.chmod(0o755)
    (tmp_path / "etc/security").symlink_to("sysctl.d")
    assert etc_path(str(tmp_path), "security/x.conf") == str(tmp_path / "etc/sysctl.d/x.conf")
    os.chown(tmp_path / "etc/security", 65534, 65534, follow_symlinks=False)
    with pytest.raises(UsageError, match="is a link of user 65534"):
        etc_path(str(tmp_path), "security/x.conf")
