"""`wstune verify URL` for real: TLS, several servers, IPv6, a proxy, subprotocols, origins; and scenarios."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from math import exp, sqrt
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from websockets.sync.server import ServerConnection
from websockets.sync.server import serve as serve_websockets
from websockets.typing import Subprotocol

from tests.conftest import ROOT, TESTS, need
from tests.live.chat import serve
from wstune.burst import tsung
from wstune.burst.scenario_text import to_toml

pytestmark = [pytest.mark.live, pytest.mark.slow]

SCHEMA: dict[str, Any] = json.loads((ROOT / "docs/reference/schemas/verify.json").read_text())


def verify(*arguments: str, seconds: float = 110, **environment: str) -> dict[str, Any]:
    """The report of a burst."""
    done = subprocess.run(
        [sys.executable, "-m", "wstune", "verify", *arguments, "--format", "json", "-q"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=seconds,
        env={**os.environ, "no_proxy": "", **environment},
    )
    assert done.stdout, done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    jsonschema.Draft202012Validator(SCHEMA).validate(report)
    assert report["exit_code"] == done.returncode
    return report


def errors(report: dict[str, Any]) -> dict[tuple[str, str], int]:
    return {(error["phase"], error["errno"]): error["count"] for error in report["errors"]}


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """A certificate for localhost alone, signed by itself, and its key."""
    if shutil.which("openssl") is None:
        pytest.skip("this machine has not got the openssl command")
    folder = tmp_path_factory.mktemp("tls")
    cert, key = str(folder / "cert.pem"), str(folder / "key.pem")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", cert],
        check=True,
        capture_output=True,
    )  # fmt: skip
    return cert, key


# TLS.


@pytest.mark.timeout(300)
def test_ten_thousand_over_tls(pair: tuple[str, str]) -> None:
    """10,000 wss connections to `wstune serve --cert`: opened, held, pinged, closed; memory and rate are reported."""
    with serve("--cert", pair[0], "--key", pair[1]) as server:
        url = f"wss://127.0.0.1:{server.port}/"
        report = verify(url, "--ca", pair[0], "--server-name", "localhost", "-n", "10000", "--hold", "1", seconds=280)
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
    pair: tuple[str, str], arguments: tuple[str, ...], error: str, wall: str
) -> None:
    """Untrusted, or for another name: an error of its own kind, in phase tls; the server's."""
    with serve("--cert", pair[0], "--key", pair[1]) as server:
        own = [pair[0] if word == "CERT" else word for word in arguments]
        report = verify(f"wss://127.0.0.1:{server.port}/", *own, "-n", "20", "--hold", "0")
    assert errors(report) == {("tls", error): 20}
    assert (report["wall"]["name"], report["wall"]["side"], report["verdict"]) == (wall, "server", "missed")


def test_a_server_without_tls() -> None:
    """wss to a plain server: NOT-TLS or cut off, in phase tls."""
    with serve("--workers", "1") as server:
        report = verify(f"wss://127.0.0.1:{server.port}/", "-n", "20", "--hold", "0")
    assert report["reached"] == 0
    assert {phase for phase, _ in errors(report)} == {"tls"}


def test_insecure(pair: tuple[str, str]) -> None:
    """--insecure takes any certificate."""
    with serve("--cert", pair[0], "--key", pair[1]) as server:
        report = verify(f"wss://127.0.0.1:{server.port}/", "--insecure", "-n", "50", "--hold", "0")
    assert report["verdict"] == "confirmed"


# Where to.


def test_several_servers() -> None:
    """ws://A,B: each gets its half."""
    with serve("--workers", "1") as one, serve("--workers", "1") as other:
        report = verify(f"ws://127.0.0.1:{one.port},localhost:{other.port}/chat", "-n", "200", "--hold", "0")
        opened = one.total()["opened"], other.total()["opened"]
    assert report["verdict"] == "confirmed"
    assert opened == (100, 100)


def test_ipv6() -> None:
    """ws://[::1], from ::1."""
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("this machine has not got IPv6")
    with serve("--bind", "::1", "--workers", "1") as server:
        report = verify(f"ws://[::1]:{server.port}/chat", "--source", "::1", "-n", "100", "--hold", "0")
    assert report["verdict"] == "confirmed", report["sentences"]


@contextmanager
def proxy(leads_to: int, *, refuses: bool = False) -> Iterator[tuple[int, list[bytes]]]:
    """An HTTP proxy that knows one way, whatever it is asked for; its port, and what it was asked."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=200)
    asked: list[bytes] = []
    tunnels: list[threading.Thread] = []

    def pump(source: socket.socket, sink: socket.socket) -> None:
        try:
            while data := source.recv(65_536):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def tunnel(client: socket.socket) -> None:
        with client:
            head = b""
            while b"\r\n\r\n" not in head:
                head += client.recv(4096)
            asked.append(head)
            if refuses:
                client.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
                return
            with socket.create_connection(("127.0.0.1", leads_to)) as server:
                client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                back = threading.Thread(target=pump, args=(server, client))
                back.start()
                pump(client, server)
                back.join(10)

    def accept() -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            tunnels.append(threading.Thread(target=tunnel, args=(client,)))
            tunnels[-1].start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield listener.getsockname()[1], asked
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for each in tunnels:
            each.join(10)


def test_a_proxy_of_the_environment() -> None:
    """http_proxy is asked for a tunnel, with its user; the name is the proxy's to resolve; the rate is bounded."""
    with serve("--workers", "1") as server, proxy(server.port) as (port, asked):
        url = "ws://chat.invalid:8080/chat"
        report = verify(url, "--yes", "-n", "50", "--hold", "0", http_proxy=f"http://joe:pass%20word@127.0.0.1:{port}")
        assert server.total()["opened"] == 50
    assert report["verdict"] == "confirmed", report["sentences"]
    assert report["open"]["lag_ms"] is not None
    assert len(asked) == 50
    assert asked[0].startswith(b"CONNECT chat.invalid:8080 HTTP/1.1\r\nHost: chat.invalid:8080\r\n")
    assert b"\r\nProxy-Authorization: Basic am9lOnBhc3Mgd29yZA==\r\n" in asked[0]


def test_wss_through_a_proxy(pair: tuple[str, str]) -> None:
    """The tunnel comes first, then TLS with the server."""
    with serve("--cert", pair[0], "--key", pair[1]) as server, proxy(server.port) as (port, _):
        url = "wss://chat.invalid/chat"
        arguments = ("--yes", "-n", "20", "--hold", "0", "--ca", pair[0], "--server-name", "localhost")
        report = verify(url, *arguments, https_proxy=f"127.0.0.1:{port}")
    assert report["verdict"] == "confirmed", report["sentences"]


def test_a_proxy_that_refuses() -> None:
    """Its status is the error."""
    with proxy(1, refuses=True) as (port, _):
        report = verify("ws://chat.invalid/", "--yes", "-n", "5", "--hold", "0", http_proxy=f"http://127.0.0.1:{port}")
    assert errors(report) == {("upgrade", "HTTP-407"): 5}


def test_a_subprotocol_is_asked_for_and_checked() -> None:
    """A server that chooses one of them serves; one that does not is no connection."""

    def hear(connection: ServerConnection) -> None:
        for _ in connection:
            pass

    with serve_websockets(hear, "127.0.0.1", 0, subprotocols=[Subprotocol("v2")]) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        url = f"ws://127.0.0.1:{server.socket.getsockname()[1]}/"
        report = verify(url, "--subprotocol", "v1", "--subprotocol", "v2", "-n", "5", "--hold", "0")
        server.shutdown()
        thread.join(10)
    assert report["verdict"] == "confirmed", report["sentences"]
    with serve("--workers", "1") as ours:
        report = verify(ours.url(), "--subprotocol", "v1", "-n", "5", "--hold", "0")
    assert errors(report) == {("upgrade", "BAD-PROTOCOL"): 5}


def test_an_origin_is_sent() -> None:
    """Our server refuses pages of others, and lets in those of its own."""
    with serve("--workers", "1", "--origin", "https://ours.example") as server:
        theirs = verify(server.url(), "--origin", "https://theirs.example", "-n", "5", "--hold", "0")
        ours = verify(server.url(), "--origin", "https://ours.example", "-n", "5", "--hold", "0")
    assert errors(theirs) == {("upgrade", "HTTP-403"): 5}
    assert theirs["wall"]["name"] == "server-denies"
    assert ours["verdict"] == "confirmed"


# Scenarios.

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

ARRIVALS = 1500


def test_a_converted_scenario_arrives_as_tsungs_users_do(tmp_path: Path) -> None:
    """Gaps between arrivals at our server are exponential (Kolmogorov-Smirnov at 0.1 %), and there are as many a second
    as the file says."""
    scenario, _ = tsung.convert(
        (TESTS / "cases/tsung/kemal.xml")
        .read_bytes()
        .replace(b'maxnumber="100000" arrivalrate="1000"', b'maxnumber="%d" arrivalrate="150"' % ARRIVALS)
        .replace(b'path="/"', b'path="/rooms/a"')
        .replace(b'<websocket type="message">{"name": "Kemal"}</websocket>', b'<websocket type="close"/>'),
        "kemal.xml",
    )
    file = tmp_path / "kemal.toml"
    file.write_text(to_toml(scenario))
    times: list[float] = []
    with serve("--workers", "1", "--access-log", stderr=subprocess.PIPE) as server:
        assert server.process.stderr is not None
        log = server.process.stderr

        def read() -> None:
            for line in log:
                if line.endswith(" 101\n"):
                    times.append(time.monotonic())

        reader = threading.Thread(target=read, daemon=True)
        reader.start()
        report = verify(f"ws://127.0.0.1:{server.port}/", "--scenario", str(file), "--hold", "0")
        server.stop()
        reader.join(10)
    assert report["verdict"] == "confirmed", report["sentences"]
    assert len(times) == ARRIVALS
    assert times[-1] - times[0] == pytest.approx(ARRIVALS / 150, rel=0.15)
    gaps = sorted(later - earlier for earlier, later in pairwise(times))
    apart = max(
        max(abs((at + 1) / len(gaps) - below), abs(at / len(gaps) - below))
        for at, gap in enumerate(gaps)
        for below in (1 - exp(-150 * gap),)
    )
    assert apart < 1.95 / sqrt(len(gaps)) + 0.03  # 0.03: the log has its own delays, on a machine that is shared


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
