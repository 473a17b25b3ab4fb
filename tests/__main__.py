"""All tests in two parts: beside each other on every processor, then those that measure, alone.

    python -m tests [ARGUMENTS OF PYTEST]

Which tests are alone is said in conftest.py. Plain `pytest` runs all of them, one after another.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile

import pytest

from tests.conftest import ROOT, SHARED, Part

GOES_ON = (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.NO_TESTS_COLLECTED)
"""After these the second part runs as well: whoever changed something wants to know all that fails."""


def processes(part: Part, cpus: int) -> list[str]:
    """One more than there are processors, for many tests wait; each is handed one at a time, for some take minutes."""
    if part is Part.ALONE or cpus == 1:
        return []
    return ["-n", str(cpus + 1), "--dist", "load", "--maxschedchunk", "1"]


def exit_code(codes: list[int]) -> int:
    """The first that is a failure; that no test was found is one where both parts have none."""
    failures = [code for code in codes if code not in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED)]
    return failures[0] if failures else min(codes)


def main(arguments: list[str]) -> int:
    codes: list[int] = []
    with tempfile.TemporaryDirectory(prefix="wstune-tests-") as shared:
        for part in Part:
            options = [f"--part={part}", *processes(part, len(os.sched_getaffinity(0)))]
            command = [sys.executable, "-m", "pytest", *options, *arguments]
            codes.append(subprocess.run(command, cwd=ROOT, env={**os.environ, SHARED: shared}).returncode)
            if codes[-1] not in GOES_ON:
                break
    return exit_code(codes)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
