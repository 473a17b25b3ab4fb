"""Where in a TOML text a key stands: tomllib gives values, and line numbers only for what does not parse."""

from __future__ import annotations

import re

_TOKEN = re.compile(
    r'"""(?:\\.|[^\\])*?"{3,5}'
    r"|'''.*?'{3,5}"
    r'|"(?:\\.|[^"\\\n])*"'
    r"|'[^'\n]*'"
    r"|\#[^\n]*"
    r"|[\[\]{}\n]",
    re.DOTALL,
)
_NAME = r"""(?:[A-Za-z0-9_-]+|"(?:\\.|[^"\\\n])*"|'[^'\n]*')"""
_HEADER = re.compile(rf"\s*(\[\[?)\s*({_NAME}(?:\s*\.\s*{_NAME})*)\s*\]")
_KEY = re.compile(rf"\s*({_NAME})\s*[.=]")

Key = tuple[str, int, str]
"""Table, its number counted from 0 (0 for a table that stands alone), and a key in it; "" for the header itself."""


def key_lines(text: str) -> dict[Key, int]:
    """The line (from 1) of every table and of every key in it. `text` must be valid TOML.

    Keys at the top are of table ""; a sub-table `[require.at_most]` is the key `at_most` of the last `[[require]]`.
    """
    lines: dict[Key, int] = {}
    table, number = "", 0
    seen: dict[str, int] = {}
    for line, statement in _statements(text):
        if header := _HEADER.match(statement):
            first, _, rest = header[2].partition(".")
            name = _bare(first)
            if rest:
                table, number = name, max(0, seen.get(name, 0) - 1)
                lines.setdefault((table, number, _bare(rest.split(".")[0])), line)
                table = f"{name}.{rest.strip()}"
                continue
            table, number = name, seen.get(name, 0)
            seen[name] = number + 1
            lines.setdefault((table, number, ""), line)
        elif key := _KEY.match(statement):
            lines.setdefault((table, number, _bare(key[1])), line)
    return lines


def inline_lines(text: str) -> dict[Key, list[int]]:
    """The lines of the inline tables in each key's value, in the order in which they begin. `text` must be TOML."""
    keys = {line: key for key, line in key_lines(text).items()}
    found: dict[Key, list[int]] = {}
    line, depth, key = 1, 0, keys.get(1)
    for token in _TOKEN.finditer(text):
        match token[0]:
            case "[" | "{" as bracket:
                depth += 1
                if bracket == "{" and key is not None:
                    found.setdefault(key, []).append(line)
            case "]" | "}":
                depth -= 1
            case "\n":
                line += 1
                key = keys.get(line) if depth <= 0 else key
            case other:
                line += other.count("\n")
    return found


def _statements(text: str) -> list[tuple[int, str]]:
    """(line, its text) of each line that begins a statement: not inside a string, an array or an inline table."""
    rows = text.split("\n")
    found: list[tuple[int, str]] = [(1, rows[0])]
    line, depth = 1, 0
    for token in _TOKEN.finditer(text):
        match token[0]:
            case "[" | "{":
                depth += 1
            case "]" | "}":
                depth -= 1
            case "\n":
                line += 1
                if depth <= 0:
                    found.append((line, rows[line - 1]))
            case other:
                line += other.count("\n")
    return found


def _bare(name: str) -> str:
    name = name.strip()
    return name[1:-1] if name[:1] in ("'", '"') else name
