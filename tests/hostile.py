"""Texts that try to be more than a text where they are written: a table of attacks, and any number made of them."""

# ruff: noqa: E501  a table

from __future__ import annotations

import random
from collections.abc import Iterator

ATTACKS = (
    *(
        "'; touch /x; echo '",
        '"; id; "',
        "$(id)",
        "`id`",
        "${HOME}",
        "$HOME",
        "${f:exec:id}",
        "%n",
        "%(x)s",
        "%%",
        "\\n",
    ),
    *("a\nkernel.core_pattern = |/x %p", "a\r\nb", "a\rb", "a\0b", "a\x0bb", "a\x0cb", "a\x1cb", "a\tb", "\nEND\nid\n"),
    *(
        "\x1b[2J",
        "\x1b]0;t\x07",
        "\x9b31m",
        "\x7f",
        "\x85",
        "\u2028",
        "\u2029",
        "\ufeff",
        "\u202egpj",
        "\u2066",
        "\ud800",
    ),
    *(
        "{{ 1 }}",
        "{% raw %}",
        "{# x #}",
        "{{",
        "]]>",
        "-->",
        "<!--",
        "<script>alert(1)</script>",
        "&lt;",
        "&#10;",
        "<b",
    ),
    *(
        "# x",
        " # x",
        "; x",
        "- a",
        "-rf",
        "--",
        "-",
        "= x",
        "+1",
        "1. a",
        "> q",
        "* a",
        "| a |",
        "***",
        "__a__",
        "~~a~~",
    ),
    *("[a](http://x.invalid)", "![a](x)", "<http://x.invalid>", "```", "``", "`", "a`b``c", "\\", "\\\\", "a\\", "|"),
    *(
        "!!python/object/apply:os.system [id]",
        "&a",
        "*a",
        "!x",
        "? a",
        ": a",
        "a: b",
        "a:",
        "@a",
        "%YAML 1.1",
        "---",
        "...",
    ),
    *(
        "yes",
        "no",
        "on",
        "null",
        "~",
        "true",
        "010",
        "0x1f",
        "1e3",
        "1_000",
        ".inf",
        "1:30",
        "2026-11-29",
        "",
        " ",
        " a ",
    ),
    *(
        "=cmd|'/C calc'!A0",
        "@SUM(1)",
        "'",
        '"',
        "''",
        '""',
        '"""',
        "a,b",
        "a;b",
        "a b",
        "a  b",
        "é",
        "日本",
        "👩‍💻",
        "a" * 300,
    ),
    *(
        "[Service]",
        "[x]\ny=1",
        "ExecStart=/x",
        "x=y",
        "=>1",
        "END",
        "\\x41",
        "\\u000a",
        "]",
        "}",
        "{",
        "[",
        "{a: 1}",
        "<<",
    ),
)
"""Quotes, line ends, terminals, shells, templates, markup, comments, options, YAML's types, tables and what is empty."""

_LETTERS = "abcxyz019_ \t\n\r\0\x1b\x7f\x85\u2028\u202e'\"`$(){}[]<>&|;#%\\!*~=-+:,.@/?"


def hostile(count: int, seed: int = 12) -> Iterator[str]:
    """So many texts: the table's first, then some of them joined, cut and mixed with random letters."""
    yield from ATTACKS[:count]
    dice = random.Random(seed)
    for _ in range(count - len(ATTACKS)):
        parts = [
            dice.choice(ATTACKS) if dice.random() < 0.5 else "".join(dice.choices(_LETTERS, k=dice.randrange(8)))
            for _ in range(dice.randrange(1, 4))
        ]
        text = "".join(parts)
        # Half of them on one line: what has a line end is refused by most, and tries nothing else.
        yield " ".join(text.split()) if dice.random() < 0.5 else text
