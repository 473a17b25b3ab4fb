"""`wstune verify --scenario` for real: what sessions say and hear, and what was converted from Tsung's files."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from math import exp, sqrt
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT, TESTS, need
from tests.live.chat import serve
from tests.live.elsewhere import errors, verify
from wstune.burst import tsung
from wstune.burst.scenario_text import to_toml

pytestmark = [pytest.mark.live, pytest.mark.slow]

SCENARIO = """\
schema = 1
[[phase]]
rate = 100
count = 60
[[session]]
name = "talks to itself"
weight = 2
steps = [
  { connect = "/rooms/{number}" },
  { send = "I am {number}" },
  { expect = "I am {number}", within = "20s" },
  { repeat = 2, steps = [
    { think = "50ms..100ms" },
    { binary = "again" },
    { expect = "again", within = "20s" },
  ] },
]
[[session]]
name = "comes and goes"
steps = [
  { connect = "/rooms/hall" },
  { think = "100ms", random = "exponential" },
  { close = 1000 },
]
"""


def test_a_scenario(tmp_path: Path) -> None:
    """Two kinds of sessions in their shares; every message is said and heard; who closes is not lost."""
    file = tmp_path / "burst.toml"
    file.write_text(SCENARIO)
    with serve("--workers", "1") as server:
        report = verify(server.url(), "--scenario", str(file), "--hold", "0")
        total = server.total()
    assert report["verdict"] == "confirmed", report["sentences"]
    steps = report["scenario"]
    assert (steps["said"], steps["heard"], steps["ended"], steps["unfinished"]) == (120, 120, 20, 0)
    assert steps["answer_ms"]["count"] == 120
    assert (total["opened"], total["messages"]) == (60, 120)
    assert report["held"]["lost"] == 0


def test_a_scenario_at_the_built_in_server(tmp_path: Path) -> None:
    """`verify host --scenario`: the same, with both ends here, and -n for fewer."""
    file = tmp_path / "burst.toml"
    file.write_text(SCENARIO)
    report = verify("host", "--scenario", str(file), "-n", "30", "--hold", "0")
    assert report["verdict"] == "confirmed", report["sentences"]
    assert (report["scenario"]["said"], report["scenario"]["ended"]) == (60, 10)


def test_an_answer_that_does_not_come(tmp_path: Path) -> None:
    """A server that does not say what is expected has its own wall."""
    file = tmp_path / "burst.toml"
    file.write_text('schema = 1\n[[session]]\nsteps = [ { expect = "welcome", within = "200ms" } ]\n')
    with serve("--workers", "1") as server:
        report = verify(server.url(), "--scenario", str(file), "-n", "10", "--hold", "0")
    assert errors(report) == {("hold", "NO-ANSWER"): 10}
    assert (report["wall"]["name"], report["verdict"]) == ("server-answers-otherwise", "missed")


# Tsung.

ARRIVALS, RATE = 1000, 100


@contextmanager
def before_all_others() -> Iterator[None]:
    """What is started meanwhile runs before what else this machine does, where that is allowed: a burst of 100
    connections a second that waits for the processor arrives in clusters."""
    try:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    except PermissionError:
        yield
        return
    try:
        yield
    finally:
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))


def test_a_converted_scenario_arrives_as_tsungs_users_do(tmp_path: Path) -> None:
    """Gaps between arrivals at our server are exponential (Kolmogorov-Smirnov at 0.1 %), and there are as many a second
    as the file says. Arrivals are timed where they are accepted."""
    scenario, _ = tsung.convert(
        (TESTS / "cases/tsung/kemal.xml")
        .read_bytes()
        .replace(b'maxnumber="100000" arrivalrate="1000"', b'maxnumber="%d" arrivalrate="%d"' % (ARRIVALS, RATE))
        .replace(b'path="/"', b'path="/rooms/a"')
        .replace(b'<websocket type="message">{"name": "Kemal"}</websocket>', b'<websocket type="close"/>'),
        "kemal.xml",
    )
    file = tmp_path / "kemal.toml"
    file.write_text(to_toml(scenario))
    program = [sys.executable, "-m", "tests.live.timed_server"]
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with before_all_others(), subprocess.Popen(program, cwd=ROOT, **pipes) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        port = int(server.stdout.readline())
        report = verify(f"ws://127.0.0.1:{port}/", "--scenario", str(file), "--hold", "0")
        server.stdin.close()
        accepted = [int(line) / 1e9 for line in server.stdout]
    assert report["verdict"] == "confirmed", report["sentences"]
    times = accepted[1:-2]  # before, while and after, the server was asked for its figures
    assert len(times) == ARRIVALS
    assert times[-1] - times[0] == pytest.approx(ARRIVALS / RATE, rel=0.15)
    gaps = sorted(later - earlier for earlier, later in pairwise(times))
    apart = max(
        max(abs((at + 1) / len(gaps) - below), abs(at / len(gaps) - below))
        for at, gap in enumerate(gaps)
        for below in (1 - exp(-RATE * gap),)
    )
    assert apart < 1.95 / sqrt(len(gaps))


def test_real_tsung_runs_what_is_exported(tmp_path: Path) -> None:
    """`wstune scenario export --format tsung`, run by Tsung itself against our server: none of its sessions fails."""
    need("tsung")
    file, config = tmp_path / "burst.toml", tmp_path / "tsung.xml"
    file.write_text(
        """\
schema = 1
[[phase]]
rate = 20
arrival = "poisson"
count = 20
[[session]]
name = "talks"
steps = [
  { connect = "/rooms/{number}", origin = "http://127.0.0.1" },
  { send = "hello {number} <&>" },
  { expect = "hello" },
  { repeat = 2, steps = [ { think = "200ms" }, { binary = "again" } ] },
  { close = 1000 },
]
"""
    )
    with serve("--workers", "1") as server:
        url = f"ws://127.0.0.1:{server.port}"
        exported = subprocess.run(
            [sys.executable, "-m", "wstune", "scenario", "export", str(file), "--server", url, "-o", str(config)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert exported.returncode == 0, exported.stderr
        run = subprocess.run(
            ["tsung", "-f", str(config), "-l", str(tmp_path / "log"), "-i", "wstune8", "start"],
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
            env={**os.environ, "HOME": str(tmp_path)},
        )
        assert run.returncode == 0, run.stdout + run.stderr
        total = server.total()
    (log,) = (tmp_path / "log").glob("*/tsung.log")
    figures = {
        fields[1]: int(float(fields[3]))
        for fields in map(str.split, log.read_text().splitlines())
        if len(fields) == 4 and fields[0] == "stats:"
    }
    assert figures["websocket_succ"] == figures["users_count"] == 20, log.read_text()
    assert "websocket_fail" not in figures
    assert (total["opened"], total["messages"]) == (20, 60)
