"""Which file overrides ours, under which loader."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from wstune.host.files import Root
from wstune.host.sysctl_files import sysctl_files
from wstune.readiness.pam_limits import Login
from wstune.readiness.sysctl_d import CONF, ConfigFile
from wstune.tuning.precedence import Override, limits_override, sysctl_override, unit_override

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
        pytest.param([(CONF, f"{KEY}=1")], f"{CONF}:1", id="procps reads sysctl.conf last"),
    ],
)
def test_who_overrides_a_sysctl(others: list[tuple[str, str]], source: str | None) -> None:
    """The last assignment wins, by basename over all directories."""
    found = sysctl_override(files((OWN, f"{KEY} = 65535"), *others), OWN, KEY)
    assert (found.source if found else None) == source


def test_it_is_said_where_only_one_loader_is_meant() -> None:
    """systemd-sysctl does not read /etc/sysctl.conf."""
    found = sysctl_override(files((CONF, f"{KEY}=1")), OWN, KEY)
    assert found is not None
    assert "systemd-sysctl does not read it" in found.why


LIMITS = "/etc/security/limits.d/99-wstune.conf"
ALICE = Login("alice", 1000, 1000, frozenset({"ws"}), frozenset({1000, 50}))


@pytest.mark.parametrize(
    ("path", "text", "expected"),
    [
        pytest.param("99-z.conf", "alice - nofile 5", ("99-z.conf:1", "5 5"), id="a later line of his own"),
        pytest.param("99-z.conf", "alice hard nofile 5", ("99-z.conf:1", "5 5"), id="a later hard limit cuts the soft"),
        pytest.param("99-z.conf", "1000: soft nofile 9", ("99-z.conf:1", "9 70000"), id="a range of users is his own"),
        pytest.param("99-z.conf", "bob - nofile 5", None, id="another's"),
        pytest.param("99-z.conf", "@ws - nofile 5\n* - nofile 5", None, id="a group's and everybody's are farther"),
        pytest.param("99-z.conf", "alice - nproc 5", None, id="another limit"),
        pytest.param("10-a.conf", "alice - nofile 5", None, id="read before ours"),
        pytest.param("99-z.conf", "alice - nofile 70000", ("99-z.conf:1", "70000 70000"), id="the same, which is fine"),
        pytest.param("10-a.conf", "alice -", ("a line `alice -`", "no limits at all"), id="a line that ends it all"),
    ],
)
def test_who_overrides_a_login(path: str, text: str, expected: tuple[str, str] | None) -> None:
    """By pam_limits' own rules: rank of the line first, then order."""
    found = limits_override([(f"/etc/security/limits.d/{path}", text)], LIMITS, "70000 70000", ALICE)
    assert (found and (found.source.rpartition("/")[2], found.value)) == expected


UNIT = "/etc/systemd/system/chat.service.d/50-wstune.conf"


@pytest.mark.parametrize(
    ("path", "text", "expected"),
    [
        pytest.param("chat.service.d/override.conf", "LimitNOFILE = 10:20", "10 20", id="a later drop-in"),
        pytest.param("chat.service.d/10-a.conf", "LimitNOFILE=10", None, id="an earlier one"),
        pytest.param("service.d/60-all.conf", "LimitNOFILE=10", "10 10", id="one for all services, by its name"),
        pytest.param("chat.service.d/override.conf", "LimitNPROC=5", None, id="another limit"),
        pytest.param("chat.service.d/override.conf", "LimitNOFILE=junk", None, id="a line that does not count"),
    ],
)
def test_who_overrides_a_unit(path: str, text: str, expected: str | None) -> None:
    """By systemd's own rules: drop-ins of all directories sorted by name."""
    place = f"/etc/systemd/system/{path}"
    found = unit_override([(place, f"[Service]\n{text}\n")], UNIT, "70000 70000", "chat.service")
    why = f"{path.rpartition('/')[2]} is read after 50-wstune.conf"
    assert found == (Override(f"{place}:2", expected, why) if expected else None)


def test_a_link_to_dev_null_masks(tmp_path: Path) -> None:
    """And what is no `.conf` is not read."""
    for directory in ("etc/sysctl.d", "usr/lib/sysctl.d"):
        (tmp_path / directory).mkdir(parents=True)
    (tmp_path / "etc/sysctl.d/zz.conf").symlink_to("/dev/null")
    (tmp_path / "usr/lib/sysctl.d/zz.conf").write_text(f"{KEY}=1")
    (tmp_path / "usr/lib/sysctl.d/zzz.bak").write_text(f"{KEY}=1")
    found = list(sysctl_files(Root(tmp_path)))
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
