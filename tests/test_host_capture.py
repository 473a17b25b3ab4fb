"""A captured tree reads like the host, and holds nothing that is not on the list."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from tests.trees import HOSTS, plant
from wstune.errors import UsageError
from wstune.host.capture import capture
from wstune.host.counters import snapshot
from wstune.host.files import Root
from wstune.host.host import Host
from wstune.host.memory import socket_slabs
from wstune.model import HostFacts, Store
from wstune.tunables import CATALOGUE

KEYS = [tunable.name for tunable in CATALOGUE.values() if tunable.store is Store.SYSCTL]


@pytest.mark.parametrize("name", sorted(path.name for path in HOSTS.iterdir() if path.is_dir()))
def test_copy_of_a_tree_reads_the_same(tmp_path: Path, name: str) -> None:
    """Facts, readings and load survive being captured."""
    capture(Root(HOSTS / name), str(tmp_path / "copy"), KEYS)
    original, copy = Host(HOSTS / name), Host(tmp_path / "copy")
    assert copy.facts() == original.facts()
    assert copy.usage() == original.usage()
    assert copy.read_all(CATALOGUE.values()) == original.read_all(CATALOGUE.values())
    assert snapshot(copy.root) == snapshot(original.root)
    assert socket_slabs(copy.root) == socket_slabs(original.root)


def test_copy_of_this_host_reads_the_same(tmp_path: Path) -> None:
    """What does not change from one moment to the next is the same in the copy."""
    copied = capture(Root(), str(tmp_path / "copy"), KEYS)
    assert "/proc/sys/net/core/somaxconn" in copied
    assert list(copied) == sorted(set(copied))
    copy = Host(tmp_path / "copy").facts()
    live = Host().facts()
    moving = {"available_bytes", "cgroup_memory_headroom", "cgroup_pids_headroom"}
    for field in dataclasses.fields(HostFacts):
        assert field.name in moving or getattr(copy, field.name) == getattr(live, field.name), field.name


def test_secrets_and_strangers_are_left_out(tmp_path: Path) -> None:
    """Keys, other mounts, other environment and other users' files do not come along; line numbers stay."""
    files = {
        "/proc/sys/net/ipv4/tcp_fastopen_key": "deadbeef\n",
        "/proc/sys/net/ipv6/conf/all/stable_secret": "deadbeef\n",
        "/proc/1/environ": "TOKEN=deadbeef\0container=lxc\0container_uuid=deadbeef\0",
        "/proc/self/environ": "TOKEN=deadbeef\0",
        "/proc/self/status": "Name:\tx\nUid:\t0\t0\t0\t0\nGroups:\tdeadbeef\n",
        "/proc/self/mountinfo": "1 1 0:1 / /home/deadbeef rw - ext4 /dev/sda rw\n2 1 0:2 / /proc rw - proc proc rw\n",
        "/etc/sysctl.d/a.conf": "net/core/somaxconn=1\nnet.ipv4.tcp_fastopen_key = deadbeef\n# deadbeef\n\n-fs.*=2\n",
        "/etc/security/limits.conf": "* hard nofile 9\nroot - core deadbeef\n# a b nofile deadbeef\n",
        "/etc/sysctl.d/notes.txt": "deadbeef",
        "/etc/shadow": "deadbeef",
    }
    links = {"/etc/sysctl.d/mask.conf": "/dev/null", "/etc/sysctl.d/shadow.conf": "/etc/shadow", "/lib": "/usr/lib"}
    source = Root(plant(tmp_path / "source", files, links))
    copied = capture(
        source, str(tmp_path / "copy"), [*KEYS, "net.ipv4.tcp_fastopen_key", "net.ipv6.conf.all.stable_secret"]
    )
    texts = {
        path: path.read_text() for path in (tmp_path / "copy").rglob("*") if path.is_file() and not path.is_symlink()
    }
    withheld = {str(path.relative_to(tmp_path / "copy")): text for path, text in texts.items() if "deadbeef" in text}
    assert withheld == {}
    assert source.readlink("/etc/sysctl.d/mask.conf") == Root(tmp_path / "copy").readlink("/etc/sysctl.d/mask.conf")
    lines = Root(tmp_path / "copy").read_text("/etc/sysctl.d/a.conf").splitlines()
    withheld_line = "# withheld by wstune capture"
    assert lines == ["net/core/somaxconn=1", withheld_line, withheld_line, "", "-fs.*=2"]
    limits = Root(tmp_path / "copy").read_text("/etc/security/limits.conf").splitlines()
    assert limits == ["* hard nofile 9", withheld_line, withheld_line]
    assert "/proc/sys/net/ipv4/tcp_fastopen_key" not in copied


def test_destination_must_be_new(tmp_path: Path) -> None:
    """Nothing is written into a directory that has something in it, or through a link."""
    (tmp_path / "full").mkdir()
    (tmp_path / "full/file").write_text("")
    (tmp_path / "empty").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "empty")
    for name in ("full", "full/file", "link"):
        with pytest.raises(UsageError, match="not an empty directory"):
            capture(Root(HOSTS / "vm"), str(tmp_path / name), KEYS)
    assert list((tmp_path / "empty").iterdir()) == []
    assert capture(Root(HOSTS / "vm"), str(tmp_path / "empty"), KEYS)
    with pytest.raises(FileNotFoundError):
        capture(Root(HOSTS / "vm"), str(tmp_path / "no/parent"), KEYS)
