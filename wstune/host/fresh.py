"""What a network namespace has by itself: the kernel's own defaults, whatever this host was set to."""

from __future__ import annotations

import os
from collections.abc import Iterable

from wstune.host.child import CLONE_NEWNET, CLONE_NEWUSER, run, unshare
from wstune.host.files import Root
from wstune.host.sysctl import path_of

_SECONDS = 2.0

COPIED = ("net.ipv4.tcp_rmem", "net.ipv4.tcp_wmem", "net.ipv4.tcp_congestion_control")
"""A new namespace copies these from the initial one (net/ipv4/tcp_ipv4.c tcp_set_sysctl, tcp_sk_init)."""


def fresh_values(keys: Iterable[str], seconds: float = _SECONDS) -> dict[str, str]:
    """The texts of those keys that a new network namespace has of its own. Empty where none may be made."""
    wanted = [key for key in keys if key.startswith("net.") and key not in COPIED]
    try:
        return run(lambda: _read(wanted), seconds) if wanted else {}
    except OSError:
        return {}


def _read(keys: list[str]) -> dict[str, str]:
    """In the child. A key of mode 0444 shows the host's value, so it is left out."""
    unshare(CLONE_NEWNET if os.geteuid() == 0 else CLONE_NEWUSER | CLONE_NEWNET)
    root = Root()
    found = {}
    for key in keys:
        path = path_of(key)
        try:
            if root.stat(path).st_mode & 0o200:
                found[key] = root.read_text(path).strip()
        except OSError:
            continue
    return found
