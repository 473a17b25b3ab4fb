"""Whatever a text is, a file has that text as one value and nothing more, or its writer refuses it."""

from __future__ import annotations

import configparser
import re
import shlex
import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from tests import exports
from tests.conftest import need
from tests.hostile import ATTACKS, hostile
from wstune import quoting
from wstune.errors import UsageError
from wstune.export import ansible, cloud_init, docker, kubernetes, limits_d, script, sysctl_d, systemd, tuned
from wstune.export.script_functions import FUNCTIONS
from wstune.export.wishes import Export, Wish
from wstune.model import Operator, Profile, Requirement, Role, Severity
from wstune.tunables import CATALOGUE
from wstune.tuning.persist import Machine, read_own, render
from wstune.values import Kind, Value

COUNT = 10_000
KEY = CATALOGUE["net.ipv4.tcp_congestion_control"]


def wish(number: int, value: str, why: str) -> Wish:
    """A demand for a value that no grammar has seen, on a key of its own."""
    tunable = KEY._replace(name=f"net.ipv4.key{number}")
    operand = Value(Kind.TEXT, value, ())
    requirement = Requirement(tunable.name, Operator.EQUALS, (operand,), Severity.WARN, why)
    return Wish(tunable, (requirement,), operand, None)


def export(wishes: Iterable[Wish]) -> Export:
    """An export of such demands."""
    profile = Profile("p", "", (), {"connections": 1, "processes": 1})
    return Export(profile, Role.SERVER, 2**30, tuple(wishes), (1, 2), "USER", "UNIT.service")


def taken(writes: Callable[[Wish], object], count: int = COUNT) -> Iterator[tuple[dict[str, str], Export]]:
    """Exports of 200 demands each, and each key's value: a text that the writer takes, or it is the reason alone."""
    texts = list(hostile(count))
    for first in range(0, count, 200):
        wishes = []
        for number, text in enumerate(texts[first : first + 200], first):
            try:
                writes(wish(number, text, "w"))
            except UsageError:
                wishes.append(wish(number, "cubic", text))
            else:
                wishes.append(wish(number, text, text))
        yield {each.tunable.name: str(each.value) for each in wishes}, export(wishes)


def lines_of(text: str) -> list[str]:
    """As a careless reader parts them."""
    return [line for line in re.split("[\n\r\0\x0b\x0c\x1c-\x1e\x85\u2028\u2029]", text) if line.strip()]


class Loader(yaml.SafeLoader if not hasattr(yaml, "CSafeLoader") else yaml.CSafeLoader):  # type: ignore[misc]
    """With Ansible's tag for texts that are no templates."""


Loader.add_constructor("!unsafe", lambda loader, node: loader.construct_scalar(node))


def documents(text: str) -> list[Any]:
    return list(yaml.load_all(text, Loader))


def test_sysctl_d() -> None:
    """Each line that is no comment is a key of ours with its value."""
    for values, made in taken(sysctl_d.entry):
        found = [line for line in lines_of(sysctl_d.text(made)) if line[0] not in "#;"]
        assert found == [f"{key} = {value}" for key, value in values.items()]


def test_own_sysctl_file() -> None:
    """The file that apply writes is read back, and has as many lines as values."""
    machine = Machine("6.1", 1)
    for number, text in enumerate(hostile(COUNT)):
        try:
            file = render("sysctl", [("net.ipv4.x", text, text)], machine)
        except UsageError:
            file = render("sysctl", [("net.ipv4.x", "cubic", text)], machine)
            text = "cubic"
        found = [line for line in lines_of(file) if line[0] not in "#;"]
        assert found == [f"net.ipv4.x = {text}"], number
        own = read_own(file)
        assert own is not None
        assert own.intact


@pytest.mark.parametrize("style", ["limits", "unit"])
def test_own_limits_and_units(style: str) -> None:
    """A user's name and a limit are words of letters and digits, or refused."""
    for text in hostile(COUNT):
        for entry in ((text, "1 2", ""), ("alice", f"1 {text}", ""), ("alice", text, "")):
            try:
                file = render(style, [entry], Machine("6.1", 1))
            except (UsageError, ValueError):  # ValueError: not two words
                continue
            expected = (
                r"[\w.@\\:-]+ (soft|hard) nofile [\w.@\\:-]+" if style == "limits" else r"LimitNOFILE=[\w.@\\:-]+"
            )
            found = [line for line in lines_of(file) if line[0] != "#" and line != "[Service]"]
            assert len(found) == (2 if style == "limits" else 1)
            assert all(re.fullmatch(expected, line, re.ASCII) for line in found)


def test_script() -> None:
    """Read by the shell's rules, the script has a word for each value, and calls nothing but its own function."""
    for values, made in taken(lambda each: script._want(each, each.requirements[0])):
        _, _, body = script.text(made).partition(FUNCTIONS.rstrip("\n"))
        words = [part for key, value in values.items() for part in ("want", "warn", key, "exactly", value)]
        assert shlex.split(body, comments=True) == [*words, "exit", "$failed"]


@pytest.mark.parametrize("module", [ansible, cloud_init], ids=["ansible", "cloud-init"])
def test_what_carries_the_script(module: Any) -> None:
    """The document holds the script to the letter, and nothing else that was asked for by a value."""
    for _, made in taken(lambda each: script._want(each, each.requirements[0])):
        (document,) = documents(module.text(made))
        if module is ansible:
            (play,) = document
            assert play["vars"]["wstune_script"] == script.text(made)
            assert sorted(play) == ["become", "gather_facts", "hosts", "name", "tasks", "vars"]
            assert len(play["tasks"]) == 1
        else:
            assert document["write_files"][0]["content"] == script.text(made)
            assert document["runcmd"] == [[cloud_init.SCRIPT]]
            assert len(document) == 2


def test_docker() -> None:
    """The compose file has each value, in which `$` is no variable; the flags in its head are comments."""
    for values, made in taken(lambda each: docker.text(export([each]))):
        (document,) = documents(docker.text(made))
        app = document["services"]["app"]
        assert app["sysctls"] == {key: value.replace("$", "$$") for key, value in values.items()}
        assert sorted(app) == ["image", "sysctls", "ulimits"]
        flags = "\n".join(line[4:] for line in docker.text(made).splitlines() if line.startswith("#     --sysctl"))
        assert shlex.split(flags.replace("\\\n", "\n").removesuffix("\\")) == [
            part for key, value in values.items() for part in ("--sysctl", f"{key}={value}")
        ]


def test_kubernetes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pod has each value as a text, the ConfigMap has the script."""
    monkeypatch.setattr(kubernetes, "SAFE", {f"net.ipv4.key{number}": "1" for number in range(0, COUNT, 2)})
    for values, made in taken(kubernetes._sysctl):
        pod, config, daemon = documents(kubernetes.text(made))
        assert pod["spec"]["securityContext"]["sysctls"] == [
            {"name": key, "value": value} for key, value in values.items() if key in kubernetes.SAFE
        ]
        assert sorted(pod["spec"]) == ["containers", "securityContext"]
        assert config["data"] == {"script": script.text(made)}
        assert daemon["kind"] == "DaemonSet"


def test_tuned() -> None:
    """Read as TuneD does, with interpolation and comments at the end of a line, each value is itself."""
    for values, made in taken(tuned._line):
        parser = configparser.ConfigParser(delimiters=("=",), inline_comment_prefixes=("#",), strict=True)
        parser.read_string(tuned.text(made))
        assert parser.sections() == ["main", "sysctl"]
        assert {key: value.strip('"') for key, value in parser["sysctl"].items()} == values
        assert not any("$" in value for value in parser["sysctl"].values())


def test_limits_d_and_systemd() -> None:
    """A user's name that is more than a word is refused; a limit of a unit too."""
    for text in hostile(COUNT):
        try:
            entries = limits_d.entries(replace(export([]), user=text))
        except UsageError:
            pass
        else:
            assert [line.split() for line in entries] == [[text, "soft", "nofile", "1"], [text, "hard", "nofile", "2"]]
        limit = replace(wish(1, text, text), tunable=CATALOGUE["nproc"])
        try:
            made = systemd.text(export([limit]))
        except UsageError:
            continue
        parser = configparser.RawConfigParser(delimiters=("=",), strict=True)
        parser.optionxform = str  # type: ignore[assignment,method-assign]
        parser.read_string(made)
        assert dict(parser["Service"]) == {"LimitNOFILE": "1:2", "LimitNPROC": text}


@given(st.text(st.characters(exclude_categories=())))
def test_yaml_scalar(text: str) -> None:
    """Any text but half a surrogate pair comes back, as a text, on one line."""
    try:
        written = quoting.yaml(text)
    except UsageError:
        assert any("\ud800" <= letter <= "\udfff" for letter in text)
        return
    assert len(lines_of(written)) == 1
    assert yaml.safe_load(f"a: {written}\nb: 1") == {"a": text, "b": 1}


@pytest.mark.parametrize("text", ["a b", "cubic", "1\t2\t3", "=x", "a'b", "$(id)", "{{ x }}"])
def test_a_line_takes_what_is_on_one_line(text: str) -> None:
    """Signs are no harm to a language without quotes."""
    assert quoting.sysctl(text) == text


@pytest.mark.parametrize("text", ATTACKS)
def test_a_refusal_is_one_sentence(text: str) -> None:
    """It names the value, fit to be shown, and the language."""
    with pytest.raises(UsageError) as caught:
        quoting.sysctl(f"{text}\n")
    assert str(caught.value).isprintable() or "👩" in str(caught.value)
    assert "a sysctl file" in str(caught.value)


# With the real tools: 200 values that the writer takes.


def some(writes: Callable[[Wish], object]) -> tuple[dict[str, str], Export]:
    """200 values that a writer takes."""
    good: list[str] = []
    for text in hostile(COUNT):
        try:
            writes(wish(0, text, "w"))
        except UsageError:
            continue
        good.append(text)
    made = [wish(number, text, text) for number, text in enumerate(good[:200])]
    return {each.tunable.name: str(each.value) for each in made}, export(made)


@pytest.mark.slow
@pytest.mark.netns
def test_sysctl_itself_sets_nothing_else(tmp_path: Path) -> None:
    """`sysctl -p` in a namespace of its own: no value of the network differs after it but the one that was named."""
    need("loaders")
    _, made = some(sysctl_d.entry)
    file = tmp_path / "x.conf"
    text = re.sub(r"^net\.ipv4\.key\d+ =", f"{KEY.name} =", sysctl_d.text(made), flags=re.MULTILINE)
    file.write_text(text)
    done = exports.in_namespace(
        "sh", "-c", f"sysctl -a 2>/dev/null; echo '--'; sysctl -e -p {file} >/dev/null 2>&1; sysctl -a 2>/dev/null"
    )
    steady = re.compile(r"^net\.(?!.*congestion_control).*$", re.MULTILINE)
    before, _, after = done.stdout.partition("--\n")
    assert len(steady.findall(before)) > 100
    assert steady.findall(before) == steady.findall(after)


@pytest.mark.slow
def test_shellcheck_finds_one_word_each(tmp_path: Path) -> None:
    """shellcheck has nothing to say but that `$` in single quotes is no variable, which is meant."""
    need("shellcheck")
    _, made = some(lambda each: script._want(each, each.requirements[0]))
    file = tmp_path / "x.sh"
    file.write_text(script.text(made))
    done = exports.run("shellcheck", "-e", "SC2016,SC1003,SC2089,SC2140", str(file))
    assert done.stdout == ""
    assert done.returncode == 0


@pytest.mark.slow
def test_a_shell_runs_nothing_of_it(tmp_path: Path) -> None:
    """sh itself hands each value to the function as one word."""
    values, made = some(lambda each: script._want(each, each.requirements[0]))
    _, _, body = script.text(made).partition(FUNCTIONS.rstrip("\n"))
    file = tmp_path / "x.sh"
    file.write_text("failed=0\nwant() { printf '%s\\0' \"$4\"; }\n" + body)
    done = exports.run("env", "-i", "PATH=/nonexistent", "/bin/sh", str(file))
    assert done.stderr == ""
    assert done.stdout.split("\0")[:-1] == list(values.values())


@pytest.mark.slow
def test_a_script_keeps_backslashes(tmp_path: Path) -> None:
    r"""A value with `\n` in it is written for the next boot as that, not as a new line."""
    key = tmp_path / "sys/net/ipv4/key0"
    key.parent.mkdir(parents=True)
    key.write_text("old\n")
    file = tmp_path / "x.sh"
    file.write_text(script.text(export([wish(0, r"a\nkernel.core_pattern=x", "w")])))
    environment = {"PROC_SYS": str(tmp_path / "sys"), "ETC": str(tmp_path / "etc")}
    done = exports.run("/bin/sh", str(file), environment=environment)
    assert done.returncode == 0, done.stderr
    kept = (tmp_path / "etc/sysctl.d/99-wstune-export.conf").read_text()
    assert kept.splitlines()[1:] == [r"net.ipv4.key0 = a\nkernel.core_pattern=x"]


@pytest.mark.slow
def test_compose_shows_each_value(tmp_path: Path) -> None:
    """`docker-compose config` has each value as it was meant, with no variable put in."""
    need("compose")
    values, made = some(lambda each: docker.text(export([each])))
    path = tmp_path / "compose.yaml"
    path.write_text(docker.text(made))
    command = ["docker-compose"] if shutil.which("docker-compose") else ["docker", "compose"]
    done = exports.run(*command, "-f", str(path), "config", environment={"COMPOSE_PROJECT_NAME": "test", "HOME": "/x"})
    assert done.returncode == 0, done.stderr
    shown = yaml.safe_load(done.stdout)["services"]["app"]
    assert {key: str(value).replace("$$", "$") for key, value in shown["sysctls"].items()} == values


@pytest.mark.slow
def test_cloud_init_takes_it(tmp_path: Path) -> None:
    """`cloud-init schema` finds the user data valid."""
    need("cloud-init")
    _, made = some(lambda each: script._want(each, each.requirements[0]))
    path = tmp_path / "user-data"
    path.write_text(cloud_init.text(made))
    done = exports.run("cloud-init", "schema", "--config-file", str(path))
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
def test_systemd_takes_its_drop_in(tmp_path: Path) -> None:
    """`systemd-analyze verify` has nothing to say of a unit with our drop-in, whatever was tried as its limit."""
    need("systemd")
    for number, text in enumerate(["infinity", "4096:8192", "1\nExecStart=/x", "%n", "1 2", '"1"', "1\\"]):
        unit = tmp_path / f"x{number}.service"
        limit = replace(wish(1, text, text), tunable=CATALOGUE["nproc"])
        try:
            drop_in = systemd.text(export([limit]))
        except UsageError:
            assert number > 1
            continue
        assert number < 2
        unit.write_text("[Service]\nExecStart=/bin/true\n")
        (tmp_path / f"{unit.name}.d").mkdir()
        (tmp_path / f"{unit.name}.d/50-x.conf").write_text(drop_in)
        done = exports.run("systemd-analyze", "verify", "--man=no", str(unit))
        assert str(tmp_path) not in done.stderr
