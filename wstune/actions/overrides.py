"""Which lines of our files another file will override: the plan says so before anybody agrees to it."""

from __future__ import annotations

from dataclasses import replace

from wstune.host import rlimits
from wstune.host.config_files import conf_files
from wstune.host.files import Root
from wstune.host.host import Host
from wstune.model import FileChange
from wstune.tuning.plan_files import Bounds
from wstune.tuning.precedence import (
    SYSCTL_CONF,
    SYSCTL_DIRECTORIES,
    ConfigFile,
    Override,
    limits_override,
    login_limits,
    sysctl_override,
    unit_override,
)

LIMITS_PLACES = ("/etc/security/limits.conf", "/etc/security/limits.d")

SYSTEMD_DEFAULT = (1024, 524288)
"""DefaultLimitNOFILE of systemd ≥ 240 (systemd-system.conf(5))."""


def with_overrides(file: FileChange, etc_root: str) -> FileChange:
    """The file with the lines that will not count, and why."""
    root = Root(etc_root)
    own = "/" + file.path[len(etc_root.rstrip("/")) :].lstrip("/")
    directory = own.rpartition("/")[0]
    places = (*SYSCTL_DIRECTORIES, SYSCTL_CONF) if file.style == "sysctl" else (directory,)
    others = [ConfigFile(path, text) for path, text in conf_files(root, places)]
    overridden = []
    for key, value, _ in file.entries:
        found = _override(file.style, others, own, key)
        if found is not None and found.value.split() != value.split():
            overridden.append((key, found.source, f"{found.value} ({found.why})"))
    return replace(file, overridden=tuple(overridden))


def login_bounds(host: Host, user: str, etc_root: str, nr_open: int | None) -> Bounds:
    """What holds for a line of the user's logins.

    pam_limits starts from the limits of process 1; in an image, whose systemd does not run, from its default for them.
    """
    files = [ConfigFile(*pair) for pair in conf_files(Root(etc_root), LIMITS_PLACES)]
    first = rlimits.nofile(host.root, 1) if etc_root == "/" else SYSTEMD_DEFAULT
    soft, hard = login_limits(files, user, first if isinstance(first, tuple) else (0, 0))
    return Bounds(nr_open, (soft.floor, hard.floor), (soft.sure, hard.sure))


def _override(style: str, others: list[ConfigFile], own: str, key: str) -> Override | None:
    if style == "sysctl":
        return sysctl_override(others, own, key)
    return limits_override(others, own, key) if style == "limits" else unit_override(others, own)
