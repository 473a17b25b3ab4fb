"""When set-up fails, the sentence names the package and the reason, whatever pip's version."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.conftest import ROOT, TESTS
from tools.reason import reason

PIPS = ("23.0.1", "26.3")
REASONS = {
    "requires-python": "pymdown-extensions==13.1 needs Python >=3.11.5, and this one is 3.11.2",
    "requires-python-of-a-constraint": (
        "pymdown-extensions==13.1, as constraints.txt has it, does not serve Python 3.11.2 or the others: "
        "sample 1 depends on pymdown-extensions>=9; The user requested (constraint) pymdown-extensions==13.1"
    ),
    "conflict": (
        "these packages exclude each other: The user requested pygments<2.13; "
        "rich 15.0.0 depends on pygments<3.0.0 and >=2.13.0"
    ),
    "no-such-version": "rich==999.0 is not in the Python package index for Python 3.11.2 on x86_64",
    "no-wheel": "pynag is not in the Python package index for Python 3.11.2 on x86_64",
    "no-network": (
        "simpleeval==1.0.8 could not be fetched: this machine needs a network that reaches the Python package index"
    ),
    "build-failed": "/home/ada/broken could not be built: error: command cc failed: No such file or directory",
    "hash": "what was fetched as click==8.5.1 has another hash than requirements.txt says, and was not installed",
    "hash-missing": "markdown-it-py>=2.2.0 is needed, and requirements.txt has no version and hash of it",
    "disk-full": "babel could not be installed: No space left on device",
    "read-only": "sortedcontainers could not be installed: Read-only file system: '/home/ada/",
}


@pytest.mark.parametrize("pip", PIPS)
@pytest.mark.parametrize("case", REASONS)
def test_the_reason(case: str, pip: str) -> None:
    """Of what pip really printed, the package and why."""
    said = reason((TESTS / "cases" / "pip" / f"{case}.{pip}.txt").read_text(), "3.11.2", "x86_64")
    assert said.startswith(REASONS[case])
    assert "\n" not in said


@pytest.mark.parametrize("log", ["", "\n", "ERROR: something new\n", "Killed\n"])
def test_what_is_new_is_passed_on(log: str) -> None:
    """What no rule knows is told in pip's last words, in one line."""
    said = reason(log, "3.11.2", "x86_64")
    assert said.startswith("pip failed: ")
    assert "\n" not in said


def test_every_case_has_its_reason() -> None:
    """No output of pip lies there unread."""
    assert {path.name for path in (TESTS / "cases" / "pip").iterdir()} == {
        f"{case}.{pip}.txt" for case in REASONS for pip in PIPS
    }


def test_it_needs_nothing_but_python() -> None:
    """It runs isolated, before anything is installed, also where the log is missing."""
    done = subprocess.run(
        [sys.executable, "-IS", ROOT / "tools" / "reason.py", "/no/such/log"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith("wstune could not be set up: ")
    assert "/no/such/log" in done.stdout
