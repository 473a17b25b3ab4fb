"""A real SSH server on 127.0.0.1 that lets everybody in and runs what they ask for; the user's name says as what.

It stands in for load machines that misbehave: `as_machine` is what it runs in the place of their Python.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import asyncssh

from tests.conftest import ROOT

HOSTILE = f"""#!{sys.executable}
import json, os, subprocess, sys, time

kind = os.environ["WSTUNE_TEST_KIND"]
stage, _, what = kind.partition("-")
probing = sys.argv[1] == "-c"
python = [{sys.executable!r}, *sys.argv[1:]]
if kind == "good":
    os.execv(python[0], python)
if probing and stage == "check":
    word, _, found = subprocess.run(python, stdout=subprocess.PIPE, text=True).stdout.partition(" ")
    print(word, json.dumps({{**json.loads(found), "executable": sys.argv[0]}}))
    sys.exit()

def say(text):
    sys.stdout.buffer.write(text if isinstance(text, bytes) else text.encode())
    sys.stdout.flush()

def about(**changes):
    found = {{"type": "Probe", "python": "3.11", "executable": sys.executable, "euid": 1000, "hostname": "gen1"}}
    return {{**found, "wstune": "0", "distributed": "0", **changes}}

def checked(**changes):
    return {{"verdict": "ready", "role": "server", "capacity": {{}}, "findings": [], **changes}}

whole = about if probing else checked
TEXTS = {{
    "broken": '{{"python": ',
    "list": "[]",
    "number": "5",
    "null": "null",
    "empty": "{{}}",
    "deep": "[" * 200_000,
    "deepobject": '{{"a":' * 200_000,
    "digits": "9" * 5_000,
    "infinite": "1e999",
    "nan": "NaN",
    "latin": b"\\xff\\xfe\\xfd",
    "types": json.dumps(about(python=[], euid="root") if probing else checked(verdict=[])),
    "missing": json.dumps({{"type": "Probe", "python": "3.11"}} if probing else {{"verdict": "ready"}}),
    "huge": json.dumps(about(euid=10**30) if probing else checked(capacity={{"server": {{"connections": 10**30}}}})),
    "surrogate": json.dumps(about(python=["\\ud800"]) if probing else checked(findings=["\\ud800"])),
    "findings": json.dumps(checked(findings=[{{"tunable": 1}}])),
    "escape": json.dumps(
        about(wstune="\\x1b[2J\\x1b]0;owned\\x07") if probing
        else checked(verdict="not-ready", findings=[
            {{"tunable": "\\x1b[2J", "outcome": "fail", "severity": "error", "fix": "\\x1b]0;owned\\x07"}}])),
}}
if probing and what not in ("silent", "endlesslines"):
    say("wstune-probe ")
if what == "silent":
    time.sleep(600)
elif what == "drip":
    while True:
        say("x")
        time.sleep(1)
elif what == "endless":
    while True:
        say("x" * 65_536)
elif what == "endlesslines":
    while True:
        say("wstune-probe {{}}\\n" * 4_096)
elif what == "stderr":
    while True:
        os.write(2, b"x" * 65_536)
else:
    say(TEXTS[what])
    say("\\n")
"""
"""A machine's Python that does as its user's name says: `probe-deep` is asked about itself and answers so."""


class _Everybody(asyncssh.SSHServer):
    def begin_auth(self, username: str) -> bool:
        return False  # nobody has to prove anything


class SshHere:
    """The server's port, the directory that is the user's home, and the Python that its machines have."""

    def __init__(self, folder: Path, port: int) -> None:
        self.home = folder
        self.port = port

    def machine(self, kind: str) -> str:
        """How --hosts names a machine that does so."""
        return f"{kind}@127.0.0.1:{self.port}"

    def wstune(self, *arguments: str) -> subprocess.Popen[str]:
        """`wstune …` as a user who knows this server's key."""
        return subprocess.Popen(
            [sys.executable, "-m", "wstune", *arguments, "--remote-python", str(self.home / "python")],
            cwd=ROOT,
            env={**os.environ, "HOME": str(self.home)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )


@contextlib.contextmanager
def ssh_here(folder: Path) -> Iterator[SshHere]:
    """The server, in a process of its own, until the end."""
    python = folder / "python"
    python.write_text(HOSTILE)
    python.chmod(0o755)
    command = [sys.executable, "-m", "tests.ssh_here", str(folder)]
    server = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        yield SshHere(folder, int(server.stdout.readline()))
    finally:
        server.communicate(timeout=20)


_children: set[int] = set()


async def _serve(process: asyncssh.SSHServerProcess[bytes]) -> None:
    """Run what was asked for as a process group, which ends with the conversation.

    By plain pipes: from a StreamReader, asyncssh reads twice at once when it may go on after a pause, and the whole
    connection breaks off.
    """
    child = subprocess.Popen(
        ["/bin/sh", "-c", process.command or ""],
        bufsize=0,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={
            **os.environ,
            "WSTUNE_TEST_KIND": process.get_extra_info("username"),
            "SSH_CONNECTION": "127.0.0.1 1 127.0.0.1 2",
        },
        start_new_session=True,
    )
    _children.add(child.pid)
    try:
        await process.redirect(stdin=child.stdin, stdout=child.stdout, stderr=child.stderr)
        await process.stdout.drain()  # until the end of what the child says
        await process.stderr.drain()
        process.exit(await asyncio.to_thread(child.wait))
    finally:
        _end(child.pid)
        _children.discard(child.pid)  # its number may be another's soon


def _end(group: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)


async def _listen(folder: Path) -> None:
    """Serve until our input ends."""
    key = asyncssh.generate_private_key("ssh-ed25519")
    acceptor = await asyncssh.listen(
        "127.0.0.1", 0, server_factory=_Everybody, server_host_keys=[key], process_factory=_serve, encoding=None
    )
    (folder / ".ssh").mkdir(mode=0o700)
    public = key.export_public_key().decode().strip()
    (folder / ".ssh/known_hosts").write_text(f"[127.0.0.1]:{acceptor.get_port()} {public}\n")
    sys.stdout.write(f"{acceptor.get_port()}\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.read)
    for group in _children:
        _end(group)
    os._exit(0)


if __name__ == "__main__":
    asyncio.run(_listen(Path(sys.argv[1])))
