"""The open rate of a burst over a cluster on this machine against the plain one, turn by turn in one run.

    make bench-cluster
    make bench-cluster ARGS="-n 100000 --rounds 3"

What this does not say: how fast several machines are. On one, a cluster can only cost: that is what is bounded here.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from statistics import median

from benchmarks.result import MISSED, conclude, say, say_how_busy, spread

BOUND = 0.9
_SETTLE_SECONDS = 2.0  # freed sockets leave the slabs by RCU; the next run is to find them gone


def main() -> int:
    """Measure, print, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-n", type=int, default=61_189, help="connections (default 61189)")
    parser.add_argument("--rounds", type=int, default=5, help="turns of each (default 5)")
    parser.add_argument("--workers", type=int, default=2, help="Dask workers (default 2)")
    parser.add_argument("--bound", type=float, default=BOUND, help=f"least ratio (default {BOUND})")
    options = parser.parse_args()
    say_how_busy()
    rates: dict[str, list[float]] = {"plain": [], "cluster": []}
    extra = {"plain": [], "cluster": ["--cluster", f"local:{options.workers}"]}
    for turn in range(options.rounds):
        # Who is first changes from turn to turn, so that a drift of the machine favours neither.
        for who in ("plain", "cluster") if turn % 2 == 0 else ("cluster", "plain"):
            time.sleep(_SETTLE_SECONDS)
            rate = rate_of(options.n, extra[who])
            if rate is None:
                return MISSED
            rates[who].append(rate)
        plain, cluster = rates["plain"][-1], rates["cluster"][-1]
        say(f"turn {turn + 1}: cluster {cluster:,.0f}/s, plain {plain:,.0f}/s, {cluster / plain:.3f}")
    for who, found in rates.items():
        say(f"{who}: {spread(found, ',.0f')} connections a second, at {options.n:,}")
    ratio = median(rates["cluster"]) / median(rates["plain"])
    return conclude("open rate, cluster / plain", ratio, options.bound, at_least=True, form=".3f")


def rate_of(connections: int, extra: list[str]) -> float | None:
    """Connections a second by wstune's own report; None, with a line that says so, unless all were opened and kept."""
    command = [sys.executable, "-m", "wstune", "verify", "host", "-n", str(connections), "--hold", "0", *extra]
    done = subprocess.run([*command, "--format", "json"], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        why = done.stderr.strip() or json.loads(done.stdout)["sentences"][-1]
        say(f"wstune verify ended with exit code {done.returncode}: {why}")
        return None
    return float(json.loads(done.stdout)["open"]["rate"])


if __name__ == "__main__":
    sys.exit(main())
