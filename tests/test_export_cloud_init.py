"""cloud-init: its own schema takes the user data, and the script in it is the script."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tests import exports
from tests.conftest import need
from wstune.export.formats import ExportFormat


@pytest.mark.parametrize("profile", exports.PROFILES)
def test_cloud_init_takes_it(profile: str, tmp_path: Path) -> None:
    """`cloud-init schema` finds it valid, and would not if a key were wrong."""
    need("cloud-init")
    path = tmp_path / "user-data"
    path.write_text(exports.text(ExportFormat.CLOUD_INIT, profile, unit="chat.service"))
    done = exports.run("cloud-init", "schema", "--config-file", str(path))
    assert "Valid" in done.stdout, done.stdout + done.stderr
    assert done.returncode == 0
    path.write_text(path.read_text().replace("    content:", "    contents:"))
    assert exports.run("cloud-init", "schema", "--config-file", str(path)).returncode != 0


def test_the_script_arrives_whole() -> None:
    """What YAML makes of it is the exported script to the byte, runnable, and it is run."""
    document = yaml.safe_load(exports.text(ExportFormat.CLOUD_INIT, user="alice"))
    (file,) = document["write_files"]
    assert file["content"] == exports.text(ExportFormat.SCRIPT, user="alice")
    assert file["permissions"] == "0755"
    assert document["runcmd"][0] == [file["path"]]
