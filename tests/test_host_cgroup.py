"""Limits of control groups: every level, both versions, and no limit known by its many spellings."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from tests.conftest import TESTS
from tests.trees import HOSTS, plant
from wstune.host.cgroup import MEMORY, PIDS, Chain, chain, guarded, read_limit
from wstune.host.files import Root
from wstune.host.guard import cgroup_room
from wstune.host.host import Host
from wstune.model import Absence, Reading
from wstune.tunables import CATALOGUE

V1 = "31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n"
V1_MEMORY = "35 31 0:32 {top} /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
V1_PIDS = "36 31 0:33 / /sys/fs/cgroup/cpu,pids rw - cgroup cgroup rw,cpu,pids\n"
V2 = "31 24 0:27 {top} {point} rw - cgroup2 cgroup2 rw,nsdelegate\n"


def see(root: Root, controller: str, pid: int | None = None) -> Chain:
    found = chain(root, controller, pid)
    assert isinstance(found, Chain), found
    return found


def v1_tree(tmp_path: Path, group: str, limits: dict[str, str], top: str = "/") -> Root:
    """A v1 host; `limits`: directory below the mount → memory.limit_in_bytes."""
    files = {
        "/proc/self/cgroup": f"4:memory:{group}\n0::/\n",
        "/proc/self/mountinfo": V1 + V1_MEMORY.format(top=top),
    }
    for directory, text in limits.items():
        files[f"/sys/fs/cgroup/memory{directory}/memory.limit_in_bytes"] = text
        files[f"/sys/fs/cgroup/memory{directory}/memory.usage_in_bytes"] = "1000\n"
    return Root(plant(tmp_path, files))


def v2_tree(tmp_path: Path, group: str, files: dict[str, str], top: str = "/", point: str = "/sys/fs/cgroup") -> Root:
    """A v2 host; `files`: path below the mount → text."""
    every = {"/proc/self/cgroup": f"0::{group}\n", "/proc/self/mountinfo": V2.format(top=top, point=point)}
    place = point.replace("\\040", " ")
    every |= {f"{place}{path}": text for path, text in files.items()}
    return Root(plant(tmp_path, every))


@pytest.mark.parametrize("none", ["9223372036854771712", "9223372036854710272", "9223372036854775807"])
def test_v1_spells_no_limit_as_a_page_aligned_long_max(tmp_path: Path, none: str) -> None:
    """LONG_MAX rounded down to a page of 4 KB or 64 KB is no limit, not eight exabytes."""
    root = v1_tree(tmp_path, "/a", {"/a": none, "": none})
    found = see(root, MEMORY)
    assert [level.limit for level in found.levels] == [None, None]
    assert found.headroom is None
    value = read_limit(root, "cgroup.memory.max").value
    assert value is not None
    assert value.unlimited


def test_v1_every_ancestor_counts(tmp_path: Path) -> None:
    """The tightest limit may be a grandparent's."""
    root = v1_tree(
        tmp_path, "/a/b/c", {"/a/b/c": "9223372036854771712", "/a/b": "5000", "/a": "3000", "": "9223372036854771712"}
    )
    found = see(root, MEMORY)
    assert [level.limit for level in found.levels] == [None, 5000, 3000, None]
    assert found.tightest is not None
    assert found.tightest.path == "/sys/fs/cgroup/memory/a"
    assert found.headroom == 2000
    assert found.version == 1


def test_v1_controllers_mounted_together(tmp_path: Path) -> None:
    """pids may share a hierarchy with another controller, whose name is in the mount's options too."""
    files = {
        "/proc/self/cgroup": "5:cpu,pids:/job\n",
        "/proc/self/mountinfo": V1 + V1_PIDS,
        "/sys/fs/cgroup/cpu,pids/job/pids.max": "100\n",
        "/sys/fs/cgroup/cpu,pids/job/pids.current": "40\n",
    }
    assert see(Root(plant(tmp_path, files)), PIDS).headroom == 60


def test_container_with_v1_sees_its_own_directory_only(tmp_path: Path) -> None:
    """The path in /proc/self/cgroup is the host's; the mount's root is that directory."""
    root = v1_tree(tmp_path, "/docker/abc", {"": "4000"}, top="/docker/abc")
    assert [level.limit for level in see(root, MEMORY).levels] == [4000]


def test_container_with_v1_and_a_foreign_path(tmp_path: Path) -> None:
    """A group that is not below the mount (here another one of similar name) is taken as the mount's root."""
    root = v1_tree(tmp_path, "/docker/abcdef", {"": "4000", "/def": "1"}, top="/docker/abc")
    assert [level.limit for level in see(root, MEMORY).levels] == [4000]


def test_v2_every_ancestor_counts(tmp_path: Path) -> None:
    """`max` is no limit; the root group has no files and is no level; reclaimable page cache is not in use."""
    root = v2_tree(
        tmp_path,
        "/system.slice/chat.service",
        {
            "/cgroup.controllers": "cpu memory pids\n",
            "/system.slice/memory.max": "10000\n",
            "/system.slice/memory.current": "9000\n",
            "/system.slice/memory.stat": "anon 1\ninactive_file 3000\n",
            "/system.slice/chat.service/memory.max": "max\n",
            "/system.slice/chat.service/memory.current": "8000\n",
            "/system.slice/chat.service/pids.max": "0\n",
            "/system.slice/chat.service/pids.current": "0\n",
        },
    )
    found = see(root, MEMORY)
    assert [(level.limit, level.usage, level.reclaimable) for level in found.levels] == [
        (None, 8000, 0),
        (10000, 9000, 3000),
    ]
    assert found.headroom == 4000
    pids = read_limit(root, "cgroup.pids.max").value
    assert pids is not None
    assert pids.numbers == (0,), "0 is a limit"


def test_usage_above_the_limit_leaves_nothing(tmp_path: Path) -> None:
    """A limit set below what is already used leaves 0, not less."""
    files = {"/a/memory.max": "100\n", "/a/memory.current": "5000\n"}
    assert see(v2_tree(tmp_path, "/a", files), MEMORY).headroom == 0


def test_v2_namespace_root_is_a_level(tmp_path: Path) -> None:
    """In a container's own cgroup namespace its group is `/`, and the mount's root has the files."""
    root = v2_tree(tmp_path, "/", {"/memory.max": "5000\n", "/memory.current": "1\n"})
    assert see(root, MEMORY).headroom == 4999


def test_group_outside_the_namespace(tmp_path: Path) -> None:
    """A group shown as `/../other` cannot be looked at: the mount's root, the nearest that can, stands for it."""
    root = v2_tree(tmp_path, "/../../other", {"/memory.max": "5000\n", "/memory.current": "1\n"})
    assert [level.path for level in see(root, MEMORY).levels] == ["/sys/fs/cgroup"]


def test_hybrid_takes_the_hierarchy_that_has_the_controller(tmp_path: Path) -> None:
    """With v2 mounted beside v1, memory is where v1 has it and pids, which v1 lacks, in v2."""
    files = {
        "/proc/self/cgroup": "4:memory:/a\n0::/b\n",
        "/proc/self/mountinfo": V1 + V1_MEMORY.format(top="/") + V2.format(top="/", point="/sys/fs/cgroup/unified"),
        "/sys/fs/cgroup/memory/a/memory.limit_in_bytes": "7000\n",
        "/sys/fs/cgroup/unified/cgroup.controllers": "pids\n",
        "/sys/fs/cgroup/unified/b/pids.max": "33\n",
    }
    root = Root(plant(tmp_path, files))
    assert (see(root, MEMORY).version, see(root, PIDS).version) == (1, 2)
    assert see(root, PIDS).levels[0].limit == 33


def test_no_controller_is_absent(tmp_path: Path) -> None:
    """v2 without the memory controller, and a host without control groups, say so; neither is `no limit`."""
    v2 = chain(v2_tree(tmp_path / "v2", "/a", {"/cgroup.controllers": "cpu pids\n"}), MEMORY)
    assert isinstance(v2, Reading)
    assert (v2.absence, v2.why) == (Absence.ABSENT, "the memory controller is not enabled at /sys/fs/cgroup")
    files = {"/proc/self/cgroup": "", "/proc/self/mountinfo": "22 27 0:21 / /proc rw - proc proc rw\n"}
    none = chain(Root(plant(tmp_path / "none", files)), MEMORY)
    assert isinstance(none, Reading)
    assert none.absence is Absence.ABSENT
    unknown = chain(Root(tmp_path / "none" / "sys"), MEMORY)
    assert isinstance(unknown, Reading)


def test_root_group_has_no_limit(tmp_path: Path) -> None:
    """A process in the root group of a host with the controller is not limited."""
    value = read_limit(v2_tree(tmp_path, "/", {"/cgroup.controllers": "memory pids\n"}), "cgroup.memory.max").value
    assert value is not None
    assert value.unlimited


@pytest.mark.parametrize("text", ["", "lots\n", "-1\n", "\ufffd", "1e9\n"])
def test_malformed_limit_is_unreadable(tmp_path: Path, text: str) -> None:
    """A level that cannot be understood makes the whole unknown: it may have been the tightest."""
    files = {"/a/b/memory.max": "100\n", "/a/b/memory.current": "1\n", "/a/memory.max": text}
    found = read_limit(v2_tree(tmp_path, "/a/b", files), "cgroup.memory.max")
    assert found.absence is Absence.UNREADABLE
    assert found.why.startswith("/sys/fs/cgroup/a/memory.max: got")


def test_mount_point_with_a_space(tmp_path: Path) -> None:
    r"""mountinfo writes a space as \040."""
    files = {"/a/memory.max": "100\n", "/a/memory.current": "1\n"}
    assert see(v2_tree(tmp_path, "/a", files, point="/mnt/c\\040g"), MEMORY).mount == "/mnt/c g"


def test_guard_watches_the_levels_that_limit(tmp_path: Path) -> None:
    """What the guard computes from the watched files is the headroom of the chain."""
    files = {
        "/a/memory.max": "100000\n",
        "/a/memory.current": "60000\n",
        "/a/memory.stat": "inactive_file 10000\n",
        "/a/b/memory.max": "max\n",
        "/a/b/memory.current": "1\n",
    }
    root = v2_tree(tmp_path, "/a/b", files)
    watched = guarded(root)
    assert watched == ((100000, "/sys/fs/cgroup/a/memory.current", "/sys/fs/cgroup/a/memory.stat"),)
    below = tuple((limit, f"{tmp_path}{usage}", f"{tmp_path}{stat}") for limit, usage, stat in watched)
    assert cgroup_room(below) == see(root, MEMORY).headroom == 50000
    assert cgroup_room(()) is None


@pytest.mark.parametrize(
    ("host", "version", "memory", "pids"),
    [
        ("vm", 1, None, None),
        ("systemd-server", 2, 6442450944 - 104857600 + 41943040, 9142 - 9),
        ("container", 2, 536870912 - 41943040 + 8388608, None),
        ("droplet-512m", 2, None, 1256 - 14),
    ],
)
def test_captured_hosts(host: str, version: int, memory: int | None, pids: int | None) -> None:
    """The headroom of the captured hosts is that of their tightest level."""
    root = Root(HOSTS / host)
    assert see(root, MEMORY).version == version
    assert (see(root, MEMORY).headroom, see(root, PIDS).headroom) == (memory, pids)


@pytest.mark.parametrize("path", sorted((TESTS / "cases" / "cgroups").glob("*.toml")), ids=lambda path: str(path.stem))
def test_cases(path: Path, tmp_path: Path) -> None:
    """Each case of tests/cases/cgroups: the version, the tightest limit of each controller, and what is left."""
    table = tomllib.loads(path.read_text())
    host = Host(plant(tmp_path, table["files"]))
    facts = host.facts()
    found: dict[str, object] = {
        "version": facts.cgroup_version,
        "memory_left": facts.cgroup_memory_headroom,
        "pids_left": facts.cgroup_pids_headroom,
    }
    for name in ("memory", "pids"):
        value = host.read(CATALOGUE[f"cgroup.{name}.max"]).value
        found[name] = None if value is None else "unlimited" if value.unlimited else value.number
    assert {key: value for key, value in found.items() if value is not None} == table["expect"], table["about"]
