"""Units as data: each case is a tree of unit files and what the unit is given; the real systemd is asked too."""

from __future__ import annotations

import subprocess
import tempfile
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import TESTS, need
from tests.trees import plant
from wstune.errors import UsageError
from wstune.host.files import Root
from wstune.host.units import manager_files, unit_files
from wstune.readiness.unit_files import DIRECTORIES, Machine, differs, names, service_name, written_limits
from wstune.service import Limits
from wstune.values import UNLIMITED

CASES = sorted((TESTS / "cases" / "units").glob("*.toml"))
MACHINE = Machine(nr_open=1_048_576, ram_bytes=8 << 30, most_tasks=32_768)
SYSTEMD = Path("/usr/lib/systemd/systemd")


def case(path: Path, tree: Path) -> dict[str, Any]:
    table = tomllib.loads(path.read_text())
    plant(tree, table["files"], table.get("links"))
    return table


@pytest.mark.parametrize("path", CASES, ids=lambda path: str(path.stem))
def test_cases(path: Path, tmp_path: Path) -> None:
    """Each case of tests/cases/units: the limits, the line that gives the hard file limit, and the remarks."""
    table = case(path, tmp_path)
    root, expected = Root(tmp_path), table["expect"]
    found = unit_files(root, table.get("unit", "chat"))
    if table.get("missing"):
        assert found is None
        return
    assert found is not None
    assert found.masked is table.get("masked", False)
    if found.masked:
        return
    limits, remarks = written_limits(found.name, found.files, manager_files(root), MACHINE)
    given = {
        "nofile": [limits.nofile_soft, limits.nofile_hard],
        "tasks": limits.tasks,
        "memory": "unlimited" if limits.memory == UNLIMITED else limits.memory,
        "source": limits.source("nofile_hard"),
        "remarks": len(remarks),
    }
    if limits.tasks == UNLIMITED:
        given["tasks"] = "unlimited"
    assert {key: given[key] for key in expected} == expected, table["about"]


@pytest.fixture
def public_tree() -> Iterator[Path]:
    """A directory that everybody may read: systemd makes its test as an ordinary user."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.mark.parametrize("path", CASES, ids=lambda path: str(path.stem))
def test_the_real_systemd_agrees(path: Path, public_tree: Path) -> None:
    """`systemd --test` loads the same files and has the same limits, where they are not its own defaults."""
    need("root")
    need("systemd")
    tree = public_tree / "tree"
    table = case(path, tree)
    root, unit = Root(tree), table.get("unit", "chat.service")
    found = unit_files(root, unit)
    if found is None or found.masked or manager_files(root):
        return
    for each in tree.rglob("*"):
        if each.is_symlink() and str(each.readlink()).startswith("/usr"):
            target = tree / str(each.readlink()).lstrip("/")
            each.unlink()
            each.symlink_to(target)
    here = Machine(int(Path("/proc/sys/fs/nr_open").read_text()), MACHINE.ram_bytes, MACHINE.most_tasks)
    limits, _ = written_limits(unit, found.files, (), here)
    said = _dump(unit, table.get("links", {}).get(found.files[0][0], unit).rpartition("/")[2], tree, public_tree)
    masks = [str(tree) + path for path, target in table.get("links", {}).items() if target == "/dev/null"]
    assert [path for path in said["DropIn Path"] if path not in masks] == [
        str(tree) + path for path, _ in found.files[1:]
    ]
    if (":" in limits.source("nofile_hard") and "remarks" not in table["expect"]) or path.stem.startswith("soft"):
        assert said["LimitNOFILE"] == [str(limits.nofile_hard) if path.stem != "infinity" else str(2**64 - 1)]
        assert said["LimitNOFILESoft"] == [str(limits.nofile_soft) if path.stem != "infinity" else str(2**64 - 1)]
    if "tasks" in table["expect"] and ":" in limits.source("tasks") and path.stem != "shares":
        assert said["TasksMax"] == [str(2**64 - 1 if limits.tasks == UNLIMITED else limits.tasks)]
    if isinstance(table["expect"].get("memory"), int) and path.stem != "shares":
        assert said["MemoryMax"] == [str(limits.memory)]


def _dump(unit: str, name: str, tree: Path, home: Path) -> dict[str, list[str]]:
    """What systemd says of a unit, whose own name is `name`, that it loads from the tree and starts nothing of."""
    (home / "empty").mkdir(mode=0o755)
    path = ":".join(f"{tree}{directory}" for directory in DIRECTORIES)
    environment = [f"XDG_RUNTIME_DIR={home}", f"SYSTEMD_GENERATOR_PATH={home}/empty", f"SYSTEMD_UNIT_PATH={path}:"]
    command = [str(SYSTEMD), "--test", "--system", f"--unit={unit}", "--no-pager"]
    done = subprocess.run(
        ["setpriv", "--reuid", "65534", "--clear-groups", "env", "-i", *environment, *command],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd="/",
    )
    _, found, rest = done.stdout.partition(f"-> Unit {name}:\n")
    assert found, done.stdout[-2000:] + done.stderr[-2000:]
    said: dict[str, list[str]] = {"DropIn Path": []}
    for line in rest.partition("\n\t-> Unit")[0].splitlines():
        name, colon, value = line.strip().partition(": ")
        if colon:
            said.setdefault(name, []).append(value)
    return said


def test_names_of_drop_ins() -> None:
    """The most particular directory comes first: the unit, its template, its prefixes, its type."""
    assert names("a-b-c@7.service") == (
        "a-b-c@7.service",
        "a-b-c@.service",
        "a-b-@.service",
        "a-@.service",
        "service",
    )
    assert names("chat.service") == ("chat.service", "service")


def test_differs() -> None:
    """Only what both know counts."""
    one, other = Limits("", "", 1, 2, None, 4), Limits("", "", 1, 3, 9, None)
    assert differs(one, other) == ("nofile_hard",)


@given(st.text(max_size=300))
def test_no_text_is_too_strange(text: str) -> None:
    """Whatever a unit file holds, there is an answer."""
    written_limits("x.service", [("/x", f"[Service]\n{text}")], [("/y", text)], MACHINE)


@pytest.mark.parametrize(
    ("unit", "name"),
    [
        ("chat", "chat.service"),
        ("chat.service", "chat.service"),
        ("chat@1", "chat@1.service"),
        ("chat-room@a.b.service", "chat-room@a.b.service"),
        ("my.app", "my.app.service"),
        (r"a\x2db", r"a\x2db.service"),
        ("x" * 245, "x" * 245 + ".service"),
    ],
)
def test_names_of_services(unit: str, name: str) -> None:
    """What ends in no kind of unit is a service, as systemctl has it."""
    assert service_name(unit) == name


@pytest.mark.parametrize(
    ("unit", "message", "tip"),
    [
        *((f"x.{kind}", f"would not obey it in a {kind}", "x.service") for kind in ("timer", "socket", "path")),
        *((f"x.{kind}", f"would not obey it in a {kind}", "a service")
          for kind in ("scope", "slice", "mount", "automount", "swap", "target", "device")),
        ("init.scope", "would not obey it in a scope", "--pid"),
        ("foo.service.d", "directory of a unit's drop-ins", "name the unit: foo.service"),
        ("foo.socket.d", "directory of a unit's drop-ins", "foo.socket"),
        ("a\\", "no name of a unit", "systemd-escape"),
        ("a\\x2", "no name of a unit", "systemd-escape"),
        ("a b", "no name of a unit", "systemd-escape"),
        (".service", "no name of a unit", "systemd-escape"),
        ("x" * 246, "too long", "253"),
        ("x" * 252, "too long", "253"),
    ],
)  # fmt: skip
def test_what_systemd_would_not_obey_is_refused(unit: str, message: str, tip: str) -> None:
    """A drop-in with [Service] there would be written and do nothing."""
    with pytest.raises(UsageError, match=message) as caught:
        service_name(unit)
    assert tip in caught.value.tip
