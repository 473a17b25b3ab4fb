"""Whose limits are judged: this shell, a new login, a unit, a running process."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.test_report_json import SCHEMAS, validate
from tests.trees import HOSTS, plant
from wstune.actions.check import run_check
from wstune.actions.serving import serving
from wstune.cli.main import run
from wstune.errors import UsageError
from wstune.host.files import Root
from wstune.host.host import Host
from wstune.model import Outcome, Severity
from wstune.report.terminal import check_text

UNIT = "/etc/systemd/system/chat.service"
GROUP = "/sys/fs/cgroup/system.slice/chat.service"
LIMITS = """Limit                     Soft Limit           Hard Limit           Units
Max processes             3000                 3000                 processes
Max open files            {soft}                 {hard}                 files
"""


@pytest.fixture
def server(tmp_path: Path) -> Path:
    """A captured Debian server, in a directory where a test may add to it."""
    source = HOSTS / "systemd-server"
    for path in sorted(source.rglob("*")):
        place = tmp_path / path.relative_to(source)
        if path.is_symlink():
            place.symlink_to(path.readlink())
        elif path.is_dir():
            place.mkdir()
        else:
            place.write_bytes(path.read_bytes())
    return tmp_path


def running(tree: Path, soft: int, hard: int, group: str = "system.slice/chat.service") -> None:
    """Process 812, in the unit's control group."""
    plant(
        tree,
        {
            f"{GROUP}/cgroup.procs": "812\n813\n",
            "proc/812/limits": LIMITS.format(soft=soft, hard=hard),
            "proc/812/cgroup": f"0::/{group}\n",
            "proc/812/status": "Name:\tchat\nUid:\t990\t990\t990\t990\n",
        },
    )


def test_nobody_was_asked_for() -> None:
    """Then there is no table, and this process is judged."""
    found = serving(Root(), pid=None, unit=None, user=None)
    assert (found.pid, found.limits, found.judged) == (None, (), None)


def test_a_unit_that_does_not_run(server: Path) -> None:
    """It is judged by what its files give it; a limit that falls short names the line, and the fix."""
    plant(server, {UNIT: "[Service]\nExecStart=/bin/chat\nLimitNOFILE=4096\nMemoryMax=300M\n"})
    report = run_check("high-conn", Host(server), unit="chat")
    nofile = next(each for each in report.findings if each.tunable == "nofile")
    assert (nofile.live.value and nofile.live.value.number, nofile.outcome) == (4096, Outcome.FAIL)
    assert nofile.persisted is not None
    assert nofile.persisted.source == f"{UNIT}:3"
    assert [each.title for each in report.limits] == ["the unit"]
    assert any("no process of chat.service runs here" in said for said in report.sentences)
    memory = next(each for each in report.capacity[0].limits if each.name == "cgroup.memory.max")
    # Linux 6.1: an accepted socket is charged 1,500 bytes; 16 KB are assumed for the application, 32 MB left alone.
    assert memory.connections == (300 - 32 << 20) // (1_500 + 16_384)
    assert f"nofile from {UNIT}:3" in check_text(report, color=False)


def test_a_unit_that_runs_with_what_it_was_started_with(server: Path) -> None:
    """The running process is judged; that its files say another limit is told, and what a restart will bring."""
    plant(server, {UNIT: "[Service]\nExecStart=/bin/chat\nLimitNOFILE=200000\n"})
    running(server, 1024, 4096)
    report = run_check("high-conn", Host(server), unit="chat.service", processes=1)
    found = {each.tunable: each for each in report.findings}
    assert found["nofile"].live.value is not None
    assert found["nofile"].live.value.number == 4096
    assert found["nofile"].outcome is Outcome.FAIL
    assert found["nofile"].survives_reboot is True
    assert [each.title for each in report.limits] == ["the unit", "the process"]
    assert any("a restart changes them" in said for said in report.sentences)


def test_a_soft_limit_of_what_runs_is_an_error(server: Path) -> None:
    """A process that runs cannot be told to raise its soft limit: that counts; for one yet to start it is advice."""
    running(server, 1024, 524_288)
    by_pid = {each.tunable: each for each in run_check("high-conn", Host(server, 812)).findings}
    assert (by_pid["nofile.soft"].outcome, by_pid["nofile.soft"].severity) == (Outcome.FAIL, Severity.ERROR)
    assert "prlimit --pid 812 --nofile=106024:524288" in by_pid["nofile.soft"].fix
    by_itself = {each.tunable: each for each in run_check("high-conn", Host(server)).findings}
    assert by_itself["nofile.soft"].severity is Severity.WARN


def test_a_login(server: Path) -> None:
    """What limits.d gives a user is judged, with the line; who does not pass pam_limits is said."""
    plant(
        server,
        {
            "etc/security/limits.d/chat.conf": "chat - nofile 300000\n",
            "etc/pam.d/sshd": "session required pam_limits.so\n",
            "proc/1/limits": LIMITS.format(soft=1024, hard=524_288),
        },
    )
    report = run_check("high-conn", Host(server), user="chat")
    nofile = next(each for each in report.findings if each.tunable == "nofile")
    assert nofile.live.value is not None
    assert (nofile.live.value.number, nofile.outcome) == (300_000, Outcome.PASS)
    assert nofile.persisted is not None
    assert nofile.persisted.source == "/etc/security/limits.d/chat.conf:1"
    assert any("through sshd" in said and "LimitNOFILE=" in said for said in report.sentences)


def test_who_is_not_there(server: Path) -> None:
    """A unit or a process that there is not is a usage error."""
    with pytest.raises(UsageError, match=r"there is no unit chat\.service"):
        serving(Root(server), pid=None, unit="chat", user=None)
    with pytest.raises(UsageError, match="there is no process 999"):
        serving(Root(server), pid=999, unit=None, user=None)
    with pytest.raises(UsageError, match="there is no user no-such-user"):
        serving(Root(), pid=None, unit=None, user="no-such-user")


def test_the_table_of_this_host(capsys: pytest.CaptureFixture[str]) -> None:
    """This shell, a new login and a running process stand side by side in 80 columns; JSON is as published."""
    code = "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (300, 400)); print(flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout
        child.stdout.readline()
        asked = ["check", "-n", "100", "--pid", str(child.pid), "--user", "root"]
        run(asked)
        text = capsys.readouterr().out
        run([*asked, "--format", "json"])
        child.communicate(b"\n")
    document = json.loads(capsys.readouterr().out)
    validate(document, SCHEMAS / "check.json")
    assert [each["title"] for each in document["limits"]] == ["this shell", "new login", "the process"]
    assert document["limits"][2]["nofile_hard"] == {"value": 400, "unlimited": False}
    (line,) = (line for line in text.splitlines() if line.startswith("  nofile hard"))
    assert line.endswith(" 400")
    # A command that is to be pasted stays in one piece: here the ports that are listened on just now.
    assert max(len(line) for line in text.splitlines() if "ip_local_reserved_ports=" not in line) <= 80


def test_what_a_process_keeps_is_measured() -> None:
    """With a thousand open files its anonymous memory over them is what it keeps for each, and is said to be so."""
    code = "import os; x = [os.dup(0) for _ in range(1500)]; y = os.urandom(30_000_000); print(flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout
        child.stdout.readline()
        report = run_check("high-conn", Host(pid=child.pid), connections=1_000)
        child.communicate(b"\n")
    assert report.costs is not None
    if report.costs.app_source == "assumed":
        pytest.skip("this kernel does not count the descriptors of a process (since 6.2)")
    assert report.costs.app_source == f"measured on process {child.pid} with 1,503 open files"
    assert 20_000 < report.costs.app < 40_000
    held = {each.name: each for each in report.capacity[0].limits}
    assert "1,503 of them open" in held["nofile.soft"].why
