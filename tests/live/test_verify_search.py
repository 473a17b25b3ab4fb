"""`wstune verify --find-max` and `--around`, in a private network namespace: the wall is found, and nothing is left."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT
from tests.live.namespace import Namespace, private_namespace
from tests.live.test_walls import finish, start

pytestmark = [pytest.mark.live, pytest.mark.netns, pytest.mark.slow]


@pytest.fixture
def inside() -> Iterator[Namespace]:
    with private_namespace() as namespace:
        yield namespace


def write(inside: Namespace, key: str, value: str) -> None:
    subprocess.run(inside.command("sh", "-c", f"echo '{value}' > /proc/sys/net/{key}"), check=True)


def read(inside: Namespace, key: str) -> str:
    done = subprocess.run(inside.command("cat", f"/proc/sys/net/{key}"), capture_output=True, text=True, check=True)
    return done.stdout


def test_the_most_that_hold_is_found(inside: Namespace) -> None:
    """1,500 ports and one source address: the search ends just below, and names the wall that it met."""
    write(inside, "ipv4/ip_local_port_range", "20000 21499")
    arguments = ["-n", "4000", "--hold", "0", "--source", "127.0.0.5", "--slo", "60s"]
    code, report = finish(start(inside, "host", "--find-max", *arguments), 110)
    assert 1400 <= report["reached"] <= 1500
    assert report["open"]["failed"] == report["held"]["lost"] == 0
    assert report["wall"]["name"] == "net.ipv4.ip_local_port_range"
    assert any("tried 1,000: held" in sentence for sentence in report["sentences"])
    assert "the most that held" in report["sentences"][-1]
    assert code == 0


def test_a_guard_stops_the_search(inside: Namespace) -> None:
    """At 1,000 a second and 4 s for each try, 1,000 hold and 8,000 do not: the guard is named, and the search ends."""
    arguments = ["-n", "8000", "--hold", "0", "--rate", "1000", "--time-limit", "4s", "--slo", "60s"]
    _, report = finish(start(inside, "host", "--find-max", *arguments), 110)
    assert 1000 <= report["reached"] < 8000
    assert (report["wall"]["name"], report["wall"]["side"]) == ("time-limit", "host")
    assert "4.0 s were over" in report["wall"]["evidence"]
    assert "the wall is time-limit (host)" in report["sentences"][-1]


def test_what_does_not_fit_opens_nothing(inside: Namespace) -> None:
    """What fits and what binds is said, exit 3; no connection is opened, and no report is made."""
    done = subprocess.run(
        inside.command(sys.executable, "-m", "wstune", "verify", "host", "-n", "900M", "--hold", "0"),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 3
    assert re.search(
        r"900,000,000 connections do not fit: \S+ here has room for [\d,]+ .*nothing was opened", done.stderr
    )
    assert "--force" in done.stderr
    assert done.stdout == ""
    assert inside.left() == ""


def test_the_budget_is_printed(inside: Namespace) -> None:
    """Processes, descriptors, memory and source addresses are told before the first socket."""
    done = subprocess.run(
        inside.command(sys.executable, "-m", "wstune", "verify", "host", "-n", "100", "--hold", "0", "-v"),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    first = done.stderr.splitlines()[0]
    assert "budget for 100 connections" in first
    for word in ("server", "generator processes", "files", "GB memory", "source addresses"):
        assert word in first


def test_around_shows_what_tuning_changed_and_takes_it_back(inside: Namespace, tmp_path: Path) -> None:
    """Before: a short accept queue. Applied, verified again, compared, and every value is what it was."""
    write(inside, "core/somaxconn", "20")
    before = {key: read(inside, key) for key in ("core/somaxconn", "ipv4/ip_local_port_range", "ipv4/tcp_wmem")}
    state = tmp_path / "state"
    arguments = ["-n", "400", "--hold", "0", "--around", "container", "--rollback", "--yes", "--state-dir", str(state)]
    program = [sys.executable, "-m", "wstune", "verify", "host", *arguments, "-q"]
    done = subprocess.run(inside.command(*program), cwd=ROOT, capture_output=True, text=True, check=False, timeout=100)
    assert done.returncode == 0, done.stderr
    assert "net.core.somaxconn" in done.stderr  # the plan was shown
    assert "since taken back" in done.stdout
    assert "open rate" in done.stdout
    assert {key: read(inside, key) for key in before} == before
    history = subprocess.run(
        inside.command(sys.executable, "-m", "wstune", "history", "--state-dir", str(state), "--format", "json"),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "container" in history.stdout


def test_a_long_hold_stays_flat(inside: Namespace) -> None:
    """PINGs and talk for a while: no worker's memory grows with time."""
    process = start(inside, "host", "-n", "2000", "--hold", "12", "--talkers", "3", "--message-rate", "20")
    sizes: list[int] = []

    def private() -> int:
        total = 0
        for pid in inside.processes():
            try:
                text = Path(f"/proc/{pid}/smaps_rollup").read_text()
            except OSError:
                continue
            total += sum(int(line.split()[1]) for line in text.splitlines() if line.startswith("Private_"))
        return total

    import time

    time.sleep(5)
    for _ in range(6):
        sizes.append(private())
        time.sleep(1)
    _, report = finish(process)
    assert report["verdict"] == "confirmed", report["sentences"]
    talk: dict[str, Any] = report["talk"]
    assert talk["messages"] > 100
    assert talk["delivered"] == talk["expected"]
    assert max(sizes) - sizes[0] < 4096, sizes  # KiB


def test_a_baseline_is_compared(tmp_path: Path, inside: Namespace) -> None:
    """An earlier report and this one, side by side; a file that is none is one sentence."""
    first, second = tmp_path / "a.json", tmp_path / "b.txt"
    program = [sys.executable, "-m", "wstune", "verify", "host", "-n", "300", "--hold", "0"]
    for arguments in (["--format", "json", "-o", str(first)], ["--baseline", str(first), "-o", str(second)]):
        done = subprocess.run(
            inside.command(*program, *arguments), cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
    assert json.loads(first.read_text())["reached"] == 300
    text = second.read_text()
    assert f"compared with {first}" in text
    assert all(len(line) <= 80 for line in text.splitlines() if "compared with" not in line)
