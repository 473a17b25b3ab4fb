"""The open rate of a scenario of connect, one message and hold, against the plain burst, turn by turn in one run.

    make bench-scenario
    make bench-scenario ARGS="-n 30000 --rounds 3"

Both go to the same server, which passes nothing on: the fan-out of a message to everybody would be all that is seen.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from benchmarks.result import MISSED, conclude, say, say_how_busy, spread

BOUND = 1 / 1.3
SCENARIO = """\
schema = 1
[[session]]
name = "one message and hold"
steps = [
  { connect = "/" },
  { send = "hello" },
]
"""
_SETTLE_SECONDS = 2.0  # freed sockets leave the slabs by RCU; the next run is to find them gone


def main() -> int:
    """Measure, print, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-n", type=int, default=61_189, help="connections (default 61189)")
    parser.add_argument("--rounds", type=int, default=5, help="turns of each (default 5)")
    parser.add_argument("--workers", type=int, default=4, help="processes of the server (default 4)")
    parser.add_argument("--bound", type=float, default=BOUND, help=f"least ratio (default {BOUND:.3f})")
    options = parser.parse_args()
    say_how_busy()
    rates: dict[str, list[float]] = {"plain": [], "scenario": []}
    with tempfile.TemporaryDirectory() as directory, sink(options.workers) as url:
        file = Path(directory, "one-message.toml")
        file.write_text(SCENARIO)
        for turn in range(options.rounds):
            # Who is first changes from turn to turn, so that a drift of the machine favours neither.
            for who in ("scenario", "plain") if turn % 2 == 0 else ("plain", "scenario"):
                time.sleep(_SETTLE_SECONDS)
                rate = open_rate(url, options.n, file if who == "scenario" else None)
                if rate is None:
                    return MISSED
                rates[who].append(rate)
            plain, scenario = rates["plain"][-1], rates["scenario"][-1]
            say(f"turn {turn + 1}: scenario {scenario:,.0f}/s, plain {plain:,.0f}/s, {scenario / plain:.3f}")
    for name, values in rates.items():
        say(f"{name}: {spread(values, ',.0f')} connections a second, at {options.n:,}")
    ratio = median(rates["scenario"]) / median(rates["plain"])
    return conclude("open rate, scenario / plain", ratio, options.bound, at_least=True, form=".3f")


@contextmanager
def sink(workers: int) -> Iterator[str]:
    """The server that passes nothing on; its URL."""
    command = [sys.executable, "-m", "benchmarks.sink", str(workers)]
    server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        if server.stdin is None or server.stdout is None:
            raise RuntimeError("the server has no pipes")
        yield f"ws://127.0.0.1:{int(server.stdout.readline())}/"
    finally:
        server.communicate()


def open_rate(url: str, connections: int, scenario: Path | None) -> float | None:
    """Connections a second by wstune's own report; None, with a line that says so, unless all were opened, and said."""
    command = [sys.executable, "-m", "wstune", "verify", url, "-n", str(connections), "--hold", "0", "--close", "rst"]
    command += ["--scenario", str(scenario)] if scenario else []
    done = subprocess.run([*command, "--format", "json"], capture_output=True, text=True, check=False)
    report = json.loads(done.stdout) if done.stdout else {}
    said = report["scenario"]["said"] if report.get("scenario") else connections
    if done.returncode != 0 or said != connections:
        say(f"wstune verify ended with exit code {done.returncode}: {done.stderr.strip() or report['sentences'][-1]}")
        return None
    return float(report["open"]["rate"])


if __name__ == "__main__":
    sys.exit(main())
