"""Opening 12,000 WebSocket connections to the same server: wstune beside the load generators that people use.

    make bench-peers

Locust (with websocket-client) and Artillery are installed by their package managers into a directory of their own;
Tsung is taken if it is there (Debian: apt-get install tsung). Each runs as its documentation says, for the same time;
what is measured is the time from the start of its process until the server has all connections, and at that moment the
private memory (USS) and the CPU time of all its processes. What this does not say: anything about scenarios, TLS or a
network.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from benchmarks.result import MISSED, conclude, say, say_how_busy

COUNT = 12_000
RATE = 2_000
SECONDS = 180.0
BOUND = 1.3
"""wstune's connections a second over the best peer's, at least."""

LOCUST = """
import websocket
from locust import User, constant, task

class Idle(User):
    wait_time = constant(600)

    def on_start(self):
        self.socket = websocket.create_connection("URL")

    @task
    def nothing(self):
        pass
"""

ARTILLERY = """
config:
  target: "URL"
  phases:
    - duration: DURATION
      arrivalCount: COUNT
  ws: {}
scenarios:
  - engine: ws
    flow:
      - think: 600
"""

TSUNG = """<?xml version="1.0"?>
<!DOCTYPE tsung SYSTEM "/usr/share/tsung/tsung-1.0.dtd">
<tsung loglevel="error">
  <clients><client host="localhost" use_controller_vm="true" maxusers="20000"/></clients>
  <servers><server host="127.0.0.1" port="PORT" type="tcp"/></servers>
  <load><arrivalphase phase="1" duration="60" unit="second"><users arrivalrate="RATE" maxnumber="COUNT" unit="second"/>
  </arrivalphase></load>
  <options><option name="ports_range" min="1025" max="65535"/></options>
  <sessions><session name="idle" probability="100" type="ts_websocket">
    <request><websocket type="connect" path="/"/></request><thinktime value="600"/>
  </session></sessions>
</tsung>
"""


@dataclass(frozen=True)
class Figures:
    """What one tool needed: seconds to open, bytes and CPU microseconds a connection; reached: what the server had."""

    reached: int
    seconds: float
    memory: float
    cpu: float


def main() -> int:
    """Run each, print a table, return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--directory", default="build/peers", help="where the peers are installed (default build/peers)"
    )
    parser.add_argument("-n", type=int, default=COUNT, help=f"connections (default {COUNT})")
    options = parser.parse_args()
    say_how_busy()
    directory = Path(options.directory).resolve()
    directory.mkdir(parents=True, exist_ok=True)
    results: dict[str, Figures | None] = {}
    say(
        "| tool | opened | seconds | connections/s | memory a connection | CPU a connection |\n"
        "|---|--:|--:|--:|--:|--:|"
    )
    for name, command in (("wstune", wstune), ("Locust", locust), ("Tsung", tsung), ("Artillery", artillery)):
        results[name] = measured(name, command, directory, options.n)
    ours, peers = results.pop("wstune"), [found for found in results.values() if found is not None]
    if ours is None or ours.reached < options.n or not peers:
        return MISSED
    best = max(found.reached / found.seconds for found in peers)
    return conclude(
        "open rate, wstune / best peer", ours.reached / ours.seconds / best, BOUND, at_least=True, form=".2f"
    )


Command = Callable[[Path, int, int], "tuple[list[str], str] | None"]


def measured(name: str, command: Command, directory: Path, count: int) -> Figures | None:
    """Start the server and the tool, wait until all is open, and print the row."""
    with server() as port:
        prepared = command(directory, port, count)
        if prepared is None:
            say(f"| {name} | not installed | | | | |")
            return None
        arguments, version = prepared
        figures = run(arguments, directory, port, count)
    rate = figures.reached / figures.seconds
    say(
        f"| {name} {version} | {figures.reached:,} | {figures.seconds:.1f} | {rate:,.0f} | "
        f"{figures.memory:,.0f} B | {figures.cpu:,.0f} µs |"
    )
    return figures


@contextlib.contextmanager
def server() -> Iterator[int]:
    """The same server for all: ours, with as many workers as it takes."""
    command = [sys.executable, "-m", "wstune", "serve", "--port", "3917", "--expose-metrics"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        for _ in range(100):
            with contextlib.suppress(OSError):
                connections(3_917)
                break
            time.sleep(0.1)
        yield 3_917
    finally:
        process.terminate()
        process.wait(30)
        time.sleep(3)


def connections(port: int) -> int:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/stats", timeout=10) as answer:
        return int(json.load(answer)["total"]["connections"])


def run(arguments: list[str], directory: Path, port: int, count: int) -> Figures:
    """Watch the server until it has all connections, or none came for 20 s; then look at the tool, and end it."""
    began = time.monotonic()
    process = subprocess.Popen(
        arguments, cwd=directory, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        reached, at = 0, began
        while reached < count and time.monotonic() - began < SECONDS and time.monotonic() - at < 20:
            now = connections(port)
            if now > reached:
                reached, at = now, time.monotonic()
            time.sleep(0.05)
        memory, cpu = used(process.pid)
        return Figures(reached, max(at - began, 1e-9), memory / max(reached, 1), cpu * 1e6 / max(reached, 1))
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def used(pid: int) -> tuple[float, float]:
    """USS and CPU seconds of a process and all below it, and of the burst's own session."""
    memory = cpu = 0.0
    root = psutil.Process(pid)
    for process in [root, *root.children(recursive=True)]:
        with contextlib.suppress(psutil.Error):
            memory += process.memory_full_info().uss
            times = process.cpu_times()
            cpu += times.user + times.system
    return memory, cpu


def wstune(directory: Path, port: int, count: int) -> tuple[list[str], str]:
    from wstune import __version__

    url = f"ws://127.0.0.1:{port}/"
    return [sys.executable, "-m", "wstune", "verify", url, "-n", str(count), "--hold", "60", "-q"], __version__


def locust(directory: Path, port: int, count: int) -> tuple[list[str], str] | None:
    binary = directory / "locust/bin"
    if not (binary / "locust").exists():
        subprocess.run([sys.executable, "-m", "venv", str(directory / "locust")], check=True)
        subprocess.run([str(binary / "pip"), "install", "-q", "locust", "websocket-client"], check=False)
    if not (binary / "locust").exists():
        return None
    (directory / "idle.py").write_text(LOCUST.replace("URL", f"ws://127.0.0.1:{port}/"))
    arguments = [str(binary / "locust"), "-f", "idle.py", "--headless", "-u", str(count), "-r", str(RATE)]
    return [*arguments, "--processes", str(os.cpu_count() or 1)], output(str(binary / "locust"), "--version")


def tsung(directory: Path, port: int, count: int) -> tuple[list[str], str] | None:
    if shutil.which("tsung") is None:
        return None
    text = TSUNG.replace("PORT", str(port)).replace("RATE", str(RATE)).replace("COUNT", str(count))
    (directory / "idle.xml").write_text(text)
    return ["tsung", "-f", str(directory / "idle.xml"), "-l", str(directory), "start"], output("tsung", "-v")


def artillery(directory: Path, port: int, count: int) -> tuple[list[str], str] | None:
    binary = directory / "node_modules/.bin/artillery"
    if not binary.exists():
        if shutil.which("npm") is None:
            return None
        subprocess.run(
            ["npm", "install", "--silent", "--ignore-scripts", "--prefix", str(directory), "artillery"], check=False
        )
    if not binary.exists():
        return None
    text = ARTILLERY.replace("URL", f"ws://127.0.0.1:{port}/").replace("COUNT", str(count))
    (directory / "idle.yml").write_text(text.replace("DURATION", str(max(1, count // RATE))))
    return [str(binary), "run", "idle.yml"], output(str(binary), "--version")


def output(*command: str) -> str:
    """The last word with a digit of what a command says of its version."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    words = [word for word in (done.stdout + done.stderr).split() if word[:1].isdigit()]
    return words[0] if words else ""


if __name__ == "__main__":
    sys.exit(main())
