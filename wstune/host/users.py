"""Users of this host."""

from __future__ import annotations

import pwd


def exists(name: str) -> bool:
    """Whether there is a user of that name (passwd, or whatever nsswitch.conf says)."""
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True
