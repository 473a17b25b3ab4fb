"""What all tests share: capabilities of the machine, golden files, and the roots of the tree."""

from __future__ import annotations

import functools
import os
import resource
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import Protocol

import pytest
from hypothesis import settings

from tests import loaders

settings.register_profile("house", deadline=None)  # a law is no timing assertion, and the machine is shared
settings.load_profile("house")

# What is started in the background of a script ignores Ctrl-C, and under nohup SIGHUP, and so would each program that a
# test interrupts.
for number, handler in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, handler)

# What users have, wherever the tests run; a test that needs more files says so with `many_files`.
_HARD = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (min(1024, _HARD), _HARD))

TESTS = Path(__file__).parent
ROOT = TESTS.parent
GOLDEN = TESTS / "golden"

ALONE = (
    "tests/live",
    "tests/test_burst_coordinator.py",
    "tests/test_burst_on_the_wire.py",
    "tests/test_burst_opening.py",
    "tests/test_newcomer.py",
)
"""What measures, or needs the whole machine: never beside other tests."""

COMPANY = (
    "tests/live/test_chat_browser.py",
    "tests/live/test_chat_hostile.py",
    "tests/live/test_chat_serve.py",
    "tests/live/test_chat_tls.py",
    "tests/live/test_walls_of_servers.py",
)
"""Of those, what measures nothing, and mostly waits."""

SHARED = "WSTUNE_TESTS_SHARED"
"""The environment variable that names a directory for what the first part makes and the second one uses."""

LONG = ("tests/vm", "tests/test_newcomer_debian.py", "tests/crash")
"""What takes minutes begins first, so that no processor waits for another in the end."""


class Part(StrEnum):
    """The parts in which `python -m tests` runs all tests, in this order."""

    COMPANY = "company"
    ALONE = "alone"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update", action="store_true", help="rewrite golden files and generated references")
    parser.addoption("--part", type=Part, choices=Part, help="only tests that run beside others, or only the others")


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    """Where both parts of a run look; of plain `pytest`, a directory of the test's own."""
    return Path(os.environ.get(SHARED, tmp_path))


def _is_in(path: Path, places: tuple[str, ...]) -> bool:
    return any(path.is_relative_to(ROOT / place) for place in places)


def _is_left_out(path: Path, config: pytest.Config) -> bool:
    """Whether the file is of the part that does not run."""
    part = config.getoption("--part")
    alone = _is_in(path, ALONE) and not _is_in(path, COMPANY)
    return part is not None and alone is not (part is Part.ALONE)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Files of the other part are not even read."""
    return (collection_path.is_file() and _is_left_out(collection_path, config)) or None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Of the files that the command line names, those of the other part are left out here."""
    left_out = [item for item in items if _is_left_out(item.path, config)]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]
    if config.getoption("--part") is Part.COMPANY:
        items.sort(key=lambda item: not _is_in(item.path, LONG))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What a test has told by `record_property("told", text)`, wherever it ran."""
    for report in terminalreporter.getreports("passed"):
        for name, text in report.user_properties:
            if name == "told" and report.when == "call":
                terminalreporter.write_line(text)


def _runs(*command: str) -> bool:
    try:
        return subprocess.run(command, capture_output=True, timeout=20, check=False).returncode == 0
    except OSError:
        return False


def _chromium() -> bool:
    return any(shutil.which(name) for name in ("chromium", "chromium-browser", "google-chrome"))


def _pam_limits() -> bool:
    return (
        any(Path("/").glob("lib*/*-linux-gnu/security/pam_limits.so")) or Path("/lib64/security/pam_limits.so").exists()
    )


CAPABILITIES: dict[str, tuple[str, Callable[[], bool]]] = {
    "root": ("root", lambda: os.geteuid() == 0),
    "netns": ("leave to make a network namespace (unshare -Urn)", lambda: _runs("unshare", "-Urn", "true")),
    "iproute2": ("ip, of iproute2", lambda: shutil.which("ip") is not None),
    "nft": ("nftables", lambda: shutil.which("nft") is not None),
    "sshd": ("OpenSSH's server", lambda: Path("/usr/sbin/sshd").exists()),
    "strace": ("strace, and leave to trace", lambda: _runs("strace", "-o", "/dev/null", "true")),
    "chromium": ("Chromium", _chromium),
    "qemu": (
        "qemu-system-x86_64, and mmdebstrap and mke2fs for what it boots",
        lambda: all(shutil.which(name) for name in ("qemu-system-x86_64", "mmdebstrap", "mke2fs")),
    ),
    "debootstrap": ("debootstrap", lambda: shutil.which("debootstrap") is not None),
    "zsh": ("zsh", lambda: shutil.which("zsh") is not None),
    "fish": ("fish", lambda: shutil.which("fish") is not None),
    "mandoc": ("mandoc", lambda: shutil.which("mandoc") is not None),
    "systemd": ("systemd-analyze", lambda: shutil.which("systemd-analyze") is not None),
    "cgroup1": (
        "version 1 memory control groups, and leave to make one",
        lambda: (
            os.access("/sys/fs/cgroup/memory/memory.limit_in_bytes", os.R_OK)
            and os.access("/sys/fs/cgroup/memory", os.W_OK)
        ),
    ),
    "pam": (
        "pam_limits and su, and root",
        lambda: os.geteuid() == 0 and shutil.which("su") is not None and _pam_limits(),
    ),
    "shellcheck": ("shellcheck", lambda: shutil.which("shellcheck") is not None),
    "cloud-init": ("cloud-init", lambda: shutil.which("cloud-init") is not None),
    "compose": ("Docker Compose", lambda: _runs("docker-compose", "version") or _runs("docker", "compose", "version")),
    "tuned": ("TuneD", lambda: _runs("/usr/bin/python3", "-c", "import tuned.profiles")),
    "nginx": ("nginx", lambda: shutil.which("nginx") is not None or Path("/usr/sbin/nginx").exists()),
    "promtool": ("promtool, of prometheus", lambda: shutil.which("promtool") is not None),
    "monitoring-plugin": (
        "Monitoring::Plugin, of Perl",
        lambda: _runs("perl", "-MMonitoring::Plugin::Performance", "-MJSON::PP", "-e", "1"),
    ),
    "tsung": ("tsung", lambda: shutil.which("tsung") is not None),
    "npm": ("node and npm", lambda: shutil.which("node") is not None and shutil.which("npm") is not None),
    "loaders": ("systemd-sysctl and sysctl, and leave to chroot", lambda: loaders.programs() is not None),
    "cc": ("a C compiler", lambda: shutil.which("cc") is not None),
}
"""What a test may need of the machine: its name in words, and how to find out."""


@functools.cache
def _has(capability: str) -> bool:
    return CAPABILITIES[capability][1]()


def need(capability: str) -> None:
    """Skip the test, in words, where the machine lacks this; fail instead when WSTUNE_REQUIRE lists it."""
    words = CAPABILITIES[capability][0]
    if _has(capability):
        return
    if capability in required():
        pytest.fail(f"WSTUNE_REQUIRE lists {capability}, and this machine has not got {words}")
    pytest.skip(f"this machine has not got {words}")


def required() -> set[str]:
    """The capabilities that WSTUNE_REQUIRE lists, separated by commas; one that is unknown is an error."""
    names = {name.strip() for name in os.environ.get("WSTUNE_REQUIRE", "").split(",") if name.strip()}
    if unknown := names - CAPABILITIES.keys():
        raise pytest.UsageError(f"WSTUNE_REQUIRE lists {sorted(unknown)}; known are {sorted(CAPABILITIES)}")
    return names


@pytest.fixture(autouse=True)
def _needs_of_markers(request: pytest.FixtureRequest) -> None:
    """A marker that is named as a capability needs it."""
    for marker in request.node.iter_markers():
        if marker.name in CAPABILITIES:
            need(marker.name)


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the developer has set for his own terminal changes no test."""
    for name in ("NO_COLOR", "FORCE_COLOR", "WSTUNE_DEBUG", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def many_files() -> Iterator[int]:
    """As many files as this process may have, which is returned; afterwards as few as before."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield hard
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


class Golden(Protocol):
    def __call__(self, name: str, text: str) -> None: ...


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Golden:
    """`golden("CASE.EXIT.FORMAT", text)` compares with tests/golden/CASE.EXIT.FORMAT, or rewrites it under --update."""

    def compare(name: str, text: str) -> None:
        path = GOLDEN / name
        if request.config.getoption("--update"):
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
        assert path.exists(), f"no {path.relative_to(ROOT)}: make it with pytest --update, and read it"
        assert text == path.read_text()

    return compare
