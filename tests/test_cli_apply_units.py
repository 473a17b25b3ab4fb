"""apply for a service: systemctl is a real program on the PATH, in a mount namespace whose /etc and /run are ours.

It stands in for systemd as far as apply uses it: `show` tells what `daemon-reload` has read, and each call is noted.
A signal in the middle of apply is sent from there too, where the drop-in is written and the transaction not at its end.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT
from tests.schemas import require_published
from tests.test_cli_apply_files import HEAD

pytestmark = pytest.mark.netns

SYSTEMCTL = r"""#!/bin/sh
shift  # --no-ask-password
echo "$*" >> $T/calls
drop_in=/etc/systemd/system/chat.service.d/50-wstune.conf
case $1 in
    show)
        limit=$(sed -n s/LimitNOFILE=//p $T/loaded 2>/dev/null)
        case "$*" in *nosuch*) echo LoadState=not-found ;; *) echo LoadState=loaded ;; esac
        echo MainPID=0
        echo NeedDaemonReload=no
        echo "LimitNOFILE=$(echo ${limit:-1024:524288} | cut -d: -f2)"
        echo "LimitNOFILESoft=$(echo ${limit:-1024:524288} | cut -d: -f1)" ;;
    daemon-reload)
        cat $drop_in > $T/loaded 2>/dev/null
        test -e $T/daemon-reload-fails && { echo "Failed to reload daemon: no" >&2; exit 1; }
        test -e $T/signal && kill -s $(cat $T/signal) $PPID ;;
    restart)
        cp $T/loaded $T/restarted-with
        test -e $T/restart-fails && { echo "Job for $3 failed." >&2; exit 1; } ;;
esac
exit 0
"""
DROP_IN = "etc/systemd/system/chat.service.d"


@pytest.fixture
def scene(tmp_path: Path) -> Path:
    """A copy of /etc with a service, a systemctl, and a profile of one sysctl and a file limit."""
    subprocess.run(["cp", "-a", "/etc", str(tmp_path / "etc")], check=False, capture_output=True)
    (tmp_path / "etc/systemd/system").mkdir(parents=True, exist_ok=True)
    (tmp_path / "etc/systemd/system/chat.service").write_text("[Service]\nExecStart=/bin/true\n")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/systemctl").write_text(SYSTEMCTL)
    (tmp_path / "bin/systemctl").chmod(0o755)
    demands = {"net.core.somaxconn": 20000, "nofile": 70000}
    tables = (f'[[require]]\ntunable = "{key}"\nat_least = {n}\nwhy = "a test"\n' for key, n in demands.items())
    (tmp_path / "chat.toml").write_text(HEAD + "".join(tables))
    return tmp_path


def inside(scene: Path, script: str) -> subprocess.CompletedProcess[str]:
    """Run a script there; `apply` and `w` are wstune, whose state is below the scene."""
    prelude = f"""
        export T={scene} PATH={scene}/bin:$PATH
        mount --bind $T/etc /etc && mount -t tmpfs none /run && mkdir -p /run/systemd/system || exit 99
        w() {{ verb=$1; shift; {sys.executable} -m wstune "$verb" --state-dir $T/state "$@"; }}
        apply() {{ w apply $T/chat.toml --yes "$@"; }}
        values() {{ cat /proc/sys/net/core/somaxconn; find /etc -newer $T/begun -type f; cat $T/loaded; }}
        touch $T/begun
    """
    unshare = ["unshare", "-nm"] if os.geteuid() == 0 else ["unshare", "-Urnm"]
    run = subprocess.run(
        [*unshare, "sh", "-c", prelude + script],
        cwd=ROOT, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, timeout=100,
    )  # fmt: skip
    assert run.returncode != 99, run.stderr
    assert "Traceback" not in run.stderr
    assert "defect" not in run.stderr
    return run


def calls(scene: Path) -> list[str]:
    """What systemctl was asked to do, questions left out."""
    return [line for line in (scene / "calls").read_text().splitlines() if not line.startswith("show")]


def transactions(scene: Path) -> list[dict[str, Any]]:
    """What the journal tells, as published."""
    run = subprocess.run(
        [sys.executable, "-m", "wstune", "history", "--state-dir", str(scene / "state"), "--format", "json"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    document = json.loads(run.stdout)
    require_published(document)
    found: list[dict[str, Any]] = document["transactions"]
    return found


def test_the_drop_in_is_read_before_the_service_is_restarted_and_taken_back(scene: Path) -> None:
    """The restart finds the new limit loaded; a second apply changes and restarts nothing; rollback reloads again."""
    run = inside(
        scene,
        """
        apply --unit chat --dry-run > $T/plan || exit 10
        apply --unit chat --restart --format json > $T/applied || exit 11
        cp $T/calls $T/first
        apply --unit chat --restart || exit 12
        cmp $T/calls $T/first || grep -v ^show $T/calls
        w rollback --format json > $T/rolled-back || exit 13
        """,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert "nothing is to be changed, so chat is not restarted" in run.stdout
    assert "(new), read at a restart of chat.service" in (scene / "plan").read_text()
    assert calls(scene) == ["daemon-reload", "restart -- chat", "daemon-reload"]
    assert "LimitNOFILE=70000:524288" in (scene / "restarted-with").read_text()
    assert not (scene / DROP_IN).exists()
    applied, rolled_back = (json.loads((scene / name).read_text()) for name in ("applied", "rolled-back"))
    require_published(applied)
    require_published(rolled_back)
    assert (applied["verdict"], applied["unmet"], applied["not_restarted"]) == ("ready", [], None)
    assert [file["style"] for file in applied["files"]] == ["unit"]
    words = {act["target"]: act["words"] for act in rolled_back["acts"]}
    assert words["/etc/systemd/system/chat.service.d/50-wstune.conf"].endswith("once the service is restarted")


def test_a_restart_that_fails_is_told_and_what_was_applied_stands(scene: Path) -> None:
    """Exit 1, with what systemctl says and the way back, which works; the drop-in is what its next start needs."""
    run = inside(scene, "touch $T/restart-fails; apply --unit chat --restart; echo code $?; w history")
    assert "code 1" in run.stdout
    assert "transaction 1" in run.stdout
    assert "applied, but chat could not be restarted: systemctl restart: Job for chat failed." in run.stderr
    assert "wstune rollback 1 takes it back" in run.stderr
    assert [txn["state"] for txn in transactions(scene)] == ["applied"]
    assert (scene / DROP_IN / "50-wstune.conf").exists()


def test_a_reload_that_fails_undoes_all(scene: Path) -> None:
    """Exit 4 or, as systemd cannot read that the drop-in is gone either, 5; values and files are as before."""
    run = inside(scene, "values > $T/before 2>&1; touch $T/daemon-reload-fails; apply --unit chat; echo code $?; "
                 "rm $T/daemon-reload-fails; w rollback; echo rollback $?; values > $T/after 2>&1")  # fmt: skip
    assert "code 5" in run.stdout, run.stdout + run.stderr
    assert "Failed to reload daemon" in run.stderr
    assert "rollback 0" in run.stdout
    assert (scene / "before").read_text().split()[0] == (scene / "after").read_text().split()[0]
    assert not (scene / DROP_IN).exists()
    assert [txn["state"] for txn in transactions(scene)] == ["rolled-back"]


@pytest.mark.parametrize("signal", ["TERM", "INT"])
def test_a_signal_in_the_middle_undoes_all(scene: Path, signal: str) -> None:
    """It comes after the drop-in was written, and again while that is undone: exit 4, as before, nothing cut short."""
    run = inside(
        scene,
        f"""
        values > $T/before 2>&1
        echo {signal} > $T/signal
        apply --unit chat; echo code $?
        values > $T/after 2>&1
        rm $T/signal
        w status; echo status $?
        apply --unit chat > /dev/null; echo again $?
        """,
    )
    assert "code 4" in run.stdout, run.stdout + run.stderr
    assert f"ERROR interrupted by SIG{signal}; everything was put back" in run.stderr
    assert "nothing is applied here\nstatus 0" in run.stdout
    assert "again 0" in run.stdout
    assert (scene / "before").read_text().split()[0] == (scene / "after").read_text().split()[0]
    assert "50-wstune" not in (scene / "after").read_text()
    assert [(txn["state"], txn["ended"]) for txn in transactions(scene)] == [
        ("rolled-back", "failed"),
        ("applied", None),
    ]


def test_a_signal_in_a_rollback_does_not_stop_it(scene: Path) -> None:
    """What has begun to be taken back is taken back, exit 0."""
    run = inside(scene, "apply --unit chat > /dev/null; echo TERM > $T/signal; w rollback; echo code $?")
    assert run.stdout.endswith("code 0\n"), run.stdout + run.stderr
    assert [txn["state"] for txn in transactions(scene)] == ["rolled-back"]
    assert not (scene / DROP_IN).exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        pytest.param("--unit nosuch", "there is no unit nosuch.service here", id="no such unit"),
        pytest.param("--unit chat --restart --etc-root /tmp", "--etc-root", id="a restart elsewhere"),
    ],
)
def test_what_makes_no_sense(scene: Path, arguments: str, words: str) -> None:
    """Exit 2 and nothing is written."""
    run = inside(scene, f"apply {arguments}")
    assert run.returncode == 2, run.stdout + run.stderr
    assert words in run.stderr
    assert not (scene / "state").exists()
