"""`wstune verify wss://…` for real: ten thousand connections, and certificates that do not serve."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.live.chat import serve
from tests.live.elsewhere import errors, verify
from tests.selfsigned import pair

pytestmark = [pytest.mark.live, pytest.mark.slow]


@pytest.fixture(scope="module")
def cert(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """A certificate for localhost alone, signed by itself, and its key."""
    return pair(tmp_path_factory.mktemp("tls"))


@pytest.mark.timeout(300)
def test_ten_thousand_over_tls(cert: tuple[str, str]) -> None:
    """10,000 wss connections to `wstune serve --cert`: opened, held, pinged, closed; memory and rate are reported."""
    with serve("--cert", cert[0], "--key", cert[1]) as server:
        url = f"wss://127.0.0.1:{server.port}/"
        report = verify(url, "--ca", cert[0], "--server-name", "localhost", "-n", "10000", "--hold", "1", seconds=280)
    assert report["verdict"] == "confirmed", report["sentences"]
    assert report["reached"] == 10_000
    assert (report["pings"]["answered"], report["held"]["lost"]) == (10_000, 0)
    assert report["close"]["graceful"] == 10_000
    assert report["open"]["rate"] > 100
    assert 5_000 < report["memory"]["server_user_bytes"] < 60_000
    assert 5_000 < report["memory"]["generator_user_bytes"] < 80_000
    assert report["counters"]["server.opened"] == 10_000


@pytest.mark.parametrize(
    ("arguments", "error", "wall"),
    [
        ((), "CERT-UNTRUSTED", "tls-certificate"),
        (("--ca", "CERT"), "CERT-NAME", "tls-certificate"),
        (("--ca", "CERT", "--server-name", "elsewhere.example"), "CERT-NAME", "tls-certificate"),
    ],
)
def test_a_certificate_that_does_not_serve(
    cert: tuple[str, str], arguments: tuple[str, ...], error: str, wall: str
) -> None:
    """Untrusted, or for another name: an error of its own kind, in phase tls; the server's."""
    with serve("--cert", cert[0], "--key", cert[1]) as server:
        own = [cert[0] if word == "CERT" else word for word in arguments]
        report = verify(f"wss://127.0.0.1:{server.port}/", *own, "-n", "20", "--hold", "0")
    assert errors(report) == {("tls", error): 20}
    assert (report["wall"]["name"], report["wall"]["side"], report["verdict"]) == (wall, "server", "missed")


def test_a_server_without_tls() -> None:
    """wss to a plain server: NOT-TLS or cut off, in phase tls."""
    with serve("--workers", "1") as server:
        report = verify(f"wss://127.0.0.1:{server.port}/", "-n", "20", "--hold", "0")
    assert report["reached"] == 0
    assert {phase for phase, _ in errors(report)} == {"tls"}


def test_insecure(cert: tuple[str, str]) -> None:
    """--insecure takes any certificate."""
    with serve("--cert", cert[0], "--key", cert[1]) as server:
        report = verify(f"wss://127.0.0.1:{server.port}/", "--insecure", "-n", "50", "--hold", "0")
    assert report["verdict"] == "confirmed"


@pytest.mark.parametrize(("begins", "ends"), [(-9, -2), (2, 9)], ids=["expired", "not yet valid"])
def test_a_certificate_whose_time_it_is_not(tmp_path: Path, begins: int, ends: int) -> None:
    """Trusted, for the right name, but of another time: an error of its own kind."""
    cert = pair(tmp_path, begins=begins, ends=ends)
    with serve("--workers", "1", "--cert", cert[0], "--key", cert[1]) as server:
        report = verify(f"wss://localhost:{server.port}/", "--ca", cert[0], "-n", "20", "--hold", "0")
    assert errors(report) == {("tls", "CERT-EXPIRED"): 20}
    assert (report["wall"]["name"], report["verdict"]) == ("tls-certificate", "missed")
