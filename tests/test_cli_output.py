"""Where the command line writes: whole files or none, and a reader that goes away changes nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT
from wstune.cli.output import check_writable, print_error, wants_color, write_outcome, write_report
from wstune.errors import UsageError


class Terminal:
    """Enough of a stream to ask whether it is a terminal."""

    def __init__(self, tty: bool) -> None:
        self.tty = tty

    def isatty(self) -> bool:
        return self.tty


@pytest.mark.parametrize(
    ("tty", "environment", "wanted"),
    [
        pytest.param(True, {}, True, id="terminal"),
        pytest.param(False, {}, False, id="pipe"),
        pytest.param(True, {"NO_COLOR": "1"}, False, id="NO_COLOR"),
        pytest.param(True, {"NO_COLOR": ""}, True, id="empty NO_COLOR"),
        pytest.param(False, {"FORCE_COLOR": "1"}, True, id="FORCE_COLOR"),
        pytest.param(True, {"NO_COLOR": "1", "FORCE_COLOR": "1"}, False, id="both"),
        pytest.param(True, {"TERM": "dumb"}, False, id="dumb terminal"),
    ],
)
def test_colour(tty: bool, environment: dict[str, str], wanted: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Colour is for terminals, unless NO_COLOR or FORCE_COLOR say otherwise, and the former wins."""
    monkeypatch.setenv("TERM", "xterm")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert wants_color(Terminal(tty)) is wanted  # type: ignore[arg-type]


def test_errors_are_coloured_on_request(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """The marks ERROR and TIP are coloured, the sentences are not."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    print_error("no", "yes")
    assert capsys.readouterr().err == "\x1b[31mERROR\x1b[0m no\n\x1b[36mTIP\x1b[0m   yes\n"


def test_a_report_replaces_the_file(tmp_path: Path) -> None:
    """-o replaces what was there and leaves nothing beside it."""
    path = tmp_path / "report.json"
    path.write_text("old and longer than the new")
    write_report("new", str(path))
    assert path.read_text() == "new\n"
    assert list(tmp_path.iterdir()) == [path]


def test_a_symbolic_link_keeps_pointing(tmp_path: Path) -> None:
    """-o through a link writes the file that it points to."""
    target, link = tmp_path / "target", tmp_path / "link"
    link.symlink_to(target)
    write_report("text", str(link))
    assert link.is_symlink()
    assert target.read_text() == "text\n"


def test_a_device_is_written_through() -> None:
    """-o /dev/stdout goes to stdout: a device is never replaced."""
    code = "from wstune.cli.output import write_report; write_report('text', '/dev/stdout')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "text\n")


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        pytest.param("missing/report", "no such directory", id="no directory"),
        pytest.param(".", "is a directory", id="a directory"),
        pytest.param("file/report", "no such directory", id="below a file"),
    ],
)
def test_an_unwritable_place_is_said_before_the_work(tmp_path: Path, name: str, reason: str) -> None:
    """What -o cannot write is a usage error with the reason."""
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match=reason) as caught:
        check_writable(str(tmp_path / name))
    assert caught.value.tip


def test_a_failed_write_is_a_usage_error(tmp_path: Path) -> None:
    """A file that cannot be written after all is an expected error, and leaves nothing behind."""
    with pytest.raises(UsageError, match="cannot write"):
        write_report("text", str(tmp_path / "missing" / "report"))
    assert not list(tmp_path.iterdir())


def test_a_full_disk_keeps_the_old_file() -> None:
    """/dev/full takes nothing: the error is a sentence."""
    with pytest.raises(UsageError, match="no space left"):
        write_report("text", "/dev/full")


def test_a_reader_that_goes_away_changes_nothing() -> None:
    """A broken pipe is no traceback, and the exit code stays the program's own."""
    code = (
        "import sys; from wstune.cli.output import *; "
        "[write_report('x' * 100_000, None) for _ in range(9)]; sys.exit(close_quietly(1))"
    )
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert child.stdout
    assert child.stderr
    os.read(child.stdout.fileno(), 1)
    child.stdout.close()
    assert child.stderr.read() == b""
    child.stderr.close()
    assert child.wait() == 1


def test_what_was_done_is_told_where_its_report_cannot_be_written() -> None:
    """A disk that is full makes nothing undone."""
    with pytest.raises(UsageError, match=r"cannot write /dev/full: .*; transaction 1 was applied all the same"):
        write_outcome("text", "/dev/full", "transaction 1 was applied all the same")


@pytest.mark.parametrize("name", ["-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"])
def test_standard_output_by_all_of_its_names(tmp_path: Path, name: str) -> None:
    """`-o -` is stdout, and a file that stdout is redirected to is not replaced, but written on."""
    code = (
        "import sys; from wstune.cli.output import *; name = sys.argv[1]; print('first', flush=True); "
        "check_writable(name); write_report('text', name)"
    )
    with (tmp_path / "out").open("w") as out:
        subprocess.run(
            [sys.executable, "-c", code, name], stdout=out, cwd=tmp_path, env={"PYTHONPATH": str(ROOT)}, check=True
        )
    assert (tmp_path / "out").read_text() == "first\ntext\n"
    assert [entry.name for entry in tmp_path.iterdir()] == ["out"]


def test_a_shells_process_substitution_is_written(tmp_path: Path) -> None:
    """`-o >(tee copy)`."""
    code = "import sys; from wstune.cli.output import *; check_writable(sys.argv[1]); write_report('text', sys.argv[1])"
    command = f"{sys.executable} -c {code!r} >(cat > {tmp_path}/copy); wait $!"
    subprocess.run(["bash", "-c", command], env={"PYTHONPATH": str(ROOT)}, check=True)
    assert (tmp_path / "copy").read_text() == "text\n"


def test_a_report_has_no_control_characters(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """To a terminal and to a file, but for line ends, tabs and colour; a document that is verbatim stays itself."""
    text = "a\x1b[2J\x1b[1mb\x1b[0m\tc\r\u202e\x9b\n"
    monkeypatch.setenv("FORCE_COLOR", "1")
    write_report(text, None)
    assert capsys.readouterr().out == "a\\x1b[2J\x1b[1mb\x1b[0m\tc\\r\\u202e\\x9b\n"
    write_report(text, str(tmp_path / "x"))
    assert "\x1b" not in (tmp_path / "x").read_text()
    write_report("<a>\u202e</a>\n", None, verbatim=True)
    assert capsys.readouterr().out == "<a>\u202e</a>\n"
