"""Which line of a TOML text a key stands on."""

from __future__ import annotations

import tomllib

from hypothesis import given
from hypothesis import strategies as st

from wstune.readiness.toml_lines import key_lines

TEXT = '''\
schema = 1
summary = """
[[require]]
tunable = "not a table"
"""

[variables]   # [[require]]
connections = 5
"rate" = 7

[[require]]
tunable = "a"
at_least = {
  expr = "1",
}
why = "one [[require]]"
refs = [
  "[x]",
  "[[require]]",
]

  [[ require ]]
  tunable = 'b'
  [require.at_most]
  max = 3

[[require]]
at_least.max = 9
why = \'\'\'
[[require]]
why = 1
\'\'\'
'''


def test_lines() -> None:
    """Keys are found past comments, strings over several lines, arrays, sub-tables and dotted keys."""
    lines = key_lines(TEXT)
    rows = TEXT.split("\n")
    assert {key: rows[line - 1].strip() for key, line in lines.items()} == {
        ("", 0, "schema"): "schema = 1",
        ("", 0, "summary"): 'summary = """',
        ("variables", 0, ""): "[variables]   # [[require]]",
        ("variables", 0, "connections"): "connections = 5",
        ("variables", 0, "rate"): '"rate" = 7',
        ("require", 0, ""): "[[require]]",
        ("require", 0, "tunable"): 'tunable = "a"',
        ("require", 0, "at_least"): "at_least = {",
        ("require", 0, "why"): 'why = "one [[require]]"',
        ("require", 0, "refs"): "refs = [",
        ("require", 1, ""): "[[ require ]]",
        ("require", 1, "tunable"): "tunable = 'b'",
        ("require", 1, "at_most"): "[require.at_most]",
        ("require.at_most", 1, "max"): "max = 3",
        ("require", 2, ""): "[[require]]",
        ("require", 2, "at_least"): "at_least.max = 9",
        ("require", 2, "why"): "why = '''",
    }
    assert lines["require", 2, ""] == 27


STRINGS = st.sampled_from(
    [
        '"plain"',
        "'literal'",
        '"""\n[[require]]\nkey = 1\n"""',
        "'''\n# [x]\n'''",
        '"\\"[["',
        '""',
        '"a # b"',
        "''''x'''",
    ]
)
VALUES = st.one_of(STRINGS, st.just("12"), st.lists(STRINGS, max_size=3).map(lambda items: f"[\n{','.join(items)}\n]"))


@given(st.lists(st.dictionaries(st.sampled_from(["tunable", "why", "at_least"]), VALUES), max_size=5))
def test_every_key(tables: list[dict[str, str]]) -> None:
    """Every key of every table that tomllib finds has a line, and that line starts with it."""
    text = "schema = 1\n" + "".join(
        "[[require]]\n" + "".join(f"{key} = {value}\n" for key, value in table.items()) for table in tables
    )
    document = tomllib.loads(text)
    lines, rows = key_lines(text), text.split("\n")
    for number, table in enumerate(document.get("require", [])):
        assert rows[lines["require", number, ""] - 1] == "[[require]]"
        for key in table:
            assert rows[lines["require", number, key] - 1].startswith(f"{key} = ")
    assert len(lines) == 1 + sum(1 + len(table) for table in tables)
