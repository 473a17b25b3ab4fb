"""What can be the name or the address of a machine: asked once, where it is typed. Pure."""

from __future__ import annotations

import re
from ipaddress import ip_address

_LONGEST = 253
"""Letters of a name (RFC 1035 section 2.3.4, less the length bytes)."""
_NAME = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_.])?", re.ASCII)
_LINK = re.compile(r"[A-Za-z0-9_.-]{1,15}", re.ASCII)
"""Of an interface: IFNAMSIZ less one (linux/if.h)."""


def is_host(text: str) -> bool:
    """Whether this can be resolved at all: an address, with its interface or without, or a name in labels of 63."""
    bare, percent, link = text.partition("%")
    if percent and not _LINK.fullmatch(link):
        return False
    try:
        ip_address(bare)
    except ValueError:
        return not percent and _is_name(bare)
    return True


def _is_name(text: str) -> bool:
    if not 0 < len(text) <= _LONGEST:
        return False
    try:
        name = text.encode("idna").decode("ascii")  # what getaddrinfo and asyncssh make of it
    except UnicodeError:
        return False
    return len(name) <= _LONGEST and _NAME.fullmatch(name) is not None
