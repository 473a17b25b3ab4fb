"""What a host uses of its limits, or will ask for: what a lower value must not go below."""

from __future__ import annotations

import os
import re
from typing import assert_never

from wstune.host.files import Root, words
from wstune.host.rlimits import nofile
from wstune.host.usage import read_usage
from wstune.model import Reading
from wstune.tunable import InUse
from wstune.values import UNLIMITED

_ASKED = re.compile(
    r"^\s*(?:[^\s#]+\s+(?:hard|-)\s+nofile\s+|(?:Default)?LimitNOFILE\s*=\s*(?:[^\s:]+:)?)(\d{1,18})\s*$", re.MULTILINE
)
"""A line of limits.conf(5) or of a unit that asks for a hard limit; `infinity` asks for whatever nr_open is."""

_PLACES = ("/etc/security/limits.conf", "/etc/security/limits.d", "/etc/systemd/system.conf", "/etc/systemd/system")


def in_use(root: Root, what: InUse) -> int | None:
    """What the host uses of a limit, or may come to use; None where it cannot be read."""
    match what:
        case InUse.HARD_NOFILE:
            return highest_hard_nofile(root)
        case InUse.FILES:
            return read_usage(root).files_allocated
        case _:
            assert_never(what)


def highest_hard_nofile(root: Root) -> int | None:
    """The highest hard nofile of any process, limits.conf line or unit below /etc; None when /proc cannot be listed.

    Reads /proc/PID/limits of every process, 10 µs each: for apply and rollback, not for check.
    """
    try:
        pids = [int(name) for name in root.listdir("/proc") if name.isdecimal()]
    except OSError:
        return None
    limits = [nofile(root, pid) for pid in pids]
    live = [hard for _, hard in (limit for limit in limits if not isinstance(limit, Reading)) if hard < UNLIMITED]
    asked = [int(number) for place in _PLACES for number in _ASKED.findall(_texts(root, place))]
    return max(live + asked, default=None)


def _texts(root: Root, place: str) -> str:
    """The text of a file, or of all `.conf` files below a directory, two levels deep; unreadable ones are left out."""
    try:
        names = [f"{place}/{name}" for name in root.listdir(place)]
    except NotADirectoryError:
        names = [place]
    except OSError:
        return ""
    texts = []
    for name in names:
        if name.endswith(".d") and name != place:
            texts.append(_texts(root, name))
        elif name.endswith((".conf", ".service")):
            try:
                texts.append(root.read_text(name))
            except OSError:
                continue
    return "\n".join(texts)


def unwritable(root: Root, path: str) -> str:
    """Why a file may not be written by this process, in the kernel's words; "" when it may, or is not there.

    Opening for writing changes nothing, and asks both the mount (EROFS) and the key's own mode, which for a sysctl
    binds root too (fs/proc/proc_sysctl.c test_perm).
    """
    try:
        os.close(root.open(path, os.O_WRONLY))
    except FileNotFoundError:
        return ""
    except OSError as error:
        return words(error).lower()
    return ""
