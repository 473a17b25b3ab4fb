"""Messages to everybody: our server against `websockets.broadcast` on uvloop, same client, turn by turn in one run.

    make bench-fanout
    make bench-fanout ARGS="-n 5000 --rounds 3"

Both are one process, without compression and without pings. One member says a few messages at once; a turn lasts until
every member has heard all of them.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median

from benchmarks.crowd import Crowd, frames_of
from benchmarks.result import conclude, say, say_how_busy, spread
from wstune.protocol import frames

BOUND = 1.3
OURS = [sys.executable, "-m", "wstune", "serve", "--port", "0", "--workers", "1", "--rate", "0", "--deliveries", "0"]
THEIRS = [sys.executable, "-m", "benchmarks.websockets_chat"]


def main() -> int:
    """Measure, print, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-n", type=int, default=3000, help="members (default 3000)")
    parser.add_argument("--messages", type=int, default=50, help="messages a turn (default 50)")
    parser.add_argument("--rounds", type=int, default=5, help="turns of each (default 5)")
    parser.add_argument("--bound", type=float, default=BOUND, help=f"least ratio (default {BOUND})")
    options = parser.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    say_how_busy()
    rates: dict[str, list[float]] = {"wstune": [], "websockets": []}
    with crowd_at(OURS, options.n) as ours, crowd_at(THEIRS, options.n) as theirs:
        for turn in range(options.rounds + 1):
            order = (("wstune", ours), ("websockets", theirs))
            for name, crowd in order if turn % 2 else reversed(order):
                time.sleep(0.2)
                rate = delivered_rate(crowd, options.messages)
                if turn:  # the first one warms up
                    rates[name].append(rate)
            if turn:
                say(f"turn {turn}: " + ", ".join(f"{name} {values[-1]:,.0f}/s" for name, values in rates.items()))
    for name, values in rates.items():
        say(f"{name}: {spread(values, ',.0f')} frames delivered a second, to {options.n:,} members")
    ratio = median(rates["wstune"]) / median(rates["websockets"])
    return conclude("fan-out, wstune / websockets on uvloop", ratio, options.bound, at_least=True, form=".2f")


def delivered_rate(crowd: Crowd, count: int) -> float:
    """Frames a second, from the first word to the last ear."""
    messages = [b"message %4d, of some length, as people write them in a chat" % at for at in range(count)]
    said = b"".join(frames.encode(frames.TEXT, message, True, b"mask") for message in messages)
    seconds = crowd.hear(frames_of(messages), lambda: crowd.sockets[0].sendall(said))
    return count * len(crowd.sockets) / seconds


@contextmanager
def crowd_at(command: list[str], count: int) -> Iterator[Crowd]:
    """A server and its members."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        line = server.stdout.readline() if server.stdout else ""
        crowd = None
        try:
            crowd = Crowd(("127.0.0.1", int(line.split("/")[2].rpartition(":")[2])), count, "/chat")
            yield crowd
        finally:
            if crowd is not None:
                crowd.close()
            server.terminate()


if __name__ == "__main__":
    sys.exit(main())
