"""The standard streams: closed, or with nobody at their end, they change no exit code and cost no traceback."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.trees import HOSTS

TREE = str(HOSTS / sorted(path.name for path in HOSTS.iterdir() if path.is_dir())[0])

COMMANDS = {
    "version": "--version",
    "help": "--help",
    "no command": "",
    "unknown command": "nosuch",
    "unknown option": "check --nosuch",
    "check": f"check container --root {TREE}",
    "check, json": f"check container --root {TREE} --format json",
    "check, no such profile": "check nosuch",
    "capacity": f"capacity --root {TREE}",
    "explain": "explain net.core.somaxconn",
    "explain, nothing": "explain nosuch",
    "profiles": "profiles list",
    "export": "export container --format sysctl.d",
    "status": "status --state-dir {work}",
    "history": "history --state-dir {work}",
    "apply, dry": "apply container --dry-run --state-dir {work}",
    "apply, nobody to ask": "apply high-conn --state-dir {work} --etc-root {work}",
    "rollback": "rollback --state-dir {work}",
    "capture": "capture {work}/copy",
    "verify help": "verify --help",
    "verify, nothing there": "verify ws://127.0.0.1:1/ -n 1 --hold 0",
    "verify, no target": "verify nosuch",
}

CLOSED = {
    "stdout": ">&-",
    "stderr": "2>&-",
    "both": ">&- 2>&-",
    "stdin": "<&-",
    "all": "<&- >&- 2>&-",
    "pipe": "> >(exec true)",
    "pipe of errors": "2> >(exec true)",
}


def exit_code(command: str, redirection: str, work: Path) -> tuple[int, str]:
    """The exit code, and what was said on the streams that are not closed."""
    work.mkdir()
    line = f"{sys.executable} -m wstune {command.format(work=work)} {redirection}"
    done = subprocess.run(
        ["bash", "-c", line], capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60, check=False
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("name", COMMANDS)
def test_closed_streams_change_no_exit_code(tmp_path: Path, name: str) -> None:
    """Whichever are closed (cron, daemons, `>&-`), the code is the usual one, and there is no traceback."""
    usual, _ = exit_code(COMMANDS[name], "", tmp_path / "usual")
    for at, redirection in enumerate(CLOSED.values()):
        code, said = exit_code(COMMANDS[name], redirection, tmp_path / str(at))
        assert code == usual, redirection
        assert "Traceback" not in said
        assert "has a defect" not in said
        assert "Exception ignored" not in said


def test_what_is_opened_later_gets_no_standard_number() -> None:
    """Where 0, 1 and 2 are closed, they are /dev/null: no file or socket of ours is written to by mistake."""
    code = (
        "import os; from wstune.cli import streams; streams.prepare(); "
        "names = {os.readlink(f'/proc/self/fd/{fd}') for fd in range(3)}; print('lost'); "
        "os._exit(0 if names == {'/dev/null'} and os.open('/', os.O_RDONLY) > 2 else 1)"
    )
    assert subprocess.run(["bash", "-c", f'{sys.executable} -c "{code}" <&- >&- 2>&-'], check=False).returncode == 0


def test_a_full_disk_is_still_an_error() -> None:
    """It is no reader that went away: the report is not there."""
    line = f"{sys.executable} -m wstune explain net.core.somaxconn >/dev/full"
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "no space left" in done.stderr


def test_errors_that_nobody_can_read_are_lost() -> None:
    """A full disk below stderr changes no verdict."""
    line = f"{sys.executable} -m wstune explain nosuch 2>/dev/full"
    assert subprocess.run(["bash", "-c", line], check=False, env={**os.environ}).returncode == 2
