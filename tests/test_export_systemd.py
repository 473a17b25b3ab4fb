"""systemd: its own verifier has nothing to say about the drop-in."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import exports
from tests.conftest import need
from wstune.export.formats import ExportFormat


@pytest.mark.parametrize("profile", exports.PROFILES)
def test_systemd_verifies_it(profile: str, tmp_path: Path) -> None:
    """A service with the drop-in is sound; with a key misspelt the verifier would have said so."""
    need("systemd")
    unit = tmp_path / "chat.service"
    unit.write_text("[Service]\nExecStart=/bin/true\n")
    drop_in = tmp_path / "chat.service.d" / "50-wstune-export.conf"
    drop_in.parent.mkdir()
    drop_in.write_text(exports.text(ExportFormat.SYSTEMD, profile, unit="chat.service"))
    done = exports.run("systemd-analyze", "verify", str(unit))
    assert (done.returncode, done.stderr) == (0, "")
    drop_in.write_text(drop_in.read_text() + "LimitNOFILES=1\n")
    assert "LimitNOFILES" in exports.run("systemd-analyze", "verify", str(unit)).stderr


def test_soft_and_hard_limit() -> None:
    """Both, in one line."""
    assert "LimitNOFILE=263524:263524" in exports.text(ExportFormat.SYSTEMD).splitlines()
