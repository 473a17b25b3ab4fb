"""What pam_limits(8) gives a new login: limits.conf(5) and limits.d, in their order, by its rules. Pure: texts come in.

All files are read as one text: limits.conf first, then `*.conf` of limits.d by name in the C locale. A line for the
user beats one for a group of his, and that one `*`, wherever they stand; between lines of one rank the later wins
(modules/pam_limits/pam_limits.c process_limit). A line `USER -` gives him no limits at all.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from wstune.values import UNLIMITED

ITEMS = ("nofile", "nproc")

_USER, _GROUP, _ANYBODY, _NOBODY = range(4)
_NUMBER = re.compile(r"[+]?(\d{1,19})")
_RANGE = re.compile(r"(\d*):(\d*)")


class Login(NamedTuple):
    """Who logs in. `groups`: names, `gids`: numbers of all his groups; `gid`: that of his first.

    `debian`: whether it is Debian's pam_limits: it passes over `*` and groups for root, starts from the limits of
    process 1 rather than of whoever starts the session, and lets a login go on when the kernel refuses a limit.
    """

    name: str
    uid: int | None = None
    gid: int | None = None
    groups: frozenset[str] = frozenset()
    gids: frozenset[int] = frozenset()
    debian: bool = False


class Given(NamedTuple):
    """A limit, and the `file:line` that gives it; "" where none does."""

    value: int | None
    source: str = ""


class LoginLimits(NamedTuple):
    """Soft and hard limits by item; `refused`: why a login with these fails, empty when it does not."""

    soft: dict[str, Given]
    hard: dict[str, Given]
    refused: str = ""


class _Line(NamedTuple):
    rank: int
    kind: str
    item: str
    value: str
    source: str


def login_limits(
    files: Sequence[tuple[str, str]], login: Login, base: dict[str, tuple[int | None, int | None]], nr_open: int | None
) -> LoginLimits:
    """The limits of a new session.

    Args:
        files: (path, text) in the order in which they are read: `in_order` makes it.
        base: (soft, hard) by item of process 1 on Debian, elsewhere of whoever starts the session: what stays where no
            line says otherwise.
        nr_open: what `unlimited` files are (since Linux-PAM 1.5.3; before, such a login is refused by the kernel).
    """
    started = {item: base.get(item, (None, None)) for item in ITEMS}
    untouched = LoginLimits(
        {item: Given(soft) for item, (soft, _) in started.items()},
        {item: Given(hard) for item, (_, hard) in started.items()},
    )
    soft, hard = dict(untouched.soft), dict(untouched.hard)
    ranks: dict[tuple[str, str], int] = {}
    for line in _lines(files, login):
        if line is None:
            return untouched
        value = _value(line.item, line.value, nr_open)
        if value is None:
            continue
        for name, table in (("soft", soft), ("hard", hard)):
            if line.kind in (name, "-"):
                if ranks.get((name, line.item), _NOBODY) < line.rank:
                    break  # as process_limit does: a soft limit that is passed over leaves the hard one alone too
                table[line.item] = Given(value, line.source)
                ranks[name, line.item] = line.rank
    for item in ITEMS:
        low, high = soft[item].value, hard[item].value
        if low is not None and high is not None and low > high:
            soft[item] = Given(high, hard[item].source or soft[item].source)
    return LoginLimits(soft, hard, _refused(hard["nofile"], nr_open, login.debian))


def in_order(files: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """limits.conf, then the others by the bytes of their names."""
    return sorted(files, key=lambda file: (_directory(file[0]), file[0].rpartition("/")[2].encode()))


def _directory(path: str) -> bool:
    return path.rpartition("/")[0].endswith(".d")


def _refused(hard: Given, nr_open: int | None, debian: bool) -> str:
    if hard.value is None or nr_open is None or hard.value <= nr_open or not hard.source:
        return ""
    then = "the login keeps what it had" if debian else "the login fails"
    return f"{hard.source} asks for {hard.value} files, above fs.nr_open ({nr_open}): the kernel refuses, and {then}"


def _value(item: str, text: str, nr_open: int | None) -> int | None:
    """strtoull's reading: the digits that it begins with."""
    if text in ("-1", "unlimited", "infinity"):
        return nr_open if item == "nofile" and nr_open is not None else UNLIMITED
    match = _NUMBER.match(text)
    return min(int(match[1]), UNLIMITED) if match else None


def _lines(files: Sequence[tuple[str, str]], login: Login) -> Iterator[_Line | None]:
    """The lines that count for him; None where one ends it all."""
    for path, text in files:
        for number, raw in enumerate(text.splitlines(), 1):
            fields = raw.partition("#")[0].split(None, 3)
            if len(fields) < 2:
                continue
            rank = _rank(fields[0], login)
            if rank is None:
                continue
            if len(fields) == 2 and fields[1].startswith("-"):
                if rank != _ANYBODY:
                    yield None
                continue
            if len(fields) == 4 and fields[1].lower() in ("soft", "hard", "-") and fields[2].lower() in ITEMS:
                kind, item, value = (field.lower() for field in fields[1:])
                yield _Line(rank, kind, item, value.strip(), f"{path}:{number}")


def _rank(domain: str, login: Login) -> int | None:
    """How near a domain is to him; None when it is not about him."""
    exempt = login.uid == 0 and login.debian
    if domain == login.name:
        return _USER
    if domain.startswith("@"):
        return _GROUP if not exempt and _in_group(domain[1:], login) else None
    if domain == "*":
        return None if exempt else _ANYBODY
    return _USER if ":" in domain and login.uid is not None and _within(domain, login.uid) else None


def _in_group(text: str, login: Login) -> bool:
    if ":" not in text:
        return text in login.groups
    if text.startswith(":"):
        return text[1:].isdecimal() and int(text[1:]) in login.gids
    return login.gid is not None and _within(text, login.gid)


def _within(text: str, number: int) -> bool:
    """`min:max`, `min:` or `:exactly`."""
    match = _RANGE.fullmatch(text)
    if match is None or not any(match.groups()):
        return False
    if not match[1]:
        return number == int(match[2])
    return int(match[1]) <= number and (not match[2] or number <= int(match[2]))


_SESSION = re.compile(r"-?session\s+(?:(include|substack)|\[[^\]]*\]|\S+)\s+(\S+)(.*)")
_MOST_INCLUDES = 200


def session_services(stacks: dict[str, str]) -> tuple[str, ...]:
    """Those of /etc/pam.d whose sessions pass pam_limits, files that are included followed. By name, sorted."""
    found = []
    for service in stacks:
        ahead, seen = [service], set[str]()
        while ahead and len(seen) < _MOST_INCLUDES:
            name = ahead.pop()
            if name in seen or name not in stacks:
                continue
            seen.add(name)
            if _names_it(stacks[name], ahead):
                found.append(service)
                break
    return tuple(sorted(name for name in found if not name.startswith("common-")))


def _names_it(text: str, ahead: list[str]) -> bool:
    """Whether a stack names pam_limits itself; what it includes is put ahead."""
    for raw in text.splitlines():
        line = raw.partition("#")[0].strip()
        if line.startswith("@include"):
            ahead.append(line.removeprefix("@include").strip())
            continue
        match = _SESSION.match(line)
        if match is None:
            continue
        if match[1]:
            ahead.append(match[2])
        elif match[2].rpartition("/")[2] == "pam_limits.so":
            return True
    return False
