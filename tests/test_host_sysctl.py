"""Sysctls are read as what they are, or with the reason why not."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.conftest import need
from tests.trees import HOSTS, plant
from wstune.errors import UsageError
from wstune.host.files import Root
from wstune.host.sysctl import path_of, read_sysctl, write_sysctl
from wstune.model import Absence
from wstune.values import Kind


@pytest.mark.parametrize(
    ("key", "path"),
    [
        ("net.core.somaxconn", "net/core/somaxconn"),
        ("net/core/somaxconn", "net/core/somaxconn"),
        ("net.ipv4.conf.eth0/1.forwarding", "net/ipv4/conf/eth0.1/forwarding"),
        ("net/ipv4/conf/eth0.1/forwarding", "net/ipv4/conf/eth0.1/forwarding"),
    ],
)
def test_key_is_read_as_in_sysctl_d(key: str, path: str) -> None:
    """The first separator says which of dot and slash separates: sysctl.d(5)."""
    assert path_of(key) == f"/proc/sys/{path}"


@pytest.mark.parametrize(
    "key", ["", ".", "a..b", "../etc/passwd", "net/../../../etc/passwd", "a/./b", "a\0b", " a.b", "/a"]
)
def test_what_cannot_be_a_key_is_a_usage_error(key: str) -> None:
    """No key leads out of /proc/sys."""
    with pytest.raises(UsageError, match="no sysctl key"):
        path_of(key)


@pytest.mark.parametrize(
    ("text", "kind", "numbers"),
    [
        ("0\n", Kind.INTEGER, (0,)),
        ("9223372036854775807\n", Kind.INTEGER, (2**63 - 1,)),
        ("4096\t131072\t6291456\n", Kind.TRIPLE, (4096, 131072, 6291456)),
        ("4096 131072  6291456", Kind.TRIPLE, (4096, 131072, 6291456)),
        ("32768\t60999\n", Kind.RANGE, (32768, 60999)),
        ("\n", Kind.PORTS, ()),
        ("8080,9000-9010\n", Kind.PORTS, (8080, 8080, 9000, 9010)),
        ("-262144\n", Kind.INTEGER, (-262144,)),
    ],
)
def test_value_is_parsed_as_its_kind(tmp_path: Path, text: str, kind: Kind, numbers: tuple[int, ...]) -> None:
    """Tabs and spaces are equal, 0 is a value, an empty list of ports is one too."""
    reading = read_sysctl(Root(plant(tmp_path, {"/proc/sys/a/b": text})), "a.b", kind)
    assert reading.value is not None
    assert reading.value.numbers == numbers
    assert reading.absence is None


@pytest.mark.parametrize("content", [b"", b"abc\n", b"1 2\n", b"\xff\xfe", b"\0" * 10, b"9" * 5000, b"1" * (1 << 21)])
def test_malformed_value_is_unreadable(tmp_path: Path, content: bytes) -> None:
    """What is no integer is a reading without a value, and the reason names the file."""
    reading = read_sysctl(Root(plant(tmp_path, {"/proc/sys/a/b": content})), "a.b", Kind.INTEGER)
    assert reading.value is None
    assert reading.absence is Absence.UNREADABLE
    assert reading.why.startswith("/proc/sys/a/b: ")


def test_absent_denied_and_unreadable_differ(tmp_path: Path) -> None:
    """A key that is not there, one behind a loop of links, and a host without /proc/sys are three things."""
    tree = plant(tmp_path / "t", {"/proc/sys/a/b": "1"}, {"/proc/sys/a/loop": "loop"})
    root = Root(tree)
    assert read_sysctl(root, "a.none", Kind.INTEGER).absence is Absence.ABSENT
    assert read_sysctl(root, "a.b.c", Kind.INTEGER).absence is Absence.ABSENT
    assert read_sysctl(root, "a.loop", Kind.INTEGER).absence is Absence.UNREADABLE
    (tmp_path / "empty").mkdir()
    nothing = read_sysctl(Root(tmp_path / "empty"), "a.b", Kind.INTEGER)
    assert (nothing.absence, nothing.why) == (Absence.UNREADABLE, "/proc/sys/a/b: /proc/sys is not there at all")
    assert read_sysctl(Root(tmp_path / "none"), "a.b", Kind.INTEGER).absence is Absence.UNREADABLE


@pytest.mark.root
def test_denied_to_whom_it_is_denied() -> None:
    """A key of mode 0600 is denied to another user, in words that name it."""
    program = (
        "import os, sys\n"
        "from wstune.host.files import Root\nfrom wstune.host.sysctl import read_sysctl\n"
        "from wstune.values import Kind\n"
        "os.setgid(65534); os.setuid(65534)\n"
        "reading = read_sysctl(Root(sys.argv[1]), 'a.b', Kind.INTEGER)\n"
        "print(reading.absence, reading.why)"
    )
    with tempfile.TemporaryDirectory() as directory:  # tmp_path lies below a directory of mode 0700
        tree = plant(Path(directory), {"/proc/sys/a/b": "1"})
        tree.chmod(0o755)
        (tree / "proc/sys/a/b").chmod(0o600)
        result = subprocess.run([sys.executable, "-c", program, directory], capture_output=True, text=True, check=False)
    assert result.stdout == "Absence.DENIED /proc/sys/a/b: Permission denied\n", result.stderr


def test_container_lacks_what_the_host_decides() -> None:
    """In a container's network namespace tcp_mem is absent, tcp_rmem is not."""
    root = Root(HOSTS / "container")
    assert read_sysctl(root, "net.ipv4.tcp_mem", Kind.TRIPLE).absence is Absence.ABSENT
    assert read_sysctl(root, "net.ipv4.tcp_rmem", Kind.TRIPLE).value is not None


def test_write_goes_to_the_root_given(tmp_path: Path) -> None:
    """A value is written with its newline below the root, and to a key that exists only."""
    root = Root(plant(tmp_path, {"/proc/sys/net/core/somaxconn": "4096\n"}))
    write_sysctl(root, "net.core.somaxconn", "65535")
    assert (tmp_path / "proc/sys/net/core/somaxconn").read_text() == "65535\n"
    with pytest.raises(FileNotFoundError):
        write_sysctl(root, "net.core.none", "1")


_IN_NAMESPACE = """
import errno
from wstune.host.files import Root
from wstune.host.sysctl import read_sysctl, write_sysctl
from wstune.values import Kind
root = Root()
write_sysctl(root, "net.core.somaxconn", "12345")
print(read_sysctl(root, "net.core.somaxconn", Kind.INTEGER).value)
write_sysctl(root, "net.ipv4.ip_local_reserved_ports", "8080,9000-9010")
write_sysctl(root, "net.ipv4.ip_local_reserved_ports", "")
print(repr(str(read_sysctl(root, "net.ipv4.ip_local_reserved_ports", Kind.PORTS).value)))
for key, text in (("net.ipv4.ip_local_port_range", "60000 1024"), ("net.ipv4.tcp_mem", "1 2 3")):
    try:
        write_sysctl(root, key, text)
    except OSError as error:
        print(errno.errorcode[error.errno])
"""


@pytest.mark.netns
def test_live_write_in_a_private_namespace() -> None:
    """A live write takes, an empty list clears, low above high is EINVAL, and a key of the host's is not there."""
    need("netns")
    command = ["unshare", "-Urn", sys.executable, "-c", _IN_NAMESPACE]
    result = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ})
    assert result.stdout.split() == ["12345", "''", "EINVAL", "ENOENT"], result.stderr
