"""`wstune profiles`: list, show and validate."""

from __future__ import annotations

from pathlib import Path

import pytest

from wstune.cli.main import run

SOUND = """schema = 1
summary = "Mine"
[variables]
connections = 10
[[require]]
tunable = "net.core.somaxconn"
at_least = 4096
why = "a burst"
"""


def test_list_names_those_that_come_with_wstune(capsys: pytest.CaptureFixture[str]) -> None:
    """Each packaged profile is listed with what it is for and where it is."""
    assert run(["profiles", "list"]) == 0
    out = capsys.readouterr().out
    names = [line for line in out.splitlines() if not line.startswith(" ")]
    assert names == ["container", "high-conn", "kemal-60k", "load-generator", "million", "two-million"]
    assert "profiles/high-conn.toml" in out


def test_a_directory_of_ones_own_comes_first(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """--profile-dir adds profiles, takes the place of packaged ones, and a broken one hides none of the others."""
    (tmp_path / "high-conn.toml").write_text(SOUND)
    (tmp_path / "broken.toml").write_text("schema = 1\nsummery = 'x'\n")
    assert run(["profiles", "list", "--profile-dir", str(tmp_path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[lines.index("high-conn") + 1] == "  Mine"
    assert lines[lines.index("broken") + 1].startswith("  cannot be used:")
    assert "million" in lines


def test_show_works_the_expressions_out(capsys: pytest.CaptureFixture[str]) -> None:
    """A profile is shown for a target: 61,189 connections in one process need 61,189 × 1.05 + 1,024 files."""
    assert run(["profiles", "show", "high-conn", "-n", "61189"]) == 0
    assert "nofile ≥ 65,273" in capsys.readouterr().out.splitlines()


def test_show_is_for_one_end(capsys: pytest.CaptureFixture[str]) -> None:
    """Only what is required of that end is shown."""
    assert run(["profiles", "show", "high-conn", "--role", "generator"]) == 0
    out = capsys.readouterr().out
    assert "net.ipv4.ip_local_port_range" in out
    assert "net.core.somaxconn" not in out


def test_validate_says_what_is_sound(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A sound file is said to be, by the name it was given."""
    (tmp_path / "mine.toml").write_text(SOUND)
    assert run(["profiles", "validate", str(tmp_path / "mine.toml"), "kemal-60k"]) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first == f"{tmp_path / 'mine.toml'}: sound, 1 requirement"
    assert second.endswith("kemal-60k.toml: sound, 10 requirements")


@pytest.mark.parametrize(
    ("text", "place", "told"),
    [
        pytest.param(SOUND.replace("somaxconn", "somaxcon"), ":6", "net.core.somaxconn", id="tunable"),
        pytest.param(SOUND.replace("at_least", "at_leest"), ":7", "at_least", id="operator"),
        pytest.param(SOUND.replace('why = "a burst"\n', ""), ":5", "why", id="no reason"),
        pytest.param(SOUND.replace("= 4096", "= 'many'"), ":7", "", id="value"),
        pytest.param(SOUND.replace("4096", "{ expr = 'conections' }"), ":7", "connections", id="expression"),
        pytest.param("schema = ", ":1", "", id="no TOML"),
    ],
)
def test_validate_says_what_is_wrong_and_where(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, place: str, told: str
) -> None:
    """A mistake is exit 2: one sentence with file and line, and the nearest right name where there is one."""
    path = tmp_path / "mine.toml"
    path.write_text(text)
    assert run(["profiles", "validate", str(path)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"ERROR {path}{place}: ")
    assert told in err


@pytest.mark.parametrize("verb", ["show", "validate"])
def test_an_unknown_profile_is_a_sentence(capsys: pytest.CaptureFixture[str], verb: str) -> None:
    """The nearest name is offered."""
    assert run(["profiles", verb, "high-con"]) == 2
    assert capsys.readouterr().err == "ERROR no profile is named 'high-con'\nTIP   did you mean high-conn?\n"
