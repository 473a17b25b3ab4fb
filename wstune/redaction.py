"""What of a command line may be shown, in reports, in the journal and in messages: no secret, whatever it is for.

Headers that nobody keeps secret keep their values; of every other only the name is left, of a URL neither who logs in
nor the query.
"""

from __future__ import annotations

from collections.abc import Iterable

HIDDEN = "…"

HARMLESS = frozenset(
    (
        "accept",
        "accept-encoding",
        "accept-language",
        "cache-control",
        "origin",
        "pragma",
        "sec-websocket-extensions",
        "user-agent",
    )
)
"""Headers, in small letters, whose values are shown."""


def header(line: str) -> str:
    """`Authorization: …`; `@FILE` as it is; what is no header not at all."""
    if line.startswith("@"):
        return line
    name, colon, _ = line.partition(":")
    if not colon or not name.isascii() or not name.isprintable() or " " in name:
        return HIDDEN
    return line if name.strip().lower() in HARMLESS else f"{name}: {HIDDEN}"


def url(text: str) -> str:
    """A URL, or what was to be one, without who logs in, query and fragment: `wss://…@host/path?…`."""
    scheme, separator, rest = text.partition("://") if "://" in text else ("", "", text)
    for end in "/?":  # a password may hold anything
        before = rest.partition(end)[0]
        if "@" in before:
            rest = f"{HIDDEN}@{rest[before.rindex('@') + 1 :]}"
    if "@" in rest.removeprefix(f"{HIDDEN}@") and "/" not in rest.partition("?")[0]:
        rest = HIDDEN  # who can tell whether that is a password or a query
    for mark in "?#":
        head, found, _ = rest.partition(mark)
        rest = f"{head}{found}{HIDDEN}" if found else head
    return f"{scheme}{separator}{rest}"


SECRET = {"--header": header}
"""Options whose value may be a secret, and what is shown of it."""


def argv(words: Iterable[str]) -> tuple[str, ...]:
    """A command line as it may be shown."""
    shown: list[str] = []
    hide = None
    for word in words:
        name, equals, value = word.partition("=")
        if hide is not None:
            shown.append(hide(word))
            hide = None
        elif equals and name in SECRET:
            shown.append(f"{name}={SECRET[name](value)}")
        else:
            hide = SECRET.get(word)
            shown.append(url(word) if "://" in word else word)
    return tuple(shown)
