"""What the files of a systemd unit say of its limits, by systemd.unit(5), systemd.exec(5), systemd.resource-control(5).

Pure: texts come in, in the order in which systemd takes them: the unit's own file, then its drop-ins.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from wstune.errors import UsageError
from wstune.service import Limits
from wstune.values import UNLIMITED

DIRECTORIES = (
    "/etc/systemd/system.control",
    "/run/systemd/system.control",
    "/run/systemd/transient",
    "/run/systemd/generator.early",
    "/etc/systemd/system",
    "/etc/systemd/system.attached",
    "/run/systemd/system",
    "/run/systemd/system.attached",
    "/run/systemd/generator",
    "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
    "/run/systemd/generator.late",
)
"""Where units are looked for; the first that has a name hides it in the later ones."""

DEFAULT_NOFILE = (1024, 524_288)
"""DefaultLimitNOFILE= when nobody sets it (systemd-system.conf(5), since 240)."""

_TASKS_SHARE = 15
"""DefaultTasksMax= is this much of a hundred of min(pid_max, threads-max, the root group's pids.max)."""

KINDS = ("service", "socket", "device", "mount", "automount", "swap", "target", "path", "timer", "slice", "scope")
"""The kinds of units, by which their names end (systemd.unit(5))."""

_STARTERS = ("socket", "path", "timer")
_STEM = re.compile(r"(?:[A-Za-z0-9:_.@-]|\\x[0-9a-f]{2})+")
_LONGEST_NAME = 255 - len(".d")

_SECTIONS = ("Service", "Socket", "Mount", "Swap", "Slice", "Scope")
_KEYS = ("LimitNOFILE", "LimitNPROC", "TasksMax", "MemoryMax", "MemoryLimit")
_SIZE = re.compile(r"(\d{1,19})([KMGTPE]?)")
_PERCENT = re.compile(r"(\d{1,3})(?:\.\d{1,2})?%")


class Setting(NamedTuple):
    """A line `key=value` of one of the sections that hold limits, or of [Manager]."""

    key: str
    value: str
    source: str


class Machine(NamedTuple):
    """What relative values are relative to; None where it is not known."""

    nr_open: int | None = None
    ram_bytes: int | None = None
    most_tasks: int | None = None
    """min(pid_max, threads-max, the root group's pids.max)."""


def names(unit: str, alias_of: str = "") -> tuple[str, ...]:
    """Directories of drop-ins for a unit, without `.d`, the most particular first.

    `chat-room@7.service`: itself, its template `chat-room@.service`, `chat-.service`, `service`. `alias_of`: the
    name of the unit that its file is a link to.
    """
    found = list(filter(None, (unit, alias_of)))
    for name in tuple(found):
        stem, _, kind = name.rpartition(".")
        prefix, at, instance = stem.partition("@")
        if at and instance:
            found.append(f"{prefix}@.{kind}")
        while "-" in prefix.rstrip("-"):
            prefix = prefix.rstrip("-").rpartition("-")[0] + "-"
            found.append(f"{prefix}{at}.{kind}" if at else f"{prefix}.{kind}")
            prefix = prefix[:-1]
        found.append(kind)
    return tuple(dict.fromkeys(found))


def full_name(unit: str) -> str:
    """`chat` as `chat.service`, as systemctl takes it: what ends in no kind of unit is a service."""
    return unit if unit.rpartition(".")[2] in KINDS else f"{unit}.service"


def service_name(unit: str) -> str:
    """The full name of a service whose drop-in systemd obeys. Raises UsageError for what is none."""
    name = full_name(unit)
    stem, _, kind = name.rpartition(".")
    of_drop_ins = unit.removesuffix(".d")
    if of_drop_ins != unit and of_drop_ins.rpartition(".")[2] in KINDS:
        raise UsageError(
            f"--unit {unit}: that is the directory of a unit's drop-ins, not a unit", f"name the unit: {of_drop_ins}"
        )
    if kind != "service":
        said = f"--unit {unit}: the file limit is that of a service, and systemd would not obey it in a {kind}"
        starts = f"name the service that it starts: --unit {stem}.service"
        raise UsageError(said, starts if kind in _STARTERS else "name a service, or a process with --pid")
    if not _STEM.fullmatch(stem):
        raise UsageError(f"--unit {unit}: that is no name of a unit", "systemd-escape tells how a name is written")
    if len(name) > _LONGEST_NAME:
        raise UsageError(
            f"--unit {unit[:40]}…: a name of {len(name)} letters is too long for a directory of drop-ins",
            f"at most {_LONGEST_NAME} are possible",
        )
    return name


def settings(files: Sequence[tuple[str, str]], keys: Sequence[str] = _KEYS) -> list[Setting]:
    """The lines of these keys in their order; those of other sections are left out."""
    return [
        Setting(key, value, f"{path}:{number}")
        for path, text in files
        for section, key, value, number in _lines(text)
        if key in keys and section in (*_SECTIONS, "Manager")
    ]


def written_limits(
    unit: str, files: Sequence[tuple[str, str]], manager: Sequence[tuple[str, str]], machine: Machine
) -> tuple[Limits, tuple[str, ...]]:
    """What a unit's files give it at its next start, and remarks about lines that do not count.

    Args:
        manager: system.conf and its drop-ins.
    """
    table: dict[str, int | None] = {}
    sources: dict[str, str] = {}
    remarks: list[str] = []
    soft, hard = DEFAULT_NOFILE
    _put(table, sources, "systemd's own default", nofile_soft=soft, nofile_hard=hard)
    if machine.most_tasks is not None:
        _put(table, sources, "systemd's own default", tasks=machine.most_tasks * _TASKS_SHARE // 100)
    defaults = ("DefaultLimitNOFILE", "DefaultLimitNPROC", "DefaultTasksMax")
    for setting in settings(manager, defaults):
        _take(setting, machine, table, sources, remarks)
    default = table.get("tasks"), sources.get("tasks", "")
    for setting in settings(files):
        if setting.key == "TasksMax" and not setting.value:  # back to the default, not to no limit
            _put(table, sources, default[1], tasks=default[0])
        else:
            _take(setting, machine, table, sources, remarks)
    _clamp(table, machine.nr_open, sources, remarks)
    return Limits("the unit", unit, **table, sources=tuple(sources.items())), tuple(remarks)


def _take(
    setting: Setting, machine: Machine, table: dict[str, int | None], sources: dict[str, str], remarks: list[str]
) -> None:
    """Put what a line gives into the table; a line that does not count becomes a remark."""
    try:
        found = _limits(setting.key.removeprefix("Default"), setting.value, machine)
    except ValueError as error:
        remarks.append(f"{setting.source} does not count: {error}")
        return
    _put(table, sources, setting.source, **found)


def _put(table: dict[str, int | None], sources: dict[str, str], source: str, **found: int | None) -> None:
    for field, value in found.items():
        table[field] = value
        sources[field] = source


def _clamp(table: dict[str, int | None], nr_open: int | None, sources: Mapping[str, str], remarks: list[str]) -> None:
    """systemd sets the closest that the kernel takes: setrlimit_closest (src/basic/rlimit-util.c)."""
    hard = table.get("nofile_hard")
    if hard is None or nr_open is None or hard <= nr_open:
        return
    if sources["nofile_hard"] != "systemd's own default":
        remarks.append(f"{sources['nofile_hard']} asks for {hard} files: fs.nr_open allows {nr_open}")
    table["nofile_hard"] = nr_open
    table["nofile_soft"] = min(table.get("nofile_soft") or 0, nr_open)


def _limits(key: str, text: str, machine: Machine) -> dict[str, int | None]:
    """The fields of Limits that a setting gives. Raises ValueError for what systemd passes over."""
    match key:
        case "LimitNOFILE":
            most = machine.nr_open if machine.nr_open is not None else UNLIMITED
            soft, hard = _pair(text, most)
            return {"nofile_soft": soft, "nofile_hard": hard}
        case "LimitNPROC":
            return {"nproc": _pair(text, UNLIMITED)[0]}
        case "TasksMax":
            return {"tasks": _amount(text, machine.most_tasks)}
        case _:
            return {"memory": _amount(text, machine.ram_bytes)}


def _pair(text: str, infinity: int) -> tuple[int, int]:
    """`N`, `infinity`, or `SOFT:HARD`."""
    first, colon, second = text.partition(":")
    soft, hard = (_plain(part.strip(), infinity) for part in (first, second if colon else first))
    if soft > hard:
        raise ValueError(f"its soft limit is above its hard one: {text}")
    return soft, hard


def _plain(text: str, infinity: int) -> int:
    if text == "infinity":
        return infinity
    if not (text.isascii() and text.isdecimal() and len(text) < 20):
        raise ValueError(f"got {text[:40]!r}, expected a number or infinity")
    return int(text)


def _amount(text: str, whole: int | None) -> int | None:
    """A number with a suffix of powers of 1024, a share of the whole, or no limit; empty goes back to no limit."""
    if text in ("", "infinity"):
        return UNLIMITED
    if percent := _PERCENT.fullmatch(text):
        return None if whole is None else whole * int(percent[1]) // 100
    if size := _SIZE.fullmatch(text):
        return int(size[1]) << 10 * " KMGTPE".index(size[2] or " ")
    raise ValueError(f"got {text[:40]!r}, expected a size, a share or infinity")


def _lines(text: str) -> Iterator[tuple[str, str, str, int]]:
    """(section, key, value, line number of its first line); lines that end in a backslash go on."""
    section, held, began = "", "", 0
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.strip()
        if line.startswith(("#", ";")) or (not line and not held):
            continue
        began = began or number
        if line.endswith("\\"):
            held += line[:-1] + " "
            continue
        whole, first, held, began = (held + line).strip(), began, "", 0
        if whole.startswith("[") and whole.endswith("]"):
            section = whole[1:-1]
            continue
        key, equals, value = whole.partition("=")
        if equals:
            yield section, key.strip(), value.strip(), first


def differs(written: Limits, other: Limits) -> tuple[str, ...]:
    """The fields that both know and that are not the same."""
    fields = ("nofile_soft", "nofile_hard", "nproc", "tasks", "memory")
    pairs = ((field, getattr(written, field), getattr(other, field)) for field in fields)
    return tuple(field for field, a, b in pairs if a is not None and b is not None and a != b)
