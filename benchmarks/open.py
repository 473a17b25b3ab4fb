"""The open rate of `wstune verify host` against a plain C pair, turn by turn in one run.

    make bench-open
    make bench-open ARGS="-n 100000 --rounds 3"

What this does not say: how fast either is on its own. Both depend on the machine and on who else uses it; the ratio,
taken in turns, hardly does.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from benchmarks.result import MISSED, conclude, say, say_how_busy, spread

BOUND = 0.80
SOURCE = Path(__file__).with_name("epoll_pair.c")
_SETTLE_SECONDS = 2.0  # freed sockets leave the slabs by RCU; the next run is to find them gone


def main() -> int:
    """Measure, print, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-n", type=int, default=61_189, help="connections (default 61189)")
    parser.add_argument("--rounds", type=int, default=5, help="turns of each (default 5)")
    parser.add_argument("--bound", type=float, default=BOUND, help=f"least ratio (default {BOUND})")
    parser.add_argument("--pair", help="a compiled C pair to use, instead of epoll_pair.c of this directory")
    options = parser.parse_args()
    if options.pair is None and shutil.which("cc") is None:
        parser.error(
            "the C pair needs a C compiler (Debian: apt-get install gcc), or give one that is compiled: --pair"
        )
    say_how_busy()
    with tempfile.TemporaryDirectory() as directory:
        pair = options.pair or build(Path(directory))
        ours: list[float] = []
        theirs: list[float] = []
        for turn in range(options.rounds):
            # Who is first changes from turn to turn, so that a drift of the machine favours neither.
            for who in ("wstune", "C pair") if turn % 2 == 0 else ("C pair", "wstune"):
                time.sleep(_SETTLE_SECONDS)
                rate = wstune_rate(options.n) if who == "wstune" else pair_rate(pair, options.n)
                if rate is None:
                    return MISSED
                (ours if who == "wstune" else theirs).append(rate)
            say(f"turn {turn + 1}: wstune {ours[-1]:,.0f}/s, C pair {theirs[-1]:,.0f}/s, {ours[-1] / theirs[-1]:.3f}")
    say(f"wstune: {spread(ours, ',.0f')} connections a second, at {options.n:,}")
    say(f"C pair: {spread(theirs, ',.0f')} connections a second, at {options.n:,}")
    ratio = median(ours) / median(theirs)
    return conclude("open rate, wstune / C pair", ratio, options.bound, at_least=True, form=".3f")


def build(directory: Path) -> str:
    """Compile the C pair. Raises CalledProcessError, with the compiler's words on stderr."""
    program = directory / "epoll_pair"
    subprocess.run(["cc", "-O2", "-o", str(program), str(SOURCE)], check=True)
    return str(program)


def wstune_rate(connections: int) -> float | None:
    """Connections a second by wstune's own report; None, with a line that says so, unless all were opened and kept."""
    command = [sys.executable, "-m", "wstune", "verify", "host", "-n", str(connections), "--hold", "0"]
    done = subprocess.run([*command, "--format", "json"], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        why = done.stderr.strip() or json.loads(done.stdout)["sentences"][-1]
        say(f"wstune verify ended with exit code {done.returncode}: {why}")
        return None
    return float(json.loads(done.stdout)["open"]["rate"])


def pair_rate(program: str, connections: int) -> float | None:
    """Connections a second of the C pair; None, with a line that says so, unless all were opened."""
    done = subprocess.run([program, str(connections)], capture_output=True, text=True, check=False)
    figures = dict(word.split("=", 1) for word in done.stdout.split() if "=" in word)
    if done.returncode != 0 or figures.get("failed") != "0":
        say(f"the C pair ended with exit code {done.returncode}: {done.stdout.strip()} {done.stderr.strip()}")
        return None
    return float(figures["rate"])


if __name__ == "__main__":
    sys.exit(main())
