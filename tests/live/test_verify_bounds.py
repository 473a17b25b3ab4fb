"""What a server or a cluster does to a burst is bounded, and a burst that was made is reported."""

from __future__ import annotations

import json
import resource
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT
from tests.hostile_server import hostile_server
from wstune.burst import certificates

pytestmark = [pytest.mark.live, pytest.mark.slow]

TOTAL = '{"total": {"handshakes_failed": 0, "accept_errors": 0, "opened": 0, "memory": {"anonymous_bytes": %s}}}'


def verify(*arguments: str, seconds: float = 60) -> tuple[int, str, str]:
    """`wstune verify …`: exit code, stdout, stderr."""
    command = [sys.executable, "-m", "wstune", "verify", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=seconds, check=False)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize(
    "stats",
    [
        TOTAL % "Infinity",
        TOTAL % "1e999",
        TOTAL % '"x"',
        "[" * 200_000,
        '{"total": ' + "[" * 100_000,
        "9" * 5_000,
        TOTAL % ("9" * 5_000),
    ],
    ids=["infinite", "large", "text", "deep", "deeper", "digits", "many digits"],
)
def test_the_report_is_written_whatever_the_server_says_afterwards(stats: str, tmp_path: Path) -> None:
    """Its figures were as they should be before the burst, and are nothing that can be read once all is open."""
    output = tmp_path / "report.json"
    with hostile_server(stats=(TOTAL % "1", stats)) as port:
        url = f"ws://127.0.0.1:{port}/"
        code, _, err = verify(url, "-n", "10", "--hold", "0s", "--format", "json", "-o", str(output))
    assert code == 0, err
    assert json.loads(output.read_text())["reached"] == 10


def test_the_generators_keep_no_more_than_they_may() -> None:
    """A server that begins a large message on every connection and never ends one: 169 MB, of which 128 MiB may be.

    Those for which there is no room are lost, and the report says why and whose that is.
    """
    if resource.getrlimit(resource.RLIMIT_NOFILE)[1] < 4_096:
        pytest.skip("needs a hard nofile of 4,096")
    with hostile_server(begins=65_000) as port:
        target = f"ws://127.0.0.1:{port}/"
        code, out, err = verify(target, "-n", "2600", "--hold", "3s", "--format", "json", seconds=110)
    report: dict[str, Any] = json.loads(out)
    lost = sum(row["count"] for row in report["errors"] if row["errno"] == "NO-ROOM")
    assert code == 3, err
    assert 300 < lost < 2_000, report["errors"]
    assert report["wall"]["name"] == "generator-buffers"
    assert report["wall"]["side"] == "generator"


def test_it_may_be_given_more() -> None:
    """--buffers is what all generators keep together; 0 is no bound."""
    with hostile_server(begins=65_000) as port:
        target = f"ws://127.0.0.1:{port}/"
        codes = [verify(target, "-n", "40", "--hold", "1s", "--buffers", size)[0] for size in ("1M", "16M", "0")]
    assert codes == [3, 0, 0]


def test_a_cluster_that_never_answers_is_within_the_time_limit(tmp_path: Path) -> None:
    """The limit counts from the start, not from the first connection."""
    pem = tmp_path / "cluster.pem"
    pem.write_text(certificates.make())
    with socket.create_server(("127.0.0.1", 0)) as mute:
        address = f"tls://127.0.0.1:{mute.getsockname()[1]}"
        began = time.monotonic()
        limited = ("--cluster", address, "--cluster-cert", str(pem), "--time-limit", "2s")
        code, _, err = verify("host", "-n", "10", *limited)
    assert code == 3, err
    assert "within 2 s" in err
    assert time.monotonic() - began < 13
