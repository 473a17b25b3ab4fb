"""`python -m tests.fuzz KIND DIRECTORY FIRST COUNT`: try inputs of a kind, in the jail; 1: something is wrong.

Each input is made from its number alone, and is in DIRECTORY/failed when wstune fails. One that takes longer than
WALL_SECONDS ends the run with a traceback of where it was.
"""

from __future__ import annotations

import faulthandler
import importlib
import os
import resource
import sys
import time
from pathlib import Path
from random import Random

from tests.fuzz import jail
from tests.fuzz.trial import complaints

CPU_SECONDS = 5.0
WALL_SECONDS = 30.0
MOST_BYTES = 1536 << 20
"""Of address space, for all inputs of a run together."""


def main(name: str, place: Path, first: int, count: int) -> int:
    """Try them, and print what is wrong, with the number that makes it again."""
    jail.bring_up_loopback()
    resource.setrlimit(resource.RLIMIT_AS, (MOST_BYTES, MOST_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.chdir(place)
    kind = importlib.import_module(f"tests.fuzz.{name}").Kind(place)
    wrong = 0
    for number in range(first, first + count):
        made = kind.make(Random(f"{name} {number}"))
        (place / "at").write_text(f"{name} {number}")
        faulthandler.dump_traceback_later(WALL_SECONDS, exit=True)
        began = time.process_time()
        found = [
            f"wstune {' '.join(map(repr, one.argv))}\n    {words}"
            for one in kind.tried(made)
            for words in complaints(one)
        ]
        spent = time.process_time() - began
        faulthandler.cancel_dump_traceback_later()
        if spent > CPU_SECONDS:
            found.append(f"took {spent:.1f} s of CPU")
        if found:
            wrong += 1
            kept = place / "failed" / f"{name}-{number}"
            kept.parent.mkdir(exist_ok=True)
            kept.write_bytes(made if isinstance(made, bytes) else repr(made).encode(errors="backslashreplace"))
            sys.stdout.write(f"{name} {number} ({kept}):\n  " + "\n  ".join(found) + "\n")
            sys.stdout.flush()
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])))
