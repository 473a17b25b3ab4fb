"""The command line's boundary: every error becomes a sentence, a tip and an exit code."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Annotated

import pytest
import typer

from wstune import __version__, errors
from wstune.cli import main
from wstune.cli.main import VERBS, run

Act = Callable[[], object]


@pytest.fixture
def verb(monkeypatch: pytest.MonkeyPatch) -> Callable[[Act], None]:
    """Puts in a command `try` that does what it is given."""

    def put(act: Act) -> None:
        def command(size: Annotated[int, typer.Option("--size")] = 1) -> object:
            return act()

        module = ModuleType("wstune.cli.try")
        module.register = lambda app: app.command("try")(command)  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "wstune.cli.try", module)
        monkeypatch.setitem(VERBS, "try", "try")

    return put


def _raiser(error: BaseException) -> Act:
    def act() -> object:
        raise error

    return act


def test_version_is_printed_on_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    """`wstune --version` names the program and its version, and is exit 0."""
    assert run(["--version"]) == 0
    assert capsys.readouterr() == (f"wstune {__version__}\n", "")


def test_module_and_entry_point_are_the_same() -> None:
    """`python -m wstune` is `wstune`."""
    done = subprocess.run([sys.executable, "-m", "wstune", "--version"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, f"wstune {__version__}\n")


def test_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    """`wstune --help` shows each command, and fits 80 columns."""
    assert run(["--help"]) == 0
    out = capsys.readouterr().out
    listed = {line.split()[0] for line in out.partition("Is it ready:")[2].splitlines() if line.strip()}
    assert set(VERBS) <= listed
    assert max(map(len, out.splitlines())) <= 80


def test_no_command_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    """Without a command the help goes to stderr, and the exit code is that of wrong usage."""
    assert run([]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "Is it ready:" in err


@pytest.mark.parametrize(
    ("error", "code"),
    [
        pytest.param(errors.UsageError("said", "do"), 2, id="usage"),
        pytest.param(errors.ProfileError("a.toml:3", "said", "do"), 2, id="profile"),
        pytest.param(errors.InconclusiveError("said", "do"), 3, id="inconclusive"),
        pytest.param(errors.ApplyError("said", "do"), 4, id="apply"),
        pytest.param(errors.RollbackError("said", "do"), 5, id="rollback"),
        pytest.param(errors.LockedError("said", "do"), 75, id="locked"),
        pytest.param(errors.PrivilegeError("said", "do"), 77, id="privilege"),
    ],
)
def test_each_error_has_its_exit_code(
    verb: Callable[[Act], None], capsys: pytest.CaptureFixture[str], error: errors.WstuneError, code: int
) -> None:
    """An expected error is one line and a tip on stderr, nothing on stdout, and its class's exit code."""
    verb(_raiser(error))
    assert run(["try"]) == code
    assert capsys.readouterr() == ("", f"ERROR {error}\nTIP   do\n")


@pytest.mark.parametrize(
    ("args", "sentence", "tip"),
    [
        pytest.param(["chek"], "there is no command 'chek'", "did you mean check?", id="command"),
        pytest.param(["zzz"], "there is no command 'zzz'", "wstune --help lists", id="nothing like it"),
        pytest.param(["try", "--sise", "3"], "wstune try has no option --sise", "did you mean --size?", id="option"),
        pytest.param(["try", "--size"], "requires an argument", "wstune try --help", id="no value"),
        pytest.param(["try", "--size", "x"], "not a valid int", "wstune try --help", id="bad value"),
        pytest.param(["try", "y"], "unexpected extra argument", "wstune try --help", id="extra argument"),
    ],
)
def test_wrong_usage_is_a_sentence_and_a_tip(
    verb: Callable[[Act], None], capsys: pytest.CaptureFixture[str], args: list[str], sentence: str, tip: str
) -> None:
    """What typer does not understand is exit 2, in one sentence, with the nearest right name where there is one."""
    verb(lambda: None)
    assert run(args) == 2
    out, err = capsys.readouterr()
    first, second = err.splitlines()
    assert out == ""
    assert first.startswith("ERROR ")
    assert sentence in first
    assert second.startswith("TIP   ")
    assert tip in second


def test_a_defect_asks_for_a_report(verb: Callable[[Act], None], capsys: pytest.CaptureFixture[str]) -> None:
    """An error that nobody foresaw is no traceback and no verdict's exit code."""
    verb(_raiser(ZeroDivisionError("division by zero")))
    assert run(["try"]) == main.DEFECT
    err = capsys.readouterr().err
    assert "ZeroDivisionError: division by zero" in err
    assert "WSTUNE_DEBUG=1 wstune try" in err
    assert "Traceback" not in err


def test_debug_shows_the_traceback(verb: Callable[[Act], None], monkeypatch: pytest.MonkeyPatch) -> None:
    """WSTUNE_DEBUG lets the error through."""
    monkeypatch.setenv("WSTUNE_DEBUG", "1")
    verb(_raiser(ZeroDivisionError("division by zero")))
    with pytest.raises(ZeroDivisionError):
        run(["try"])


def test_interrupt_is_130(verb: Callable[[Act], None], capsys: pytest.CaptureFixture[str]) -> None:
    """Ctrl-C is exit 130, as shells report SIGINT, without a traceback."""
    verb(_raiser(KeyboardInterrupt()))
    assert run(["try"]) == 130
    assert "Traceback" not in capsys.readouterr().err


def test_a_verb_returns_its_exit_code(verb: Callable[[Act], None]) -> None:
    """What a command returns is the exit code."""
    verb(lambda: 3)
    assert run(["try"]) == 3


def test_control_characters_do_not_reach_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    """What the user typed, or what a file held, cannot steer the terminal through an error message."""
    assert run(["\x1b[31mred\nTIP   lie"]) == 2
    err = capsys.readouterr().err
    assert "\x1b" not in err
    assert len(err.splitlines()) == 2


def test_importing_the_command_line_is_cheap() -> None:
    """The root of the command line brings in none of the verbs, and nothing that only some verbs need."""
    code = "import sys, wstune.cli.main; print(*sorted(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={**os.environ, "COLUMNS": "80"}
    )
    loaded = set(done.stdout.split())
    assert not loaded & {"rich", "psutil", "simpleeval", "websocket", "asyncio", "json", "tomllib", "pydantic"}
    assert not {name for name in loaded if name.startswith(("wstune.host", "wstune.readiness", "wstune.tunables"))}
