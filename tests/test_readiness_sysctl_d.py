"""Which line wins: our rules against the table of cases, and against what the real loaders write."""

from __future__ import annotations

import time
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import loaders
from tests.conftest import TESTS, need
from tests.trees import plant
from wstune.host.files import Root
from wstune.host.sysctl_files import sysctl_files
from wstune.readiness.sysctl_d import (
    NAMES_OF,
    ConfigFile,
    Write,
    bounded,
    loaded_writes,
    normalised,
    procps_writes,
    systemd_writes,
)
from wstune.tunables import CATALOGUE

CASES = {path.stem: tomllib.loads(path.read_text()) for path in sorted((TESTS / "cases/sysctl-d").glob("*.toml"))}
KEYS = (
    "fs.nr_open",
    "net.core.rmem_max",
    "net.core.somaxconn",
    "net.core.wmem_max",
    "net.ipv4.tcp_fin_timeout",
    "net.ipv4.tcp_rmem",
    "net.netfilter.nf_conntrack_max",
)
PATHS = {**{key.replace(".", "/"): key for key in KEYS}, **{a: b.replace("/", ".") for a, b in NAMES_OF.items()}}
LOADERS = {"systemd": systemd_writes, "procps": procps_writes}


def planted(case: dict[str, Any], tree: Path) -> Path:
    for path in case.get("directories", ()):
        (tree / path.lstrip("/")).mkdir(parents=True)
    return plant(tree, case.get("files", {}), case.get("links", {}))


def ours(tree: Path, loader: str) -> dict[str, Write]:
    """The last write to each key."""
    written = LOADERS[loader](tuple(sysctl_files(Root(tree))), KEYS)
    return {key: writes[-1] for key, writes in written.items()}


@pytest.mark.parametrize("loader", LOADERS)
@pytest.mark.parametrize("name", CASES)
def test_case(name: str, loader: str, tmp_path: Path) -> None:
    """Of each case's tree the line that wins is the one that the case names."""
    found = ours(planted(CASES[name], tmp_path), loader)
    expected = CASES[name].get(loader, CASES[name].get("both", {}))
    assert {key: [write.text, write.source] for key, write in found.items()} == expected


@pytest.fixture(scope="module")
def jail(tmp_path_factory: pytest.TempPathFactory) -> Path:
    need("loaders")
    return loaders.equip(tmp_path_factory.mktemp("jail"))


@pytest.mark.parametrize("loader", LOADERS)
@pytest.mark.parametrize("name", CASES)
def test_real_loader(name: str, loader: str, tmp_path: Path, jail: Path) -> None:
    """The real loader, run on the case's tree, writes just that."""
    tree = planted(CASES[name], tmp_path)
    written = loaders.writes(jail, tree, PATHS, loader)
    # A value with two names: what the kernel holds is the later write, which plain files cannot show.
    plain = {PATHS[path]: text for path, text in written.items() if path not in NAMES_OF}
    aliases = {PATHS[path] for path in written if path in NAMES_OF}
    found = {key: write.text for key, write in ours(tree, loader).items()}
    if "before" in CASES[name] and loader == CASES[name]["before"]["loader"]:
        assert plain in (found, CASES[name]["before"]["writes"])  # by its version
        return
    assert {key: text for key, text in found.items() if key not in aliases} == {
        key: text for key, text in plain.items() if key not in aliases
    }
    assert aliases <= found.keys()


SOME_KEYS = ("net.core.somaxconn", "net/core/somaxconn", "net.core.rmem_max", "net.ipv4.tcp_fin_timeout", "fs.nr_open")
GLOBS = ("net.core.*", "net.*.somaxconn", "net/core/?omaxconn", "net.core.[rw]mem_max", "*", "net.ipv4.tcp_*", "net.*")
LINES = st.one_of(
    st.builds("{}{}{}={}{}".format, st.sampled_from(["", "-", " ", "- "]), st.sampled_from(SOME_KEYS + GLOBS),
              st.sampled_from(["", " ", "\t"]), st.sampled_from(["", " "]), st.sampled_from(["1", "2", "3 # x", ""])),
    st.builds("-{}".format, st.sampled_from(SOME_KEYS + GLOBS)),
    st.sampled_from(["# net.core.somaxconn=9", "; x", "", "junk", "=5", "net.core.somaxconn", "\r",
                     "a=1\rfs.nr_open=7", "//net/core//somaxconn=8", "net.core..somaxconn=4", "/net/core/rmem_max=6",
                     "net/core/./rmem_max=5",
                     "net/core/../core/wmem_max=3", "--fs.nr_open=2", "x", "  -fs.nr_open = 9  ", "net.ipv4.x/y=1"]),
)  # fmt: skip
TREES = st.dictionaries(
    st.builds("/{}/{}".format, st.sampled_from(["etc/sysctl.d", "run/sysctl.d", "usr/local/lib/sysctl.d",
                                                "usr/lib/sysctl.d", "lib/sysctl.d"]),
              st.sampled_from(["10-a.conf", "99-b.conf", "9.conf", ".h.conf", "é.conf", "x.cfg", "Z.conf"])),
    st.lists(LINES, max_size=5).map("\n".join),
    max_size=5,
)  # fmt: skip


def not_excluding(line: str) -> bool:
    return "=" in line or ("*" not in line and "[" not in line and "?" not in line)


@settings(max_examples=60)
@given(tree=TREES, conf=st.none() | st.lists(LINES, max_size=3).map("\n".join), loader=st.sampled_from(list(LOADERS)))
def test_any_tree(tree: dict[str, str], conf: str | None, loader: str, jail: Path) -> None:
    """Of any tree of files, however odd its lines, the real loader writes what we say it does.

    But for exclusions that are globs, which procps has learnt since.
    """
    if loader == "procps":
        tree = {path: "\n".join(filter(not_excluding, text.split("\n"))) for path, text in tree.items()}
        conf = None if conf is None else "\n".join(filter(not_excluding, conf.split("\n")))
    place = jail / "case"
    loaders.clear(place)
    plant(place, tree | ({} if conf is None else {"/etc/sysctl.conf": conf}))
    written = loaders.writes(jail, place, PATHS, loader)
    assert {key: write.text for key, write in ours(place, loader).items()} == {
        PATHS[path]: text for path, text in written.items()
    }


@pytest.mark.parametrize(
    ("key", "path"),
    [
        ("net.core.somaxconn", "net/core/somaxconn"),
        ("net/core/somaxconn", "net/core/somaxconn"),
        ("net.ipv4.conf.eth0/1.forwarding", "net/ipv4/conf/eth0.1/forwarding"),
        ("net/ipv4/conf/eth0.1/forwarding", "net/ipv4/conf/eth0.1/forwarding"),
        ("somaxconn", "somaxconn"),
        ("", ""),
    ],
)
def test_normalised(key: str, path: str) -> None:
    """The first separator decides what dots and slashes mean."""
    assert normalised(key) == path


def test_one_file() -> None:
    """`sysctl -p FILE` writes every line of that file in turn."""
    file = ConfigFile("/etc/ufw/sysctl.conf", "net/core/somaxconn=1\n#net/core/rmem_max=2\nnet/core/somaxconn = 3\n")
    found = loaded_writes(file, KEYS)
    assert list(found) == ["net.core.somaxconn"]
    writes: Sequence[Write] = found["net.core.somaxconn"]
    assert [write.text for write in writes] == ["1", "3"]
    assert writes[-1].source == "/etc/ufw/sysctl.conf:3"


@pytest.mark.parametrize(
    "text",
    [
        "net.*.x = 1\n" * 2_000_000,
        "\n".join(f"net.*.*{n} = 1" for n in range(60_000)),
        "net." + "[" * 1_000_000 + " = 1\n",
        "\n".join(f"-net.*.*{n}" for n in range(60_000)),
    ],
    ids=["large", "globs", "long", "exclusions"],
)
def test_what_takes_too_much_work_counts_as_unread(text: str) -> None:
    """Files beyond the bounds of size and of patterns are unread, the others are read, all within 2 s."""
    small = [ConfigFile(f"/etc/sysctl.d/{name}.conf", "net.core.somaxconn = 5\nnet.ipv4.* = 1\n") for name in "az"]
    started = time.process_time()
    files = list(bounded([small[0], ConfigFile("/etc/sysctl.d/m.conf", text), small[1]]))
    assert files == [small[0], ConfigFile("/etc/sysctl.d/m.conf", None), small[1]]
    for writes in (systemd_writes, procps_writes):
        assert writes(files, ["net.core.somaxconn"])["net.core.somaxconn"][0].text == "5"
    assert time.process_time() - started < 2


def test_the_bounds_are_of_all_files_together() -> None:
    """A thousand small files of patterns are no way round: the work is bounded, and those beyond it are unread."""
    many = [ConfigFile(f"/etc/sysctl.d/{n:04}.conf", f"net.ipv4.*{n} = 1\n-net.*.[a-z]{n}*\n" * 3) for n in range(1000)]
    started = time.process_time()
    files = list(bounded(many))
    assert 100 < sum(file.text is not None for file in files) < 200
    for writes in (systemd_writes, procps_writes):
        writes(files, list(CATALOGUE))
    assert time.process_time() - started < 3
