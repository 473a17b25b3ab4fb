"""What a capture keeps of a host's configuration: lines that say what limits will be, and no key, however it is set."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.trees import plant
from wstune.host.capture import capture
from wstune.host.files import Root
from wstune.model import Store
from wstune.tunables import CATALOGUE

KEYS = [tunable.name for tunable in CATALOGUE.values() if tunable.store is Store.SYSCTL]

KEY = "0badcafe-0badcafe-0badcafe-0badcafe"

SPELLINGS = [
    "net.ipv4.tcp_fastopen_key",
    "net/ipv4/tcp_fastopen_key",
    "net.ipv6.conf.all.stable_secret",
    "net/ipv6/conf/eth0.7/stable_secret",
    "net.ipv6.conf.*.stable_secret",
    "net/ipv6/conf/*/stable_secret",
    "net.ipv6.conf.*.stable_*",
    "net.ipv6.conf.eth?.s*t",
    "net.ipv4.tcp_fastopen_ke?",
    "net.ipv4.tcp_fastopen_ke[a-z]",
    "net.ipv4.tcp_fastopen[._]key",
    "net.ipv4.tcp_fastopen[_.]ke*",
    "net.ipv4.t*",
    "net.ipv4.*",
    "net/ipv4/*",
    "net.*",
    "*",
    r"net.ipv4.tcp_fastopen\_ke*",
    "net.ipv4.*_key",
    "net.ipv6.conf.*.*",
]
"""Names by which sysctl.d(5) may set a key."""

WAYS = {
    "sysctl.d": ("/etc/sysctl.d/a.conf", "{key} = {value}\n"),
    "sysctl.d, without spaces": ("/etc/sysctl.d/a.conf", "{key}={value}"),
    "sysctl.d, an error of it is none": ("/usr/lib/sysctl.d/a.conf", "-{key} = {value}\n"),
    "sysctl.d, both": ("/run/sysctl.d/a.conf", "  - {key}\t=\t{value}\n"),
    "sysctl.d, in quotes": ("/etc/sysctl.d/a.conf", '"{key}" = "{value}"\n'),
    "sysctl.conf": ("/etc/sysctl.conf", "{key}={value}\n"),
    "command line": ("/proc/cmdline", "quiet sysctl.{key}={value} ro\n"),
    "command line, with a slash": ("/proc/cmdline", "sysctl/{key}={value}\n"),
    "command line, in quotes": ("/proc/cmdline", 'sysctl.{key}="{value}"\n'),
    "command line, all in quotes": ("/proc/cmdline", '"sysctl.{key}={value}"\n'),
    "udev": ("/etc/udev/rules.d/9.rules", 'KERNEL=="nf_conntrack", RUN+="/sbin/sysctl -w {key}={value}"\n'),
    "ufw": ("/etc/ufw/sysctl.conf", "{key}={value}\n"),
    "tuned": ("/etc/tuned/own/tuned.conf", "[sysctl]\n{key}={value}\n"),
}
"""Where it may be set."""


def captured(tmp_path: Path, files: dict[str, str]) -> dict[str, str]:
    """What the copy of a tree says, by path."""
    source, copy = tmp_path / "source", tmp_path / "copy"
    capture(Root(plant(source, files)), str(copy), KEYS)
    return {f"/{path.relative_to(copy)}": path.read_text() for path in copy.rglob("*") if path.is_file()}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("spelling", SPELLINGS)
def test_no_key_is_captured(tmp_path: Path, spelling: str, way: str) -> None:
    """Whichever way it is set, and however its name is written; beside it the useful lines stay."""
    path, line = WAYS[way]
    if way == "udev" and set(spelling) & set("*?["):
        pytest.skip("a program's arguments are no globs")
    beside = "net.core.somaxconn = 77\n" if path.endswith(".conf") else ""
    found = captured(
        tmp_path, {path: beside + line.format(key=spelling, value=KEY), "/etc/tuned/active_profile": "own"}
    )
    assert not [path for path, text in found.items() if "badcafe" in text]
    assert beside in found.get(path, "")


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("/etc/sysctl.d/a.conf", "net.ipv4.* = 1\nkernel.* = text\nnet.core.*mem_max = 4096 87380 1\n-fs.*=2\n"),
        ("/etc/sysctl.d/a.conf", "-net.ipv6.conf.*.stable_secret\n-net.*\n"),
        ("/etc/sysctl.d/a.conf", "net/core/somaxconn=1\nnet.ipv4.tcp_congestion_control = cubic\n"),
        ("/proc/cmdline", "modules_load=nf_conntrack sysctl.net.core.somaxconn=9 sysctl/net/core/somaxconn=8\n"),
    ],
)
def test_what_is_no_key_is_kept(tmp_path: Path, path: str, text: str) -> None:
    """Globs, exclusions and the kernel's command line are what the check of the copy needs."""
    assert captured(tmp_path, {path: text})[path] == text


def test_a_mount_tells_neither_user_nor_server(tmp_path: Path) -> None:
    """Of a file system's own options only whether it is writable; a control group's are its controllers."""
    lines = [
        "1 0 0:1 / / rw shared:1 - cifs //badcafe/share rw,username=badcafe,vers=3.1.1",
        "2 1 0:2 / /proc rw - proc proc rw,hidepid=badcafe",
        "3 1 0:3 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory",
        "4 1 8:1 / /sys rw - sysfs /dev/sda1 ro",
    ]
    found = captured(tmp_path, {"/proc/self/mountinfo": "\n".join(lines) + "\n"})["/proc/self/mountinfo"]
    assert found.splitlines() == [
        "1 0 0:1 / / rw shared:1 - cifs none rw",
        "2 1 0:2 / /proc rw - proc proc rw",
        *lines[2:],
    ]
