"""The benchmarks' own machinery; what they measure is no test."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from benchmarks import open as bench_open
from benchmarks.result import conclude
from tests.conftest import need
from tests.live.namespace import private_namespace, wait_until


@pytest.mark.parametrize(
    ("value", "bound", "at_least", "code"),
    [(0.9, 0.8, True, 0), (0.8, 0.8, True, 0), (0.7, 0.8, True, 1), (0.1, 0.2, False, 0), (0.3, 0.2, False, 1)],
)
def test_a_bound_decides_the_exit_code(
    value: float, bound: float, at_least: bool, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """Value, bound and exit code are printed, and the code is 0 exactly when the bound is met."""
    assert conclude("it", value, bound, at_least=at_least, form=".2f") == code
    assert f"it: {value:.2f}, bound" in capsys.readouterr().out


@pytest.mark.live
@pytest.mark.netns
def test_the_c_pair(tmp_path: Path) -> None:
    """It compiles without a warning, opens what it is told to over several processes, and leaves nothing behind."""
    need("cc")
    program = tmp_path / "epoll_pair"
    command = ["cc", "-O2", "-Wall", "-Wextra", "-Wconversion", "-Werror", "-o", str(program), str(bench_open.SOURCE)]
    subprocess.run(command, check=True)
    with private_namespace() as inside:
        done = subprocess.run(inside.command(str(program), "1000", "300"), capture_output=True, text=True, check=True)
        assert done.stdout.startswith("connections=1000 failed=0 seconds=")
        assert wait_until(inside.is_clean, 5)


@pytest.mark.live
@pytest.mark.netns
def test_the_c_pair_tells_of_failures(tmp_path: Path) -> None:
    """Connections that could not be opened are counted as failed, exit 1."""
    need("cc")
    program = bench_open.build(tmp_path)
    with private_namespace() as inside:
        few = ["prlimit", "--nofile=100", "--", program, "300", "300"]
        done = subprocess.run(inside.command(*few), capture_output=True, text=True, check=False)
        figures = dict(word.split("=") for word in done.stdout.split())
        assert done.returncode == 1
        assert int(figures["connections"]) + int(figures["failed"]) == 300
        assert 0 < int(figures["connections"]) < 100
        assert wait_until(inside.is_clean, 5)
