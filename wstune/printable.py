"""Text of others, fit to be shown: no character in it steers a terminal, breaks a line or turns the reading order."""

from __future__ import annotations

import re

CONTROLS = (
    "\x00-\x1f\x7f-\x9f"  # C0 with ESC, newline and tab; DEL; C1 with CSI and NEL
    "\u2028\u2029"  # line and paragraph separator: new lines for some readers
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # bidirectional marks, embeddings, overrides and isolates
    "\ufeff\ufff9-\ufffb\ufffe\uffff"  # byte order mark, annotations, what is no character
    "\U000e0000-\U000e007f"  # tags, which nobody sees
    "\ud800-\udfff"  # half of a surrogate pair: cannot be written as UTF-8
)
"""A set of characters, as the inside of a regular expression's brackets."""

_STEERING = re.compile(f"[{CONTROLS}]")
_LINES = re.compile(f"(?![\n\t])[{CONTROLS}]")
_OURS = re.compile(f"(\x1b\\[[0-9;]{{0,8}}m)|(?![\n\t])[{CONTROLS}]")
"""Colour, new lines and tabs are a report's own."""


def printable(text: str) -> str:
    r"""The text with every control character spelled out as in Python (`\x1b`, `\n`, `\u202e`); all else as it is."""
    return _STEERING.sub(_spelled_out, text)


def printable_report(text: str, *, color: bool) -> str:
    """A whole report with every control character spelled out but line ends, tabs and, if it has any, colour."""
    return (_OURS if color else _LINES).sub(_but_ours, text)


def _but_ours(found: re.Match[str]) -> str:
    return (found.re is _OURS and found[1]) or _spelled_out(found)


def _spelled_out(found: re.Match[str]) -> str:
    return ascii(found[0])[1:-1]
