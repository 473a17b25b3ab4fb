"""Whose kernel counted what: a server in a network of its own tells it, and what is one kernel's counts once."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT, need
from tests.live.chat import serve
from tests.live.elsewhere import verify
from tests.live.fleet import PYTHON, net
from tests.live.namespace import wait_until
from tests.selfsigned import pair

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


def test_a_server_elsewhere_that_shows_its_figures_to_a_token(tmp_path: Path) -> None:
    """From another machine: by --stats with the token; without, not known, which is said, and nothing is guessed."""
    need("root")
    need("iproute2")
    secret = tmp_path / "token"
    secret.write_text("0123456789abcdef")
    secret.chmod(0o600)
    with net(1) as inside:
        address = inside.address("srv")
        shown = ("--metrics", f"{address}:9100", "--metrics-token", f"@{secret}")
        inside.start("srv", *PYTHON, "wstune", "serve", "--bind", address, "--workers", "1", *shown)
        assert wait_until(lambda: inside.in_use("srv") > 0, 20)

        def asked(*arguments: str) -> Any:
            url = f"ws://{address}:3000/"
            own = ("-n", str(COUNT), "--hold", "0", "-q", "--yes", "--format", "json")
            command = inside.command("gen1", *PYTHON, "wstune", "verify", url, *own, *arguments)
            done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
            assert done.stdout, done.stderr
            assert secret.read_text() not in done.stdout + done.stderr
            return json.loads(done.stdout)

        for ways in (("--stats", f"http://{address}:9100"), ()):
            told = asked(*ways, "--stats-token", f"@{secret}")
            assert told["counters"]["server.opened"] == COUNT
            assert told["memory"]["server_user_bytes"] is not None
        for ways in (("--stats", f"http://{address}:9100"), ()):
            silent = asked(*ways)
            assert silent["verdict"] == "confirmed"
            assert silent["memory"]["server_user_bytes"] is None
            assert not any(name.startswith("server.") for name in silent["counters"])
            assert any("not known: /stats is answered with 403" in sentence for sentence in silent["sentences"])


def test_figures_over_tls_beyond_loopback(tmp_path: Path) -> None:
    """--cert and --metrics at an address of its own: the token goes only to who has the certificate's key."""
    cert, key = pair(tmp_path)
    secret = tmp_path / "token"
    secret.write_text("0123456789abcdef")
    secret.chmod(0o600)
    shown = ("--metrics", "0.0.0.0:0", "--metrics-token", f"@{secret}")
    with serve("--workers", "1", "--cert", cert, "--key", key, *shown) as server:
        own = (f"wss://localhost:{server.port}/", "-n", "20", "--hold", "0", "--stats-token", f"@{secret}")
        stats = ("--stats", f"https://localhost:{server.figures}")
        assert verify(*own, "--ca", cert)["counters"]["server.opened"] == 20
        assert verify(*own, "--ca", cert, *stats)["counters"]["server.opened"] == 20
        plain = verify(*own, "--ca", cert, "--stats", f"http://localhost:{server.figures}")
        assert not any(name.startswith("server.") for name in plain["counters"])
        (tmp_path / "other").mkdir()
        trusted = tmp_path / "other"
        foreign, _ = pair(trusted)
        distrusted = verify(*own, "--ca", foreign, *stats)
        assert any("its certificate is not trusted" in sentence for sentence in distrusted["sentences"])
