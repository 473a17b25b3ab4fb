"""`wstune verify host` for real, in a private network namespace: what it proves, and that it leaves nothing behind."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import psutil
import pytest

from tests.conftest import ROOT, need
from tests.live.namespace import Namespace, private_namespace, wait_until
from wstune.verification import EXIT_CODES

pytestmark = [pytest.mark.live, pytest.mark.slow, pytest.mark.netns]

SCHEMA: dict[str, Any] = json.loads((ROOT / "docs/reference/schemas/verify.json").read_text())
CLEAN_SECONDS = 10.0
"""After a killed worker, a lost coordinator or Ctrl-C the host is clean within this."""


@pytest.fixture
def inside() -> Iterator[Namespace]:
    need("netns")
    with private_namespace() as namespace:
        yield namespace


def _end(process: subprocess.Popen[str], seconds: float = 60) -> dict[str, Any]:
    """The report of a run that has ended, checked against the schema; its exit code is that of its verdict,
    or of Ctrl-C."""
    out, err = process.communicate(timeout=seconds)
    assert err == ""
    document: dict[str, Any] = json.loads(out)
    jsonschema.Draft202012Validator(SCHEMA).validate(document)
    usual = 128 + signal.SIGINT if document["interrupted"] else EXIT_CODES[document["verdict"]]
    assert process.returncode == document["exit_code"] == usual
    return document


def _open(inside: Namespace, process: subprocess.Popen[str], connections: int) -> None:
    """Wait until so many connections are there, two sockets each; not all of them need have been answered yet."""
    assert wait_until(lambda: inside.sockets()[0] >= 2 * connections or process.poll() is not None, 60)
    assert process.poll() is None, process.communicate()


def _tree(process: subprocess.Popen[str]) -> tuple[psutil.Process, list[psutil.Process], list[psutil.Process]]:
    """The coordinator, the server's workers and the generators."""
    (coordinator,) = psutil.Process(process.pid).children()
    children = coordinator.children()
    (supervisor,) = [child for child in children if child.children()]
    return coordinator, supervisor.children(), [child for child in children if child != supervisor]


def test_several_thousand(inside: Namespace) -> None:
    """5,000 connections are opened, held and used; every figure is there; nothing is left, not even a TIME_WAIT."""
    report = _end(inside.verify("-n", "5000", "--hold", "1"))
    assert inside.left() == ""
    assert report["verdict"] == "confirmed"
    assert report["reached"] == report["target"]["connections"] == 5000
    assert report["held"]["lost"] == report["open"]["failed"] == 0
    assert report["held"]["seconds"] >= 1
    assert report["open"]["connect_ms"]["count"] == report["open"]["upgrade_ms"]["count"] == 5000
    assert report["open"]["connect_ms"]["p50"] <= report["open"]["upgrade_ms"]["p50"]
    assert report["open"]["rate"] == pytest.approx(5000 / report["open"]["seconds"], rel=0.01)
    assert report["fanout"]["expected"] == report["fanout"]["delivered"] == 5000
    assert report["canary"]["attempts"] > 0
    assert report["canary"]["failed"] == 0
    assert report["errors"] == []
    assert report["wall"] is None
    assert report["memory"]["server_user_bytes"] > 0
    assert report["memory"]["generator_user_bytes"] > 0
    assert report["timeline"][-1]["open"] == 5000
    times = [point["t"] for point in report["timeline"]]
    assert times == sorted(times)


def test_open_seconds_are_true_from_outside(inside: Namespace) -> None:
    """Opening takes no longer than an observer sees, and not much less: `open.seconds` is not flattered."""
    process = inside.verify("-n", "10000", "--hold", "2")
    assert wait_until(lambda: inside.sockets()[0] > 100, 30)
    began = time.monotonic()
    _open(inside, process, 10_000)
    seen = time.monotonic() - began
    report = _end(process)
    assert report["open"]["seconds"] > 0.5 * seen
    assert report["open"]["seconds"] < seen + 1


def test_it_shards(inside: Namespace) -> None:
    """Where one process may not hold the target, more do; the last line says so, and what one would hold."""
    report = _end(inside.verify("-n", "3000", "--hold", "0", nofile=1024))
    assert report["verdict"] == "confirmed"
    assert report["processes"]["nofile_each"] == 1024
    assert report["processes"]["server"] >= 4
    assert report["processes"]["generator"] >= 4
    single = report["processes"]["single_process_limit"]
    assert 800 < single < 1024
    assert report["sentences"][-1] == (
        f"confirmed with {report['processes']['server']} server processes; one process here holds {single:,}"
    )
    assert inside.left() == ""


def test_one_process_that_is_too_few(inside: Namespace) -> None:
    """Held to one server process, the wall is the server's nofile, and the target is missed."""
    report = _end(inside.verify("-n", "1200", "--hold", "0", "--processes", "1", nofile=1024), 90)
    assert report["verdict"] == "missed", report["wall"]
    assert (report["wall"]["name"], report["wall"]["side"]) == ("nofile", "server")
    assert 900 < report["reached"] < 1024
    assert any(error["errno"] == "EMFILE" and error["side"] == "server" for error in report["errors"])
    assert inside.left() == ""


@pytest.mark.parametrize("times", [1, 2])
def test_interrupted_while_opening(inside: Namespace, times: int) -> None:
    """Ctrl-C in the middle of opening, once or twice: a report of what there was, inconclusive, and nothing left."""
    process = inside.verify("-n", "60000", "--hold", "60")
    _open(inside, process, 3000)
    for _ in range(times):
        process.send_signal(signal.SIGINT)
        time.sleep(0.02)
    report = _end(process, CLEAN_SECONDS)
    assert report["verdict"] == "inconclusive"
    assert report["interrupted"]
    assert report["wall"]["name"] == "interrupted"
    assert 0 < report["reached"] < 60_000
    assert inside.left() == ""


def test_interrupted_while_holding(inside: Namespace) -> None:
    """Ctrl-C in the hold: all that was shown until then is in the report."""
    process = inside.verify("-n", "2000", "--hold", "60")
    assert wait_until(lambda: inside.answered() >= 2000, CLEAN_SECONDS)
    process.send_signal(signal.SIGINT)
    report = _end(process, CLEAN_SECONDS)
    assert report["verdict"] == "inconclusive"
    assert report["interrupted"]
    assert report["reached"] == 2000
    assert report["held"]["lost"] == 0
    assert inside.left() == ""


@pytest.mark.parametrize("side", ["server", "generator"])
@pytest.mark.parametrize("moment", ["opening", "holding"])
def test_a_killed_worker(inside: Namespace, side: str, moment: str) -> None:
    """SIGKILL of one worker: no hang, the report names it, it is nobody's failure, and nothing is left."""
    process = inside.verify("-n", "30000" if moment == "opening" else "4000", "--hold", "2", "--processes", "2")
    _open(inside, process, 2000 if moment == "opening" else 4000)
    _, servers, generators = _tree(process)
    (servers if side == "server" else generators)[0].send_signal(signal.SIGKILL)
    report = _end(process, 30)
    assert report["verdict"] == "inconclusive"
    assert (report["wall"]["name"], report["wall"]["side"]) == ("worker-lost", side)
    assert inside.left() == ""


def test_a_killed_coordinator(inside: Namespace) -> None:
    """Without its coordinator every worker dies at once; the report still comes."""
    process = inside.verify("-n", "4000", "--hold", "60")
    _open(inside, process, 4000)
    coordinator, _, _ = _tree(process)
    coordinator.send_signal(signal.SIGKILL)
    report = _end(process, CLEAN_SECONDS)
    assert report["verdict"] == "inconclusive"
    assert report["wall"]["name"] == "worker-lost"
    assert wait_until(inside.is_clean, CLEAN_SECONDS)


def test_wstune_itself_killed(inside: Namespace) -> None:
    """SIGKILL of wstune takes the whole burst with it."""
    process = inside.verify("-n", "4000", "--hold", "60")
    _open(inside, process, 4000)
    process.kill()
    process.communicate()
    assert wait_until(inside.is_clean, CLEAN_SECONDS)


def test_workers_offer_themselves_to_the_oom_killer_and_die_with_their_parent(inside: Namespace) -> None:
    """Every process that holds sockets is the OOM killer's first choice, for to it their kernel memory is nobody's; and
    has a death signal, which ends it even while it is stopped."""
    process = inside.verify("-n", "1000", "--hold", "60")
    _open(inside, process, 1000)
    coordinator, servers, generators = _tree(process)
    workers = [*servers, *generators]
    assert len(workers) >= 2
    for worker in [coordinator, *workers]:
        assert Path(f"/proc/{worker.pid}/oom_score_adj").read_text() == "1000\n"
    for worker in workers:
        worker.suspend()  # so that it cannot notice by itself
    coordinator.kill()
    _end(process, CLEAN_SECONDS)
    assert not [worker for worker in workers if worker.is_running() and worker.status() != psutil.STATUS_ZOMBIE]
    assert wait_until(lambda: inside.processes() == [], CLEAN_SECONDS)
