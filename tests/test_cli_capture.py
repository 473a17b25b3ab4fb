"""`wstune capture`: a tree of this host that is judged as the host is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from wstune.cli.main import run


def test_the_copy_is_judged_as_the_host(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Every finding on the copy, with what a boot makes of it, is the one on this host."""
    copy = str(tmp_path / "copy")
    assert run(["capture", copy]) == 0
    out, err = capsys.readouterr()
    assert out.endswith(f"judge them anywhere: wstune check --root {copy}\n")
    assert err == ""
    found = []
    for root in ("/", copy):
        run(["check", "--root", root, "--format", "json"])
        findings = json.loads(capsys.readouterr().out)["findings"]
        found.append([(each["tunable"], each["live"], each["required"], each["managers"]) for each in findings])
    assert found[0] == found[1]


def test_only_a_new_directory(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A directory with something in it, and one that cannot be made, are wrong usage."""
    (tmp_path / "file").write_text("")
    for place in (tmp_path, tmp_path / "file/copy", tmp_path / "no/parent"):
        assert run(["capture", str(place)]) == 2
        err = capsys.readouterr().err
        assert err.startswith("ERROR ")
        assert "TIP " in err
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
