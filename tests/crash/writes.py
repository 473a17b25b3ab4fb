"""Compare all that apply and rollback write, as strace sees it, with what the plan says.

    unshare -n python -m tests.crash.writes WORKDIR

What may be written beside the plan's sysctls and files: the journal, and a file's own temporary name beside it.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

from tests.crash.stage import Stage
from wstune.host.sysctl import path_of
from wstune.host.writing import is_temporary_of

_CALLS = "open,openat,creat,rename,renameat,renameat2,unlink,unlinkat,mkdir,mkdirat,rmdir,link,symlink,truncate,unshare"
_OPENED = re.compile(r'open(?:at)?\((?:(?:AT_FDCWD|\d+)<([^>]*)>, )?"([^"]+)", ([A-Z_|]+).*\) = \d+')
_NAMED = re.compile(r"(?:rename|unlink|mkdir|rmdir|link|symlink|truncate|creat)\w*\((.*)\) = 0")
_NAME = re.compile(r'(?:(?:AT_FDCWD|\d+)<([^>]*)>, )?"([^"]+)"')
"""A name, and by strace -y the directory that it is in."""


def written(trace: str) -> set[str]:
    """The paths that were opened for writing, made, renamed or removed."""
    found = set()
    lines = trace.splitlines()
    # What this kernel refuses is asked in a namespace of its own, by a child that dies with it.
    probes = {line.split()[0] for line in lines if " unshare(" in line}
    for line in lines:
        if line.split()[0] in probes:
            continue
        if match := _OPENED.search(line):
            if "O_WRONLY" in match[3] or "O_RDWR" in match[3]:
                found.add(str(Path(match[1] or "", match[2])))
        elif match := _NAMED.search(line):
            found.update(str(Path(*parts)) for parts in _NAME.findall(match[1]))
    return found


def _beside(path: str, file: str) -> bool:
    """Whether a path is the temporary name of a file."""
    place, whole = Path(path), Path(file)
    return place.parent == whole.parent and is_temporary_of(whole.name, place.name)


def main() -> int:
    stage = Stage(Path(sys.argv[1]))
    try:
        stage.reset_journal()
        dry = stage.run(*stage.apply_arguments(), "--dry-run", "--format", "json")
        stage.expect(dry, 0)
        plan = json.loads(dry.stdout)
        files = {file["path"] for file in plan["files"]}
        allowed = {path_of(change["tunable"]) for change in plan["changes"] if change["pid"] is None} | files
        allowed |= {str(Path(path).parent) for path in files}
        changed = written((stage.work / "trace").read_text()) if (stage.work / "trace").exists() else set()
        assert not changed
        for arguments in (stage.apply_arguments(), ["rollback", "2"]):
            stage.expect(stage.run(*arguments, strace=["-y", "-e", f"trace={_CALLS}"]), 0)
            seen = {path for path in written((stage.work / "trace").read_text()) if path != "/dev/null"}
            seen = {path for path in seen if not any(_beside(path, file) for file in files)}
            outside = {path for path in seen - allowed if not path.startswith((str(stage.state), "/proc/self/"))}
            assert not outside, f"{arguments[0]} wrote what the plan does not name: {sorted(outside)}"
            missing = {path for path in files if path not in seen}
            assert not missing, f"{arguments[0]} did not write {sorted(missing)}"
        stage.require_as_before("apply and rollback")
    finally:
        stage.close()
    print(f"{len(allowed)} paths planned; nothing else was written")  # noqa: T201
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
