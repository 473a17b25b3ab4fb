"""The block scalars of YAML that the exports write."""

from __future__ import annotations

from wstune import quoting


def block(text: str, indent: int) -> list[str]:
    """The lines of a literal block that holds the text, to follow `|`. Raises UsageError for what none can hold."""
    lines = text.removesuffix("\n").split("\n")
    for line in lines:
        quoting.printed(line.replace("\t", " "), "YAML")
    return [f"{' ' * indent}{line}" if line else "" for line in lines]
