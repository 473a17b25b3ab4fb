"""Of a host's configuration what a capture takes along: the lines that say what limits will be, and who sets them.

Such files may hold anything, and be links to anything, so that every other line is replaced; the wanted ones keep
their numbers.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from fnmatch import fnmatchcase
from functools import partial

from wstune.errors import UsageError
from wstune.host import managers, sysctl_files
from wstune.host.files import Root
from wstune.host.sysctl import path_of
from wstune.readiness.managers import shell_value
from wstune.readiness.sysctl_d import CONF, DIRECTORIES

Keep = Callable[[str], str]
"""What is kept of a file's text."""

LIMITS_DIRECTORY = "/etc/security/limits.d"
LIMITS_CONF = "/etc/security/limits.conf"

SECRET = ("fastopen_key", "stable_secret")
"""How the names of sysctls end that are keys: who knows them can forge what they protect (ip-sysctl.rst)."""

_SECRET_NAMES = ("tcp_fastopen_key", "stable_secret")
_GLOB = "*?["
_BRACKETS = re.compile(r"\[[^\]]*\]?")
_SEPARATORS = re.compile(r"[./]")
_NUMBERS = re.compile(r"[\s\d\"']*", re.ASCII)
_LIMITS = ("nofile", "nproc")
_WITHHELD = "# withheld by wstune capture"


def files(root: Root, sysctls: frozenset[str]) -> Iterable[tuple[str, Keep]]:
    """(path, what of its text is kept). `sysctls`: the paths below /proc/sys that are captured."""
    sets = partial(_assigns, sysctls)
    sysctl_lines = partial(kept_lines, sets)
    for path in (CONF, *_configuration(root, DIRECTORIES)):
        yield path, sysctl_lines
    for path in (LIMITS_CONF, *_configuration(root, (LIMITS_DIRECTORY,))):
        yield path, partial(kept_lines, _limits)
    yield sysctl_files.COMMAND_LINE, partial(_options, sysctls)
    for path in _configuration(root, sysctl_files.MODULE_DIRECTORIES):
        yield path, partial(kept_lines, lambda line: line.strip().replace("-", "_") == sysctl_files.CONNTRACK)
    for path in _configuration(root, (sysctl_files.RULES,), ".rules"):
        yield path, partial(kept_lines, lambda line: sysctl_files.CONNTRACK in line and "sysctl" in line)
    for path in (*sysctl_files.PROCPS_MARKS, *managers.KUBELET[1:], *managers.KUBE_PROXY):
        yield path, lambda text: ""  # that it is there is what counts
    yield from _of_managers(root, sysctl_lines, sets)


def links(root: Root) -> Iterable[str]:
    """Links whose text counts: masks, and services that start at boot."""
    for path in _configuration(root, (*DIRECTORIES, LIMITS_DIRECTORY)):
        if _is_link(root, path, "/dev/null"):
            yield path
    for service in managers.SERVICES:
        if unit := managers.enabled(root, service):
            yield unit


def kept_lines(is_wanted: Callable[[str], bool], text: str) -> str:
    """The text with every line that is not wanted replaced, but for empty ones."""
    return "".join(
        f"{line if not line.strip() or (is_wanted(line) and not tells_secret(line)) else _WITHHELD}\n"
        for line in text.splitlines()
    )


def tells_secret(line: str) -> bool:
    """Whether a line gives a value to a key that is a secret, however it is written, or by a glob may do so.

    With a glob, numbers are no secret: both secrets have other characters between their digits.
    """
    key, equals, value = line.partition("=")
    if any(name in line.lower() for name in SECRET) and equals:
        return True
    if not any(letter in key for letter in _GLOB) or not equals:
        return False
    plain = _BRACKETS.sub("?", key.replace("\\", "")).strip("\"' \t-").lower()
    parts = _SEPARATORS.split(plain)
    may = fnmatchcase("net", parts[0]) and any(fnmatchcase(name, parts[-1]) for name in _SECRET_NAMES)
    return may and not _NUMBERS.fullmatch(value)


def _of_managers(root: Root, sysctl_lines: Keep, sets: Callable[[str], bool]) -> Iterable[tuple[str, Keep]]:
    yield managers.UFW, partial(kept_lines, _starting("ENABLED="))
    yield managers.UFW_DEFAULTS, partial(kept_lines, _starting("IPT_SYSCTL="))
    named = shell_value(managers.text_of(root, managers.UFW_DEFAULTS) or "", "IPT_SYSCTL")
    yield named or managers.UFW_SYSCTLS, sysctl_lines
    yield managers.TUNED, str
    yield managers.TUNED_MAIN, partial(kept_lines, _starting("reapply_sysctl"))
    sections = partial(kept_lines, lambda line: line.strip().startswith(("[", "include", "type")) or sets(line))
    for path in managers.tuned_files(root):
        yield path, sections
    for path in managers.SAPTUNE:
        yield path, partial(kept_lines, _starting("NOTE_APPLY_ORDER="))
    for path in managers.saptune_files(root):
        yield path, partial(kept_lines, lambda line: line.strip().startswith("[") or sets(line))
    yield managers.KUBELET[0], partial(kept_lines, _starting("protectKernelDefaults:"))


def _configuration(root: Root, directories: Iterable[str], suffix: str = ".conf") -> Iterable[str]:
    for directory in directories:
        if directory.startswith("/lib/") and _is_link(root, "/lib"):
            continue  # the same as /usr/lib
        try:
            names = root.listdir(directory)
        except OSError:
            continue
        yield from (f"{directory}/{name}" for name in names if name.endswith(suffix))


def _is_link(root: Root, path: str, target: str | None = None) -> bool:
    """Whether a path's last component is a link, to `target` if given."""
    try:
        return root.readlink(path) == target or target is None
    except OSError:
        return False


def _starting(*starts: str) -> Callable[[str], bool]:
    return lambda line: line.strip().startswith(starts)


def _options(paths: frozenset[str], text: str) -> str:
    """Of the kernel's command line, which may hold passwords, only what sets the sysctls that are captured, and loads
    modules."""
    return " ".join(option for option in text.split() if _is_wanted_option(paths, option)) + "\n"


def _is_wanted_option(paths: frozenset[str], option: str) -> bool:
    if option.startswith(("modules_load=", "modules-load=")):
        return True
    setting = option.removeprefix("sysctl.").removeprefix("sysctl/")  # the kernel takes both (proc_sysctl.c)
    return setting != option and not set(_GLOB) & set(setting.partition("=")[0]) and _assigns(paths, setting)


def _assigns(paths: frozenset[str], line: str) -> bool:
    """Whether a line of sysctl.d(5) sets, or excludes, or with a glob may do so, one of the keys that were captured."""
    key, equals, _ = line.partition("=")
    excludes = not equals and key.lstrip().startswith("-")
    key = key.strip().removeprefix("-").strip()
    if any(letter in key for letter in _GLOB):
        return bool(equals or excludes) and key.replace("/", ".").startswith(("fs.", "kernel.", "net.", "vm.", "*"))
    try:
        return path_of(key) in paths or path_of(key) in _OTHER_NAMES
    except UsageError:
        return False


_OTHER_NAMES = ("/proc/sys/net/nf_conntrack_max",)


def _limits(line: str) -> bool:
    """Whether a line of limits.conf(5), `domain type item value`, limits what was captured."""
    fields = line.split()
    return len(fields) >= 4 and fields[2] in _LIMITS and not line.lstrip().startswith("#")
