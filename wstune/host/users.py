"""Users of this host, and becoming one."""

from __future__ import annotations

import os
import pwd
from typing import NamedTuple


class Account(NamedTuple):
    """A user."""

    name: str
    uid: int
    gid: int
    home: str


def account(name: str) -> Account | None:
    """The user of that name, from passwd or whatever nsswitch.conf says; None when there is none."""
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        return None
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid, entry.pw_dir)


def exists(name: str) -> bool:
    """Whether there is a user of that name."""
    return account(name) is not None


def become(user: Account) -> None:
    """Be that user for good: groups first, then the user id, after which there is no way back. Raises OSError."""
    if user.uid == os.getuid() == os.geteuid():
        return
    os.initgroups(user.name, user.gid)
    os.setresgid(user.gid, user.gid, user.gid)
    os.setresuid(user.uid, user.uid, user.uid)
