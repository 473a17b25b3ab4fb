"""What costs seconds on a loaded host is nowhere in wstune, neither in the source nor in what a check does.

Listing /proc/PID/fd leaves an inode and a dentry for each descriptor (0.9 KB), /proc/net/tcp takes 0.25 s at 122,000
sockets, psutil.net_connections 2 s and 105 MB.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT

SOURCES = sorted((ROOT / "wstune").rglob("*.py"))
LISTING = {"listdir", "scandir", "walk", "fwalk", "iterdir", "glob", "iglob", "rglob"}
PSUTIL = {"net_connections", "connections", "num_fds", "as_dict", "open_files"}
"""Methods of psutil that list descriptors. Our own `guard.open_files` does not, and is called by that name."""
TABLE = re.compile(r"/net/(tcp|udp|raw|unix)6?(?![\w./])")
DESCRIPTORS = re.compile(r"/fd(info)?/?$")


def offences(source: str) -> Iterator[str]:
    """What of the banned a source does, as `LINE: words`."""
    tree = ast.parse(source)
    documentation = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str | bytes) and id(node) not in documentation:
            if TABLE.search(node.value if isinstance(node.value, str) else node.value.decode(errors="replace")):
                yield f"{node.lineno}: names a socket table: {node.value!r}"
        elif isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if name in LISTING and any(DESCRIPTORS.search(text) for text in texts(node)):
                yield f"{node.lineno}: lists descriptors: {ast.unparse(node)}"
            of_guard = isinstance(node.func, ast.Attribute) and ast.unparse(node.func.value) == "guard"
            if name in PSUTIL and not of_guard and isinstance(node.func, ast.Attribute):
                yield f"{node.lineno}: {name} lists descriptors: {ast.unparse(node)}"


def texts(call: ast.Call) -> Iterator[str]:
    """Each text in a call and in what it is called on, with `{}` for what an f-string fills in."""
    joined = [node for node in ast.walk(call) if isinstance(node, ast.JoinedStr)]
    parts = {id(part) for node in joined for part in node.values}
    for node in joined:
        yield "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values)
    for other in ast.walk(call):
        if isinstance(other, ast.Constant) and isinstance(other.value, str) and id(other) not in parts:
            yield other.value


@pytest.mark.parametrize("path", SOURCES, ids=[str(path.relative_to(ROOT)) for path in SOURCES])
def test_source_does_nothing_banned(path: Path) -> None:
    """No module lists descriptors, reads a socket table, or asks psutil for either."""
    assert list(offences(path.read_text())) == []


@pytest.mark.parametrize(
    "source",
    [
        "os.listdir(f'/proc/{pid}/fd')",
        "os.scandir('/proc/self/fd/')",
        "Path('/proc/1/fdinfo').iterdir()",
        "root.listdir(f'/proc/{pid}/fd')",
        "open('/proc/net/tcp')",
        "root.read_text(f'/proc/{pid}/net/tcp6')",
        "os.open(b'/proc/net/udp', 0)",
        "psutil.net_connections()",
        "process.num_fds()",
        "process.open_files()",
    ],
)
def test_the_search_finds_what_is_banned(source: str) -> None:
    """Each way of doing it that a contributor may think of."""
    assert len(list(offences(source))) == 1


@pytest.mark.parametrize(
    "source",
    [
        "os.stat(f'/proc/{pid}/fd')",
        "guard.open_files(1)",
        "os.listdir(f'/proc/self/fd/{handle}/.')",
        "'include/net/tcp.h'",
        "'net/ipv4/tcp_input.c'",
        "'/proc/sys/net/ipv4/tcp_mem'",
        "def f():\n    '''/proc/net/tcp is not read'''",
    ],
)
def test_the_search_leaves_the_rest(source: str) -> None:
    """Counting by stat, sources of the kernel, and documentation."""
    assert list(offences(source)) == []


_CHECK = """
import sys
acts = []
watched = ("open", "os.listdir", "os.scandir")
sys.addaudithook(lambda event, args: acts.append((event, args[0])) if event in watched else None)

import os
from wstune.host import counters, guard, memory, probe
from wstune.host.files import Root
from wstune.host.host import Host
from wstune.tunables import CATALOGUE

start = len(acts)
for pid in (None, os.getpid()):
    host = Host(pid=pid)
    host.facts(); host.read_all(CATALOGUE.values()); host.usage()
    counters.snapshot(host.root, pid)
memory.socket_slab_bytes(Root())
memory.private_bytes([os.getpid()])
guard.available_bytes(); guard.file_nr(); guard.open_files(os.getpid())
probe.refused({"net.core.somaxconn": "4096"})
for event, path in acts[start:]:
    print(event, os.fsdecode(path) if isinstance(path, (str, bytes)) else path, sep="\\t")
"""


def test_a_check_does_nothing_banned() -> None:
    """Everything that a check of a live host reads, recorded as python's audit events see it."""
    result = subprocess.run([sys.executable, "-c", _CHECK], capture_output=True, text=True, check=True)
    acts = [tuple(line.split("\t")) for line in result.stdout.splitlines()]
    paths = {path for event, path in acts if event == "open"}
    assert {"/proc/meminfo", "/proc/net/netstat", "/proc/sys/net/core/somaxconn", "/proc/sys/fs/file-nr"} <= paths
    assert any(path.endswith("/smaps_rollup") for path in paths)
    assert not [path for path in paths if TABLE.search(path)]
    listed = [path for event, path in acts if event != "open" and path.startswith("/proc")]
    assert listed == [], "a check lists nothing below /proc, descriptors least of all"


def test_reading_is_cheap_with_many_descriptors() -> None:
    """For a process that holds thousands of descriptors a check does no more than for another one."""
    program = (
        "import os, resource, sys\nfrom wstune.host.host import Host\nfrom wstune.tunables import CATALOGUE\n"
        "hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))\n"
        "host = Host(pid=os.getpid())\nacts = []\nsys.addaudithook(lambda event, args: acts.append(event))\n"
        "def check():\n"
        "    del acts[:]; host.facts(); host.read_all(CATALOGUE.values()); host.usage(); return len(acts)\n"
        "check(); few = check()\nheld = [os.dup(0) for _ in range(min(5000, hard - 100))]\n"
        "print(host.usage().open_files, few, check())"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    open_files, few, many = result.stdout.split()
    assert open_files == "None" or int(open_files) >= 1000
    assert 0 < int(few) == int(many)
