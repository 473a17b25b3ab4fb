"""The shell script: it makes a host ready, changes nothing the second time, lowers nothing, and survives refusals."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests import exports
from tests.conftest import ROOT, need
from wstune.actions.check import run_check
from wstune.export.formats import ExportFormat
from wstune.host.host import Host
from wstune.model import Outcome

CONNECTIONS, PROCESSES = 4_000_000, 400
RAM = 24684096 * 1024
"""Of the captured machine: the values are worked out for its size."""


def big() -> str:
    """For more than the captured machine has by itself."""
    return exports.text(ExportFormat.SCRIPT, connections=CONNECTIONS, processes=PROCESSES, ram_bytes=RAM)


@pytest.fixture
def host(tmp_path: Path) -> Path:
    """A captured machine whose files can be written."""
    shutil.copytree(ROOT / "tests/hosts/vm", tmp_path / "host", symlinks=True)
    for path in (tmp_path / "host").rglob("*"):
        if not path.is_symlink():
            path.chmod(path.stat().st_mode | 0o200)
    return tmp_path / "host"


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / "script.sh"
    path.write_text(big())
    return path


def run(script: Path, host: Path, *arguments: str, allow_lower: str = "") -> subprocess.CompletedProcess[str]:
    environment = {"PROC_SYS": f"{host}/proc/sys", "ETC": f"{host}/etc", "ALLOW_LOWER": allow_lower}
    return exports.run("sh", str(script), *arguments, environment=environment)


def test_a_host_is_ready_after_it(script: Path, host: Path) -> None:
    """`check` finds warnings before, and none of the kernel's settings after."""
    before = run_check("high-conn", Host(str(host)), connections=CONNECTIONS, processes=PROCESSES)
    assert before.verdict == "not-ready"
    done = run(script, host)
    assert done.returncode == 0, done.stdout + done.stderr
    after = run_check("high-conn", Host(str(host)), connections=CONNECTIONS, processes=PROCESSES)
    assert after.verdict == "ready"
    missed = {
        each.tunable for each in after.findings if each.outcome is not Outcome.PASS and each.store.value == "sysctl"
    }
    assert not missed


def test_the_second_run_changes_nothing(script: Path, host: Path) -> None:
    """Not a byte of any file."""
    run(script, host)
    first = exports.tree(host)
    again = run(script, host)
    assert again.returncode == 0
    assert "changed" not in again.stdout
    assert exports.tree(host) == first


def test_a_dry_run_writes_nothing(script: Path, host: Path) -> None:
    """It tells what it would do, and does not."""
    before = exports.tree(host)
    told = run(script, host, "--dry-run")
    assert "would    fs.file-max = " in told.stdout
    assert exports.tree(host) == before


def test_what_is_better_is_kept(script: Path, host: Path) -> None:
    """A limit that is higher already is neither written nor put in a file."""
    (host / "proc/sys/fs/file-max").write_text("9223372036854775807\n")
    done = run(script, host)
    assert "ok       fs.file-max = 9223372036854775807" in done.stdout
    assert (host / "proc/sys/fs/file-max").read_text() == "9223372036854775807\n"
    assert "fs.file-max" not in (host / "etc/sysctl.d/99-wstune-export.conf").read_text()


def test_a_block_that_lowers_lowers_nothing(host: Path, tmp_path: Path) -> None:
    """Of the well-known block only what raises is done; ALLOW_LOWER=1 does the rest."""
    script = tmp_path / "kemal.sh"
    script.write_text(exports.text(ExportFormat.SCRIPT, "kemal-60k", connections=None))
    rmem, before = host / "proc/sys/net/core/rmem_max", (host / "proc/sys/net/core/rmem_max").read_text()
    kept = run(script, host)
    assert "kept     net.core.rmem_max" in kept.stdout
    assert "changed  net.ipv4.ip_local_port_range = 1024 64000" in kept.stdout
    assert rmem.read_text() == before
    run(script, host, allow_lower="1")
    assert rmem.read_text() == "16384\n"


def test_ports_are_added_to_a_list(host: Path, tmp_path: Path) -> None:
    """Reserved ports of others stay reserved; a list that holds them all is left as it is."""
    script = tmp_path / "generator.sh"
    script.write_text(exports.text(ExportFormat.SCRIPT, "load-generator"))
    ports = host / "proc/sys/net/ipv4/ip_local_reserved_ports"
    ports.write_text("80,10000-33000\n")
    run(script, host)
    assert ports.read_text() == "80,10000-33000\n"
    ports.write_text("5000\n")
    run(script, host)
    assert ports.read_text().startswith("5000,10248-10259,")


def test_numbers_that_are_not_demanded_stay(host: Path, tmp_path: Path) -> None:
    """A triple is raised number by number, and its order is kept."""
    script = tmp_path / "script.sh"
    script.write_text(big())
    (host / "proc/sys/net/ipv4/tcp_wmem").write_text("8192\t16384\t20000\n")
    run(script, host)
    assert (host / "proc/sys/net/ipv4/tcp_wmem").read_text() == "8192 16384 262144\n"


def test_a_missing_key_is_no_failure(script: Path, host: Path) -> None:
    """Connection tracking may not be loaded."""
    shutil.rmtree(host / "proc/sys/net/netfilter")
    done = run(script, host)
    assert done.returncode == 0
    assert "absent   net.netfilter.nf_conntrack_max" in done.stdout


def test_a_refused_write_is_told_and_the_rest_goes_on(script: Path, host: Path) -> None:
    """What matters and cannot be written is exit code 1, in words on stderr."""
    (host / "proc/sys/fs/file-max").chmod(0o444)
    powerless = ["setpriv", "--bounding-set=-all", "--"] if os.geteuid() == 0 else []
    environment = {"PROC_SYS": f"{host}/proc/sys", "ETC": f"{host}/etc"}
    done = exports.run(*powerless, "sh", str(script), environment=environment)
    assert done.returncode == 1
    assert "FAILED   fs.file-max" in done.stderr
    assert "changed  net.netfilter.nf_conntrack_max" in done.stdout


def test_limits_of_a_user_and_of_a_service(host: Path, tmp_path: Path) -> None:
    """With names, the script writes their files too, and leaves them alone the second time."""
    script = tmp_path / "script.sh"
    script.write_text(exports.text(ExportFormat.SCRIPT, user="alice", unit="chat.service"))
    done = run(script, host)
    assert done.returncode == 0
    assert (host / "etc/security/limits.d/99-wstune-export.conf").read_text().startswith("alice soft nofile 263524\n")
    drop_in = host / "etc/systemd/system/chat.service.d/50-wstune-export.conf"
    assert "LimitNOFILE=263524:263524\n" in drop_in.read_text()
    assert "changed" not in run(script, host).stdout


@pytest.mark.netns
def test_in_a_namespace_of_its_own(tmp_path: Path) -> None:
    """Against a real kernel: `check` is ready without a warning after it, and the second run changes nothing."""
    script = tmp_path / "script.sh"
    facts = Host().facts()
    assert facts.ram_bytes is not None
    script.write_text(exports.text(ExportFormat.SCRIPT, "container", ram_bytes=facts.ram_bytes))
    check = f"{sys.executable} -m wstune check container -n 250k --format csv"
    steps = f"sh {script} && sh {script} && echo --- && {check}"
    done = exports.in_namespace("sh", "-c", steps, environment={"ETC": str(tmp_path / "etc")})
    assert done.returncode == 0, done.stdout + done.stderr
    runs, _, checked = done.stdout.partition("---\n")
    assert runs.count("changed  net.ipv4.ip_local_port_range") == 1
    assert {line.split(",")[1] for line in checked.splitlines()[1:]} <= {"pass"}


@pytest.mark.parametrize("profile", exports.PROFILES)
def test_shellcheck_has_nothing_to_say(profile: str, tmp_path: Path) -> None:
    """The script is clean POSIX sh."""
    need("shellcheck")
    script = tmp_path / "script.sh"
    script.write_text(exports.text(ExportFormat.SCRIPT, profile, user="alice", unit="chat.service"))
    done = exports.run("shellcheck", "--shell=sh", str(script))
    assert done.returncode == 0, done.stdout
