"""apply, rollback and history as commands, in a private network namespace: only net.* is written, and dies with it."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.schemas import require_published

pytestmark = pytest.mark.netns

SNAPSHOT = "grep -rs '' /proc/sys/net | sort"


def inside(script: str, tmp_path: Path, *, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run a shell script in a new network namespace; `w` is wstune, with its state below tmp_path."""
    prelude = f"""
        set -u
        w() {{ verb=$1; shift; {sys.executable} -m wstune "$verb" --state-dir {tmp_path}/state "$@"; }}
        snapshot() {{ {SNAPSHOT} > {tmp_path}/"$1"; }}
    """
    unshare = ["unshare", "-n"] if os.geteuid() == 0 else ["unshare", "-Urn"]
    run = subprocess.run(
        [*unshare, "sh", "-c", prelude + script],
        cwd=ROOT, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, timeout=100,
    )  # fmt: skip
    if check:
        assert run.returncode == 0, run.stdout + run.stderr
    return run


def test_apply_then_rollback_is_byte_for_byte_what_it_was(tmp_path: Path) -> None:
    """Every writable value below /proc/sys/net; and a second apply changes nothing and exits 0."""
    inside(
        """
        snapshot before
        w apply container --role both --runtime-only --yes || exit 11
        snapshot applied
        w apply container --role both --runtime-only --yes || exit 12
        snapshot again
        w rollback || exit 13
        snapshot after
        """,
        tmp_path,
    )
    texts = {name: (tmp_path / name).read_bytes() for name in ("before", "applied", "again", "after")}
    assert texts["before"] == texts["after"]
    assert texts["applied"] == texts["again"]
    assert texts["applied"] != texts["before"]


def test_rollback_from_another_namespace_is_refused_and_says_the_way(tmp_path: Path) -> None:
    """While a process lives there: nsenter with its pid, and that works; once it is gone: that it is gone."""
    run = inside(
        f"""
        w apply container --role both --runtime-only --yes >/dev/null || exit 11
        snapshot applied
        sleep 60 >/dev/null & echo $!
        unshare -n {sys.executable} -m wstune rollback --state-dir {tmp_path}/state; echo "code $?"
        snapshot refused
        nsenter --net=/proc/$!/ns/net {sys.executable} -m wstune rollback --state-dir {tmp_path}/state; echo "code $?"
        snapshot after
        kill $!
        """,
        tmp_path,
    )
    pid = run.stdout.split()[0]
    assert "code 5" in run.stdout
    assert run.stdout.rstrip().endswith("code 0")
    assert "belongs to network namespace" in run.stderr
    assert "nsenter --net=/proc/" in run.stderr
    assert pid.isdecimal()
    assert (tmp_path / "applied").read_bytes() == (tmp_path / "refused").read_bytes()
    assert (tmp_path / "applied").read_bytes() != (tmp_path / "after").read_bytes()


def test_the_record_of_a_namespace_that_is_gone_can_be_closed(tmp_path: Path) -> None:
    """Its values went with it; rollback says so, and --force closes the record without writing anything."""
    inside("w apply container --role both --runtime-only --yes", tmp_path)
    run = inside(
        "snapshot before; w rollback; code=$?; w rollback --force; snapshot after; exit $code", tmp_path, check=False
    )
    assert run.returncode == 5
    assert "it is gone" in run.stderr
    assert (tmp_path / "before").read_bytes() == (tmp_path / "after").read_bytes()
    assert "rolled back" in inside("w history", tmp_path).stdout


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ("apply container --role both --runtime-only", 2, "no terminal"),
        ("apply nonsense --yes", 2, "no profile is named"),
        ("apply container -n 0 --yes", 2, "nothing to get ready for"),
        ("apply container --pid 999999999 --yes", 2, "no process"),
        ("apply container --unit 'a b' --yes", 2, "no name"),
        ("apply container --user '*' --yes", 2, "no name"),
        ("apply container --user nosuchuser --yes", 2, "no user"),
        ("apply container --runtime-only --user root --yes", 2, "--runtime-only"),
        ("apply container --restart --yes", 2, "--restart"),
        ("rollback", 2, "nothing to roll back"),
    ],
)
def test_what_makes_no_sense_gets_a_sentence_and_touches_nothing(
    tmp_path: Path, arguments: str, code: int, words: str
) -> None:
    """One ERROR and one TIP, the right exit code, no value changed and no file made."""
    run = inside(f"snapshot before; w {arguments}; code=$?; snapshot after; exit $code", tmp_path, check=False)
    assert run.returncode == code
    assert words in run.stderr
    assert run.stderr.count("ERROR") == 1
    assert "Traceback" not in run.stderr
    assert (tmp_path / "before").read_bytes() == (tmp_path / "after").read_bytes()
    assert not (tmp_path / "state").exists()


@pytest.mark.root
def test_without_root_apply_and_rollback_are_refused_before_anything(tmp_path: Path) -> None:
    """Exit 77, also with --yes; a dry run needs no root."""
    tmp_path.chmod(0o777)
    for place in (tmp_path, *tmp_path.parents):
        if place.owner() == "root" and place.stat().st_mode & 0o777 == 0o700:
            place.chmod(0o711)
    run = inside(
        f"""
        nobody="setpriv --reuid=65534 --regid=65534 --clear-groups"
        as_nobody() {{ $nobody {sys.executable} -m wstune "$@" --state-dir {tmp_path}/state; }}
        as_nobody apply container --role both --runtime-only --dry-run >/dev/null || exit 11
        as_nobody apply container --role both --runtime-only --yes; echo "code $?"
        as_nobody rollback; echo "code $?"
        """,
        tmp_path,
    )
    assert run.stdout.count("code 77") == 2
    assert not (tmp_path / "state").exists()


def test_the_plan_as_json(tmp_path: Path) -> None:
    """A dry run's document holds the changes in order, and --detailed-exitcode tells whether there are any."""
    run = inside(
        "w apply container --role both --runtime-only --dry-run --detailed-exitcode --format json",
        tmp_path,
        check=False,
    )
    assert run.returncode == 2
    document = json.loads(run.stdout)
    require_published(document)
    assert (document["command"], document["exit_code"], document["dry_run"]) == ("apply", 2, True)
    changes = {change["tunable"]: change for change in document["changes"]}
    assert changes["net.ipv4.ip_local_port_range"]["from"] == {
        "raw": "32768\t60999",
        "value": [32768, 60999],
        "unlimited": False,
    }
    assert list(changes).index("net.ipv4.ip_local_reserved_ports") < list(changes).index("net.ipv4.ip_local_port_range")
    assert not (tmp_path / "state").exists()


def test_history_tells_without_root_what_was_done(tmp_path: Path) -> None:
    """The newest first; as text and as JSON."""
    first = "w apply container --role both --runtime-only --yes && w rollback"
    inside(f"{first} && w apply load-generator --runtime-only --yes", tmp_path)
    text = inside("w history", tmp_path).stdout
    assert text.index("load-generator") < text.index("container")
    document = json.loads(inside("w history --format json", tmp_path).stdout)
    require_published(document)
    assert [txn["state"] for txn in document["transactions"]] == ["rolled-back", "applied"]
    assert all(act["done"] for txn in document["transactions"] for act in txn["acts"])


def test_the_block_of_the_blog_post_lowers_nothing_unless_told(tmp_path: Path) -> None:
    """With --allow-lower what this kernel takes of it is set, what it refuses is told, and all of it comes back."""
    inside(
        """
        snapshot before
        w apply kemal-60k --yes --format json > "$T/one" || exit 11
        w apply kemal-60k --allow-lower --yes --format json > "$T/two" || exit 12
        cat /proc/sys/net/ipv4/tcp_rmem > "$T/live"
        w rollback && w rollback || exit 13
        snapshot after
        """.replace("$T", str(tmp_path)),
        tmp_path,
    )
    one, two = (json.loads((tmp_path / name).read_text()) for name in ("one", "two"))
    assert [change["tunable"] for change in one["changes"]] == ["net.ipv4.ip_local_port_range"]
    refused = {change["tunable"]: change["refusal"] for change in one["refused"]}
    lowering = {"net.ipv4.tcp_rmem", "net.ipv4.tcp_wmem"}
    assert {refused[key] for key in lowering} <= {"lowers", "out-of-range"}
    assert {refused[key] for key in ("fs.file-max", "fs.nr_open", "net.core.rmem_max")} <= {"outside", "absent"}
    done = {change["tunable"] for change in two["changes"]}
    told = {change["tunable"] for change in two["refused"] if change["refusal"] == "out-of-range"}
    assert (done | told) & lowering == lowering
    took = (tmp_path / "live").read_text().split() == ["1024", "4096", "16384"]
    assert took == ("net.ipv4.tcp_rmem" in done)
    assert (tmp_path / "before").read_bytes() == (tmp_path / "after").read_bytes()


@pytest.mark.parametrize(
    ("typed", "code", "words"),
    [
        pytest.param(b"y\n", 0, "applied: ", id="yes"),
        pytest.param(b"\n", 2, "not applied; nothing was changed", id="nothing, which is no"),
        pytest.param(b"\x03", 130, "nothing was changed", id="Ctrl-C"),
    ],
)
def test_somebody_at_a_terminal_is_asked_and_sees_the_plan_first(
    tmp_path: Path, typed: bytes, code: int, words: str
) -> None:
    """Also where the report goes to a file: nobody agrees to what was not shown."""
    leader, follower = pty.openpty()
    unshare = ["unshare", "-n"] if os.geteuid() == 0 else ["unshare", "-Urn"]
    command = [sys.executable, "-m", "wstune", "apply", "container", "--role", "both", "--state-dir",
               str(tmp_path / "state"), "-o", str(tmp_path / "report")]  # fmt: skip
    child = subprocess.Popen(
        [*unshare, "setsid", "--ctty", "--wait", *command], cwd=ROOT, stdin=follower, stdout=follower, stderr=follower
    )
    os.close(follower)
    seen = b""
    while not seen.endswith(b"[y/N] "):
        seen += os.read(leader, 4096)
    os.write(leader, typed)
    try:
        while chunk := os.read(leader, 4096):
            seen += chunk
    except OSError:
        pass  # as a terminal ends, whose other side is closed
    os.close(leader)
    assert child.wait() == code, seen.decode()
    assert seen.index(b"net.ipv4.ip_local_port_range") < seen.index(b"Apply this?")
    report = tmp_path / "report"
    assert words in seen.decode() + (report.read_text() if report.exists() else "")
    assert (tmp_path / "state").exists() == (code == 0)


@pytest.mark.netns
def test_what_the_kernel_refused_is_not_written_for_the_next_boot(tmp_path: Path) -> None:
    """A name that this kernel has not got is not set, and the file has only what it took."""
    (tmp_path / "p.toml").write_text(
        "schema = 1\nvariables = {connections = 1}\n"
        '[[require]]\ntunable = "net.ipv4.tcp_congestion_control"\nequals = "nosuch"\nseverity = "warn"\nwhy = "w"\n'
        '[[require]]\ntunable = "net.core.somaxconn"\nat_least = 5000\nwhy = "w"\n'
    )
    done = inside(
        f"""
        mkdir -p {tmp_path}/root/etc/sysctl.d
        w apply {tmp_path}/p.toml --yes --persist --etc-root {tmp_path}/root || exit 11
        """,
        tmp_path,
    )
    assert "1 not done" in done.stdout
    text = (tmp_path / "root/etc/sysctl.d/99-wstune.conf").read_text()
    assert "net.core.somaxconn = 5000" in text
    assert "tcp_congestion_control" not in text
