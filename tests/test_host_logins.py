"""Who logs in: from the running host, and from captured trees."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.trees import plant
from wstune.host.files import Root
from wstune.host.logins import limit_files, login, stacks

USERS = "root:x:0:0:root:/root:/bin/sh\nchat:x:990:980::/srv:/bin/false\nbroken\nodd:x:y:z::\n"
GROUPS = "root:x:0:\nchat:x:980:\nusers:x:100:alice,chat\nbroken\nodd:x:y:chat\n"


def test_root_of_this_host() -> None:
    """root is user 0 wherever we are; nobody has no such name."""
    found = login(Root(), "root")
    assert found is not None
    assert (found.uid, found.gid) == (0, 0)
    assert 0 in found.gids
    assert login(Root(), "no-such-user") is None


@pytest.mark.parametrize(
    ("release", "debian"),
    [("ID=debian\n", True), ('ID=mint\nID_LIKE="ubuntu debian"\n', True), ("ID=fedora\n", False), ("junk", False)],
)
def test_a_user_of_a_tree(tmp_path: Path, release: str, debian: bool) -> None:
    """His numbers and groups are those of the tree's own files, and so is whether it is Debian's."""
    plant(tmp_path, {"etc/passwd": USERS, "etc/group": GROUPS, "etc/os-release": release})
    found = login(Root(tmp_path), "chat")
    assert found is not None
    assert (found.uid, found.gid, found.debian) == (990, 980, debian)
    assert set(found.groups) == {"chat", "users"}
    assert set(found.gids) == {980, 100}
    assert login(Root(tmp_path), "alice") is None
    assert login(Root(tmp_path), "odd") is None


def test_a_tree_without_users(tmp_path: Path) -> None:
    """Then anybody may be meant, of whom only the name is known; root's number is."""
    found = login(Root(tmp_path), "chat")
    assert found is not None
    assert found.uid is None
    root = login(Root(tmp_path), "root")
    assert root is not None
    assert root.uid == 0


def test_files_in_their_order(tmp_path: Path) -> None:
    """limits.conf first, then *.conf of limits.d, capitals before small letters; others are not read."""
    names = ("limits.conf", "limits.d/b.conf", "limits.d/A.conf", "limits.d/c.bak")
    plant(tmp_path, {f"etc/security/{name}": name for name in names})
    assert [path for path, _ in limit_files(Root(tmp_path))] == [
        "/etc/security/limits.conf",
        "/etc/security/limits.d/A.conf",
        "/etc/security/limits.d/b.conf",
    ]
    assert stacks(Root(tmp_path)) == {}
