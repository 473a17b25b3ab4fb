"""Which file will override a line of ours, under which loader. Pure: file names and texts in.

systemd-sysctl reads /etc, /run, /usr/local/lib, /usr/lib `sysctl.d`; of files with one name the first directory's is
read, the rest are masked; all names are sorted, and of a key's assignments the last one wins (sysctl.d(5)). procps'
`sysctl --system` does the same, and then reads /etc/sysctl.conf as well. A glob never beats a key that is named.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

SYSCTL_DIRECTORIES = ("/etc/sysctl.d", "/run/sysctl.d", "/usr/local/lib/sysctl.d", "/usr/lib/sysctl.d", "/lib/sysctl.d")
SYSCTL_CONF = "/etc/sysctl.conf"

_SWAP = str.maketrans("./", "/.")


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
    seen: dict[str, ConfigFile] = {}
    for file in files:
        if file.path != SYSCTL_CONF:
            seen.setdefault(file.name, file)
    for name in sorted(seen, reverse=True):
        if name <= ours:
            break
        if found := _assignment(seen[name], key):
            return found._replace(why=f"{name} is read after {ours}")
    conf = next((file for file in files if file.path == SYSCTL_CONF), None)
    found = _assignment(conf, key) if conf else None
    return found and found._replace(why="`sysctl --system` reads it last; systemd-sysctl does not read it")


def limits_override(files: Sequence[ConfigFile], own: str, user: str) -> Override | None:
    """The last line of limits.d that sets the user's nofile after ours does; pam_limits sorts as the C locale."""
    return _later(files, own, re.compile(rf"\s*{re.escape(user)}\s+(?:soft|hard|-)\s+nofile\s+(\S+)"))


def unit_override(files: Sequence[ConfigFile], own: str) -> Override | None:
    """The last line of a drop-in of the same unit that sets LimitNOFILE after ours does (systemd.unit(5))."""
    return _later(files, own, re.compile(r"\s*LimitNOFILE\s*=\s*(.*?)\s*$"))


def login_limits(files: Sequence[ConfigFile], user: str) -> tuple[int, int]:
    """The highest (soft, hard) nofile that limits.conf and limits.d give to the user, to everyone or to any group.

    More than one of them may count for him; none may be lowered by a line of ours.
    """
    pattern = re.compile(
        rf"^\s*(?:{re.escape(user)}|\*|[@%]\S+)\s+(soft|hard|-)\s+nofile\s+(\d{{1,18}})\s*$", re.MULTILINE
    )
    found = [(kind, int(number)) for file in files for kind, number in pattern.findall(file.text)]
    soft = max((number for kind, number in found if kind != "hard"), default=0)
    hard = max((number for kind, number in found if kind != "soft"), default=0)
    return soft, hard


def normalised(key: str) -> str:
    """A key with dots, as sysctl.d(5) reads it: if its first separator is a slash, dots and slashes change places."""
    first = next((letter for letter in key if letter in "./"), "")
    return key.translate(_SWAP) if first == "/" else key


def _assignment(file: ConfigFile, key: str) -> Override | None:
    found = None
    for number, line in enumerate(file.text.splitlines(), 1):
        name, equals, value = line.strip().partition("=")
        if not equals or name[:1] in ("#", ";"):
            continue
        if normalised(name.strip().removeprefix("-").strip()) == key:
            found = Override(f"{file.path}:{number}", value.strip(), "")
    return found


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
