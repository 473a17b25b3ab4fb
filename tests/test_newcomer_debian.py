"""Empty Debians, made beside other tests: that of test_newcomer.py, and each release in which both commands work."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests import exports
from tests.conftest import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.root, pytest.mark.debootstrap]


@pytest.mark.timeout(600)
def test_it_has_nothing_of_ours(shared: Path) -> None:
    """Neither wstune nor a compiler, nor any package of Python's but those of the system."""
    root = shared / "debian"
    made = exports.run(str(ROOT / "tests/newcomer.sh"), str(root), "/dev/null", "debian", seconds=500)
    assert made.returncode == 0, made.stdout[-2000:] + made.stderr[-2000:]
    asked = "command -v python3; command -v wstune cc gcc; python3 -c 'import typer'"
    told = subprocess.run(["chroot", root, "sh", "-c", asked], capture_output=True, text=True, check=False)
    assert told.stdout.splitlines() == ["/usr/bin/python3"]
    assert "No module named 'typer'" in told.stderr
    assert not list((root / "home").iterdir())


SUITES = ("bookworm", "trixie")
"""Python 3.11.2 with pip 23.0.1, and Python 3.13 with pip 25.1."""

SAMPLE = (
    "tests/test_urls.py",
    "tests/test_tools_reason.py",
    "tests/test_tools_lock.py",
    "tests/test_packaging.py",
    "tests/test_values.py",
    "tests/test_host_sysctl.py",
    "tests/test_host_rlimits.py",
    "tests/test_protocol_frames.py",
    "tests/test_readiness_expressions.py",
    "tests/test_report_json.py",
    "tests/test_tuning_apply.py",
    "tests/test_actions_verify_target.py",
    "tests/test_cli_check.py",
    "tests/live/test_chat_serve.py",
)
"""Of each kind one: pure and with sockets, of the kernel's files, of each layer, in both parts of `make test`."""


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.timeout(1500)
def test_both_commands(suite: str, shared: Path, tmp_path: Path) -> None:
    """From a fresh clone, as root and as a user with the limits that users have: set up, a burst, lint, tests."""
    verify, test = "make verify ARGS='-n 500 --hold 1s'", f"make test ARGS='-q {' '.join(SAMPLE)}'"
    user = f"cd /home/ada/wstune && ulimit -Sn 1024 && {verify} && {test}"
    steps = tmp_path / "steps"
    lines = (
        verify,
        test,
        "useradd --create-home ada",
        "git clone --quiet --no-hardlinks /home/wstune /home/ada/wstune && chown -R ada: /home/ada",
        f'runuser -u ada -- env HOME=/home/ada sh -c "{user}"',
    )
    steps.write_text("".join(f"0\t{line}\n" for line in lines))
    root = shared / suite
    done = exports.run(str(ROOT / "tests/newcomer.sh"), str(root), str(steps), "network", suite, seconds=1400)
    assert "NEWCOMER: all done" in done.stdout, done.stdout[-4000:] + done.stderr[-2000:]
    assert done.stdout.count("confirmed: 500 connections") == 2, done.stdout[-4000:]
