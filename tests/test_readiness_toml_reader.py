"""TOML is read in time and memory that grow with its length alone, and every text ends in values or in one sentence."""

import time
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wstune.burst.scenario_file import parse as parse_scenario
from wstune.errors import ProfileError
from wstune.readiness.profile_parser import parse_profile
from wstune.readiness.profiles import Target, resolve
from wstune.readiness.toml_reader import MAX_DEPTH, MAX_PARTS, TomlError, read_toml

DIGITS = "9" * 5000
BOMBS = {
    "dotted key": (".".join(["a"] * 20_000) + " = 1", 1, "parts"),
    "dotted key with spaces": (" . ".join(["a"] * 20_000) + " = 1", 1, "parts"),
    "dotted key of texts": (".".join(['"a.b"'] * 9_000) + " = 1", 1, "parts"),
    "dotted table": ("x = 1\n[" + ".".join(["a"] * 20_000) + "]", 2, "parts"),
    "dotted key in an inline table": ("x = {" + ".".join(["a"] * 20_000) + " = 1}", 1, "parts"),
    "dotted key after texts": ("x = '''\na'b''c'''\n" + ".".join(["a"] * 20_000) + " = 1", 3, "parts"),
    "many digits": (f"schema = 1\nx = {DIGITS}", 2, "out of range"),
    "many digits in a list": (f"x = [\n1,\n{DIGITS}]", 3, "out of range"),
    "hexadecimal": ("x = 0x" + "f" * 300_000, 1, "64 bits"),
    "binary": ("x = {y = [0b" + "1" * 300_000 + "]}", 1, "64 bits"),
    "beyond 64 bits": ("x = 9223372036854775808", 1, "64 bits"),
    "year 0": ("x = 0000-01-01", 1, ""),
    "lists": ("x = " + "[" * 100_000, 1, "nested"),
    "inline tables": ("x = " + "{a=" * 100_000, 1, "nested"),
    "too long": ("#" + "x" * (1 << 20), 1, "characters"),
    "text without an end": ('x = """' + '\\"""' * 100_000, 1, "not TOML"),
    "quotes": ("'''\"\"\"" * 140_000, 1, "not TOML"),
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_one_sentence_at_once(name: str) -> None:
    """Long keys, deep nesting, endless numbers and texts: an error with its line, within 2 s and 64 MB."""
    text, line, words = BOMBS[name]
    started = time.process_time()
    tracemalloc.start()
    try:
        with pytest.raises(TomlError) as caught:
            read_toml(text)
        assert tracemalloc.get_traced_memory()[1] < 64 << 20
    finally:
        tracemalloc.stop()
    assert time.process_time() - started < 2
    assert words in str(caught.value)
    assert caught.value.line == line
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize("name", [name for name in BOMBS if name != "year 0"])
def test_profiles_and_scenarios_are_read_by_it(name: str) -> None:
    """A profile and a scenario end in the same sentence, with the file's name."""
    for parse in (parse_profile, parse_scenario):
        with pytest.raises(ProfileError) as caught:
            parse(BOMBS[name][0], "f.toml")
        assert caught.value.where == f"f.toml:{BOMBS[name][1]}"


def test_what_is_within_bounds_is_read() -> None:
    """Dots in texts, comments, numbers and lists are no parts of a key."""
    key = ".".join(["a"] * MAX_PARTS)
    text = f'{key} = 1\nb = "{"." * 100}"  # {"." * 100}\nc = [{"1.5, " * 100}]\nd = {"[" * 30}{"]" * 30}\n'
    text += "e = '''" + ".\n." * 50 + "'''\nf = 9223372036854775807\ng = -9223372036854775808\n"
    found = read_toml(text)
    assert found["f"] == 2**63 - 1
    assert found["b"] == "." * 100
    assert MAX_DEPTH > 30


@given(st.text("ab.[]{}=\"'\\#\n, 1", max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    """Nothing but TomlError comes out, and what tomllib reads within bounds is read alike."""
    import tomllib

    try:
        found = read_toml(text)
    except TomlError as error:
        assert 1 <= error.line <= text.count("\n") + 1  # noqa: PT017  hypothesis has no raises-or-not
    else:
        assert found == tomllib.loads(text)


RULE = '[[require]]\nwhy = "w"\ntunable = "fs.file-max"\nat_least = 1\n'


def resolved(text: str) -> dict[str, int]:
    return resolve("p", lambda name: (text, "p.toml"), target=Target()).variables


def test_a_chain_of_variables_is_worked_out_however_long() -> None:
    """900 variables, each written in terms of the one before it."""
    chain = "\n".join(f'v{n} = {{expr = "v{n - 1}+1"}}' for n in range(899, 0, -1))
    assert resolved(f"schema = 1\n[variables]\nconnections = 1\n{chain}\nv0 = 0\n{RULE}")["v899"] == 899


def test_a_long_cycle_of_variables_is_named_as_one() -> None:
    """A cycle of 900 variables is a cycle, said in one line."""
    chain = "\n".join(f'v{n} = {{expr = "v{(n + 1) % 900}"}}' for n in range(900))
    with pytest.raises(ProfileError, match="depends on itself") as caught:
        resolved(f"schema = 1\n[variables]\nconnections = 1\n{chain}\n{RULE}")
    assert len(str(caught.value)) < 200


def test_there_is_a_most_of_variables_and_of_requirements() -> None:
    """What no profile has so many of is refused before it is worked out."""
    many = "\n".join(f"v{n} = 1" for n in range(1_001))
    with pytest.raises(ProfileError, match="more than 1,000 variables"):
        resolved(f"schema = 1\n[variables]\nconnections = 1\n{many}\n")
    with pytest.raises(ProfileError, match="more than 1,000 of"):
        resolved("schema = 1\nvariables = {connections = 1}\n" + RULE * 1_001)


@pytest.mark.parametrize("expression", ["-" * 380 + "1", "-(" * 120 + "1" + ")" * 120])
def test_a_deep_expression_is_called_deep(expression: str) -> None:
    """It is an expression, and nested too deeply."""
    with pytest.raises(ProfileError, match="nested too deeply"):
        resolved(f'schema = 1\n[variables]\nconnections = {{expr = "{expression}"}}\n{RULE}')
