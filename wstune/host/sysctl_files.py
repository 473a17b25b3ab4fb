"""The files that say what sysctls are at the next boot: those of sysctl.d(5), the kernel's command line, modules."""

from __future__ import annotations

import errno
import stat
from collections.abc import Iterable

from wstune.host.files import Root, printable
from wstune.readiness.next_boot import Boot
from wstune.readiness.sysctl_d import CONF, DIRECTORIES, ConfigFile, bounded, in_order

MODULE_DIRECTORIES = (
    "/etc/modules-load.d",
    "/run/modules-load.d",
    "/usr/local/lib/modules-load.d",
    "/usr/lib/modules-load.d",
)
"""Of modules-load.d(5)."""

RULES = "/etc/udev/rules.d"
"""The host's own rules, of udev(7)."""

SYSTEMD_MARKS = ("/run/systemd/system", "/usr/lib/systemd/systemd-sysctl", "/lib/systemd/systemd-sysctl")
PROCPS_MARKS = ("/etc/init.d/procps", "/etc/init.d/sysctl", "/etc/runit/2", "/etc/dinit.d/boot")
"""What is there where something else than systemd reads sysctl files at boot, by `sysctl --system`."""

COMMAND_LINE = "/proc/cmdline"
CONNTRACK = "nf_conntrack"


def boot(root: Root) -> Boot:
    """What files say of the next boot. What cannot be read is left out, or is told as such."""
    return Boot(
        loader=loader(root),
        files=tuple(sysctl_files(root)),
        command_line=_text(root, COMMAND_LINE) or "",
        early_modules=frozenset(_early_modules(root)),
    )


def loader(root: Root) -> str | None:
    """`systemd` or `procps`: which of them reads sysctl files at boot; None where it is not known."""
    init = (_text(root, "/proc/1/comm") or "").strip()
    if init == "systemd" or root.exists(SYSTEMD_MARKS[0]):
        return "systemd"
    if init:
        return "procps" if any(map(root.exists, PROCPS_MARKS)) else None
    if any(map(root.exists, SYSTEMD_MARKS)):
        return "systemd"
    return "procps" if any(map(root.exists, PROCPS_MARKS)) else None


def sysctl_files(root: Root) -> Iterable[ConfigFile]:
    """Every file that either loader would look at, in the order of their directories, and sysctl.conf.

    Those that would take too much work count as unread (sysctl_d.bounded).
    """
    return bounded(_sysctl_files(root))


def _sysctl_files(root: Root) -> Iterable[ConfigFile]:
    for directory in DIRECTORIES:
        if directory == "/lib/sysctl.d" and _is_link(root, "/lib"):
            continue  # the same as /usr/lib
        yield from conf_files(root, directory)
    conf = _file(root, CONF)
    if conf.text:
        yield conf


def conf_files(root: Root, directory: str) -> Iterable[ConfigFile]:
    """The `.conf` files of one directory, sorted by name."""
    try:
        names = root.listdir(directory)
    except OSError as error:
        if error.errno in (errno.EACCES, errno.EPERM):
            yield ConfigFile(f"{directory}/?", None)
        return
    for name in names:
        if name.endswith(".conf"):
            yield _file(root, f"{directory}/{name}")


def _file(root: Root, path: str) -> ConfigFile:
    shown = printable(path)
    try:
        return ConfigFile(shown, root.read_text(path))
    except OSError as error:
        if error.errno in (errno.EISDIR, errno.ENOENT, errno.ELOOP, errno.ENOTDIR):
            return ConfigFile(shown, "")
    # A link to /dev/null is known by its text in a captured tree, by what it leads to here.
    return ConfigFile(shown, "" if _leads_to_null(root, path) else None)


def _leads_to_null(root: Root, path: str) -> bool:
    if _is_link(root, path, "/dev/null"):
        return True
    try:
        return stat.S_ISCHR(root.stat(path).st_mode)
    except OSError:
        return False


def _early_modules(root: Root) -> Iterable[str]:
    """Modules that are there before sysctls are read: built in, or loaded by systemd-modules-load.service."""
    if root.exists(f"/sys/module/{CONNTRACK}") and not root.exists(f"/sys/module/{CONNTRACK}/initstate"):
        yield CONNTRACK  # built in: only a loaded one has a state
    for option in (_text(root, COMMAND_LINE) or "").split():
        name, _, value = option.partition("=")
        if name.replace("-", "_") == "modules_load":
            yield from value.replace("-", "_").split(",")
    for file in in_order(file for directory in MODULE_DIRECTORIES for file in conf_files(root, directory)):
        lines = (line.strip() for line in (file.text or "").splitlines())
        yield from (line.replace("-", "_") for line in lines if line and line[0] not in "#;")
    if any(_sets_on_load(text) for text in _rules(root)):
        yield CONNTRACK


def _rules(root: Root) -> Iterable[str]:
    """udev rules that the host's owner wrote."""
    try:
        names = root.listdir(RULES)
    except OSError:
        return
    yield from (_text(root, f"{RULES}/{name}") or "" for name in names if name.endswith(".rules"))


def _sets_on_load(rules: str) -> bool:
    """Whether a rule sets sysctls when conntrack is loaded, as sysctl.d(5) shows."""
    lines = (line for line in rules.splitlines() if not line.lstrip().startswith("#"))
    return any(CONNTRACK in line and "sysctl" in line for line in lines)


def _is_link(root: Root, path: str, target: str | None = None) -> bool:
    try:
        return root.readlink(path) == target or target is None
    except OSError:
        return False


def _text(root: Root, path: str) -> str | None:
    try:
        return root.read_text(path)
    except OSError:
        return None
