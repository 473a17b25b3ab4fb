"""Which file will override a line of ours, under which loader. Pure: file names and texts in.

Which of the sysctl files' lines wins is worked out by readiness.sysctl_d.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from wstune.readiness import sysctl_d

SYSCTL_DIRECTORIES = sysctl_d.DIRECTORIES
SYSCTL_CONF = sysctl_d.CONF


class ConfigFile(NamedTuple):
    """A file that a loader reads: its path on the host, and its text ("" for one that masks others)."""

    path: str
    text: str

    @property
    def name(self) -> str:
        """The last component, by which loaders sort."""
        return self.path.rpartition("/")[2]


class Override(NamedTuple):
    """A line that comes after ours. `why` says under which loader."""

    source: str
    value: str
    why: str


def sysctl_override(files: Sequence[ConfigFile], own: str, key: str) -> Override | None:
    """The last line of another file that sets `key` after the file named `own` does; None when ours wins.

    Args:
        files: those of SYSCTL_DIRECTORIES in that order, and SYSCTL_CONF.
        own: the path of our file.
    """
    ours = own.rpartition("/")[2]
    others = (sysctl_d.ConfigFile(file.path, file.text) for file in files if file.path != own)
    read = [sysctl_d.ConfigFile(own, f"{key} ="), *others]  # as it will be, whatever is there now
    last = sysctl_d.systemd_writes(read, [key]).get(key, [])
    if last and not last[-1].source.startswith(f"{own}:"):
        name = last[-1].source.rpartition(":")[0].rpartition("/")[2]
        return Override(last[-1].source, last[-1].text, f"{name} is read after {ours}")
    last = sysctl_d.procps_writes(read, [key]).get(key, [])
    if last and not last[-1].source.startswith(f"{own}:"):
        why = "`sysctl --system` reads it last; systemd-sysctl does not read it"
        return Override(last[-1].source, last[-1].text, why)
    return None


def limits_override(files: Sequence[ConfigFile], own: str, user: str) -> Override | None:
    """The last line of limits.d that sets the user's nofile after ours does; pam_limits sorts as the C locale."""
    return _later(files, own, re.compile(rf"\s*{re.escape(user)}\s+(?:soft|hard|-)\s+nofile\s+(\S+)"))


def unit_override(files: Sequence[ConfigFile], own: str) -> Override | None:
    """The last line of a drop-in of the same unit that sets LimitNOFILE after ours does (systemd.unit(5))."""
    return _later(files, own, re.compile(r"\s*LimitNOFILE\s*=\s*(.*?)\s*$"))


class LoginLimit(NamedTuple):
    """One limit of a user's logins: what it is for sure, and what it may be, when a group's line may count for him."""

    sure: int
    floor: int


def login_limits(files: Sequence[ConfigFile], user: str, first: tuple[int, int]) -> tuple[LoginLimit, LoginLimit]:
    """(soft, hard) nofile of the user's logins, by limits.conf and limits.d in the order of `files` (limits.conf(5)).

    His own last line counts, else one for a group, else one for `*`, else what process 1 has (`first`). A group's line
    may count or not, as who is in it is not looked at.
    """
    return _login_limit(files, user, "soft", first[0]), _login_limit(files, user, "hard", first[1])


def _login_limit(files: Sequence[ConfigFile], user: str, kind: str, first: int) -> LoginLimit:
    pattern = re.compile(rf"^\s*(\S+)\s+(?:{kind}|-)\s+nofile\s+(\d{{1,18}})\s*$", re.MULTILINE)
    lines = [(who, int(number)) for file in files for who, number in pattern.findall(file.text) if who[0] != "#"]
    own = [number for who, number in lines if who == user]
    if own:
        return LoginLimit(own[-1], own[-1])
    groups = [number for who, number in lines if who[0] in "@%"]
    present = ([number for who, number in lines if who == "*" and user != "root"] or [first])[-1]
    return LoginLimit(min(present, *groups), max(present, *groups)) if groups else LoginLimit(present, present)


def _later(files: Sequence[ConfigFile], own: str, pattern: re.Pattern[str]) -> Override | None:
    ours = own.rpartition("/")[2]
    for file in sorted(files, key=lambda file: file.name, reverse=True):
        if file.name <= ours:
            break
        lines = reversed(list(enumerate(file.text.splitlines(), 1)))
        for number, match in ((number, pattern.match(line)) for number, line in lines):
            if match:
                return Override(f"{file.path}:{number}", match[1], f"{file.name} is read after {ours}")
    return None
