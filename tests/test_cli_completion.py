"""Completion: typer's own, for bash, zsh and fish; each shell's own completion finds commands, options and values."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT, need

PROGRAM = f'#!/bin/sh\nexec {sys.executable} -m wstune "$@"\n'


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """A home of its own, with `wstune` on the PATH."""
    program = tmp_path / "wstune"
    program.write_text(PROGRAM)
    program.chmod(0o755)
    path = f"{tmp_path}:{os.environ['PATH']}"
    return {"PATH": path, "HOME": str(tmp_path), "PYTHONPATH": str(ROOT), "LC_ALL": "C.UTF-8"}


def run(environment: dict[str, str], *command: str) -> str:
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("wstune ver", "verify"),
        ("wstune check --proc", "--processes"),
        ("wstune check --format js", "json"),
        ("wstune export high-conn --format cloud", "cloud-init"),
        ("wstune profiles va", "validate"),
    ],
)
def test_bash(environment: dict[str, str], typed: str, found: str) -> None:
    """What --show-completion prints, read by bash, completes commands, options and values."""
    words = typed.split()
    script = (
        'eval "$(wstune --show-completion)"; '
        f"COMP_WORDS=({typed}); COMP_CWORD={len(words) - 1}; _wstune_completion wstune; "
        'printf "%s\\n" "${COMPREPLY[@]}"'
    )
    assert found in run(environment, "bash", "-c", script).split()


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_read_their_script(environment: dict[str, str], tmp_path: Path, shell: str) -> None:
    """The script for the shell has no error in it, and its completion answers."""
    need(shell)
    script = tmp_path / "completion"
    script.write_text(
        run(environment, shell, "-c", "wstune --show-completion; true")
    )  # `; true`: no exec, or no shell is seen
    assert f"complete_{shell}" in script.read_text()
    run(environment, shell, "-n", str(script))
    if shell == "fish":
        told = run(environment, "fish", "-c", f"source {script}; complete -C 'wstune ver'")
    else:
        variables = {"_WSTUNE_COMPLETE": "complete_zsh", "_TYPER_COMPLETE_ARGS": "wstune ver"}
        told = run({**environment, **variables}, "wstune")
    assert "verify" in told
