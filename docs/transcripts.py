"""Put what the commands of the tutorial really say into it: python docs/transcripts.py, on a quiet machine.

Between `<!-- transcript: NAME -->` and `<!-- end -->` stands the output of the command of that name below, run here and
now. Nothing is changed on the machine.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

PAGE = Path(__file__).with_name("tutorial.md")

COMMANDS = {
    "check": "wstune check -n 100k",
    "apply": "wstune apply high-conn -n 100k --processes 6 --dry-run",
    "verify": "wstune verify host -n 100k",
}

MARK = re.compile(r"(<!-- transcript: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def spoken(name: str) -> str:
    """The command and its output, as in a terminal."""
    words = COMMANDS[name].split()
    environment = {**os.environ, "NO_COLOR": "1"}
    command = [sys.executable, "-m", *words]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    return f"\n```text\n$ {COMMANDS[name]}\n{done.stdout.rstrip()}\n```\n\n"


def main() -> None:
    text = MARK.sub(lambda match: match[1] + spoken(match[2]) + match[3], PAGE.read_text())
    PAGE.write_text(text)


if __name__ == "__main__":
    main()
