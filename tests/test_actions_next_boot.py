"""What a host is after its next boot: the matrix of trees, and what check says of it."""

from __future__ import annotations

import json
import shutil
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import TESTS, Golden
from tests.trees import HOSTS, plant
from wstune.actions import next_boot as action
from wstune.cli.main import run
from wstune.host.host import Host
from wstune.model import NextBoot, Persisted, Store
from wstune.tunables import CATALOGUE

CASES = {path.stem: tomllib.loads(path.read_text()) for path in sorted((TESTS / "cases/next-boot").glob("*.toml"))}
SYSCTLS = [tunable for tunable in CATALOGUE.values() if tunable.store is Store.SYSCTL]


def boots(tree: Path) -> dict[str, NextBoot]:
    host = Host(tree)
    return action.next_boots(host, host.facts(), host.read_all(SYSCTLS))


def shown(persisted: Persisted | None) -> list[str]:
    return [str(persisted.value), persisted.source] if persisted else []


@pytest.mark.parametrize("name", CASES)
def test_case(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of each case's tree the value after a boot, its source, whether it is settled, and who else sets it."""
    case = CASES[name]
    own: dict[str, str] = case.get("own", {})
    if own:
        # What a fresh namespace tells, which a tree has none of.
        monkeypatch.setattr(action, "_own", lambda *arguments: own)
    found = boots(plant(tmp_path, case["files"], case.get("links")))
    for key, expected in case["expect"].items():
        boot = found[key]
        assert shown(boot.persisted) == ([expected["value"], expected["source"]] if "value" in expected else []), key
        assert boot.settled is expected["settled"], (key, boot)
        assert shown(boot.by_procps) == expected.get("procps", []), key
        assert expected.get("why", "") in boot.why, (key, boot.why)
        assert boot.why or boot.managers or boot.settled, key
        said: list[str] = expected.get("managers", [])
        assert len(boot.managers) == len(said), (key, boot.managers)
        assert all(words in sentence for words, sentence in zip(said, boot.managers, strict=True)), boot.managers


SERVER: dict[str, Any] = {
    "files": {
        "proc/1/comm": "systemd\n",
        "etc/sysctl.conf": "net.core.somaxconn = 128\n",
        "etc/sysctl.d/60-local.conf": "net.ipv4.tcp_max_tw_buckets = 2000\nnet.core.netdev_max_backlog = 20000\n",
        "etc/sysctl.d/70-typo.conf": "net.ipv4.tcp_max_orphans = 64k\n",
        "usr/lib/sysctl.d/50-somaxconn.conf": "net.core.somaxconn = 4096\n",
        "etc/tuned/active_profile": "network-throughput\n",
        "etc/tuned/tuned-main.conf": "reapply_sysctl = 0\n",
        "usr/lib/tuned/network-throughput/tuned.conf": (
            "[sysctl]\nnet.ipv4.tcp_rmem=4096 131072 131072\nnet.core.somaxconn=16\n"
        ),
    },
    "links": {"etc/systemd/system/multi-user.target.wants/tuned.service": "/usr/lib/systemd/system/tuned.service"},
}


@pytest.fixture
def server(tmp_path: Path) -> str:
    shutil.copytree(HOSTS / "systemd-server", tmp_path / "server", symlinks=True)
    return str(plant(tmp_path / "server", SERVER["files"], SERVER["links"]))


def test_check_says_what_will_not_be_so(server: str, golden: Golden, capsys: pytest.CaptureFixture[str]) -> None:
    """The report names the line that will win, the program that overwrites it, and what is lost by a reboot."""
    code = run(["check", "--root", server, "-n", "20k"])
    out = capsys.readouterr().out
    golden(f"next-boot-on-systemd-server.{code}.terminal", out)
    assert max(map(len, out.splitlines())) <= 80


def test_strict(server: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What falls short only after a reboot is a warning, and with --strict not ready."""
    arguments = ["check", "--root", server, "-n", "900", "--format", "json"]
    assert run(arguments) == 0
    document = json.loads(capsys.readouterr().out)
    assert any("after a reboot" in sentence for sentence in document["sentences"])
    lost = [each for each in document["findings"] if each["survives_reboot"] is False]
    assert {each["tunable"] for each in lost} == {"net.core.somaxconn", "net.ipv4.tcp_rmem"}
    assert all("/tuned.conf:" in each["persisted"]["source"] for each in lost)
    assert run([*arguments, "--strict"]) == 1
