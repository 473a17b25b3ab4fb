"""`--hosts` for real: a user with nothing but a key, OpenSSH's servers, and what goes wrong, in one sentence each."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import need
from tests.live import ssh
from tests.live.fleet import finish, opened, refused
from tests.live.namespace import wait_until

pytestmark = [
    pytest.mark.live,
    pytest.mark.netns,
    pytest.mark.root,
    pytest.mark.slow,
    pytest.mark.timeout(180),
]


@pytest.fixture(scope="module")
def machines() -> Iterator[ssh.Machines]:
    for capability in ("root", "iproute2", "sshd"):
        need(capability)
    with ssh.machines(2) as made:
        yield made


def test_hosts_from_a_clean_user(machines: ssh.Machines) -> None:
    """A burst from two machines by SSH: what listens there has their own address, and nothing is left."""
    process = machines.wstune("verify", "host", "--hosts", "gen1,gen2", "-n", "2000", "--hold", "4", "--format", "json")
    opened(machines.net, "srv", 2000)
    addresses = {line.split()[3].rpartition(":")[0] for line in machines.listening("gen1").splitlines()}
    own = {line.split()[3] for line in machines.listening("gen1").splitlines() if not line.split()[3].endswith(":22")}
    load = [pid for pid in machines.net.pids("gen1") if b"coordinator" in Path(f"/proc/{pid}/cmdline").read_bytes()]
    code, report = finish(process)
    assert code == 0, report["sentences"]
    assert [row["name"] for row in report["machines"]] == ["gen1", "gen2"]
    assert [row["opened"] for row in report["machines"]] == [1000, 1000]
    assert load
    assert own
    assert {entry.rpartition(":")[0] for entry in own} == {machines.net.address("gen1")}, addresses
    assert wait_until(lambda: machines.left() == [], 15), machines.left()


def test_the_load_machines_run_it_as_the_user(machines: ssh.Machines) -> None:
    """Killed without a word, the head leaves no process and no certificate on them; until then all was the user's."""
    process = machines.wstune("verify", "host", "--hosts", "gen1,gen2", "-n", "1000", "--hold", "60")
    opened(machines.net, "srv", 1000)
    assert any(entry.startswith("gen1 ") for entry in machines.left())
    folder = next(Path(entry) for entry in machines.left() if entry.startswith("/"))
    assert folder.stat().st_mode & 0o777 == 0o700
    head = next(pid for pid in machines.net.pids("srv") if Path(f"/proc/{pid}").stat().st_uid == ssh.UID)
    os.kill(head, signal.SIGKILL)
    process.communicate()
    assert wait_until(lambda: machines.left() == [], 30), machines.left()


def test_a_fleet_is_checked_into_one_table(machines: ssh.Machines) -> None:
    """Both machines in one table and in one document; one that does not answer is a row, and makes it inconclusive."""
    machines.net.write("gen2", "net/ipv4/ip_local_port_range", "20000 20499")
    asked = ("check", "load-generator", "-n", "5000", "--hosts", "gen1,gen2,10.77.0.99:1")
    out, err = machines.wstune(*asked).communicate(timeout=60)
    rows = {line.split()[0]: line for line in out.splitlines() if line and not line.startswith(" ")}
    assert "500" in rows["gen2"].split(), out + err
    assert "net.ipv4.ip_local_port_range" in rows["gen2"]
    assert "no-answer" in rows["10.77.0.99:1"]
    process = machines.wstune(*asked[:-1], "gen1,gen2", "--format", "json")
    document = json.loads(process.communicate(timeout=60)[0])
    assert [each["name"] for each in document["hosts"]] == ["gen1", "gen2"]
    assert document["hosts"][1]["check"]["capacity"]["generator"]["connections"] <= 500
    assert document["exit_code"] == process.returncode
    machines.net.write("gen2", "net/ipv4/ip_local_port_range", "32768 60999")


def _another_version(folder: Path) -> str:
    """A Python there with a wstune of long ago."""
    package = folder / "old/wstune"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text('__version__ = "0.0.1"\n')
    python = folder / "python-old"
    python.write_text(f'#!/bin/sh\nPYTHONPATH={folder}/old exec {sys.executable} "$@"\n')
    python.chmod(0o755)
    return str(python)


@pytest.mark.parametrize(
    ("hosts", "python", "code", "sentence"),
    [
        pytest.param("gen1,nobody-here@gen2", "", 3, "nobody-here@gen2 refuses to let us in", id="refuses"),
        pytest.param("gen1,10.77.0.1", "", 3, "10.77.0.1 cannot be reached by SSH: ", id="no-ssh"),
        pytest.param("gen1,gen2", "/usr/bin/python3", 3, "has no wstune, or not for /usr/bin/python3", id="no-wstune"),
        pytest.param("gen1,gen2", "/nowhere/python3", 3, "has no Python where /nowhere/python3 is", id="no-python"),
        pytest.param("gen1,gen2", "old", 3, "has wstune 0.0.1, here is ", id="another-version"),
        pytest.param("root@gen1", "", 2, "root@gen1 would make load as root", id="as-root"),
    ],
)
def test_what_is_wrong_with_a_host_is_one_sentence(
    machines: ssh.Machines, hosts: str, python: str, code: int, sentence: str
) -> None:
    """The machine by name, what it lacks, and a way out; nothing is started anywhere."""
    path = _another_version(machines.folder) if python == "old" else python
    extra = ("--remote-python", path) if path else ()
    exit_code, said = refused(machines.wstune("verify", "host", "--hosts", hosts, "-n", "100", *extra))
    assert (exit_code, said.count("\n")) == (code, 2), said
    assert said.startswith("ERROR ")
    assert sentence in said
    assert "\nTIP   " in said
    assert wait_until(lambda: machines.left() == [], 10)


def test_an_unknown_host_key_is_not_taken(machines: ssh.Machines) -> None:
    """A machine whose key is not known might be any machine."""
    known = machines.home / ".ssh/known_hosts"
    before = known.read_text()
    known.write_text("")
    try:
        code, said = refused(machines.wstune("verify", "host", "--hosts", "gen1", "-n", "100"))
    finally:
        known.write_text(before)
    assert code == 3
    assert "gen1 has a host key that is not known here" in said


def test_a_machine_whose_answer_never_ends(machines: ssh.Machines) -> None:
    """It is cut off at its size, in the fleet's table and before a burst; the head neither grows nor waits."""
    endless = machines.folder / "endless"
    endless.write_text("#!/bin/sh\nexec yes wstune-probe\n")
    endless.chmod(0o755)
    pinned = ("--hosts", "gen1", "--remote-python", str(endless))
    for asked in (("check", "load-generator", "-n", "1000"), ("verify", "host", "-n", "10")):
        process = machines.wstune(*asked, *pinned)
        out, err = process.communicate(timeout=60)
        assert process.returncode == 3, err
        assert "gen1 sent more than 1 MiB" in out + err
    assert wait_until(lambda: machines.left() == [], 15), machines.left()
