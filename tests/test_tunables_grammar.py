"""Every value has a grammar: what does not match is an error with file and line, whatever reads the profile."""

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wstune.errors import ProfileError
from wstune.readiness.profiles import Target, resolve
from wstune.tunables import CATALOGUE
from wstune.tunables.grammar import objection, outside
from wstune.values import Kind, Value, parse

TEXTS = [row for row in CATALOGUE.values() if row.kind is Kind.TEXT]
INJECTIONS = (
    "reno\\nkernel.core_pattern = |/x %p",
    "cubic'; touch /x; echo '",
    "$(id)",
    "`id`",
    "{{ 1 }}",
    "a b",
    "-reno",
    "réno",
    "CUBIC",
    "",
    "x" * 16,
)


def profile(tunable: str, operand: str) -> str:
    return (
        'schema = 1\nvariables = {connections = 1}\n[[require]]\nwhy = "w"\n'
        f'tunable = "{tunable}"\n{operand}\nseverity = "warn"\n'
    )


def test_every_text_has_a_grammar_and_every_number_bounds() -> None:
    """No row of the catalogue takes just anything."""
    assert [row.name for row in TEXTS if not row.grammar] == []
    for row in CATALOGUE.values():
        if row.kind is not Kind.TEXT:
            assert outside(row, 2**63)
            assert outside(row, -(2**31) - 1)


@pytest.mark.parametrize("value", INJECTIONS)
@pytest.mark.parametrize("row", TEXTS, ids=lambda row: row.name)
@pytest.mark.parametrize("operand", ['equals = "{}"', 'one_of = ["cubic", "{}"]'])
def test_a_text_outside_its_grammar_is_an_error_with_its_line(row: object, operand: str, value: str) -> None:
    """Lines, quotes, commands and templates are no congestion control and no queueing discipline."""
    text = profile(row.name, operand.format(value))  # type: ignore[attr-defined]
    with pytest.raises(ProfileError) as caught:
        resolve("p", lambda name: (text, "p.toml"), target=Target())
    assert caught.value.where == "p.toml:6"
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("value", ["cubic", "bbr", "reno", "fq_codel", "pfifo_fast", "cake", "mq"])
def test_names_of_the_kernel_are_taken(value: str) -> None:
    """What kernels have is a value."""
    assert [objection(row, parse(Kind.TEXT, value)) for row in TEXTS] == ["", ""]


@given(st.text())
def test_only_names_pass(text: str) -> None:
    """Whatever passes is a short name of lower-case letters, digits and underscores."""
    for row in TEXTS:
        value = parse(Kind.TEXT, text)
        if not objection(row, value):
            assert value.raw.isascii()
            assert value.raw.replace("_", "a").isalnum()
            assert len(value.raw) < 16


@pytest.mark.parametrize(
    ("tunable", "operand"),
    [
        ("net.ipv4.tcp_fin_timeout", "equals = 99999999999"),
        ("net.ipv4.tcp_mem", "at_least = {max = 9223372036854775808}"),
        ("net.core.somaxconn", "at_least = 9223372036854775808"),
        ("net.ipv4.ip_local_port_range", "covers = [1, 65536]"),
        ("net.ipv4.ip_local_reserved_ports", 'contains = "70000"'),
        ("nofile", "at_least = -1"),
        ("net.core.somaxconn", f"at_least = {'9' * 4000}"),
    ],
)
def test_a_number_out_of_bounds_is_an_error_with_its_line(tunable: str, operand: str) -> None:
    """What no kernel can hold is no number of a profile, however large it is."""
    with pytest.raises(ProfileError) as caught:
        resolve("p", lambda name: (profile(tunable, operand), "p.toml"), target=Target())
    assert caught.value.where == "p.toml:6"
    assert len(str(caught.value)) < 300


def test_a_huge_number_is_described() -> None:
    """A number that Python refuses to write out is told by its size."""
    huge = Value(Kind.INTEGER, "1" + "0" * 5000, (10**5000,))
    assert "bits" in objection(CATALOGUE["net.core.somaxconn"], huge)


@pytest.mark.parametrize(
    "command",
    [
        ["profiles", "validate"],
        ["check"],
        ["export", "--format", "sysctl.d"],
        ["export", "--format", "script"],
        ["apply", "--dry-run"],
    ],
    ids=" ".join,
)
def test_whatever_reads_the_profile_refuses_it(tmp_path: Path, command: list[str]) -> None:
    """Validate, check, export and apply say file and line, exit code 2, and write nothing."""
    path = tmp_path / "inj.toml"
    path.write_text(profile("net.ipv4.tcp_congestion_control", f'equals = "{INJECTIONS[0]}"'))
    (tmp_path / "root").mkdir()
    state = ["--state-dir", str(tmp_path / "state"), "--etc-root", str(tmp_path / "root")] if "apply" in command else []
    done = subprocess.run(
        [sys.executable, "-m", "wstune", *command, str(path), *state], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 2
    assert "inj.toml:6: net.ipv4.tcp_congestion_control" in done.stderr
    assert "core_pattern = |" not in done.stdout
