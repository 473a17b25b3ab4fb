"""`wstune verify URL` at servers whose /stats mean no good: the burst is made, and its result written, all the same."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.raw_server import head
from wstune.protocol import frames, handshake

pytestmark = pytest.mark.live

COUNT = 20
LIMIT = 60.0
"""Seconds that a burst of so few may take on a busy machine; three deadlines of 3 s are among them."""


def told(**memory: object) -> dict[str, object]:
    total = {"opened": 1, "handshakes_failed": 0, "accept_errors": 0, "messages": 0, "memory": memory}
    kernel = {"boot_id": "a", "netns": 1, "counters": {"Tcp.PassiveOpens": 1}}
    return {"total": total, "kernel": kernel}


def body(text: str, client: socket.socket) -> None:
    client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(text), text.encode()))


def drip(client: socket.socket) -> None:
    """A byte every half a second: a time limit for each read never comes."""
    client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    for _ in range(600):
        client.sendall(b" ")
        time.sleep(0.5)


def events(client: socket.socket) -> None:
    """A catch-all stream of events, which never ends."""
    client.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
    for _ in range(600):
        client.sendall(b"data: x\n\n")
        time.sleep(0.5)


def answer_pings(client: socket.socket) -> None:
    """Until the peer is gone. What a burst sends here are short frames, each masked (RFC 6455 section 5.2)."""
    data = b""
    while more := client.recv(4096):
        data += more
        while len(data) >= 6 and len(data) >= 6 + (size := data[1] & 127):
            payload = bytes(byte ^ data[2 + at % 4] for at, byte in enumerate(data[6 : 6 + size]))
            if data[0] & 15 == frames.PING:
                client.sendall(frames.encode(frames.PONG, payload))
            data = data[6 + size :]


@contextmanager
def chat(stats: Callable[[socket.socket], None]) -> Iterator[int]:
    """A server that upgrades everybody and answers /stats so; its port."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=100)

    def one(client: socket.socket) -> None:
        with client, suppress(OSError, handshake.HandshakeError):
            request = handshake.parse_request(head(client))
            if not request.is_upgrade:
                stats(client)
                return
            client.sendall(handshake.build_response(handshake.accept_value(request.key)))
            answer_pings(client)

    def serve() -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=one, args=(listener.accept()[0],), daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield int(listener.getsockname()[1])
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def command(port: int, report: Path) -> list[str]:
    url = f"ws://127.0.0.1:{port}/"
    arguments = ["-n", str(COUNT), "--hold", "0", "--close", "rst", "-q", "--format", "json", "-o", str(report)]
    return [sys.executable, "-m", "wstune", "verify", url, *arguments]


@pytest.mark.parametrize(
    "stats",
    [
        drip,
        events,
        partial(body, "[" * 200_000),
        partial(body, json.dumps(told(anonymous_bytes=float("inf")))),
        partial(body, json.dumps(told(anonymous_bytes=1)).replace(": 1}", ": 1e999}")),
        partial(body, json.dumps(told(anonymous_bytes=1)).replace('"a"', '["a"]')),
        partial(body, json.dumps(told(anonymous_bytes=1)).replace("Tcp.PassiveOpens", "\\u001b[2J<script>`")),
    ],
    ids=["drops", "a stream", "a bomb", "Infinity", "1e999", "a list for the boot", "a hostile name"],
)
def test_a_burst_is_made_whatever_stats_says(stats: Callable[[socket.socket], None], tmp_path: Path) -> None:
    """In time, with its result, and the reason why the figures are not known; nothing of theirs is in a report."""
    report = tmp_path / "report"
    with chat(stats) as port:
        done = subprocess.run(
            command(port, report), cwd=ROOT, capture_output=True, text=True, timeout=LIMIT, check=False
        )
    assert done.returncode == 0, done.stderr
    said = json.loads(report.read_text())
    assert said["verdict"] == "confirmed"
    assert said["reached"] == COUNT
    assert said["memory"]["server_user_bytes"] is None
    assert not [name for name in said["counters"] if name.startswith("server.") or not name.isprintable()]
    assert any("the server's own figures are not known: " in sentence for sentence in said["sentences"])


def test_the_first_ctrl_c_is_heard_while_it_waits_for_the_figures(tmp_path: Path) -> None:
    """Before the first connection."""
    asked = threading.Event()

    def mute(client: socket.socket) -> None:
        asked.set()
        drip(client)

    with chat(mute) as port:
        process = subprocess.Popen(command(port, tmp_path / "report"), cwd=ROOT, stderr=subprocess.DEVNULL)
        try:
            assert asked.wait(LIMIT)
            time.sleep(0.2)  # it reads now
            began = time.monotonic()
            os.kill(process.pid, signal.SIGINT)
            assert process.wait(LIMIT) == 130
            assert time.monotonic() - began < 10
        finally:
            process.kill()
            process.wait()
