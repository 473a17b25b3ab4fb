"""Sysctls: a key is a path below /proc/sys, a value what `values.parse` makes of its text."""

from __future__ import annotations

import errno

from wstune.errors import UsageError
from wstune.host.files import Root, printable, words
from wstune.model import Absence, Reading
from wstune.values import Kind, parse


def path_of(key: str) -> str:
    """`/proc/sys/…` of a key as sysctl.d(5) reads it: if its first separator is a dot, dots and slashes change places.

    So `net.ipv4.conf.eth0/1.forwarding` and `net/ipv4/conf/eth0.1/forwarding` are the same. Raises UsageError for what
    cannot be a key (empty, an empty component, `..`, a NUL).
    """
    first = next((letter for letter in key if letter in "./"), "")
    relative = key.translate(_SWAP) if first == "." else key
    if any(part in ("", ".", "..") for part in relative.split("/")) or "\0" in key or key != key.strip():
        raise UsageError(f"no sysctl key can be named {key!r}", "keys look like net.core.somaxconn")
    return f"/proc/sys/{relative}"


_SWAP = str.maketrans("./", "/.")


def read_sysctl(root: Root, key: str, kind: Kind) -> Reading:
    """The value of a key, or why there is none."""
    path = path_of(key)
    try:
        text = root.read_text(path)
    except OSError as error:
        return _absence(root, path, error)
    return parsed(path, text, kind)


def parsed(path: str, text: str, kind: Kind) -> Reading:
    """The reading of a text found at `path`."""
    try:
        return Reading(parse(kind, text))
    except ValueError as error:
        return Reading(absence=Absence.UNREADABLE, why=f"{path}: {error}")


def absence_of(path: str, error: OSError) -> Reading:
    """The reading of a file that could not be read."""
    path = printable(path)
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        return Reading(absence=Absence.ABSENT, why=f"{path} does not exist here")
    kind = Absence.DENIED if error.errno in (errno.EACCES, errno.EPERM) else Absence.UNREADABLE
    return Reading(absence=kind, why=f"{path}: {words(error)}")


def _absence(root: Root, path: str, error: OSError) -> Reading:
    reading = absence_of(path, error)
    if reading.absence is Absence.ABSENT and not root.exists("/proc/sys"):
        return Reading(absence=Absence.UNREADABLE, why=f"{path}: /proc/sys is not there at all")
    return reading


def write_sysctl(root: Root, key: str, text: str) -> None:
    """Write a key's text with one write(2).

    Raises OSError as the kernel gives it: EACCES at open or EPERM (not permitted, or a key of mode 0444), EROFS (a
    container's /proc/sys), EINVAL (out of range; the fields of a vector before the bad one are then already stored:
    kernel/sysctl.c do_proc_dointvec), ENOENT (no such key in this namespace or kernel).
    """
    root.write_text(path_of(key), text + "\n")
