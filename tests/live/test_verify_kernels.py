"""Whose kernel counted what: a server in a network of its own tells it, and what is one kernel's counts once."""

from __future__ import annotations

import json
import subprocess

import pytest

from tests.conftest import ROOT, need
from tests.live.chat import serve
from tests.live.fleet import PYTHON, net
from tests.live.namespace import wait_until

pytestmark = [pytest.mark.live, pytest.mark.slow]

COUNT = 300


def test_a_server_elsewhere_tells_of_its_kernel() -> None:
    """What was accepted there and connected here are both in the report, though no kernel here did both."""
    need("root")
    need("iproute2")
    with net(1) as inside:
        inside.start(
            "srv", *PYTHON, "wstune", "serve", "--bind", inside.address("srv"), "--workers", "1", "--expose-metrics"
        )
        assert wait_until(lambda: inside.in_use("srv") > 0, 20)
        url = f"ws://{inside.address('srv')}:3000/"
        done = subprocess.run(
            inside.command("gen1", *PYTHON, "wstune", "verify", url, "-n", str(COUNT), "--hold", "0", "-q", "--yes",
                           "--format", "json"),
            cwd=ROOT, capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
        assert done.stdout, done.stderr
        report = json.loads(done.stdout)
    counters = report["counters"]
    assert report["verdict"] == "confirmed", report["sentences"]
    assert counters["Tcp.PassiveOpens"] >= COUNT, "only the server's namespace accepts"
    assert COUNT <= counters["Tcp.ActiveOpens"] < 2 * COUNT, "only the generator's connects"
    assert counters["server.opened"] == COUNT
    assert any("and its kernel's" in sentence for sentence in report["sentences"])
    assert not any("is not known here" in sentence for sentence in report["sentences"])


def test_one_kernel_counts_once() -> None:
    """A server on this very host: what both sides can read is not added."""
    with serve("--workers", "1") as server:
        before = json.loads(server.figure("/stats")[2])["kernel"]["counters"]
        done = subprocess.run(
            [*PYTHON, "wstune", "verify", server.url(), "-n", str(COUNT), "--hold", "0", "-q", "--format", "json"],
            cwd=ROOT, capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
        after = json.loads(server.figure("/stats")[2])["kernel"]["counters"]
    report = json.loads(done.stdout)
    assert report["verdict"] == "confirmed", report["sentences"]
    grown = after["Tcp.PassiveOpens"] - before["Tcp.PassiveOpens"]
    assert COUNT <= report["counters"]["Tcp.PassiveOpens"] <= grown
