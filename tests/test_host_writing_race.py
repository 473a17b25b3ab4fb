"""An unprivileged process swaps links under root, a thousand times: root writes nothing outside, obeys no stranger.

Each try runs a whole command in a child, while another child, as nobody, turns names over as fast as it can. The same
tries on the code before `host/writing` hit. `WSTUNE_RACES=N` is another number of tries.
"""

from __future__ import annotations

import importlib
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from wstune.cli import main

for module in ("cli.apply", "actions.apply", "report.terminal_plan", "report.json_plan", "cli.capture", "host.capture",
               "cli.history", "actions.history"):  # fmt: skip
    importlib.import_module(f"wstune.{module}")  # here once, instead of in each child

NOBODY = 65534
SHARE = float(os.environ.get("WSTUNE_RACES", "1000")) / 1000
CAPTURE, OUTPUT, ETC_ROOT, STATE, PROFILES = (round(tries * SHARE) for tries in (300, 400, 100, 100, 100))

pytestmark = [pytest.mark.root, pytest.mark.slow, pytest.mark.timeout(300)]

PROFILE = """schema = 1
summary = "Only a file"
role = "server"
[variables]
connections = 1
[[require]]
tunable = "nofile"
at_least = {number}
severity = "error"
why = "a race"
"""
GOOD, EVIL = 2048, 3333


@pytest.fixture
def scene() -> Iterator[Path]:
    """`out` is root's and must stay as it is; `ww` is as /tmp; all can be reached by nobody."""
    if os.geteuid() != 0:
        pytest.skip("root's writes are raced")
    place = Path(tempfile.mkdtemp(prefix="wstune-race-"))
    place.chmod(0o755)
    (place / "out").mkdir()
    (place / "out/report").write_text("precious\n")
    (place / "ww").mkdir()
    (place / "ww").chmod(0o1777)
    (place / "good.toml").write_text(PROFILE.format(number=GOOD))
    yield place
    shutil.rmtree(place)


def command(*arguments: str, output: Path | None = None) -> int:
    """Run wstune in a child, quietly."""
    child = os.fork()
    if child == 0:
        signal.alarm(30)
        code = 70
        try:
            target = os.open(output or os.devnull, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            os.dup2(target, 1)
            os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
            sys.stdout = os.fdopen(1, "w", closefd=False)
            sys.stderr = os.fdopen(2, "w", closefd=False)
            code = main.run(list(arguments))
            sys.stdout.flush()
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@contextmanager
def attacker(turn: Callable[[], None]) -> Iterator[None]:
    """A child that is nobody and does `turn` over and over."""
    child = os.fork()
    if child == 0:
        try:
            os.setgroups([])
            os.setresgid(NOBODY, NOBODY, NOBODY)
            os.setresuid(NOBODY, NOBODY, NOBODY)
            signal.alarm(250)
            while True:
                with suppress(OSError):
                    turn()
        finally:
            os._exit(0)
    try:
        yield
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def snapshot(place: Path) -> dict[str, object]:
    """All of a directory."""
    found: dict[str, object] = {}
    for path in sorted(place.rglob("*")):
        content = path.read_bytes() if path.is_file() else b""
        found[str(path.relative_to(place))] = (path.lstat().st_mode, path.lstat().st_uid, content)
    return found


def hits(scene: Path, tries: int, attempt: Callable[[int], None]) -> int:
    """How often something outside was written."""
    before, count = snapshot(scene / "out"), 0
    for number in range(tries):
        attempt(number)
        if snapshot(scene / "out") != before:
            count += 1
            shutil.rmtree(scene / "out")
            (scene / "out").mkdir()
            (scene / "out/report").write_text("precious\n")
    return count


def swap(name: Path, target: Path) -> Callable[[], None]:
    """Make `name` a directory of nobody's, then a link to `target`, then nothing."""

    def turn() -> None:
        with suppress(OSError):
            name.mkdir()
            name.chmod(0o777)
        with suppress(OSError):
            name.rename(f"{name}.old")
        with suppress(OSError):
            name.symlink_to(target)
        with suppress(OSError):
            name.unlink()
        with suppress(OSError):
            shutil.rmtree(f"{name}.old")

    return turn


def test_capture(scene: Path) -> None:
    """A directory that a stranger made, and a new name where he may make names too."""
    place = scene / "ww/cap"

    def theirs() -> None:
        if (place / "proc").exists():
            with suppress(OSError):
                (place / "etc").symlink_to(scene / "out")

    def one(number: int) -> None:
        if number % 2:
            place.mkdir()
            os.chown(place, NOBODY, NOBODY)
            with attacker(theirs):
                command("capture", str(place))
        else:
            with attacker(swap(place, scene / "out")):
                command("capture", str(place / "inner"))
        for path in (scene / "ww").iterdir():
            path.unlink() if path.is_symlink() else shutil.rmtree(path)

    found = hits(scene, CAPTURE, one)
    assert found == 0, f"{found} of {CAPTURE} hit"


def test_output(scene: Path) -> None:
    """The file itself, its directory, and the names under which it could be written first."""
    report, inner = scene / "ww/report", scene / "ww/inner"

    def names() -> None:
        with suppress(OSError):
            report.symlink_to(scene / "out/report")
        for pid in range(base, base + 12):
            with suppress(OSError):
                Path(f"{report}.{pid}.tmp").symlink_to(scene / "out/report")
        with suppress(OSError):
            report.unlink()

    base = 0

    def one(number: int) -> None:
        nonlocal base
        base = int(Path("/proc/loadavg").read_text().split()[-1])  # the last process's number
        if number % 2:
            with attacker(names):
                command("history", "--state-dir", "/nowhere", "-o", str(report))
        else:
            with attacker(swap(inner, scene / "out")):
                command("history", "--state-dir", "/nowhere", "-o", str(inner / "report"))
        for path in (scene / "ww").iterdir():
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()

    found = hits(scene, OUTPUT, one)
    assert found == 0, f"{found} of {OUTPUT} hit"


def test_etc_root(scene: Path) -> None:
    """A tree whose /etc a stranger may write."""
    tree = scene / "tree"
    (tree / "etc").mkdir(parents=True)
    (tree / "etc").chmod(0o777)
    place = tree / "etc/security"
    (scene / "ours").mkdir()
    ours = ("--user", "nobody", "--yes", "--etc-root", str(scene / "ours"), "--state-dir", str(scene / "state"))
    assert command("apply", str(scene / "good.toml"), *ours) == 0
    assert list((scene / "ours").rglob("99-wstune.conf"))

    def one(number: int) -> None:
        shutil.rmtree(scene / "state", ignore_errors=True)
        (tree / "etc").chmod(0o777 if number % 2 else 0o1777)
        with attacker(swap(place, scene / "out")):
            command("apply", str(scene / "good.toml"), "--user", "nobody", "--yes", "--etc-root", str(tree),
                    "--state-dir", str(scene / "state"))  # fmt: skip
        for path in (tree / "etc").iterdir():
            path.unlink() if path.is_symlink() else shutil.rmtree(path)

    found = hits(scene, ETC_ROOT, one)
    assert found == 0, f"{found} of {ETC_ROOT} hit"


def test_state_directory(scene: Path) -> None:
    """One below a name that a stranger may exchange."""
    place = scene / "ww/mid"

    def one(_: int) -> None:
        with attacker(swap(place, scene / "out")):
            command("apply", str(scene / "good.toml"), "--user", "nobody", "--yes", "--etc-root", str(scene),
                    "--state-dir", str(place / "state"))  # fmt: skip
        for path in (scene / "ww").iterdir():
            path.unlink() if path.is_symlink() else shutil.rmtree(path)

    found = hits(scene, STATE, one)
    assert found == 0, f"{found} of {STATE} hit"


def test_profile_directory(scene: Path) -> None:
    """root's link leads by way of a link that a stranger turns: his values are never in the plan."""
    (scene / "evil").mkdir()
    (scene / "evil").chmod(0o777)
    (scene / "evil/evil.toml").write_text(PROFILE.format(number=EVIL))
    os.chown(scene / "evil/evil.toml", NOBODY, NOBODY)
    (scene / "profiles").mkdir()
    (scene / "profiles/mine.toml").symlink_to(scene / "evil/mid.toml")
    middle = scene / "evil/mid.toml"

    def turn() -> None:
        for target in ("../good.toml", "evil.toml"):
            with suppress(OSError):
                (scene / "evil/new").symlink_to(target)
            (scene / "evil/new").rename(middle)

    plan = (
        "--user",
        "nobody",
        "--dry-run",
        "--format",
        "json",
        "--etc-root",
        str(scene),
        "--state-dir",
        str(scene / "s"),
    )
    assert command("apply", str(scene / "good.toml"), *plan, output=scene / "plan") == 0
    assert str(GOOD) in (scene / "plan").read_text()
    obeyed = 0
    for _ in range(PROFILES):
        with attacker(turn):
            command("apply", "mine", "--profile-dir", str(scene / "profiles"), *plan, output=scene / "plan")
        obeyed += str(EVIL) in (scene / "plan").read_text()
    assert obeyed == 0, f"{obeyed} of {PROFILES} obeyed"
