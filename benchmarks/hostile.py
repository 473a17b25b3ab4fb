"""A newcomer's wait while others do harm: 50,000 idle members, 1,000 slow readers, 1,000 senders of garbage.

    make bench-hostile
    make bench-hostile ARGS="--idle 5000 --seconds 5"

The canary, a stock websocket-client, keeps visiting a room of its own: first the empty server, then that one. What is
compared is the 99th percentile of the worst of its steps: joining, and hearing its own words. The attackers run as
SCHED_IDLE, for on a real host they bring processors of their own; what they achieved is printed, and must be enough.

Besides: no worker may die, no visit fail, an idle member cost no more than its bound, and memory must come back.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

from benchmarks.crowd import Crowd
from benchmarks.result import MISSED, conclude, say, say_how_busy
from wstune.burst import canary as stock_client
from wstune.protocol import frames, handshake
from wstune.verification import CanaryPhase

BOUND = 3.0
IDLE_BYTES = 400
"""User memory of an idle member at the server, at most; the bound of the burst's own reports."""
_PER_PROCESS = 15_000
_SLOW_MESSAGE = frames.encode(frames.BINARY, bytes(8000), True, b"mask")


def main() -> int:
    """Measure, print, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--idle", type=int, default=50_000, help="idle members (default 50000)")
    parser.add_argument("--slow", type=int, default=1000, help="slow readers (default 1000)")
    parser.add_argument("--garbage", type=int, default=1000, help="senders of garbage (default 1000)")
    parser.add_argument("--seconds", type=float, default=15, help="of either part (default 15)")
    parser.add_argument("--bound", type=float, default=BOUND, help=f"most times slower (default {BOUND:g})")
    options = parser.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    say_how_busy()
    command = [sys.executable, "-m", "wstune", "serve", "--port", "0", "--expose-metrics", "--max-connections"]
    with subprocess.Popen([*command, str(options.idle + 10_000)], stdout=subprocess.PIPE, text=True) as server:
        line = server.stdout.readline() if server.stdout else ""
        address = ("127.0.0.1", int(line.split("/")[2].rpartition(":")[2]))
        try:
            return measure(address, options)
        finally:
            server.terminate()


def measure(address: tuple[str, int], options: argparse.Namespace) -> int:
    """Both parts, and what is left of the second."""
    canary = stock_client.start(f"ws://{address[0]}:{address[1]}/rooms/canary", 0.02, source="127.0.0.3")
    time.sleep(1.0)
    empty = figures(address)
    canary.phase("before")
    time.sleep(options.seconds)
    canary.phase("")
    crowds = [fork(idle, address, min(_PER_PROCESS, options.idle - at)) for at in range(0, options.idle, _PER_PROCESS)]
    wait_until(address, lambda total: total["connections"] >= options.idle)
    time.sleep(1.5)
    full = figures(address)
    attackers = [fork(slow, address, options.slow), fork(garbage, address, options.garbage)]
    time.sleep(3.0)
    canary.phase("while")
    time.sleep(options.seconds)
    canary.phase("")
    during = figures(address)
    result = canary.stop()
    for pid in (*crowds, *attackers):
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    wait_until(address, lambda total: total["connections"] == 0)
    time.sleep(3.0)
    after = figures(address)
    return report(options, result.phases["before"], result.phases["while"], (empty, full, during, after))


def report(
    options: argparse.Namespace, before: CanaryPhase, during: CanaryPhase, seen: tuple[dict[str, Any], ...]
) -> int:
    """Say what was seen; the exit code."""
    empty, full, attacked, after = seen
    for name, phase in (("without them", before), ("with them", during)):
        say(f"canary {name}: {phase.attempts} visits, {phase.failed} failed, p99 {worst(phase):.1f} ms")
    closed = {reason: count - empty["closed"][reason] for reason, count in attacked["closed"].items()}
    say("the server closed for: " + ", ".join(f"{reason} {count:,}" for reason, count in closed.items() if count))
    each = (full["memory"]["anonymous_bytes"] - empty["memory"]["anonymous_bytes"]) / max(options.idle, 1)
    say(f"an idle member: {each:.0f} B of the workers' memory, bound at most {IDLE_BYTES} B")
    kept, left = (one["memory"]["buffered_bytes"] for one in (attacked, after))
    grown = after["memory"]["anonymous_bytes"] - full["memory"]["anonymous_bytes"]
    say(f"kept for slow readers: {kept:,} B; in the end {left:,} B, and {grown:+,} B of memory against the idle crowd")
    code = conclude(
        "canary p99, with them / without", worst(during) / worst(before), options.bound, at_least=False, form=".2f"
    )
    wrong = {
        "the attackers came to nothing": sum(closed.values()) < 2 * options.garbage + options.slow // 2,
        "visits failed": before.failed + during.failed > 0,
        "a worker died": attacked["alive"] < empty["alive"],
        "an idle member costs too much": each > IDLE_BYTES,
        "memory did not come back": left > 0 or grown > 8_000_000,
    }
    for words in (words for words, is_so in wrong.items() if is_so):
        say(f"{words}: missed, exit code {MISSED}")
        code = MISSED
    return code


def worst(phase: CanaryPhase) -> float:
    """The 99th percentile, in milliseconds, of the step that takes longest."""
    return max(step.p99 for step in (phase.join_ms, phase.rtt_ms) if step is not None)


def figures(address: tuple[str, int]) -> dict[str, Any]:
    """The sums of /stats."""
    with socket.create_connection(address, timeout=20) as connection:
        connection.sendall(b"GET /stats HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        data = b""
        while more := connection.recv(65536):
            data += more
    return dict(json.loads(data.partition(b"\r\n\r\n")[2])["total"])


def wait_until(address: tuple[str, int], fact: Callable[[dict[str, Any]], bool], seconds: float = 60.0) -> None:
    """Return when it is so. Raises TimeoutError."""
    until = time.monotonic() + seconds
    while not fact(figures(address)):
        if time.monotonic() > until:
            raise TimeoutError("the server is not where it should be")
        time.sleep(0.2)


def fork(role: Callable[[tuple[str, int], int], None], address: tuple[str, int], count: int) -> int:
    """A process that gets what processor time is left, and plays a role until it is killed."""
    pid = os.fork()
    if pid == 0:
        try:
            os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
            role(address, count)
        except BaseException as error:
            say(f"{role.__name__}: {error!r}")
        finally:
            os._exit(1)
    return pid


def idle(address: tuple[str, int], count: int) -> None:
    """Members who say nothing and hear nothing."""
    crowd = Crowd(address, count, "/")
    while crowd.sockets:
        time.sleep(60)


def slow(address: tuple[str, int], count: int) -> None:
    """Members who do not read, and one who talks to them; who is dropped comes back."""
    readers = Crowd(address, count, "/rooms/slow", receive_buffer=4096).sockets
    poller = select.poll()
    for one in readers:
        poller.register(one.fileno(), select.POLLHUP)
    talker = Crowd(address, 1, "/rooms/slow").sockets[0]
    by_number = {one.fileno(): at for at, one in enumerate(readers)}
    said = 0
    while True:
        talker.sendall(_SLOW_MESSAGE)
        said += 1
        talker.recv(1 << 20)
        for fd, _ in poller.poll(0):
            poller.unregister(fd)
            at = by_number.pop(fd)
            readers[at].close()
            readers[at] = Crowd(address, 1, "/rooms/slow", receive_buffer=4096).sockets[0]
            by_number[readers[at].fileno()] = at
            poller.register(readers[at].fileno(), select.POLLHUP)
        time.sleep(0.05 if said < 45 else 0.5)


def garbage(address: tuple[str, int], count: int) -> None:
    """Clients that send nonsense of all kinds, are dropped, and come again two seconds later."""
    dice = random.Random(1)  # noqa: S311  # no secrets
    request = handshake.build_request(b"127.0.0.1", b"/rooms/garbage", b"dGhlIHNhbXBsZSBub25jZQ==")
    flood = frames.encode(frames.TEXT, b"x", True, b"mask") * 500
    crumbs = frames.encode(frames.TEXT, b"", False, b"mask") + frames.encode(frames.CONT, b"", False, b"mask") * 300
    kinds: tuple[Callable[[], bytes], ...] = (
        lambda: dice.randbytes(2000),
        lambda: b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 20_000,
        lambda: request[:60],
        lambda: request + dice.randbytes(2000),
        lambda: request + flood,
        lambda: request + crumbs,
        lambda: request + flood[:5],
    )
    clients: list[socket.socket | None] = [None] * count
    while True:
        for at in range(count):
            old = clients[at]
            if old is not None:
                old.close()
            client = clients[at] = socket.socket()
            client.settimeout(5)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
            client.bind((f"127.0.1.{1 + at % 200}", 0))
            try:
                client.connect(address)
                client.setblocking(False)
                client.send(kinds[at % len(kinds)]())
            except OSError:
                continue  # as it should be
            time.sleep(1.8 / count)


if __name__ == "__main__":
    sys.exit(main())
