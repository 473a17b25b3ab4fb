"""The documents build as pages, strictly: no page outside the navigation, no link or anchor into nothing."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests import exports
from tests.conftest import ROOT


@pytest.mark.slow
def test_it_builds_strictly(tmp_path: Path) -> None:
    """Without a warning, and nothing in it is loaded from elsewhere."""
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path / "site")]
    done = exports.run(*command, environment={"NO_MKDOCS_2_WARNING": "1"})
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    page = (tmp_path / "site/index.html").read_text()
    for word in ('src="http', 'rel="stylesheet" href="http', "fonts.googleapis"):
        assert word not in page
    assert (tmp_path / "site/reference/commands.html").exists()
    assert (ROOT / "mkdocs.yml").exists()
