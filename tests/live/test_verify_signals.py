"""Ctrl-C, SIGTERM and SIGHUP while `wstune verify` is at work: a report that says so, 128 + n, and a clean host."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import jsonschema
import psutil
import pytest

from tests.conftest import ROOT
from tests.live.namespace import Namespace, private_namespace, wait_until
from tests.live.test_verify_host import SCHEMA

pytestmark = [pytest.mark.live, pytest.mark.slow, pytest.mark.netns]

NUMBERS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]
MANY = 6_000
SECONDS = 30.0


@pytest.fixture
def inside() -> Iterator[Namespace]:
    with private_namespace() as namespace:
        yield namespace


def sockets(least: int) -> Callable[[Namespace], bool]:
    return lambda inside: inside.sockets()[0] >= least


def answered(least: int) -> Callable[[Namespace], bool]:
    return lambda inside: inside.answered() >= least


MOMENTS: dict[str, tuple[tuple[str, ...], tuple[Callable[[Namespace], bool], ...]]] = {
    "before opening": (("--hold", "60"), (lambda inside: len(inside.processes()) > 1,)),
    "opening": (("--hold", "60", "--rate", "500"), (answered(100),)),
    "holding": (("--hold", "60"), (sockets(2 * MANY), answered(MANY))),
    "closing": (
        ("--hold", "0", "--close", "graceful"),
        (sockets(2 * MANY), lambda at: at.sockets()[0] < 2 * MANY - 600),
    ),
}
"""The options that make a moment long enough, and what is true in it, one after the other."""


def interrupt(inside: Namespace, process: subprocess.Popen[str], moment: str, number: int, times: int = 1) -> None:
    for condition in MOMENTS[moment][1]:
        at = partial(condition, inside)
        assert wait_until(at, SECONDS), process.poll()
    assert process.poll() is None, process.communicate()
    for _ in range(times):
        process.send_signal(number)


def ended(process: subprocess.Popen[str], number: int) -> dict[str, Any]:
    """The report: as published, marked, and with the signal's exit code."""
    out, err = process.communicate(timeout=SECONDS)
    assert "Traceback" not in err
    document: dict[str, Any] = json.loads(out)
    jsonschema.Draft202012Validator(SCHEMA).validate(document)
    assert process.returncode == document["exit_code"] == 128 + number
    assert document["interrupted"]
    assert document["verdict"] == "inconclusive"
    assert document["wall"]["name"] == "interrupted"
    return document


@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize("moment", MOMENTS)
def test_interrupted_at_any_moment(inside: Namespace, moment: str, number: int) -> None:
    """The report has what was shown until then, and neither process nor socket is left."""
    process = inside.verify("-n", str(MANY), *MOMENTS[moment][0])
    interrupt(inside, process, moment, number)
    report = ended(process, number)
    reached = {"before opening": (0, MANY), "opening": (100, MANY - 1)}.get(moment, (MANY, MANY))
    assert reached[0] <= report["reached"] <= reached[1]
    if moment == "closing":
        assert report["open"]["upgrade_ms"]["count"] == MANY  # the counts are there
    assert inside.left() == ""


@pytest.mark.parametrize("number", NUMBERS)
def test_twice_it_ends_at_once(inside: Namespace, number: int) -> None:
    """Also then there is a report, and nothing is left."""
    process = inside.verify("-n", str(MANY), *MOMENTS["holding"][0])
    interrupt(inside, process, "holding", number, times=2)
    ended(process, number)
    assert inside.left() == ""


def test_all_of_them_are_told(inside: Namespace) -> None:
    """A service manager sends SIGTERM to every process of a unit: the head alone decides what that means."""
    process = inside.verify("-n", str(MANY), *MOMENTS["holding"][0])
    assert wait_until(partial(answered(MANY), inside), SECONDS)
    for each in [*psutil.Process(process.pid).children(recursive=True), psutil.Process(process.pid)]:
        each.send_signal(signal.SIGTERM)
    report = ended(process, signal.SIGTERM)
    assert report["open"]["upgrade_ms"]["count"] == MANY
    assert inside.left() == ""


@pytest.mark.parametrize(("starter", "number"), [("nohup", signal.SIGHUP), ("background", signal.SIGINT)])
def test_what_was_ignored_at_the_start_stays_ignored(inside: Namespace, starter: str, number: int) -> None:
    """nohup, and a script's background job: the burst goes on to its end."""
    program = [sys.executable, "-m", "wstune", "verify", "host", "-n", "500", "--hold", "2", "--format", "json"]
    script = "trap '' HUP; exec \"$@\"" if starter == "nohup" else "trap '' INT; exec \"$@\""
    process = subprocess.Popen(
        inside.command("sh", "-c", script, "sh", *program),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    inside.started.append(process)
    assert wait_until(lambda: inside.sockets()[0] >= 1000, SECONDS)
    process.send_signal(number)
    out, _ = process.communicate(timeout=SECONDS)
    assert (process.returncode, json.loads(out)["interrupted"]) == (0, False)


@pytest.mark.parametrize("number", NUMBERS)
def test_a_search_that_is_interrupted_is_no_answer(inside: Namespace, number: int) -> None:
    """--find-max says what held until then."""
    process = inside.verify("--find-max", "-n", "2000", "--hold", "3")
    assert wait_until(lambda: inside.sockets()[0] >= 4000, SECONDS)
    process.send_signal(number)
    report = ended(process, number)
    assert report["reached"] == 1000
    assert report["sentences"][0] == "tried 1,000: held"
    assert report["sentences"][-1] == "interrupted; the most that held until then: 1,000 connections"
    assert inside.left() == ""


RANGE = "/proc/sys/net/ipv4/ip_local_port_range"


@pytest.mark.parametrize("rollback", [True, False], ids=["--rollback", "without"])
@pytest.mark.parametrize("burst", [1, 2])
@pytest.mark.parametrize("number", NUMBERS)
def test_around_either_burst(inside: Namespace, tmp_path: Path, number: int, burst: int, rollback: bool) -> None:
    """In the first nothing is applied; in the second it is taken back, or the way back is told."""

    def value() -> str:
        return subprocess.run(inside.command("cat", RANGE), capture_output=True, text=True, check=True).stdout

    usual = value()
    options = ["--around", "container", "--yes", "--state-dir", str(tmp_path / "state"), *["--rollback"] * rollback]
    process = inside.verify("-n", "500", "--hold", "3", *options)
    assert wait_until(lambda: inside.sockets()[0] >= 1000, SECONDS)
    if burst == 2:
        assert wait_until(lambda: inside.sockets()[0] == 0, SECONDS)
        assert wait_until(lambda: inside.sockets()[0] >= 1000, SECONDS)
        assert value() != usual
    process.send_signal(number)
    report = ended(process, number)
    said = report["sentences"][-2]
    if burst == 1:
        assert "container was not applied" in said
        assert not (tmp_path / "state").exists()
    elif rollback:
        assert said.endswith("transaction 1 was taken back")
    else:
        assert f"as transaction 1: wstune rollback 1 --state-dir {tmp_path / 'state'} takes it back" in said
    assert (value() == usual) is (burst == 1 or rollback)
    assert inside.left() == ""


def test_no_traceback_while_it_is_imported() -> None:
    """Ctrl-C in the middle of the start: the exit code, and nothing else."""
    program = [sys.executable, "-X", "importtime", "-m", "wstune", "verify", "--help"]
    for landmark in ("typer._click", "typer.main", "wstune.cli.groups", "wstune.cli.verify"):
        process = subprocess.Popen(program, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        assert process.stderr is not None
        next(line for line in process.stderr if landmark in line)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=SECONDS)
        assert "Traceback" not in err
        assert process.returncode in (130, 0)  # it may have ended before
