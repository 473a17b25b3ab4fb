"""What other files make of our lines, looked up in a tree."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.trees import plant
from tests.tuning_scene import make_host
from wstune.actions.overrides import login_bounds, unit_bounds, with_overrides
from wstune.changes import FileChange
from wstune.tuning.plan_files import Bounds

SYSTEMD = (1024, 524288)
USERS = "alice:x:1000:1000::/:/bin/sh\n"
GROUP = "alice:x:1000:\nws:x:50:alice\n"
LIMITS = """
*     hard nofile 3000
@ws   -    nofile 2000
bob   -    nofile 999999
# alice hard nofile 88888
alice hard nproc 77777
"""


def file(tree: Path, style: str, name: str, *entries: tuple[str, str]) -> FileChange:
    """A file of ours that is to be written in the tree."""
    return FileChange(style, f"{tree}/etc/{name}", None, "", tuple((key, value, "") for key, value in entries), "then")


@pytest.mark.parametrize(
    ("style", "name", "entry", "theirs", "text", "expected"),
    [
        pytest.param(
            "sysctl", "sysctl.d/99-wstune.conf", ("net.core.somaxconn", "65535"),
            "usr/lib/sysctl.d/99-z.conf", "net.core.somaxconn = 128\n",
            ("/usr/lib/sysctl.d/99-z.conf:1", "128 (99-z.conf is read after 99-wstune.conf)"),
            id="a sysctl",
        ),
        pytest.param(
            "limits", "security/limits.d/99-wstune.conf", ("alice", "70000 70000"),
            "etc/security/limits.d/zz.conf", "alice - nofile 5\n",
            ("/etc/security/limits.d/zz.conf:1", "5 5 (it is read after 99-wstune.conf)"),
            id="a login",
        ),
        pytest.param(
            "unit", "systemd/system/chat.service.d/50-wstune.conf", ("LimitNOFILE", "70000 70000"),
            "usr/lib/systemd/system/service.d/60-all.conf", "[Service]\nLimitNOFILE=10:20\n",
            ("/usr/lib/systemd/system/service.d/60-all.conf:2", "10 20 (60-all.conf is read after 50-wstune.conf)"),
            id="a service",
        ),
    ],
)  # fmt: skip
def test_a_later_file_is_told(
    tmp_path: Path, style: str, name: str, entry: tuple[str, str], theirs: str, text: str, expected: tuple[str, str]
) -> None:
    """With its line and what it sets; unless it sets the same."""
    ours = file(tmp_path, style, name, entry)
    assert with_overrides(ours, str(tmp_path)).overridden == ()
    plant(tmp_path, {theirs: text, "etc/passwd": USERS, "etc/group": GROUP})
    assert with_overrides(ours, str(tmp_path)).overridden == ((entry[0], *expected),)
    same = text.replace("128", "65535").replace("10:20", "70000").replace(" 5", " 70000")
    plant(tmp_path, {theirs: same})
    assert with_overrides(ours, str(tmp_path)).overridden == ()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("", SYSTEMD, id="what systemd gives"),
        pytest.param("* soft nofile 5", (5, 524288), id="everyone's"),
        pytest.param(LIMITS, (2000, 2000), id="his group's"),
        pytest.param(LIMITS + "alice soft nofile 100", (100, 2000), id="his own"),
        pytest.param("alice - nofile 7\nalice - nofile 9\n@ws - nofile 5", (9, 9), id="his own last one"),
        pytest.param("alice - nofile unlimited", (1048576, 1048576), id="no limit is nr_open"),
    ],
)
def test_what_holds_for_a_users_logins(tmp_path: Path, text: str, expected: tuple[int, int]) -> None:
    """By limits.conf(5), of a user whose groups are known."""
    plant(tmp_path, {"etc/passwd": USERS, "etc/group": GROUP, "etc/security/limits.conf": text})
    host = make_host(tmp_path / "host")
    assert login_bounds(host, "alice", str(tmp_path), 1048576) == Bounds(1048576, expected, expected)


def test_of_a_user_whose_groups_are_not_known_nothing_is_sure(tmp_path: Path) -> None:
    """A line for a group may be about him; without one, what there is counts."""
    host = make_host(tmp_path / "host")
    plant(tmp_path, {"etc/security/limits.conf": LIMITS})
    assert login_bounds(host, "alice", str(tmp_path), None) == Bounds(None, (1024, 3000), (0, 0))
    plant(tmp_path, {"etc/security/limits.conf": "* hard nofile 3000\n"})
    assert login_bounds(host, "alice", str(tmp_path), None) == Bounds(None, (1024, 3000), (1024, 3000))


def test_what_holds_for_a_service_of_an_image(tmp_path: Path) -> None:
    """By its own file and its drop-ins, also where it has no file yet; so that nothing of it is lowered."""
    image = str(tmp_path)
    assert unit_bounds(image, "chat.service", 1048576).floor == SYSTEMD
    plant(tmp_path, {"etc/systemd/system/chat.service.d/50-wstune.conf": "[Service]\nLimitNOFILE=70000\n"})
    assert unit_bounds(image, "chat.service", 1048576).sure == (70000, 70000)
    plant(tmp_path, {"usr/lib/systemd/system/web.service": "[Service]\nLimitNOFILE=900000\n"})
    assert unit_bounds(image, "web.service", 1048576).floor == (900000, 900000)
    plant(tmp_path, {"usr/lib/systemd/system/db.service": "[Service]\nLimitNOFILE=infinity\n"})
    assert unit_bounds(image, "db.service", 1048576).floor == (1048576, 1048576)
