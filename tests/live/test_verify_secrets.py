"""What is secret on the command line of `wstune verify` stands in no report, no journal, no other command line."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests import raw_server
from tests.conftest import ROOT
from tests.live.chat import serve
from tests.live.namespace import private_namespace, wait_until
from wstune.protocol.handshake import accept_value
from wstune.report.formats import ReportFormat

pytestmark = [pytest.mark.live, pytest.mark.slow]

SECRET = "s3cr3t"  # noqa: S105
HEADERS = ("--header", f"Authorization: Bearer {SECRET}", f"--header=Cookie: a={SECRET}", "--header", "User-Agent: me")
PROGRAM = (sys.executable, "-m", "wstune", "verify")


def test_no_format_shows_it(tmp_path: Path) -> None:
    """Header, cookie and query, in each of them; what is no secret is there."""
    with serve("--port", "0") as server:
        url = server.url(f"/chat?token={SECRET}")
        for style in ReportFormat:
            file = tmp_path / style.value
            command = [*PROGRAM, url, "-n", "3", "--hold", "0", *HEADERS, "--format", style.value, "-o", str(file)]
            done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
            assert done.returncode == 0, done.stderr
            text = file.read_text()
            assert SECRET not in text + done.stdout + done.stderr, style
            if style in (ReportFormat.JSON, ReportFormat.MARKDOWN, ReportFormat.JUNIT):
                assert "Authorization: …" in text
                assert "User-Agent: me" in text


def test_it_reaches_the_server_without_any_command_line(tmp_path: Path) -> None:
    """Out of a file and the environment; no process of the burst has it in its command line."""
    heads: list[bytes] = []

    def answer(client: socket.socket) -> None:
        head = raw_server.head(client)
        key = next((line for line in head.split(b"\r\n") if line.lower().startswith(b"sec-websocket-key")), b"")
        if not key:  # it asks for /stats
            client.sendall(b"HTTP/1.1 404 x\r\nContent-Length: 0\r\n\r\n")
            return
        heads.append(head)
        accept = accept_value(key.partition(b":")[2].strip())
        client.sendall(b"HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n")
        client.sendall(b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n")

    file = tmp_path / "headers"
    file.write_text(f"Cookie: a={SECRET}\n")
    file.chmod(0o600)
    given = ["--header", f"@{file}", "--header", "Authorization: Bearer {env:TOKEN}"]
    with raw_server.server(answer) as (host, port):
        process = subprocess.Popen(
            [*PROGRAM, f"ws://{host}:{port}/", "-n", "2", "--hold", "30", *given],
            cwd=ROOT,
            env={**os.environ, "TOKEN": SECRET},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            wanted = (f"Cookie: a={SECRET}\r\n".encode(), f"Authorization: Bearer {SECRET}\r\n".encode())
            assert wait_until(lambda: sum(all(line in head for line in wanted) for head in heads) == 2, 30)
            family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
            assert len(family) >= 3
            assert not [each.cmdline() for each in family if SECRET in " ".join(each.cmdline())]
        finally:
            process.terminate()
            process.wait(30)


@pytest.mark.netns
def test_no_journal_keeps_it(tmp_path: Path) -> None:
    """--around applies, and its journal has the command line for years."""
    state = tmp_path / "state"
    with private_namespace() as inside:
        process = inside.verify(
            "-n", "20", "--hold", "0", "--around", "container", "--yes", "--state-dir", str(state), *HEADERS
        )
        out, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
        history = [sys.executable, "-m", "wstune", "history", "--state-dir", str(state), "--format", "json"]
        told = subprocess.run(inside.command(*history), cwd=ROOT, capture_output=True, text=True, check=True).stdout
    journal = (state / "journal.jsonl").read_text()
    assert "Authorization" in journal
    assert SECRET not in out + err + told + journal


@pytest.mark.parametrize(
    "arguments",
    [
        ("host", "--header", SECRET),
        ("host", "--header", f"A: {SECRET}\nB: c"),
        (f"ws://u:{SECRET}@127.0.0.1/",),
        (f"ws://u:{SECRET}/x@127.0.0.1/",),
        (f"ws://127.0.0.1:x/?{SECRET}",),
        (f"http://127.0.0.1/?{SECRET}",),
        (f"ws://127.0.0.1/?{SECRET}#",),
        (f"ws://127.0.0.1/ä?{SECRET}",),
        (f"ws://127.0.0.1:1/?{SECRET}", "-n", "1", "--hold", "0"),
        (f"ws://127.0.0.1:1/?{SECRET}", "-n", "100000000"),
        (f"ws://127.0.0.1:1/?{SECRET}", "--hosts", "127.0.0.1"),
    ],
)
def test_no_message_quotes_it(arguments: tuple[str, ...]) -> None:
    """Whatever is wrong with what was typed."""
    done = subprocess.run([*PROGRAM, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode in (1, 2, 3)
    assert SECRET not in done.stdout + done.stderr
