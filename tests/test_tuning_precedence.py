"""Which file overrides ours, under which loader."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from wstune.host.config_files import conf_files
from wstune.host.files import Root
from wstune.tuning.precedence import (
    SYSCTL_CONF,
    SYSCTL_DIRECTORIES,
    ConfigFile,
    limits_override,
    sysctl_override,
    unit_override,
)

OWN = "/etc/sysctl.d/99-wstune.conf"
KEY = "net.core.somaxconn"


def files(*pairs: tuple[str, str]) -> list[ConfigFile]:
    return [ConfigFile(path, text) for path, text in pairs]


@pytest.mark.parametrize(
    ("others", "source"),
    [
        pytest.param([("/etc/sysctl.d/98-a.conf", f"{KEY}=1")], None, id="sorted before ours"),
        pytest.param([("/etc/sysctl.d/99-x.conf", f"{KEY}=1")], "/etc/sysctl.d/99-x.conf:1", id="sorted after ours"),
        pytest.param([("/usr/lib/sysctl.d/zz.conf", f"\n{KEY} = 1")], "/usr/lib/sysctl.d/zz.conf:2", id="elsewhere"),
        pytest.param([("/usr/lib/sysctl.d/99-wstune.conf", f"{KEY}=1")], None, id="masked by ours"),
        pytest.param([("/etc/sysctl.d/zz.conf", ""), ("/usr/lib/sysctl.d/zz.conf", f"{KEY}=1")], None, id="masked"),
        pytest.param([("/etc/sysctl.d/zz.conf", "net/core/somaxconn=1")], "/etc/sysctl.d/zz.conf:1", id="slashes"),
        pytest.param([("/etc/sysctl.d/zz.conf", f"-{KEY} = 1")], "/etc/sysctl.d/zz.conf:1", id="errors ignored"),
        pytest.param([("/etc/sysctl.d/zz.conf", f"# {KEY}=1\n;{KEY}=1")], None, id="comments"),
        pytest.param([("/etc/sysctl.d/zz.conf", f"-{KEY}\nnet.core.*=1")], None, id="globs never beat a name"),
        pytest.param([("/etc/sysctl.d/zz.conf", f"{KEY}=1\n{KEY}=2")], "/etc/sysctl.d/zz.conf:2", id="last line"),
        pytest.param([(SYSCTL_CONF, f"{KEY}=1")], f"{SYSCTL_CONF}:1", id="procps reads sysctl.conf last"),
    ],
)
def test_who_overrides_a_sysctl(others: list[tuple[str, str]], source: str | None) -> None:
    """The last assignment wins, by basename over all directories."""
    found = sysctl_override(files((OWN, f"{KEY} = 65535"), *others), OWN, KEY)
    assert (found.source if found else None) == source


def test_it_is_said_where_only_one_loader_is_meant() -> None:
    """systemd-sysctl does not read /etc/sysctl.conf."""
    found = sysctl_override(files((SYSCTL_CONF, f"{KEY}=1")), OWN, KEY)
    assert found is not None
    assert "systemd-sysctl does not read it" in found.why


def test_who_overrides_a_login_and_a_unit() -> None:
    """A later file of limits.d for the same user, a later drop-in of the same unit."""
    limits = "/etc/security/limits.d/99-wstune.conf"
    assert limits_override(files(("/etc/security/limits.d/99-z.conf", "alice - nofile 5")), limits, "alice") is not None
    assert limits_override(files(("/etc/security/limits.d/99-z.conf", "bob - nofile 5")), limits, "alice") is None
    assert limits_override(files(("/etc/security/limits.d/10-a.conf", "alice - nofile 5")), limits, "alice") is None
    unit = "/etc/systemd/system/chat.service.d/50-wstune.conf"
    later = ("/etc/systemd/system/chat.service.d/override.conf", "[Service]\nLimitNOFILE = 10:20")
    found = unit_override(files(later), unit)
    assert found is not None
    assert (found.source, found.value) == (f"{later[0]}:2", "10:20")


def test_a_link_to_dev_null_masks(tmp_path: Path) -> None:
    """And what is no `.conf` is not read."""
    for directory in ("etc/sysctl.d", "usr/lib/sysctl.d"):
        (tmp_path / directory).mkdir(parents=True)
    (tmp_path / "etc/sysctl.d/zz.conf").symlink_to("/dev/null")
    (tmp_path / "usr/lib/sysctl.d/zz.conf").write_text(f"{KEY}=1")
    (tmp_path / "usr/lib/sysctl.d/zzz.bak").write_text(f"{KEY}=1")
    found = [ConfigFile(*pair) for pair in conf_files(Root(tmp_path), (*SYSCTL_DIRECTORIES, SYSCTL_CONF))]
    assert [file.path for file in found] == ["/etc/sysctl.d/zz.conf", "/usr/lib/sysctl.d/zz.conf"]
    assert sysctl_override(found, OWN, KEY) is None


def test_the_real_sysctl_system_reads_our_file_as_we_write_it(tmp_path: Path) -> None:
    """procps takes each line of it, in a dry run."""
    sysctl = shutil.which("sysctl")
    if sysctl is None:
        pytest.skip("procps is not installed")
    from tests.test_tuning_persist import ENTRIES
    from tests.tuning_scene import MACHINE
    from wstune.tuning.persist import render

    path = tmp_path / "99-wstune.conf"
    path.write_text(render("sysctl", ENTRIES, MACHINE))
    run = subprocess.run([sysctl, "--dry-run", "-p", str(path)], capture_output=True, text=True, check=False)
    assert "net.core.somaxconn = 65535" in run.stdout, run.stderr
    assert run.returncode == 0, run.stderr
