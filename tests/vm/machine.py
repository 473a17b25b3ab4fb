"""A virtual machine whose power can be cut at any moment."""

from __future__ import annotations

import base64
import os
import re
import socket
import subprocess
import time
from pathlib import Path
from typing import NamedTuple

from tests.vm.image import Image

_BOOT_SECONDS = 240.0
_KERNEL = (
    "root=/dev/nvme0n1 rw console=ttyS0 quiet systemd.show_status=0 panic=-1 no_timer_check "
    # Emulated clocks are dear to read but for the processor's own; nobody attacks this machine.
    "tsc=reliable clocksource=tsc mitigations=off apparmor=0 audit=0"
)
_ANSWER = re.compile(r"@@(\d+)\r?\n")

PRELUDE = """
export PYTHONPATH=/opt/tools/lib:/opt/tools
mountpoint -q /opt/tools || mount -o ro /dev/nvme1n1 /opt/tools
w() { python3 -m wstune "$@"; }
"""


class Answer(NamedTuple):
    """What a script printed, both streams together, and its exit code."""

    code: int
    text: str


class Machine:
    """One machine with a disk of its own. `boot`, `run`, `cut`, and again."""

    def __init__(self, image: Image, work: Path) -> None:
        self._image, self._work = image, work
        self._disk = work / "disk.raw"
        subprocess.run(["cp", "--sparse=always", image.disk, self._disk], check=True)
        self._process: subprocess.Popen[bytes] | None = None
        self._channel: socket.socket | None = None
        self._heard = ""

    def boot(self) -> None:
        """Switch it on and wait until it takes commands."""
        path = self._work / "serial"
        path.unlink(missing_ok=True)
        # A /dev/kvm may be there and not work, in a virtual machine for one: so it is used only when asked for.
        # Killing qemu loses what the guest had not yet given to its disk, as a power cut does; what it had given is in
        # this host's page cache, so this host need not write it through.
        # On a busy host the kernel's short test of the emulated timer fails, and it would panic: no_timer_check.
        # A panic of any other cause ends qemu at once, and with it the wait.
        self._process = subprocess.Popen(
            [
                "qemu-system-x86_64", "-machine", "q35,hpet=off", "-accel", os.environ.get("WSTUNE_VM_ACCEL", "tcg"),
                "-smp", "2", "-m", "1024", "-display", "none", "-nodefaults", "-no-reboot",
                "-kernel", str(self._image.kernel), "-append", _KERNEL,
                "-drive", f"file={self._disk},format=raw,if=none,id=disk,cache=unsafe",
                "-drive", f"file={self._image.tools},format=raw,if=none,id=tools,readonly=on",
                "-device", "nvme,drive=disk,serial=disk", "-device", "nvme,drive=tools,serial=tools",
                "-serial", f"file:{self._work}/console", "-serial", f"unix:{path},server=on,wait=off",
            ],
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
        self._channel = socket.socket(socket.AF_UNIX)
        deadline = time.monotonic() + _BOOT_SECONDS
        while True:
            try:
                self._channel.connect(str(path))
                break
            except OSError:
                if time.monotonic() > deadline or self._process.poll() is not None:
                    raise
                time.sleep(0.1)
        self._heard = ""
        self._wait(re.compile("@@ready\r?\n"), _BOOT_SECONDS)

    def run(self, script: str, seconds: float = 120.0) -> Answer:
        """Run a shell script as root; `w` is wstune."""
        self.start(script)
        match = self._wait(_ANSWER, seconds)
        text, self._heard = self._heard[: match.start()], self._heard[match.end() :]
        return Answer(int(match[1]), text.replace("\r\n", "\n"))

    def start(self, script: str) -> None:
        """Start a script without waiting for it."""
        assert self._channel is not None
        self._channel.sendall(base64.b64encode((PRELUDE + script).encode()) + b"\n")

    def cut(self) -> None:
        """Cut the power."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
        if self._channel is not None:
            self._channel.close()
            self._channel = None

    def _wait(self, pattern: re.Pattern[str], seconds: float) -> re.Match[str]:
        assert self._channel is not None
        assert self._process is not None
        deadline = time.monotonic() + seconds
        while not (match := pattern.search(self._heard)):
            left = deadline - time.monotonic()
            if left <= 0 or self._process.poll() is not None:
                console = (self._work / "console").read_text(errors="replace")[-1500:]
                raise TimeoutError(f"no answer within {seconds} s; heard {self._heard[-500:]!r}; console: {console}")
            self._channel.settimeout(min(left, 1.0))
            try:
                data = self._channel.recv(65536)
            except TimeoutError:
                continue
            self._heard += data.decode("utf-8", "replace")
        if pattern is not _ANSWER:
            self._heard = self._heard[match.end() :]
        return match


def ok(machine: Machine, script: str, seconds: float = 180.0) -> str:
    """What a script printed; it must end with 0."""
    answer = machine.run(script, seconds)
    assert answer.code == 0, f"{script} ended with {answer.code}:\n{answer.text}"
    return answer.text
