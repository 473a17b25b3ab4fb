"""RLIMIT_NOFILE of any process is read and set, and a refusal says which of two reasons it has."""

from __future__ import annotations

import errno
import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.trees import HOSTS, plant
from wstune.errors import PrivilegeError
from wstune.host.files import Root
from wstune.host.rlimits import limit, nofile, set_nofile, start_time
from wstune.model import Absence, Reading
from wstune.values import UNLIMITED


@pytest.fixture
def child() -> Iterator[int]:
    """The pid of a process that waits."""
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    yield process.pid
    process.kill()
    process.communicate()


def test_own_limits_are_those_of_getrlimit() -> None:
    """Without a pid it is this process."""
    assert nofile(Root()) == resource.getrlimit(resource.RLIMIT_NOFILE)


def test_limits_of_another_process_are_its_own(child: int) -> None:
    """Lowered limits of a child are seen there, and not here."""
    before = nofile(Root())
    set_nofile(child, 512, 1000)
    assert nofile(Root(), child) == (512, 1000)
    assert nofile(Root()) == before


def test_no_such_process_is_absent(child: int) -> None:
    """A pid that nobody has is a reading without a value, and an error of set and start_time."""
    gone = 2**22 - 1
    found = nofile(Root(), gone)
    assert isinstance(found, Reading)
    assert (found.absence, found.why) == (Absence.ABSENT, f"there is no process {gone}")
    with pytest.raises(ProcessLookupError):
        set_nofile(gone, 1, 1)
    with pytest.raises(ProcessLookupError):
        start_time(gone)


@pytest.mark.parametrize(
    ("host", "name", "expected"),
    [
        ("vm", "nofile", (20000, 20000)),
        ("systemd-server", "nofile", (1024, 524288)),
        ("container", "nproc", (UNLIMITED, UNLIMITED)),
    ],
)
def test_captured_limits(host: str, name: str, expected: tuple[int, int]) -> None:
    """A captured tree gives its own process's limits; `unlimited` is the largest number."""
    assert limit(Root(HOSTS / host), name) == expected


@given(st.text(alphabet=st.sampled_from("Max openfils 0123456789\nunlimited\t-²"), max_size=200))
def test_malformed_limits_are_unreadable(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    """Whatever /proc/PID/limits holds, the answer is two numbers or a reason."""
    tree = plant(tmp_path_factory.mktemp("limits"), {"/proc/self/limits": text})
    found = nofile(Root(tree))
    if isinstance(found, Reading):
        assert found.absence is Absence.UNREADABLE
    else:
        assert all(number >= 0 for number in found)


def test_soft_above_hard_is_einval(child: int) -> None:
    """The kernel would say EINVAL; so do we, before asking."""
    with pytest.raises(OSError, match="above the hard limit") as caught:
        set_nofile(child, 2000, 1000)
    assert caught.value.errno == errno.EINVAL


def test_above_nr_open_is_told_from_a_missing_privilege(child: int) -> None:
    """Above fs.nr_open nobody may go, and the error says so; below it, raising is a matter of privilege."""
    ceiling = int(Path("/proc/sys/fs/nr_open").read_text())
    for pid in (child, os.getpid()):
        with pytest.raises(OSError, match=r"above fs\.nr_open") as caught:
            set_nofile(pid, 1, ceiling + 1)
        assert caught.value.errno == errno.EPERM


def test_raising_without_the_capability_is_a_privilege_error() -> None:
    """A hard limit once lowered stays low for a process without CAP_SYS_RESOURCE, and the error has a tip."""
    program = (
        "import os\n"
        "from wstune.errors import PrivilegeError\nfrom wstune.host.rlimits import set_nofile\n"
        "os.geteuid() or (os.setgid(65534), os.setuid(65534))\n"
        "set_nofile(0, 100, 200)\n"
        "try: set_nofile(0, 100, 201)\n"
        "except PrivilegeError as error: print(str(error), '|', error.tip)"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert "to 100:201 | raising a hard limit needs CAP_SYS_RESOURCE" in result.stdout, result.stderr
    assert PrivilegeError.exit_code == 77


def test_start_time_names_one_process(child: int) -> None:
    """Two processes differ in it, one keeps it; a name with parentheses and spaces does not confuse it."""
    assert start_time(child) == start_time(child)
    assert 0 < start_time(os.getpid()) <= start_time(child)


def test_start_time_of_an_awkward_name(tmp_path: Path) -> None:
    """The name in field 2 may itself look like the fields that follow."""
    fields = " ".join(str(number) for number in range(3, 53))
    root = Root(plant(tmp_path, {"/proc/7/stat": f"7 (a) R 1 (b c) {fields}\n", "/proc/8/stat": "8 (x) R 1\n"}))
    assert start_time(7, root) == 22
    with pytest.raises(OSError, match="no start time"):
        start_time(8, root)
