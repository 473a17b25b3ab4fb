"""What other files make of the lines that ours are to hold: what holds already, and whose line will count."""

from __future__ import annotations

import re
from dataclasses import replace

from wstune.changes import FileChange
from wstune.errors import UsageError
from wstune.host import systemd
from wstune.host.files import Root, words
from wstune.host.host import Host
from wstune.host.logins import limit_files, limits_of_process, login
from wstune.host.sysctl_files import sysctl_files
from wstune.host.units import drop_ins, manager_files, unit_files
from wstune.readiness.pam_limits import Login, login_limits
from wstune.readiness.unit_files import DEFAULT_NOFILE, Machine, written_limits
from wstune.tuning.plan_files import Bounds
from wstune.tuning.precedence import Override, limits_override, sysctl_override, unit_override

_GROUP_LINE = re.compile(r"^\s*@\S+\s+\S+\s+nofile\s", re.MULTILINE | re.IGNORECASE)


def with_overrides(file: FileChange, etc_root: str, own: str | None = None) -> FileChange:
    """The file with the lines that will not count, and why: the plan says so before anybody agrees to it.

    Args:
        own: the path by which loaders find the file in the tree, where that is not its own path: links lead to it.
    """
    own = own or "/" + file.path[len(etc_root.rstrip("/")) :].lstrip("/")
    root = Root(etc_root)
    overridden = []
    for key, value, _ in file.entries:
        found = _override(root, file.style, own, key, value)
        if found is not None and found.value.split() != value.split():
            overridden.append((key, found.source, f"{found.value} ({found.why})"))
    return replace(file, overridden=tuple(overridden))


def login_bounds(host: Host, user: str, etc_root: str, nr_open: int | None) -> Bounds:
    """What holds for a line of the user's logins.

    pam_limits starts from the limits of process 1; in an image, whose systemd does not run, from its default for them.
    """
    root = Root(etc_root)
    files, who = limit_files(root), login(root, user) or Login(user)
    start = limits_of_process(host.root, 1) if etc_root == "/" else {"nofile": DEFAULT_NOFILE}
    given = login_limits(files, who, dict(start), nr_open)
    limits = given.soft["nofile"].value or 0, given.hard["nofile"].value or 0
    # Of somebody whose groups are not known, a line for a group may count.
    sure = who.uid is not None or not any(_GROUP_LINE.search(text) for _, text in files)
    return Bounds(nr_open, limits, limits if sure else (0, 0))


def unit_bounds(etc_root: str, unit: str, nr_open: int | None) -> Bounds:
    """What holds for a line of a service, by systemd; in an image, whose systemd does not run, by its files.

    Raises UsageError where there is no systemd, or no such unit.
    """
    if etc_root != "/":
        root = Root(etc_root)
        found = unit_files(root, unit)
        files = found.files if found else drop_ins(root, unit)
        written, _ = written_limits(unit, files, manager_files(root), Machine(nr_open))
        limits: tuple[int, int] | None = (written.nofile_soft or 0, written.nofile_hard or 0)
    elif not systemd.running():
        raise UsageError("systemd does not run here, so there are no units", "name a process with --pid")
    else:
        try:
            limits = systemd.unit_limits(unit)
        except OSError as error:
            raise UsageError(words(error)) from error
    if limits is None:
        raise UsageError(f"there is no unit {unit} here", "systemctl list-units --type=service lists them")
    return Bounds(nr_open, limits, limits)


def _override(root: Root, style: str, own: str, key: str, value: str) -> Override | None:
    match style:
        case "sysctl":
            return sysctl_override(tuple(sysctl_files(root)), own, key)
        case "limits":
            return limits_override(limit_files(root), own, value, login(root, key) or Login(key))
        case _:
            unit = own.split("/")[-2].removesuffix(".d")
            return unit_override(drop_ins(root, unit), own, value, unit)
