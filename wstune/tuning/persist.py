"""What wstune's own files say: one below sysctl.d, one below limits.d, a drop-in a service. Pure: texts in, texts out.

The first line carries a hash of all that follows, so that a hand edit is seen before it is overwritten. The comment
over a sysctl says what the machine had by itself, and the head how large it was: after a resize or an upgrade, `check`
and `status` can see a line that has come to lower a default.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass

from wstune import quoting
from wstune.printable import printable

Entry = tuple[str, str, str]
"""key, value, what it replaced: (`net.core.somaxconn`, `65535`, `4096`), (`alice`, `70000 70000`, ``)."""

SYSCTL_FILE = "sysctl.d/99-wstune.conf"
LIMITS_FILE = "security/limits.d/99-wstune.conf"
UNIT_DIRECTORY = "systemd/system/{unit}.d"
UNIT_FILE = UNIT_DIRECTORY + "/50-wstune.conf"
"""Below /etc."""

_MARK = "# Written by wstune. Do not edit: `wstune rollback` takes it back. sha256="
_HEAD = re.compile(re.escape(_MARK) + r"([0-9a-f]{64})\n")
_MACHINE = re.compile(r"^# machine: kernel=(\S*) ram_bytes=(\d+)$", re.MULTILINE)
_REPLACED = re.compile(r"^# replaced: (.*)\n-?([^\s=#]+) = (.*)$", re.MULTILINE)
_LIMIT = re.compile(r"^(\S+) soft nofile (\d+)\n\1 hard nofile (\d+)$", re.MULTILINE)
_UNIT = re.compile(r"^LimitNOFILE=(\d+):(\d+)$", re.MULTILINE)

_MODULE_KEYS = ("net.netfilter.", "net.nf_conntrack")
"""Keys that exist once a module is loaded, which at boot may be after the sysctls have been read."""


@dataclass(frozen=True, slots=True)
class Machine:
    """The machine for which values were worked out, and by what: it goes into the head of each file."""

    kernel: str
    ram_bytes: int


@dataclass(frozen=True, slots=True)
class OwnFile:
    """What a file of ours says of itself. `intact` is whether nobody has edited it since."""

    intact: bool
    machine: Machine
    entries: tuple[Entry, ...]


def comes_with_module(key: str) -> bool:
    """Whether the key may not exist yet when the sysctls are read at boot."""
    return key.startswith(_MODULE_KEYS)


def render(style: str, entries: Sequence[Entry], machine: Machine) -> str:
    """The text of a file of the given style; the same entries always give the same text.

    Raises UsageError for a key or a value that would be more than itself there.
    """
    match style:
        case "sysctl":
            lines = [line for entry in entries for line in _sysctl_lines(entry)]
        case "limits":
            lines = [
                f"{quoting.name(user, 'limits.conf')} {kind} nofile {number}"
                for user, value, _ in entries
                for kind, number in _soft_hard(value)
            ]
        case "unit":
            limits = [_soft_hard(value) for _, value, _ in entries]
            lines = ["[Service]", *(f"LimitNOFILE={soft[1]}:{hard[1]}" for soft, hard in limits)]
        case _:
            raise ValueError(f"no style {style!r}")
    body = "\n".join((f"# machine: kernel={printable(machine.kernel)} ram_bytes={machine.ram_bytes}", *lines)) + "\n"
    return f"{_MARK}{hashlib.sha256(body.encode()).hexdigest()}\n{body}"


def read_own(text: str) -> OwnFile | None:
    """What a text that `render` made says; None when it is not ours."""
    head = _HEAD.match(text)
    if not head:
        return None
    body = text[head.end() :]
    machine = _MACHINE.search(body)
    return OwnFile(
        intact=hashlib.sha256(body.encode()).hexdigest() == head[1],
        machine=Machine(machine[1], int(machine[2])) if machine else Machine("", 0),
        entries=_entries(body),
    )


def valid_name(name: str) -> bool:
    """Whether it can be a user's or a unit's name in these files: nothing that a loader reads as more than a name.

    So no wildcard, group or range of limits.conf (`*`, `%`, `@wheel`, `1000:`), no path, no space.
    """
    return re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.@\\-]*", name) is not None and ".." not in name


def _sysctl_lines(entry: Entry) -> tuple[str, str]:
    key, value, replaced = entry
    # `-`: a key that is not there (yet) is no error to either loader (sysctl.d(5)).
    prefix = "-" if comes_with_module(key) else ""
    key = quoting.word(key, "a sysctl file")
    return f"# replaced: {_shown(replaced)}", f"{prefix}{key} = {quoting.sysctl(value)}"


def _shown(text: str) -> str:
    return "\t".join(map(printable, text.split("\t")))


def _soft_hard(value: str) -> tuple[tuple[str, str], tuple[str, str]]:
    soft, hard = value.split()
    return ("soft", quoting.word(soft, "limits.conf")), ("hard", quoting.word(hard, "limits.conf"))


def _entries(body: str) -> tuple[Entry, ...]:
    sysctls = tuple((match[2], match[3], match[1]) for match in _REPLACED.finditer(body))
    limits = tuple((match[1], f"{match[2]} {match[3]}", "") for match in _LIMIT.finditer(body))
    unit = tuple(("LimitNOFILE", f"{match[1]} {match[2]}", "") for match in _UNIT.finditer(body))
    return sysctls or limits or unit
