"""The little of YAML that the exports write: scalars that no reader takes for another type, and literal blocks."""

from __future__ import annotations

import json


def scalar(text: str) -> str:
    """A text, quoted as JSON does it, which is YAML: `1` stays a text, and a colon means nothing."""
    return json.dumps(text, ensure_ascii=False)


def block(text: str, indent: int) -> list[str]:
    """The lines of a literal block that holds the text, to follow `|`."""
    return [f"{' ' * indent}{line}" if line else "" for line in text.removesuffix("\n").split("\n")]
