"""How long `wstune check high-conn` takes, start of the interpreter to exit.

    make bench-check
    make bench-check ARGS=--loaded      also while 60,000 connections are open on this host

Beside it, in turns: the interpreter alone, and the interpreter with typer, which are no part of ours to save. Then of a
captured host to which 500 files of sysctl.d were added, 20 lines each.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from benchmarks.result import conclude, say, say_how_busy, spread

BOUND = 0.2
FILES_BOUND = 0.4
FILES, LINES = 500, 20
HOST = Path(__file__).parent.parent / "tests/hosts/systemd-server"
LOAD = 60_000
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
"""As installed programs run: compiled once, not at each start."""
_VERDICTS = (0, 1, 3)
"""Exit codes of check that are an answer."""


def main() -> int:
    """Measure, print, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=21, help="turns of each (default 21)")
    parser.add_argument("--bound", type=float, default=BOUND, help=f"most seconds (default {BOUND})")
    parser.add_argument("--loaded", action="store_true", help=f"again while {LOAD:,} connections are open")
    options = parser.parse_args()
    say_how_busy()
    code = measure("idle host", options.rounds, options.bound)
    with tempfile.TemporaryDirectory() as place:
        tree = many_files(Path(place) / "host")
        code = max(code, measure(f"{FILES} files of sysctl.d", options.rounds, FILES_BOUND, "--root", str(tree)))
    if options.loaded:
        with loaded(LOAD):
            code = max(code, measure(f"{LOAD:,} connections open", options.rounds, options.bound))
    return code


def measure(state: str, rounds: int, bound: float, *arguments: str) -> int:
    """Time the three commands in turns; print and judge the median of check, with those arguments."""
    commands = {
        "python -c pass": [sys.executable, "-c", "pass"],
        "python -c 'import typer'": [sys.executable, "-c", "import typer"],
        "wstune check high-conn": [*_wstune(), "check", "high-conn", *arguments],
    }
    seconds: dict[str, list[float]] = {name: [] for name in commands}
    for turn in range(rounds + 2):
        for name, command in commands.items():
            took = timed(command)
            if turn >= 2:  # the first two fill the page cache
                seconds[name].append(took)
    say(f"{state}:")
    for name, values in seconds.items():
        say(f"  {name:<26} {spread(values, '.3f')} s")
    check = median(seconds["wstune check high-conn"])
    return conclude(f"wstune check high-conn, {state}, seconds", check, bound, at_least=False, form=".3f")


def many_files(tree: Path) -> Path:
    """A captured host with many files of sysctl.d, in all of their directories, with comments, globs and masks."""
    shutil.copytree(HOST, tree, symlinks=True)
    places = [tree / place for place in ("etc/sysctl.d", "run/sysctl.d", "usr/local/lib/sysctl.d", "usr/lib/sysctl.d")]
    for place in places:
        place.mkdir(parents=True)
    keys = ("net.core.somaxconn", "net/ipv4/tcp_rmem", "net.ipv4.conf.*.rp_filter", "kernel.sysrq", "-vm.swappiness")
    for number in range(FILES):
        lines = [f"# line {line}\n{keys[(number + line) % len(keys)]} = {number + 8}" for line in range(LINES // 2)]
        (places[number % len(places)] / f"{number:03}-x.conf").write_text("\n".join(lines) + "\n")
    for number in range(0, FILES, 50):
        (places[0] / f"{number + 1:03}-x.conf").symlink_to("/dev/null")
    (tree / "proc/1").mkdir()
    (tree / "proc/1/comm").write_text("systemd\n")
    return tree


def timed(command: list[str]) -> float:
    """Seconds from before the start to after the end. Raises RuntimeError if there was no answer."""
    began = time.perf_counter()
    done = subprocess.run(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False, env=ENVIRONMENT
    )
    took = time.perf_counter() - began
    if done.returncode not in _VERDICTS:
        raise RuntimeError(f"{' '.join(command)} ended with exit code {done.returncode}: {done.stderr.strip()}")
    return took


def _wstune() -> list[str]:
    """The command as users have it, beside this interpreter; or the module, where it is not installed."""
    script = Path(sys.executable).with_name("wstune")
    return [str(script)] if script.exists() else [sys.executable, "-m", "wstune"]


@contextmanager
def loaded(connections: int) -> Iterator[None]:
    """So many connections open on this host, by wstune itself, for as long as this lasts."""
    before = _sockets()
    command = [*_wstune(), "verify", "host", "-n", str(connections), "--hold", "1h"]
    burst = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        until = time.monotonic() + 60
        while _sockets() - before < 2 * connections:
            if burst.poll() is not None:
                raise RuntimeError(f"the load ended: {burst.stderr.read() if burst.stderr else ''}")
            if time.monotonic() > until:
                raise RuntimeError(f"only {_sockets() - before:,} sockets are open, wanted {2 * connections:,}")
            time.sleep(0.2)
        time.sleep(3)  # the fan-out and the pings are over by then
        yield
    finally:
        os.kill(burst.pid, signal.SIGINT)
        burst.wait(60)
        if burst.stderr:
            burst.stderr.close()


def _sockets() -> int:
    """TCP sockets in use in this network namespace, of /proc/net/sockstat."""
    for line in Path("/proc/net/sockstat").read_text().splitlines():
        name, _, rest = line.partition(":")
        if name == "TCP":
            fields = rest.split()
            return int(fields[fields.index("inuse") + 1])
    raise RuntimeError("/proc/net/sockstat has no line for TCP")


if __name__ == "__main__":
    sys.exit(main())
