"""A text that others chose, said in the language of the file that it goes into, or refused when it cannot be said.

The catalogue's grammars let none of what is refused here come so far; a writer does not rely on that.
"""

from __future__ import annotations

import re

from wstune.errors import UsageError
from wstune.printable import printable

_NOT_YAML = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
"""YAML 1.2 §5.1: what is to be escaped, beside what JSON escapes; what breaks a line for readers of 1.1."""

_SURROGATE = re.compile("[\ud800-\udfff]")
_WORD = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@:-]*")
_NAME = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.@\\:-]*[A-Za-z0-9_.@:-])?")
_TUNED = re.compile(r"[A-Za-z0-9_.,:+/() -]*")


def line(text: str, language: str) -> str:
    """A text that is the rest of a line. Raises UsageError for one that is more lines, or that begins or ends blank."""
    if text != text.strip() or not text.replace("\t", " ").isprintable():
        raise _cannot(text, language)
    return text


def printed(text: str, language: str) -> str:
    """A text without control characters. Raises UsageError for another."""
    if printable(text) != text:
        raise _cannot(text, language)
    return text


def sysctl(text: str) -> str:
    """A value of sysctl.d(5), which has no quotes: all up to the end of the line, without blanks around it."""
    return line(text, "a sysctl file")


def word(text: str, language: str) -> str:
    """A number, or a key, in limits.conf(5) and in a unit: blanks, `#`, `%`, quotes and wildcards mean more."""
    if not _WORD.fullmatch(text):
        raise _cannot(text, language)
    return text


def name(text: str, language: str) -> str:
    r"""The name of a user or a unit, which may have a backslash (`a\x2db`), though not at its end."""
    if not _NAME.fullmatch(text):
        raise _cannot(text, language)
    return text


def shell(text: str) -> str:
    """A word of sh(1), on one line."""
    import shlex

    return shlex.quote(line(text, "a shell script"))


def tuned(text: str) -> str:
    """A value of tuned.conf, where `$` and `%` are expanded, even to commands, and `#` begins a comment."""
    if not _TUNED.fullmatch(line(text, "a TuneD profile")):
        raise _cannot(text, "a TuneD profile")
    return text


def yaml(text: str) -> str:
    """A double-quoted scalar of YAML (1.2 §7.3.1), which has JSON's escapes and more: `1` stays a text."""
    import json  # only for exports

    if _SURROGATE.search(text):
        raise _cannot(text, "YAML")
    return _NOT_YAML.sub(lambda found: f"\\u{ord(found[0]):04x}", json.dumps(text, ensure_ascii=False))


def compose(text: str) -> str:
    """A scalar of a compose file, where `$` begins a variable unless it is doubled."""
    return yaml(text.replace("$", "$$"))


def _cannot(text: str, language: str) -> UsageError:
    shown = printable(text[:40]) + ("…" if len(text) > 40 else "")
    return UsageError(f"'{shown}' cannot be written into {language}", "`wstune profiles validate` names its line")
