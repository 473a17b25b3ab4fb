"""The empty Debian of test_newcomer.py, made beside other tests: it takes a minute, and measures nothing."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests import exports
from tests.conftest import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.root, pytest.mark.debootstrap]


@pytest.mark.timeout(600)
def test_it_has_nothing_of_ours(shared: Path) -> None:
    """Neither wstune nor a compiler, nor any package of Python's but those of the system."""
    root = shared / "debian"
    made = exports.run(str(ROOT / "tests/newcomer.sh"), str(root), "/dev/null", "debian", seconds=500)
    assert made.returncode == 0, made.stdout[-2000:] + made.stderr[-2000:]
    asked = "command -v python3; command -v wstune cc gcc; python3 -c 'import typer'"
    told = subprocess.run(["chroot", root, "sh", "-c", asked], capture_output=True, text=True, check=False)
    assert told.stdout.splitlines() == ["/usr/bin/python3"]
    assert "No module named 'typer'" in told.stderr
    assert not list((root / "home").iterdir())
