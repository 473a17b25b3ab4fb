"""One or two million connections on this host: opened, held, pinged, spoken to, closed, each within its bound.

    make bench-million
    make bench-two-million      raises fs.file-max by `wstune apply two-million --role both`, and takes it back

What this does not say: anything about traffic, TLS or a network. The connections are idle, and over loopback.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.open import build, pair_rate
from benchmarks.result import MISSED, conclude, say, say_how_busy

MILLION, TWO_MILLION = 1_000_000, 2_000_000
OPEN_SECONDS = {MILLION: 90.0, TWO_MILLION: 200.0}
HOLD = {MILLION: "30", TWO_MILLION: "10"}
CLOSE_SECONDS = 30.0
SLAB_BYTES, USER_BYTES, AVAILABLE_BYTES = 8_600.0, 600.0, 7_500.0
RATIO = 0.78
"""Of the C pair's open rate at the same size: both fall as slab pages are touched for the first time."""


def main() -> int:
    """Measure, print, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--two", action="store_true", help="two million")
    parser.add_argument("--no-pair", action="store_true", help="do not compare with the C pair")
    options = parser.parse_args()
    connections = TWO_MILLION if options.two else MILLION
    say_how_busy()
    before = file_max()
    if options.two:
        wstune("apply", "two-million", "--role", "both", "--runtime-only", "--yes")
    try:
        paired = not options.two and not options.no_pair
        theirs = pair(connections) if paired else None
        report = verify(connections)
        outcome = judge(connections, report)
        if paired:
            outcome = max(outcome, compare(connections, report, theirs))
    finally:
        if options.two and file_max() != before:
            wstune("rollback")
    say(f"fs.file-max {before} before, {file_max()} after")
    return outcome if file_max() == before else MISSED


def file_max() -> str:
    """The live value of fs.file-max."""
    return Path("/proc/sys/fs/file-max").read_text().strip()


def wstune(*arguments: str) -> None:
    """Run a verb that must succeed; the exit code 1 (other requirements unmet) is not this benchmark's business."""
    done = subprocess.run([sys.executable, "-m", "wstune", *arguments], capture_output=True, text=True, check=False)
    if done.returncode not in (0, 1):
        raise SystemExit(f"wstune {' '.join(arguments)}: {done.stderr}")


def verify(connections: int) -> dict[str, Any]:
    """The report of a burst of so many, held as long as promised."""
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "report.json"
        command = [sys.executable, "-m", "wstune", "verify", "host", "-n", str(connections), "--format", "json"]
        done = subprocess.run(
            [*command, "--hold", HOLD[connections], "-o", str(file)], capture_output=True, text=True, check=False
        )
        if not file.exists():
            raise SystemExit(f"wstune verify host: {done.stderr}")
        report: dict[str, Any] = json.loads(file.read_text())
        return report


def judge(connections: int, report: dict[str, Any]) -> int:
    """Print every figure with its bound."""
    memory, fanout, pings = report["memory"], report["fanout"] or {}, report["pings"] or {}
    say(f"verdict {report['verdict']}: {report['sentences'][-1]}")
    say(f"fan-out to all in {fanout.get('seconds', 0):.1f} s; canary {report['canary']}"[:300])
    outcomes = [
        conclude("reached", report["reached"], connections, at_least=True, form=",.0f"),
        conclude("seconds to open", report["open"]["seconds"], OPEN_SECONDS[connections], at_least=False, form=".1f"),
        conclude("lost", report["held"]["lost"], 0, at_least=False, form=",.0f"),
        conclude("PONGs", pings.get("answered", 0), connections, at_least=True, form=",.0f"),
        conclude("fan-out deliveries", fanout.get("delivered", 0), connections, at_least=True, form=",.0f"),
        conclude(
            "seconds to close",
            (report["close"] or {"seconds": 1e9})["seconds"],
            CLOSE_SECONDS,
            at_least=False,
            form=".1f",
        ),
        conclude(
            "socket slabs a connection", memory["kernel_slab_bytes"] or 1e9, SLAB_BYTES, at_least=False, form=",.0f"
        ),
        conclude(
            "user memory a connection",
            (memory["server_user_bytes"] or 1e9) + (memory["generator_user_bytes"] or 1e9),
            USER_BYTES,
            at_least=False,
            form=",.0f",
        ),
        conclude(
            "fall of MemAvailable", memory["available_bytes"] or 1e9, AVAILABLE_BYTES, at_least=False, form=",.0f"
        ),
    ]
    return max(outcomes)


def pair(connections: int) -> float | None:
    """The C pair's open rate at this size, a little apart from what is measured before and after it."""
    time.sleep(5)
    with tempfile.TemporaryDirectory() as directory:
        rate = pair_rate(build(Path(directory)), connections)
    time.sleep(5)
    return rate


def compare(connections: int, report: dict[str, Any], before: float | None) -> int:
    """The open rate against the C pair's at the same size, run before and right after; its faster one counts.

    Before, because whoever is first on a virtual machine pays for the memory that its host had not given it yet.
    """
    after = pair(connections)
    if before is None or after is None:
        return MISSED
    say(f"wstune {report['open']['rate']:,.0f}/s, C pair {before:,.0f}/s before and {after:,.0f}/s after")
    ratio = report["open"]["rate"] / max(before, after)
    return conclude("open rate, wstune / C pair", ratio, RATIO, at_least=True, form=".3f")


if __name__ == "__main__":
    sys.exit(main())
