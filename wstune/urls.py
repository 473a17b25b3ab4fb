"""URLs as every Python reads them: urllib's own checks of brackets and blanks differ between its patch releases."""

from __future__ import annotations

import re
from ipaddress import IPv6Address
from urllib.parse import SplitResult, urlsplit

_BRACKETED = re.compile(r"\[([^\[\]%]+)(?:%[^\[\]%]+)?\](?::[^\[\]]*)?")


def split(text: str) -> SplitResult:
    """The parts of a URL with one server. Raises ValueError, also for a port that is none.

    Brackets stand around one IPv6 address, with its interface (RFC 3986 section 3.2.2, RFC 6874), and nowhere else.
    """
    _refuse_controls(text)
    authority, _ = _authority(text)
    _check(authority)
    parts = urlsplit(text)
    _ = parts.port
    return parts


def split_servers(text: str) -> tuple[list[SplitResult], SplitResult]:
    """A URL for each server of `SCHEME://A,B/PATH`, and one with the path, whose server means nothing.

    Raises ValueError as `split` does.
    """
    _refuse_controls(text)
    authority, rest = _authority(text)
    scheme = text.partition("://")[0]
    servers = [split(f"{scheme}://{server}") for server in authority.split(",")]
    return servers, urlsplit(f"{scheme}://server{rest}")


def _refuse_controls(text: str) -> None:
    """urllib takes some of them out without a word, which of them depends on its release."""
    if text != text.strip() or any(ord(letter) < 0x20 or ord(letter) == 0x7F for letter in text):
        raise ValueError("it has a control character, or a blank at an end")


def _authority(text: str) -> tuple[str, str]:
    """What is between `://` and the path, and what comes after it. Raises ValueError without `://`."""
    _, mark, rest = text.partition("://")
    if not mark:
        raise ValueError("it has no ://")
    length = next((at for at, letter in enumerate(rest) if letter in "/?#"), len(rest))
    return rest[:length], rest[length:]


def _check(authority: str) -> None:
    user, _, server = authority.rpartition("@")
    if not set("[]") & set(authority):
        return
    bracketed = _BRACKETED.fullmatch(server)
    if set("[]") & set(user) or bracketed is None:
        raise ValueError("brackets stand around one IPv6 address: [::1]:PORT")
    IPv6Address(bracketed[1])
