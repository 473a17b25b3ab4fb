"""No tree, however hostile, makes a reader raise what the command line does not expect."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.trees import HOSTS, plant
from wstune.host import cgroup, counters, memory
from wstune.host.capture import capture
from wstune.host.files import Root
from wstune.host.host import Host
from wstune.model import HostFacts
from wstune.tunables import CATALOGUE

EVERY = tuple(CATALOGUE.values())
NAMES = sorted(path.name for path in HOSTS.iterdir() if path.is_dir())
PARSED = (
    "proc/1/environ",
    "proc/loadavg",
    "proc/meminfo",
    "proc/net/netstat",
    "proc/net/snmp",
    "proc/net/sockstat",
    "proc/net/softnet_stat",
    "proc/net/stat/nf_conntrack",
    "proc/self/cgroup",
    "proc/self/limits",
    "proc/self/mountinfo",
    "proc/self/status",
    "proc/self/uid_map",
    "proc/slabinfo",
    "proc/sys/fs/file-nr",
    "proc/sys/kernel/hostname",
    "proc/sys/net/ipv4/ip_local_port_range",
    "proc/sys/net/ipv4/ip_local_reserved_ports",
    "proc/sys/net/ipv4/tcp_ehash_entries",
    "proc/sys/net/ipv4/tcp_mem",
    "run/systemd/container",
    "sys/devices/system/cpu/online",
    "sys/fs/cgroup/cgroup.controllers",
    "sys/fs/cgroup/memory.max",
    "sys/fs/cgroup/memory.current",
    "sys/fs/cgroup/memory.stat",
)
"""Every kind of file that some reader takes apart."""

TOKENS = st.one_of(
    st.sampled_from(
        ["", "-1", "0", "max", "unlimited", "9" * 30, "9" * 5000, "0x10", "1e9", "१", "²", "\0", "\x1b[2J", "/", ".."]
    ),
    st.text(max_size=8),
    st.integers(-(2**70), 2**70).map(str),
)


def read_everything(tree: Path) -> HostFacts:
    """All that a check and a verify read; what may raise is only OSError, where its docstring says so."""
    host = Host(tree)
    readings = host.read_all(EVERY)
    for name, reading in readings.items():
        assert (reading.value is None) != (reading.absence is None), name
        assert reading.absence is None or reading.why.isprintable(), name
    assert (memory.socket_slab_bytes(host.root) or 0) >= 0
    assert all(isinstance(value, int) for value in counters.snapshot(host.root).values())
    for controller in (cgroup.MEMORY, cgroup.PIDS):
        cgroup.chain(host.root, controller)
    cgroup.guarded(host.root)
    host.usage()
    facts = host.facts()
    for words in (facts.kernel, facts.hostname, facts.boot_id, facts.container, *facts.notes):
        assert words is None or words.isprintable()
    return facts


@st.composite
def damaged(draw: st.DrawFn, original: str) -> str:
    """A text with some of its lines lost, doubled, or with words replaced."""
    lines = original.splitlines()
    for _ in range(draw(st.integers(1, 4))):
        if not lines:
            break
        index = draw(st.integers(0, len(lines) - 1))
        match draw(st.integers(0, 3)):
            case 0:
                del lines[index]
            case 1:
                lines.insert(index, lines[index])
            case 2:
                words = lines[index].split(" ")
                words[draw(st.integers(0, len(words) - 1))] = draw(TOKENS)
                lines[index] = " ".join(words)
            case _:
                lines[index] = lines[index][: draw(st.integers(0, len(lines[index])))]
    return "\n".join(lines)


@pytest.fixture(scope="module")
def copies(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copies of the captured hosts to damage: made once, since an example damages few files and mends them again."""
    place = tmp_path_factory.mktemp("copies") / "hosts"
    shutil.copytree(HOSTS, place, symlinks=True)
    return place


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_damaged_host_is_read(copies: Path, name: str, data: st.DataObject) -> None:
    """A captured host with some files damaged line by line gives values or reasons."""
    files = sorted(path for path in (copies / name).rglob("*") if path.is_file() and not path.is_symlink())
    chosen = data.draw(st.lists(st.sampled_from(files), min_size=1, max_size=4, unique=True))
    whole = {file: file.read_bytes() for file in chosen}
    broken = {file: data.draw(damaged(content.decode())) for file, content in whole.items()}
    try:
        for file, text in broken.items():
            file.write_bytes(text.encode(errors="replace"))
        read_everything(copies / name)
    finally:
        for file, content in whole.items():
            file.write_bytes(content)


@settings(max_examples=30, deadline=None)
@given(files=st.dictionaries(st.sampled_from(PARSED), st.binary(max_size=200), max_size=12))
def test_binary_host_is_read(tmp_path_factory: pytest.TempPathFactory, files: dict[str, bytes]) -> None:
    """Files of any bytes."""
    tree = plant(tmp_path_factory.mktemp("binary"), files)
    read_everything(tree)


@settings(max_examples=30, deadline=None)
@given(
    links=st.dictionaries(
        st.sampled_from(PARSED),
        st.sampled_from([*PARSED, "/", "..", "/proc", "loop", "/proc/self/fd/0", "/dev/zero", "/dev/tty", "x" * 300]),
        max_size=12,
    )
)
def test_knotted_host_is_read(tmp_path_factory: pytest.TempPathFactory, links: dict[str, str]) -> None:
    """Files that are links to one another, to directories, to devices, to themselves."""
    tree = plant(tmp_path_factory.mktemp("knotted"), {"other": "1\n"}, links)
    facts = read_everything(tree)
    assert facts.ram_bytes is None


@pytest.mark.parametrize("name", ["proc", "sys", "proc/self", "proc/sys", "proc/self/cgroup", "sys/fs/cgroup"])
def test_a_file_for_a_directory_and_the_other_way_round(tmp_path: Path, name: str) -> None:
    """What should be a directory is a file, and a directory stands where a file should."""
    plant(tmp_path / "file", {name: "x"})
    read_everything(tmp_path / "file")
    (tmp_path / "directory" / name / "cgroup").mkdir(parents=True)
    read_everything(tmp_path / "directory")


def test_huge_files_are_not_read(tmp_path: Path) -> None:
    """Terabytes, sparse, at every place at once."""
    for name in PARSED:
        place = tmp_path / name
        place.parent.mkdir(parents=True, exist_ok=True)
        with place.open("wb") as stream:
            stream.truncate(1 << 40)
    assert read_everything(tmp_path).kernel is None


def test_a_captured_mount_point_leads_nowhere_else(tmp_path: Path) -> None:
    """Mount points of a hostile tree with `..` in them are left out: the copy would write beside itself."""
    (tmp_path / "base").mkdir()
    mounts = "1 1 0:1 / /../../evil rw - cgroup2 cgroup2 rw\n"
    files = {
        "proc/self/mountinfo": mounts,
        "proc/self/cgroup": "0::/\n",
        "evil/memory.max": "5\n",
        "evil/pids.max": "6\n",
    }
    tree = plant(tmp_path / "base/tree", files)
    assert "/proc/self/cgroup" in capture(Root(tree), str(tmp_path / "base/copy"), [])
    assert sorted(path.name for path in tmp_path.rglob("memory.max")) == ["memory.max"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["base"]


@settings(max_examples=10, deadline=None)
@given(data=st.data())
def test_hostile_tree_is_captured_without_a_traceback(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """A copy of a tree of any bytes is made, or is an OSError, and nothing is written outside."""
    base = tmp_path_factory.mktemp("capture")
    tree = plant(
        base / "tree",
        {"other": ""} | data.draw(st.dictionaries(st.sampled_from(PARSED), st.binary(max_size=100), max_size=8)),
    )
    keys = [tunable.name for tunable in EVERY if tunable.store.value == "sysctl"]
    capture(Root(tree), str(base / "copy"), keys)
    assert sorted(path.name for path in base.iterdir()) == ["copy", "tree"]
    read_everything(base / "copy")
