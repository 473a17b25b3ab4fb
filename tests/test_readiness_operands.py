"""What stands after an operator: each kind of value, and each way to get it wrong."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wstune.errors import InconclusiveError, ProfileError
from wstune.model import Operator, Requirement
from wstune.readiness.profiles import Target, resolve
from wstune.tunables import CATALOGUE
from wstune.values import UNLIMITED

RMEM, RANGE, RESERVED = "net.ipv4.tcp_rmem", "net.ipv4.ip_local_port_range", "net.ipv4.ip_local_reserved_ports"


def required(tunable: str, line: str, connections: int = 1000) -> Requirement:
    text = f"schema = 1\nvariables.connections = {connections}\n[[require]]\ntunable = '{tunable}'\n{line}\nwhy = 'x'\n"
    (requirement,) = resolve("p", lambda name: (text, f"{name}.toml"), target=Target(ram_bytes=1 << 30)).requirements
    return requirement


@pytest.mark.parametrize(
    ("tunable", "line", "numbers", "fields", "raw"),
    [
        ("fs.file-max", "at_least = 5", (5,), (), "5"),
        ("fs.file-max", "at_least = {expr = 'connections * 2'}", (2000,), (), "2000"),
        ("fs.file-max", "equals = 'unlimited'", (UNLIMITED,), (), str(UNLIMITED)),
        ("cgroup.memory.max", "at_least = 'max'", (UNLIMITED,), (), str(UNLIMITED)),
        (RMEM, "equals = [1024, 4096, 16384]", (1024, 4096, 16384), (1024, 4096, 16384), "1024 4096 16384"),
        (RMEM, "equals = '1024\\t4096 16384'", (1024, 4096, 16384), (1024, 4096, 16384), "1024 4096 16384"),
        (RMEM, "at_least = {max = 9000}", (0, 0, 9000), (None, None, 9000), "max=9000"),
        (RMEM, "at_most = {default = 9000}", (UNLIMITED, 9000, UNLIMITED), (None, 9000, None), "default=9000"),
        (RMEM, "at_least = {min = 1, max = {expr = 'connections'}}", (1, 0, 1000), (1, None, 1000), "min=1 max=1000"),
        (RMEM, "at_least.max = 7", (0, 0, 7), (None, None, 7), "max=7"),
        ("net.ipv4.tcp_mem", "at_least = {pressure = 8}", (0, 8, 0), (None, 8, None), "pressure=8"),
        (RANGE, "covers = [1024, {expr = '60000 + 5535'}]", (1024, 65535), (), "1024 65535"),
        (RANGE, "equals = '1024 64000'", (1024, 64000), (), "1024 64000"),
        (RANGE, "covers = {high = 9, low = 2}", (2, 9), (), "2 9"),
        (RESERVED, "contains = '8080,9000-9010, 9011'", (8080, 8080, 9000, 9011), (), "8080,9000-9011"),
        (RESERVED, "contains = [8080, '9000-9010']", (8080, 8080, 9000, 9010), (), "8080,9000-9010"),
        ("net.ipv4.tcp_congestion_control", "equals = 'bbr'", (), (), "bbr"),
    ],
)
def test_value(tunable: str, line: str, numbers: tuple[int, ...], fields: tuple[int | None, ...], raw: str) -> None:
    """Numbers, lists, tables of fields, texts and expressions all come to the value that they mean."""
    requirement = required(tunable, line.replace("'", '"') if "\\t" in line else line)
    (value,) = requirement.operands
    assert (value.kind, value.numbers, value.raw) == (CATALOGUE[tunable].kind, numbers, raw)
    assert requirement.fields == fields


def test_one_of() -> None:
    """one_of takes a list of values."""
    assert [value.number for value in required("net.ipv4.tcp_tw_reuse", "one_of = [1, 2]").operands] == [1, 2]
    texts = required("net.ipv4.tcp_congestion_control", "one_of = ['bbr', 'cubic']").operands
    assert [value.raw for value in texts] == ["bbr", "cubic"]


@pytest.mark.parametrize(
    ("tunable", "line", "message"),
    [
        ("fs.file-max", "at_least = 1.5", "got 1.5, expected an integer"),
        ("fs.file-max", "at_least = true", "got True, expected an integer"),
        ("fs.file-max", "at_least = [1]", "got [1], expected an integer"),
        ("fs.file-max", "at_least = 'many'", "got 'many', expected one integer"),
        ("fs.file-max", "at_least = {max = 1}", "expected an integer or an expression"),
        ("fs.file-max", "at_least = {expr = 'connection'}", "names 'connection', which is no variable here"),
        ("fs.file-max", "at_least = -1", "outside what the kernel accepts (0 to 9223372036854775807)"),
        ("fs.nr_open", "at_least = 9999999999", "outside what the kernel accepts (64 to 2147483584)"),
        ("net.core.netdev_max_backlog", "at_least = 9999999999", "accepts (-2147483648 to 2147483647)"),
        ("net.ipv4.tcp_mem", "at_least.max = -1", "accepts (0 to 9223372036854775807)"),
        (RMEM, "at_least = [1, 2]", "expected [min, default, max]"),
        (RMEM, "at_least = 5", "expected [min, default, max]"),
        (RMEM, "at_least = {}", "expected [min, default, max]"),
        (RMEM, "at_least = {maximum = 5}", "has no field 'maximum'"),
        (RMEM, "at_least = {expr = '5'}", "has no field 'expr'"),
        (RMEM, "at_least = [9, 5, 7]", "do not fall from min to max"),
        (RMEM, "at_least = {min = 9, max = 5}", "do not fall from min to max"),
        (RMEM, "at_least = [0, 5, 7]", "= 0 is outside"),
        (RMEM, "equals = '1 2'", "expected three integers"),
        (RANGE, "covers = [9, 2]", "the low one first"),
        (RANGE, "covers = {low = 2}", "a low and a high port"),
        (RANGE, "covers = 5", "expected [low, high]"),
        (RANGE, "covers = [0, 5]", "outside what the kernel accepts (1 to 65535)"),
        (RANGE, "covers = '5'", "expected two integers"),
        (RESERVED, "contains = 8080", "expected a value of kind ports"),
        (RESERVED, "contains = [70000]", "ports from 0 to 65535"),
        (RESERVED, "contains = 'a-b'", "expected ports such as"),
        (RESERVED, "contains = [1.5]", "got 1.5"),
        ("net.ipv4.tcp_tw_reuse", "one_of = 1", "expected a list of values"),
        ("net.ipv4.tcp_tw_reuse", "one_of = []", "expected a list of values"),
        ("net.ipv4.tcp_tw_reuse", "one_of = [1, 3]", "= 3 is outside"),
        ("net.ipv4.tcp_congestion_control", "equals = 5", "expected a value of kind text"),
    ],
)
def test_wrong(tunable: str, line: str, message: str) -> None:
    """What is not of the tunable's kind, or what every kernel refuses, is an error on the operator's line."""
    with pytest.raises(ProfileError) as caught:
        required(tunable, line)
    assert caught.value.where == "p.toml:5"
    assert message in str(caught.value)


def test_out_of_range_by_the_target() -> None:
    """Where an expression came to too much, the tip says for which target."""
    with pytest.raises(ProfileError) as caught:
        required("nofile", "at_least = {expr = 'connections * 5'}", 900_000_000)
    assert "connections=900000000 processes=1" in caught.value.tip


def test_field_suggestion() -> None:
    """A misspelt field is answered with the right one."""
    with pytest.raises(ProfileError) as caught:
        required(RMEM, "at_least = {defualt = 5}")
    assert caught.value.tip == "did you mean default?"


ATOM = st.sampled_from(
    ["1", "0", "-7", "65535", "99999999999", "1.5", "true", "'1'", "'1 2 3'", "'8080-8090'", "'max'", "''", "'\\t'",
     "{expr = 'connections'}", "{expr = 'ram_bytes // page_size'}", "{expr = '1 //'}", "{expr = 'cpus'}", "1979-05-27"]
)  # fmt: skip
OPERAND = st.recursive(
    ATOM,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4).map(lambda items: f"[{', '.join(items)}]"),
        st.dictionaries(st.sampled_from(["min", "default", "pressure", "max", "low", "high"]), inner, max_size=3).map(
            lambda table: "{" + ", ".join(f"{key} = {value}" for key, value in table.items()) + "}"
        ),
    ),
    max_leaves=6,
)


@given(st.sampled_from(sorted(CATALOGUE)), st.sampled_from([each.value for each in Operator]), OPERAND)
def test_any_operand(tunable: str, operator: str, operand: str) -> None:
    """Whatever stands after an operator, it is a value of the tunable's kind or a ProfileError in its table."""
    try:
        values = required(tunable, f"{operator} = {operand}").operands
    except ProfileError as error:
        where = error.where
    except InconclusiveError:  # the number of CPUs is not known to the target of these tests
        return
    else:
        assert {value.kind for value in values} == {CATALOGUE[tunable].kind}
        return
    assert where in ("p.toml:3", "p.toml:4", "p.toml:5")
