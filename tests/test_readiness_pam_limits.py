"""pam_limits as data: each case is files, a user and what a login gets; the real pam_limits is asked too."""

from __future__ import annotations

import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import TESTS, need
from wstune.host.files import Root
from wstune.host.logins import limits_of_process
from wstune.readiness.pam_limits import Login, LoginLimits, in_order, login_limits, session_services

CASES = sorted((TESTS / "cases" / "pam").glob("*.toml"))
BASE: dict[str, tuple[int | None, int | None]] = {"nofile": (1024, 4096), "nproc": (8000, 9000)}
NR_OPEN = 1_048_576
STARTED = (900, 1000)
"""Files of who starts the session, where the real pam_limits is asked; soft, hard."""


def case(path: Path) -> dict[str, Any]:
    return tomllib.loads(path.read_text())


def login_of(table: dict[str, Any]) -> Login:
    """root, or Debian's nobody."""
    debian = table.get("debian", True)
    if table["user"] == "root":
        return Login("root", 0, 0, frozenset({"root"}), frozenset({0}), debian)
    return Login("nobody", 65534, 65534, frozenset({"nogroup"}), frozenset({65534}), debian)


def given_by(table: dict[str, Any], base: dict[str, tuple[int | None, int | None]]) -> LoginLimits:
    files = in_order(
        [(f"/etc/security/{name}", text) for name, text in table["files"].items() if name.endswith(".conf")]
    )
    return login_limits(files, login_of(table), base, NR_OPEN)


@pytest.mark.parametrize("path", CASES, ids=lambda path: str(path.stem))
def test_cases(path: Path) -> None:
    """Each case of tests/cases/pam: the limits, the line that gives the hard one, and whether the login fails."""
    table = case(path)
    found, expected = given_by(table, BASE), table["expect"]
    for item, before in BASE.items():
        assert (found.soft[item].value, found.hard[item].value) == tuple(expected.get(item, before)), table["about"]
    assert found.hard["nofile"].source == expected.get("source", "")
    assert expected.get("refused", "") in found.refused
    assert bool(found.refused) is ("refused" in expected)


@pytest.mark.parametrize("path", CASES, ids=lambda path: str(path.stem))
def test_the_real_pam_limits_agrees(path: Path, tmp_path: Path) -> None:
    """A session of su, with these files in the place of /etc/security, gets the files that we say, on Debian."""
    need("pam")
    table = case(path)
    if not table.get("debian", True) or "debian" not in Path("/etc/os-release").read_text():
        return
    expected = given_by(table, limits_of_process(Root(), 1))
    pair = expected.soft["nofile"].value, expected.hard["nofile"].value
    if not expected.hard["nofile"].source and not expected.soft["nofile"].source:
        pair = STARTED  # those of process 1 may not be raised to; where nothing is set nothing changes either
    for name, text in table["files"].items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    stack = tmp_path / "su"
    stack.write_text(
        "auth sufficient pam_permit.so\naccount sufficient pam_permit.so\nsession required pam_limits.so\n"
    )
    script = (
        f"mount --bind {tmp_path} /etc/security && mount --bind {stack} /etc/pam.d/su && "
        f"exec prlimit --nofile={STARTED[0]}:{STARTED[1]} su {table['user']} -s /bin/sh -c 'ulimit -Sn; ulimit -Hn'"
    )
    done = subprocess.run(["unshare", "-m", "sh", "-c", script], capture_output=True, text=True, check=False)
    assert shutil.which("su")
    assert tuple(map(int, done.stdout.split())) == pair, done.stderr + table["about"]


def test_which_sessions_pass_it() -> None:
    """Services whose stack names pam_limits, or includes a file that does; a comment or another type is not enough."""
    stacks = {
        "sshd": "auth required pam_unix.so\n@include common-session\nsession required pam_limits.so\n",
        "cron": "session include common-session\n",
        "common-session": "session [success=1 default=ignore] pam_permit.so\n-session optional pam_limits.so conf=/x\n",
        "login": "# session required pam_limits.so\naccount required pam_limits.so\n",
        "loop": "session include loop\n@include missing\n",
        "su": "session  substack  cron\n",
    }
    assert session_services(stacks) == ("cron", "sshd", "su")


@given(st.lists(st.text(max_size=60), max_size=20))
def test_no_text_is_too_strange(lines: list[str]) -> None:
    """Whatever the files hold, there is an answer."""
    login_limits([("/etc/security/limits.conf", "\n".join(lines))], Login("x", 1, 1), BASE, NR_OPEN)
    session_services({"a": "\n".join(lines)})
