"""TuneD: its own loader reads the profile, and its sysctl plugin's comparison keeps what is more."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests import exports
from tests.conftest import need
from wstune.export.formats import ExportFormat

LOAD = """
import json, sys
from tuned.profiles import Factory, Loader, Locator, Merger
from tuned.profiles.variables import Variables
from tuned.utils.global_config import GlobalConfig
from tuned.plugins.base import Plugin
profile = Loader(Locator([sys.argv[1]]), Factory(), Merger(), GlobalConfig(), Variables()).load(["wstune"])
sysctls = dict(profile.units["sysctl"].options)
compare = Plugin._process_assignment_modifiers
kept = {key: compare(None, value, "9" * 18) for key, value in sysctls.items() if value.startswith(">")}
print(json.dumps([sysctls, kept]))
"""


@pytest.mark.parametrize("profile", exports.PROFILES)
def test_tuned_reads_it(profile: str, tmp_path: Path) -> None:
    """Every setting arrives; a number that is more already is left as it is."""
    need("tuned")
    path = tmp_path / "wstune" / "tuned.conf"
    path.parent.mkdir()
    path.write_text(exports.text(ExportFormat.TUNED, profile))
    done = exports.run("/usr/bin/python3", "-c", LOAD, str(tmp_path))
    assert done.returncode == 0, done.stderr
    sysctls, kept = json.loads(done.stdout)
    written = [line for line in path.read_text().partition("[sysctl]")[2].splitlines() if line and line[0] != "#"]
    assert len(sysctls) == len(written)
    assert set(kept.values()) <= {None}
    if profile == "high-conn":
        assert sysctls["net.core.netdev_max_backlog"] == ">10000"
        assert sysctls["net.ipv4.tcp_mem"].strip('"') == "125000 166666 250000"
