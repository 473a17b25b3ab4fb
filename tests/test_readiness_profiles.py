"""Profiles resolved: parents, variables, targets."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from wstune.errors import InconclusiveError, ProfileError, UsageError
from wstune.model import Profile, Requirement, Role, Severity
from wstune.readiness.profiles import Load, Target, resolve

MACHINE = Target(ram_bytes=8 << 30, cpus=4)


def files(texts: Mapping[str, str]) -> Load:
    """Profiles held in memory; a name is `NAME.toml` in `lib/`, a path is itself."""

    def load(name: str) -> tuple[str, str]:
        where = name if "/" in name or name.endswith(".toml") else f"lib/{name}.toml"
        if where not in texts:
            raise ProfileError("", f"no profile is named {name!r}", "did you mean base?")
        return texts[where], where

    return load


def rule(tunable: str, operand: str, **keys: str) -> str:
    rest = "".join(f"{key} = {value}\n" for key, value in keys.items())
    return f'[[require]]\ntunable = "{tunable}"\n{operand}\nwhy = "reason"\n{rest}'


def resolved(texts: Mapping[str, str], name: str = "mine", target: Target = MACHINE) -> Profile:
    return resolve(name, files({where: f"schema = 1\n{text}" for where, text in texts.items()}), target=target)


def demands(profile: Profile) -> dict[tuple[str, str], str]:
    """The operand by tunable and operator."""
    return {(each.tunable, each.operator.value): each.operands[0].raw for each in profile.requirements}


BASE = (
    "summary = 'base'\n[variables]\nconnections = 1000\nreserve = 24\n"
    + rule("nofile", "at_least = {expr = 'ceil_div(connections, processes) + reserve'}")
    + rule("fs.file-max", "at_least = {expr = 'connections * 2'}", severity='"warn"')
)


def test_defaults_and_target() -> None:
    """A target's numbers stand in the place of the profile's defaults; processes is 1 unless said."""
    texts = {"lib/mine.toml": BASE}
    assert demands(resolved(texts)) == {("nofile", "at_least"): "1024", ("fs.file-max", "at_least"): "2000"}
    profile = resolved(texts, target=Target(connections=5000, processes=5, settings={"reserve": 1}))
    assert demands(profile)["nofile", "at_least"] == "1001"
    assert profile.variables == {"connections": 5000, "processes": 5, "reserve": 1}
    assert (profile.name, profile.summary, profile.where) == ("mine", "base", "lib/mine.toml")
    assert profile.role is Role.BOTH
    assert profile.requirements[1].severity is Severity.WARN
    assert profile.requirements[1].where == "lib/mine.toml:10"


def test_settings_may_name_the_target() -> None:
    """--set connections=N does what -n N does, and -n wins over it."""
    texts = {"lib/mine.toml": BASE}
    assert resolved(texts, target=Target(settings={"connections": 7})).variables["connections"] == 7
    assert resolved(texts, target=Target(connections=8, settings={"connections": 7})).variables["connections"] == 8


def test_child_overrides_its_parent() -> None:
    """A child's requirement replaces its parent's for the same tunable and operator; other operators stay."""
    child = (
        "extends = 'base'\nrole = 'server'\n[variables]\nconnections = 3000\n"
        + rule("nofile", "at_least = 77")
        + rule("fs.file-max", "at_most = 100000")
    )
    profile = resolved({"lib/base.toml": BASE, "lib/mine.toml": child})
    assert demands(profile) == {
        ("nofile", "at_least"): "77",
        ("fs.file-max", "at_least"): "6000",
        ("fs.file-max", "at_most"): "100000",
    }
    assert profile.summary == ""
    assert profile.role is Role.SERVER
    assert profile.variables["reserve"] == 24


def test_child_overrides_role_by_role() -> None:
    """What a child says for some roles leaves its parent's word for the others."""
    child = "extends = 'base'\n" + rule("nofile", "at_least = 77", roles='["proxy", "both"]')
    profile = resolved({"lib/base.toml": BASE, "lib/mine.toml": child})
    by_role: dict[Role, list[str]] = {
        role: [each.operands[0].raw for each in profile.requirements if each.tunable == "nofile" and role in each.roles]
        for role in Role
    }
    assert by_role == {
        Role.SERVER: ["1024"],
        Role.GENERATOR: ["1024"],
        Role.PROXY: ["77"],
        Role.BOTH: ["77"],
    }


def test_later_parent_wins_and_diamonds_are_no_loop() -> None:
    """Of several parents the later one wins, and two that share a grandparent are no loop."""
    texts = {
        "lib/base.toml": BASE,
        "lib/left.toml": "extends = 'base'\n" + rule("nofile", "at_least = 1"),
        "lib/right.toml": "extends = 'base'\n" + rule("nofile", "at_least = 2"),
        "lib/mine.toml": "extends = ['left', 'right']\n",
    }
    assert demands(resolved(texts))["nofile", "at_least"] == "2"


def test_extended_path_is_meant_from_its_file() -> None:
    """A path in `extends` starts from the directory of the file that says it; a name is looked up."""
    texts = {
        "dir/mine.toml": "extends = './sub/base.toml'\n",
        "dir/./sub/base.toml": "extends = '../other.toml'\n" + BASE.replace("summary = 'base'", ""),
        "dir/./sub/../other.toml": "extends = 'base'\n",
        "lib/base.toml": BASE,
    }
    assert resolved(texts, "dir/mine.toml").variables["connections"] == 1000


@pytest.mark.parametrize(
    ("texts", "where", "message"),
    [
        ({"lib/mine.toml": "extends = 'bse'\n"}, "lib/mine.toml:2", "extends 'bse': no profile is named 'bse'"),
        ({"lib/mine.toml": "extends = 'mine'\n"}, "lib/mine.toml:2", "extends itself: mine → mine"),
        (
            {"lib/mine.toml": "extends = 'a'\n", "lib/a.toml": "summary = ''\nextends = 'mine'\n"},
            "lib/a.toml:3",
            "extends itself: mine → a → mine",
        ),
        ({"lib/mine.toml": "extends = 'a'\n", "lib/a.toml": "why = 1\n"}, "lib/a.toml:2", "unknown key 'why'"),
        ({"lib/mine.toml": "summary = 'x'\n"}, "lib/mine.toml", "has no `connections`"),
        (
            {"lib/mine.toml": BASE.replace("reserve = 24", "reserve = {expr = 'rate + 1'}\nrate = {expr = 'reserve'}")},
            "lib/mine.toml:5",
            "variable reserve depends on itself: reserve → rate",
        ),
        (
            {"lib/mine.toml": BASE.replace("reserve = 24", "reserve = {expr = 'conections'}")},
            "lib/mine.toml:5",
            "the expression 'conections' names 'conections'",
        ),
        (
            {"lib/mine.toml": BASE.replace("reserve = 24", "reserve = {expr = '1 +'}")},
            "lib/mine.toml:5",
            "is not an expression",
        ),
        (
            {"lib/mine.toml": BASE + rule("fs.file-max", "at_most = 5")},
            "lib/mine.toml:15",
            "at least 2000 (lib/mine.toml:10) and at most 5, for connections=1000",
        ),
    ],
)
def test_mistake(texts: dict[str, str], where: str, message: str) -> None:
    """A mistake between profiles names the file and line that make it."""
    with pytest.raises(ProfileError) as caught:
        resolved(texts)
    assert caught.value.where == where
    assert message in str(caught.value)


def test_chain_too_long() -> None:
    """A chain of parents has an end."""
    texts = {f"lib/p{n}.toml": f"extends = 'p{n + 1}'\n" for n in range(40)}
    with pytest.raises(ProfileError, match="one after the other"):
        resolved(texts, "p0")


def test_unknown_profile() -> None:
    """The first profile's own name is the caller's mistake, and is told as the search tells it."""
    with pytest.raises(ProfileError, match="no profile is named 'other'"):
        resolved({}, "other")


@pytest.mark.parametrize(
    "target",
    [
        Target(connections=0),
        Target(connections=-5),
        Target(connections=10**9 + 1),
        Target(processes=0),
        Target(processes=10**6 + 1),
        Target(settings={"resrve": 1}),
        Target(settings={"ram_bytes": 1}),
    ],
)
def test_senseless_target(target: Target) -> None:
    """A target of no connections, an absurd one, or of variables that are not there is the user's mistake."""
    with pytest.raises(UsageError):
        resolved({"lib/mine.toml": BASE}, target=target)


def test_setting_suggestion() -> None:
    """A misspelt variable is answered with the right one."""
    with pytest.raises(UsageError) as caught:
        resolved({"lib/mine.toml": BASE}, target=Target(settings={"resrve": 1}))
    assert caught.value.tip == "did you mean reserve?"


def test_unknown_machine() -> None:
    """Where the machine's memory is needed and unknown the answer is inconclusive; elsewhere there is one."""
    text = BASE + rule("net.ipv4.tcp_mem", "at_most = {max = {expr = 'ram_bytes // page_size'}}")
    with pytest.raises(InconclusiveError, match="ram_bytes of this machine could not be read"):
        resolved({"lib/mine.toml": text}, target=Target())
    assert len(resolved({"lib/mine.toml": text}).requirements) == 3
    assert len(resolved({"lib/mine.toml": BASE}, target=Target()).requirements) == 2


def test_variables_of_variables() -> None:
    """A variable may be written in terms of others, in any order, also of a child's."""
    base = BASE.replace("reserve = 24", "reserve = {expr = 'cpus * per_cpu'}\nper_cpu = 1")
    child = "extends = 'base'\n[variables]\nper_cpu = {expr = 'connections // 100'}\n"
    profile = resolved({"lib/base.toml": base, "lib/mine.toml": child})
    assert profile.variables == {"connections": 1000, "processes": 1, "reserve": 40, "per_cpu": 10}


def test_present_load_is_no_variable() -> None:
    """Expressions see the target and the machine, and nothing that changes as connections come and go."""
    for name in ("available_bytes", "files_allocated", "sockets", "tcp_in_use"):
        with pytest.raises(ProfileError, match="no variable here"):
            resolved({"lib/mine.toml": BASE + rule("kernel.pid_max", f"at_least = {{expr = '{name}'}}")})


def requirement_of(profile: Profile, tunable: str) -> Requirement:
    return next(each for each in profile.requirements if each.tunable == tunable)


def test_unused_parent_expression_is_not_worked_out() -> None:
    """What a child replaces need not make sense for its target."""
    base = BASE + rule("kernel.pid_max", "at_least = {expr = 'connections * 1000000'}")
    child = "extends = 'base'\n" + rule("kernel.pid_max", "at_least = 4096")
    with pytest.raises(ProfileError, match="outside what the kernel accepts"):
        resolved({"lib/mine.toml": base})
    profile = resolved({"lib/base.toml": base, "lib/mine.toml": child})
    assert requirement_of(profile, "kernel.pid_max").operands[0].number == 4096
