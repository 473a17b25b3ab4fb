"""Ansible: the playbook runs, the host is ready after it, and a second run changes nothing."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests import exports
from tests.conftest import ROOT
from wstune.actions.check import run_check
from wstune.export.formats import ExportFormat
from wstune.host.host import Host

PLAYBOOK = shutil.which("ansible-playbook") or str(Path(sys.executable).with_name("ansible-playbook"))
pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]


def play(
    path: Path, place: Mapping[str, str], *arguments: str, namespace: bool = False, wrapper: tuple[str, ...] = ()
) -> list[int]:
    """Run a playbook on this machine, perhaps by a wrapper: of each run, how many tasks changed something."""
    extra = {"ansible_become": "false", "ansible_python_interpreter": sys.executable, **place}
    command = [*wrapper, PLAYBOOK, "-i", "localhost,", "-c", "local", *arguments, str(path)]
    for name, value in extra.items():
        command += ["-e", f"{name}={value}"]
    own = {"ANSIBLE_LOCAL_TEMP": str(path.parent), "HOME": str(path.parent), "WSTUNE_PYTHON": sys.executable}
    run = exports.in_namespace if namespace else exports.run
    done = run(*command, environment=own)
    assert done.returncode == 0, done.stdout + done.stderr
    found = re.findall(r"changed=(\d+)", done.stdout)
    assert found, done.stdout
    return [int(number) for number in found]


def test_a_captured_host_is_ready_after_it(tmp_path: Path) -> None:
    """With all settings, also those that no test may write on this machine; --check tells and writes nothing."""
    host = tmp_path / "host"
    shutil.copytree(ROOT / "tests/hosts/vm", host, symlinks=True)
    for path in host.rglob("*"):
        if not path.is_symlink():
            path.chmod(path.stat().st_mode | 0o200)
    playbook = tmp_path / "playbook.yml"
    playbook.write_text(
        exports.text(
            ExportFormat.ANSIBLE, connections=4_000_000, processes=400, ram_bytes=24684096 * 1024, user="alice"
        )
    )
    place = {"wstune_proc_sys": f"{host}/proc/sys", "wstune_etc": f"{host}/etc"}
    before = exports.tree(host)
    assert play(playbook, place, "--check") == [1]
    assert exports.tree(host) == before
    assert play(playbook, place) == [1]
    assert run_check("high-conn", Host(str(host)), connections=4_000_000, processes=400).verdict == "ready"
    assert play(playbook, place) == [0]


@pytest.mark.netns
def test_in_a_namespace_of_its_own(tmp_path: Path) -> None:
    """Against a real kernel, with a fake /etc: ready after it, kept for a boot; a second run changes nothing."""
    playbook = tmp_path / "playbook.yml"
    playbook.write_text(exports.text(ExportFormat.ANSIBLE, "container"))
    again = tmp_path / "again.sh"
    # The settings are those of a namespace, which lives as long as the first program in it.
    again.write_text('set -e; "$@"; "$WSTUNE_PYTHON" -m wstune check container; exec "$@"\n')
    place = {"wstune_etc": str(tmp_path / "etc")}
    assert play(playbook, place, namespace=True, wrapper=("sh", str(again))) == [1, 0]
    kept = (tmp_path / "etc/sysctl.d/99-wstune-export.conf").read_text()
    assert "net.ipv4.ip_local_port_range = 10000 65535\n" in kept


def test_ansible_knows_the_handler(tmp_path: Path) -> None:
    """With a service's drop-in systemd has to read its units again: the syntax of that part is checked as well."""
    playbook = tmp_path / "playbook.yml"
    playbook.write_text(exports.text(ExportFormat.ANSIBLE, unit="chat.service"))
    done = exports.run(PLAYBOOK, "--syntax-check", "-i", "localhost,", str(playbook))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "notify: Let systemd read its units again" in playbook.read_text()
