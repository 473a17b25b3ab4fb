"""Profiles with a mistake: file, line and the nearest right name."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import ROOT
from wstune.errors import ProfileError
from wstune.model import Operator, Role, Severity
from wstune.readiness.expressions import FUNCTIONS
from wstune.readiness.profile_parser import MACHINE, RULE_KEYS, TOP_KEYS, parse_profile
from wstune.readiness.profiles import Target, resolve

GOOD = """\
schema = 1
summary = "A profile"
extends = ["base", "./other.toml"]
role = "generator"

[variables]
connections = 100
twice = { expr = "connections * 2" }

[[require]]
tunable = "net.core.somaxconn"
at_least = { expr = "twice" }
why = "a reason\\n over two lines"

[[require]]
tunable = "net.ipv4.tcp_tw_reuse"
one_of = [1, 2]
severity = "warn"
roles = ["generator", "both"]
why = "another"
refs = ["tcp(7)"]
"""


def test_good() -> None:
    """A right profile gives everything as it was written, with defaults where nothing was."""
    source = parse_profile(GOOD, "/etc/wstune/profiles/mine.toml")
    assert (source.name, source.summary, source.role) == ("mine", "A profile", Role.GENERATOR)
    assert source.extends == ("base", "./other.toml")
    assert source.extends_where == "/etc/wstune/profiles/mine.toml:3"
    assert {name: definition.value for name, definition in source.variables.items()} == {
        "connections": 100,
        "twice": "connections * 2",
    }
    assert source.variables["twice"].where.endswith("mine.toml:8")
    first, second = source.rules
    assert first.tunable.name == "net.core.somaxconn"
    assert (first.operator, first.severity) == (Operator.AT_LEAST, Severity.ERROR)
    assert first.roles == {Role.SERVER, Role.GENERATOR, Role.PROXY}
    assert first.why == "a reason over two lines"
    assert first.where.endswith(":10")
    assert first.operand_where.endswith(":12")
    assert (second.severity, second.refs) == (Severity.WARN, ("tcp(7)",))
    assert second.roles == {Role.GENERATOR, Role.BOTH}


RULE = 'schema = 1\n[[require]]\ntunable = "fs.file-max"\nat_least = 1\nwhy = "x"\n'


@pytest.mark.parametrize(
    ("text", "line", "message", "tip"),
    [
        pytest.param("schema = 1\nfoo = \n", 2, "is not TOML", "", id="not-toml"),
        pytest.param('schema = 1\nsummary = """\n\n', 3, "is not TOML", "", id="unterminated"),
        pytest.param("schema = 1\nschema = 1\n", 2, "is not TOML", "", id="key-twice"),
        pytest.param('summary = "x"\n', 1, "has no `schema`", "schema = 1", id="no-schema"),
        pytest.param("\nschema = 2\n", 2, "has schema 2", "schema = 1", id="schema-of-the-future"),
        pytest.param('schema = "1"\n', 1, "has schema '1'", "schema = 1", id="schema-text"),
        pytest.param("schema = true\n", 1, "has schema True", "schema = 1", id="schema-true"),
        pytest.param("schema = 1\n\nextend = 'x'\n", 3, "unknown key 'extend'", "did you mean extends?", id="top-key"),
        pytest.param("schema = 1\n[variable]\na = 1\n", 2, "unknown key 'variable'", "variables?", id="top-table"),
        pytest.param("schema = 1\nextends = 5\n", 2, "is not the name", "high-conn", id="extends-number"),
        pytest.param("schema = 1\nextends = ['']\n", 2, "is not the name", "high-conn", id="extends-empty"),
        pytest.param("schema = 1\nsummary = 5\n", 2, "`summary` is 5", "", id="summary"),
        pytest.param("schema = 1\nrole = 'sever'\n", 2, "unknown role 'sever'", "did you mean server?", id="role"),
        pytest.param("schema = 1\nvariables = 1\n", 2, "is not a table", "[variables]", id="variables-number"),
        pytest.param("schema = 1\n[variables]\n\ncpus = 4\n", 4, "given by the machine", "another name", id="machine"),
        pytest.param("schema = 1\n[variables]\nA-b = 4\n", 3, "is no name", "lower-case", id="variable-name"),
        pytest.param("schema = 1\n[variables]\na = 1.5\n", 3, "got 1.5", "whole number", id="variable-float"),
        pytest.param("schema = 1\n[variables]\na = true\n", 3, "got True", "whole number", id="variable-true"),
        pytest.param("schema = 1\n[variables]\na = '1'\n", 3, "got '1'", "whole number", id="variable-text"),
        pytest.param(
            "schema = 1\n[variables]\na = {exp = '1'}\n", 3, "got {'exp'", "did you mean expr?", id="expr-key"
        ),
        pytest.param("schema = 1\n[variables]\na = {expr = 1}\n", 3, "got {'expr'", "whole number", id="expr-number"),
        pytest.param("schema = 1\n[require]\ntunable = 'x'\n", 2, "not a list", "[[require]]", id="require-table"),
        pytest.param("schema = 1\nrequire = [1]\n", 2, "not a list of tables", "[[require]]", id="require-numbers"),
        pytest.param("schema = 1\n[[require]]\nat_least = 1\n", 2, "without `tunable`", "somaxconn", id="no-tunable"),
        pytest.param(
            RULE.replace("fs.file-max", "fs.file_max"), 3, "'fs.file_max'", "did you mean fs.file-max?", id="tunable"
        ),
        pytest.param(
            RULE.replace("fs.file-max", "somaxcon"), 3, "'somaxcon'", "mean net.core.somaxconn?", id="tunable-short"
        ),
        pytest.param(RULE.replace("fs.file-max", "☃"), 3, "'☃'", "wstune explain", id="tunable-nothing-like"),
        pytest.param(RULE.replace('"fs.file-max"', "5"), 3, "unknown tunable 5", "wstune explain", id="tunable-number"),
        pytest.param(RULE.replace("at_least", "at_lest"), 4, "'at_lest'", "did you mean at_least?", id="operator"),
        pytest.param(
            RULE.replace("why", "Why"), 5, "unknown key or operator 'Why'", "did you mean why?", id="rule-key"
        ),
        pytest.param(RULE.replace("at_least = 1\n", ""), 2, "has no operator", "at_least, at_most", id="no-operator"),
        pytest.param(
            RULE.replace("at_least = 1\n", "at_least = 1\nat_most = 2\n"), 5, "at_least and at_most", "", id="two"
        ),
        pytest.param(RULE.replace("at_least", "covers"), 4, "covers cannot compare fs.file-max", "at_least", id="kind"),
        pytest.param(RULE.replace('why = "x"\n', ""), 2, "without a `why`", "why =", id="no-why"),
        pytest.param(RULE.replace('"x"', '" "'), 5, "without a `why`", "why =", id="blank-why"),
        pytest.param(RULE.replace('"x"', "5"), 5, "`why` is 5", "", id="why-number"),
        pytest.param(RULE + 'severity = "warning"\n', 6, "unknown severity", "did you mean warn?", id="severity"),
        pytest.param(RULE + "severity = []\n", 6, "unknown severity", "error, warn, info", id="severity-list"),
        pytest.param(RULE + 'roles = ["clients"]\n', 6, "unknown role 'clients'", "server, generator", id="rule-role"),
        pytest.param(RULE + "roles = []\n", 6, "never be judged", "server", id="no-role"),
        pytest.param(RULE + 'roles = "server"\n', 6, "expected a list", "roles = [", id="roles-text"),
        pytest.param(RULE + "refs = [1]\n", 6, "expected a list of texts", "", id="refs"),
        pytest.param(RULE + RULE[11:], 6, "required twice, first at p.toml:2", "different roles", id="duplicate"),
        pytest.param("[" * 5000, 1, "", "", id="deep"),
    ],
)
def test_mistake(text: str, line: int, message: str, tip: str) -> None:
    """Every mistake names its line, and the way out where there is one."""
    with pytest.raises(ProfileError) as caught:
        parse_profile(text, "p.toml")
    error = caught.value
    assert error.where == f"p.toml:{line}"
    assert str(error).startswith(f"p.toml:{line}: ")
    assert message in str(error)
    assert tip in error.tip
    assert "\n" not in str(error) + error.tip


def test_same_tunable_for_other_roles() -> None:
    """One tunable may be required twice by the same operator when no role is in both."""
    text = RULE + 'roles = ["server"]\n' + RULE[11:] + 'roles = ["proxy", "both"]\n'
    assert len(parse_profile(text, "p.toml").rules) == 2


def mistake(text: str) -> int:
    """The line of the mistake, 0 when there is none."""
    try:
        parse_profile(text, "p.toml")
    except ProfileError as error:
        return int(error.where.removeprefix("p.toml:"))
    return 0


TOML = st.recursive(
    st.sampled_from(["1", "-5", "1.5", "true", "'x'", "''", "1979-05-27", '"""\n"""', "inf", "'server'", "'warn'"]),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda items: f"[{', '.join(items)}]"),
        st.dictionaries(st.sampled_from(["expr", "min", "max", "low", "x"]), inner, max_size=2).map(
            lambda table: "{" + ", ".join(f"{key} = {value}" for key, value in table.items()) + "}"
        ),
    ),
    max_leaves=5,
)
KEYS = st.sampled_from(
    ["schema", "extends", "variables", "require", "role", "tunable", "why", "at_least", "equals", "roles", "refs", "zz"]
)


@given(st.lists(st.tuples(KEYS, TOML), max_size=4), st.lists(st.tuples(KEYS, TOML), max_size=5))
def test_any_toml(top: list[tuple[str, str]], rule: list[tuple[str, str]]) -> None:
    """Whatever a file holds, it is a profile or a ProfileError on one of its lines."""
    text = "schema = 1\n" + "".join(f"{key} = {value}\n" for key, value in top) + "[[require]]\n"
    text += "".join(f"{key} = {value}\n" for key, value in rule)
    assert mistake(text) in range(text.count("\n") + 2)


@given(st.text(max_size=200))
def test_any_text(text: str) -> None:
    """Any text is a profile or a ProfileError."""
    assert mistake(text) in range(text.count("\n") + 2)


def test_the_reference_is_complete() -> None:
    """The page of the format names every key, operator, severity, role, function and variable; its example works."""
    page = (ROOT / "docs/reference/profile-format.md").read_text()
    named = set(re.findall(r"[a-z_0-9]+", page))
    known: list[str] = [*TOP_KEYS, *RULE_KEYS, *FUNCTIONS, *MACHINE, "connections", "processes"]
    known += [each.value for kind in (Operator, Severity, Role) for each in kind]
    assert set(known) <= named
    example = re.search(r"```toml\n(.*?)```", page, re.DOTALL)
    assert example
    assert len(parse_profile(example[1], "example.toml").rules) == 2
    profile = resolve("example", lambda name: (example[1].replace('extends = "high-conn"', ""), name),
                      target=Target(ram_bytes=1 << 30))  # fmt: skip
    assert profile.requirements[0].operands[0].number == 4096
