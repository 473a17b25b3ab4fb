"""`wstune rollback` by its command line, in a network namespace of its own."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.test_cli_apply import inside
from tests.test_report_json import SCHEMAS, validate
from wstune.tuning.persist import Machine, render

pytestmark = pytest.mark.netns

LOST = """
    mkdir -p {0}/root/etc/sysctl.d
    echo '# mine' >{0}/root/etc/sysctl.d/99-wstune.conf
    w apply container --yes --persist --force --etc-root {0}/root >/dev/null || exit 11
    rm {0}/state/pre/*.json
"""


def test_a_lost_pre_image_is_abandoned(tmp_path: Path) -> None:
    """rollback is 5 with a tip, apply too; --abandon asks, tells what is left, and then the next apply goes ahead."""
    done = inside(
        LOST.format(tmp_path)
        + f"""
        w rollback; echo "rollback $?"
        w apply container --yes --etc-root {tmp_path}/root; echo "apply $?"
        w rollback --abandon </dev/null; echo "nobody $?"
        w rollback --yes </dev/null; echo "yes-alone $?"
        w rollback --abandon --yes --format json -o {tmp_path}/report; echo "abandon $?"
        w history --format json >{tmp_path}/history
        w history
        w apply container --yes --etc-root {tmp_path}/root >/dev/null; echo "again $?"
        """,
        tmp_path,
        check=False,
    )
    verbs = ("rollback", "apply", "nobody", "yes-alone", "abandon", "again")
    said = [line.split() for line in done.stdout.splitlines() if line.startswith(verbs) and len(line.split()) == 2]
    assert said == [list(each) for each in zip(verbs, "552200", strict=True)], done.stdout + done.stderr
    assert "TIP   wstune rollback 1 --abandon" in done.stderr
    assert "with --abandon if that does not come to its end" in done.stderr
    left = f"by hand {tmp_path}/root/etc/sysctl.d/99-wstune.conf: it was the file whose"
    assert left in " ".join(done.stderr.split())
    assert "abandoned" in done.stdout
    document = json.loads((tmp_path / "report").read_text())
    validate(document, SCHEMAS / "rollback.json")
    assert (document["abandoned"], document["complete"], len(document["by_hand"])) == (True, False, 1)
    history = json.loads((tmp_path / "history").read_text())
    validate(history, SCHEMAS / "history.json")
    assert history["transactions"][0]["state"] == "abandoned"


@pytest.mark.parametrize(("answer", "code", "words"), [("y\n", 0, "abandoned"), ("n\n", 5, "the record is kept")])
def test_somebody_at_a_terminal_is_asked(tmp_path: Path, answer: str, code: int, words: str) -> None:
    """After what is left was told; whoever says no keeps the record."""
    inside(LOST.format(tmp_path), tmp_path)
    main, other = pty.openpty()
    command = [sys.executable, "-m", "wstune", "rollback", "--abandon", "--state-dir", str(tmp_path / "state")]
    unshare = ["unshare", "-n"] if os.geteuid() == 0 else ["unshare", "-Urn"]
    # Of a namespace that has ended: --force closes what was in it.
    process = subprocess.Popen(
        [*unshare, *command, "--force"], stdin=other, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=ROOT
    )
    os.write(main, answer.encode())
    out = process.communicate(timeout=60)[0].decode()
    os.close(main)
    os.close(other)
    assert process.returncode == code, out
    assert "Close the record all the same? [y/N]" in out
    assert words in out


def test_our_file_without_a_record_is_named_by_status(tmp_path: Path) -> None:
    """Whether its journal is lost or another one: exit 1. What others wrote is not."""
    folder = tmp_path / "root/etc/systemd/system/chat.service.d"
    folder.mkdir(parents=True)
    (folder / "50-wstune.conf").write_text(render("unit", [("chat.service", "7 7", "")], Machine("6.1", 1)))
    (tmp_path / "root/etc/sysctl.d").mkdir()
    (tmp_path / "root/etc/sysctl.d/99-wstune.conf").write_text("# not of wstune\n")
    command = [sys.executable, "-m", "wstune", "status", "--state-dir", str(tmp_path / "state")]
    done = subprocess.run(
        [*command, "--etc-root", str(tmp_path / "root")], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert done.returncode == 1, done.stdout + done.stderr
    assert f"{folder}/50-wstune.conf was written by wstune" in " ".join(done.stdout.split())
    assert "sysctl.d/99-wstune.conf" not in done.stdout


TURNED = """
import os, sys
from wstune.actions import apply
from wstune.cli import main
real = apply.check_again
def turned(*arguments):
    {what}
    return real(*arguments)
apply.check_again = turned
sys.argv = ["wstune", "apply", "{profile}", "--yes", "--state-dir", "{place}/state"]
main.main()
"""
"""The real command, at the beginning of whose last step something happens."""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_in_the_check_after_an_apply_tells_its_number(tmp_path: Path, number: int) -> None:
    """It stands, and the way to take it back is said: 128 + n."""
    script = tmp_path / "script"
    what = f"os.kill(os.getpid(), {int(number)})"
    script.write_text(TURNED.format(what=what, profile="container", place=tmp_path))
    done = inside(f"exec {sys.executable} {script}", tmp_path, check=False)
    assert done.returncode == 128 + number, done.stdout + done.stderr
    assert "transaction 1 is applied, and was not checked again" in done.stderr
    assert "wstune rollback 1 takes it back" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_check_after_an_apply_that_fails_tells_its_number(tmp_path: Path) -> None:
    """As where the profile has gone meanwhile."""
    profile, script = tmp_path / "p.toml", tmp_path / "script"
    profile.write_text(
        "schema = 1\nvariables = {connections = 1}\n"
        '[[require]]\ntunable = "net.core.somaxconn"\nat_least = 5000\nwhy = "w"\n'
    )
    script.write_text(TURNED.format(what=f"os.unlink('{profile}')", profile=profile, place=tmp_path))
    done = inside(f"exec {sys.executable} {script}", tmp_path, check=False)
    assert done.returncode == 2, done.stdout + done.stderr
    assert "transaction 1 is applied, and was not checked again" in done.stderr
