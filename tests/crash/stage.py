"""A place where wstune can be killed at any step: a private network namespace, an /etc and a process of our own.

Run in a new network namespace (`unshare -n`, `unshare -Urn`); nothing else of the machine is written.
"""

from __future__ import annotations

import importlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from wstune.cli import main
from wstune.tuning.journal import Journal
from wstune.tuning.records import Standing

for name in ("cli.apply", "cli.rollback", "actions.apply", "actions.rollback", "report.terminal_plan"):
    importlib.import_module(f"wstune.{name}")  # here once, instead of in each child

HERE = Path(__file__).parent
ROOT = HERE.parent.parent

STEPS = (
    "write", "pwrite64", "fsync", "renameat", "unlinkat", "mkdirat", "ftruncate", "fchmod", "chmod", "fchown",
    "fsetxattr", "prlimit64",
)  # fmt: skip
"""System calls that change something. strace counts each name by itself."""

SECONDS = 60
"""What no run may take."""

HAND_MADE = "# somebody's own\nalice soft nofile 100\n"


class Stage:
    """The scene of one crash test: call `reset` before each try."""

    def __init__(self, work: Path) -> None:
        self.work = work
        self.etc, self.state = work / "root", work / "state"
        self.base_state = work / "base-state"
        # It dies with us, however we end.
        self.sleeper = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", "sleep", "3600"])
        subprocess.run(["prlimit", "--nofile=100:", "-p", str(self.sleeper.pid)], check=True)
        for directory in ("etc/sysctl.d", "etc/security/limits.d", "etc/systemd/system"):
            (self.etc / directory).mkdir(parents=True)
        hand_made = self.etc / "etc/security/limits.d/99-wstune.conf"
        hand_made.write_text(HAND_MADE)
        hand_made.chmod(0o600)
        os.setxattr(hand_made, "user.note", b"mine")
        self.expect(self.run("apply", str(HERE / "base.toml"), "--persist", "--yes"), 0)
        ours = self.etc / "etc/sysctl.d/99-wstune.conf"
        ours.chmod(0o640)
        os.setxattr(ours, "user.note", b"ours")
        shutil.copytree(self.state, self.base_state)
        self.before = self.snapshot()

    def close(self) -> None:
        """End what was started."""
        self.sleeper.kill()
        self.sleeper.wait()

    def apply_arguments(self) -> list[str]:
        """The command that does something of everything."""
        return [
            "apply", str(HERE / "stage.toml"), "--persist", "--yes", "--force", "--pid", str(self.sleeper.pid),
            "--unit", "chat", "--user", "alice",
        ]  # fmt: skip

    def reset_journal(self) -> None:
        """Forget all transactions but the first."""
        shutil.rmtree(self.state, ignore_errors=True)
        shutil.copytree(self.base_state, self.state)

    def run(self, *arguments: str, strace: Sequence[str] = ()) -> subprocess.CompletedProcess[str]:
        """Run wstune here; with options of strace as the program that it is, traced, else as a child of this one."""
        places = ["--state-dir", str(self.state)]
        if arguments[0] == "apply":
            places += ["--etc-root", str(self.etc)]
        if not strace:
            return self._in_a_child([*arguments, *places])
        return subprocess.run(
            # Not --seccomp-bpf, which is faster: strace 6.1 then injects no signals.
            [
                "strace",
                "-f",
                "-o",
                str(self.work / "trace"),
                *strace,
                sys.executable,
                "-m",
                "wstune",
                *arguments,
                *places,
            ],
            cwd=ROOT,
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
            timeout=SECONDS,
        )

    def _in_a_child(self, arguments: list[str]) -> subprocess.CompletedProcess[str]:
        """The same code in a process of its own, without the start of Python, which would be two thirds of all time."""
        said = [self.work / "stdout", self.work / "stderr"]
        child = os.fork()
        if child == 0:
            signal.alarm(SECONDS)
            os.chdir(ROOT)
            sys.stdin, sys.stdout, sys.stderr = Path(os.devnull).open(), said[0].open("w"), said[1].open("w")  # noqa: SIM115
            code = main.run(arguments)
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        return subprocess.CompletedProcess(arguments, code, *(path.read_text() for path in said))

    def expect(self, run: subprocess.CompletedProcess[str], *codes: int) -> None:
        """Fail, with what was printed, unless it ended with one of these codes."""
        assert run.returncode in codes, f"exit {run.returncode}, expected {codes}\n{run.stdout}{run.stderr}"

    def standing(self) -> list[str]:
        """The transactions that stand, or were cut short, beside the first one."""
        transactions = Journal(str(self.state)).transactions()
        return [txn.id for txn in transactions[1:] if txn.standing is not Standing.CLOSED]

    def take_back(self) -> None:
        """Roll back until only the first transaction stands."""
        for number in self.standing():
            self.expect(self.run("rollback", number), 0)
        assert not self.standing()

    def snapshot(self) -> dict[str, object]:
        """All that apply can change: values, limits, files with their bytes, modes, owners and attributes."""
        found: dict[str, object] = {}
        values = subprocess.run(
            ["grep", "-rs", "", "/proc/sys/net"], capture_output=True, text=True, check=False
        ).stdout
        found.update(line.partition(":")[::2] for line in values.splitlines())
        limits = Path(f"/proc/{self.sleeper.pid}/limits").read_text()
        found["nofile"] = next(line for line in limits.splitlines() if line.startswith("Max open files"))
        for path in sorted((self.etc / "etc").rglob("*")):
            info = path.lstat()
            attributes = {name: os.getxattr(path, name) for name in os.listxattr(path)}
            content = path.read_bytes() if path.is_file() else None
            found[str(path)] = (content, oct(info.st_mode), info.st_uid, info.st_gid, attributes)
        return found

    def require_as_before(self, what: str) -> None:
        """Fail with the differences unless everything is as before."""
        now = self.snapshot()
        keys = sorted(self.before.keys() | now.keys())
        changed = [key for key in keys if self.before.get(key) != now.get(key)]
        wrong = [f"{key}: {self.before.get(key)!r} → {now.get(key)!r}" for key in changed]
        assert not wrong, f"{what}: not as before:\n" + "\n".join(wrong)
