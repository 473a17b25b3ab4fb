"""Why pip could not install: one sentence that names the package and the reason. Runs before anything is installed.

python3 tools/reason.py LOG
"""

from __future__ import annotations

import platform
import re
import sys
from pathlib import Path

_UNREACHED = re.compile(
    r"NewConnectionError|NameResolutionError|ConnectTimeout|ReadTimeout|ProxyError|SSLError|name resolution|unreachable"
)
_WANTED = re.compile(r"No matching distribution found for (\S+)")
_HASH = re.compile(r"DO NOT MATCH THE HASHES.*\n +(\S+) from")
_UNHASHED = re.compile(r"In --require-hashes mode, all requirements must have.*\n +(\S+)")
_SYSTEM = re.compile(r"\[Errno \d+\] (.+)")
_CAUSES = re.compile(r"conflict is caused by:\n((?: {4}.+\n)+)")
_CONSTRAINT = re.compile(r"\(constraint\) (\S+)")
_OUTPUT = re.compile(r"lines of output\]\n(.*?)\[end of output\]", re.DOTALL)
_BUILT = re.compile(r"(?:Failed building (?:wheel|editable) for|Failed to build) (\S+)")
_TAKEN = re.compile(r"^(?:Collecting|Processing|Obtaining) (\S+)", re.MULTILINE)


def reason(log: str, python: str, machine: str) -> str:
    """What pip's output comes to, whichever pip from 23.0 on: a sentence without its full stop."""
    if tampered := _HASH.search(log):
        return f"what was fetched as {tampered[1]} has another hash than requirements.txt says, and was not installed"
    if unhashed := _UNHASHED.search(log):
        return f"{unhashed[1]} is needed, and requirements.txt has no version and hash of it"
    wanted = _WANTED.search(log)
    if _UNREACHED.search(log):
        what = wanted[1] if wanted else "the Python packages"
        return f"{what} could not be fetched: this machine needs a network that reaches the Python package index"
    if causes := _CAUSES.search(log):
        return _conflict([line.strip() for line in causes[1].splitlines()], python)
    if wanted:
        return _missing(wanted[1], log, python, machine)
    if output := _OUTPUT.search(log):
        named = _BUILT.search(log) or (_TAKEN.findall(log[: output.start()]) or ["a package"])[-1]
        said = (output[1].strip().splitlines() or ["nothing"])[-1].strip()
        return f"{named if isinstance(named, str) else named[1]} could not be built: {said}"
    if system := _SYSTEM.search(log):
        name = (_TAKEN.findall(log) or ["the Python packages"])[-1]
        return f"{name} could not be installed: {system[1]}"
    errors = [line for line in log.splitlines() if line.lower().startswith("error")]
    return f"pip failed: {(errors or log.splitlines() or ['it said nothing'])[-1].strip()}"


def _conflict(causes: list[str], python: str) -> str:
    said = "; ".join(causes)
    if pinned := _CONSTRAINT.search(said):
        return f"{pinned[1]}, as constraints.txt has it, does not serve Python {python} or the others: {said}"
    return f"these packages exclude each other: {said}"


def _missing(wanted: str, log: str, python: str, machine: str) -> str:
    version = wanted.partition("==")[2]
    if version and (needs := re.search(rf"(?:[:;] ){re.escape(version)} Requires-Python ([^;\n]+)", log)):
        return f"{wanted} needs Python {needs[1].strip()}, and this one is {python}"
    return f"{wanted} is not in the Python package index for Python {python} on {machine}"


def main(path: str) -> None:
    try:
        log = Path(path).read_text(errors="replace")
    except OSError as error:
        log = str(error)
    print(
        f"wstune could not be set up: {reason(log, platform.python_version(), platform.machine())} (details: {path})."
    )


if __name__ == "__main__":
    main(sys.argv[1])
