"""Kernel, namespaces, container and capabilities are told by what each shows, and not told where nothing shows."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import need
from tests.trees import HOSTS, plant
from wstune.host import kernel
from wstune.host.files import Root

OVERLAY = "612 590 0:62 / / rw,relatime - overlay overlay rw\n"
DISK = "28 1 254:1 / / rw,relatime - ext4 /dev/vda1 rw\n"
INITIAL = {"/proc/self/ns/pid": "pid:[4026531836]", "/proc/self/ns/cgroup": "cgroup:[4026531835]"}
PRIVATE = {"/proc/self/ns/pid": "pid:[4026532739]", "/proc/self/ns/cgroup": "cgroup:[4026532742]"}


@pytest.mark.parametrize(
    ("online", "count"),
    [("0-3\n", 4), ("0\n", 1), ("0-1,4,6-7\n", 5), ("", None), ("a-b\n", None), ("3-0\n", None), ("-1", None)],
)
def test_online_cpus_are_counted(tmp_path: Path, online: str, count: int | None) -> None:
    """The list of ranges that /sys gives, or nothing."""
    assert kernel.cpus(Root(plant(tmp_path, {"/sys/devices/system/cpu/online": online}))) == count


def test_capabilities_have_their_names() -> None:
    """Bit 24 is CAP_SYS_RESOURCE; Docker's default set has neither it nor CAP_NET_ADMIN; a new bit has a number."""
    assert kernel.capabilities({"CapEff": "0000000001000000"}) == ("CAP_SYS_RESOURCE",)
    docker = kernel.capabilities(kernel.status(Root(HOSTS / "container")))
    assert len(docker) == 14
    assert "CAP_NET_BIND_SERVICE" in docker
    assert not {"CAP_SYS_RESOURCE", "CAP_NET_ADMIN", "CAP_SYS_ADMIN"} & set(docker)
    assert kernel.capabilities({"CapEff": "20000000000"}) == ("CAP_41",)
    assert kernel.capabilities({"CapEff": "x"}) == kernel.capabilities({}) == ()


def test_every_capability_of_this_kernel_has_a_name() -> None:
    """The list is as long as the kernel's, or the kernel is newer than the list."""
    last = int(Path("/proc/sys/kernel/cap_last_cap").read_text())
    assert len(kernel.CAPABILITIES) == len(set(kernel.CAPABILITIES)) == 41
    assert last >= 31


def test_own_facts_are_those_of_the_system_calls() -> None:
    """Release, effective uid, and the namespace's inode, as uname, geteuid and stat give them."""
    root = Root()
    assert kernel.release(root) == os.uname().release
    assert kernel.hostname(root) == os.uname().nodename
    assert kernel.effective_uid(kernel.status(root)) == os.geteuid()
    assert kernel.netns(root) == Path("/proc/self/ns/net").stat().st_ino
    assert kernel.netns(root, os.getpid()) == kernel.netns(root)


@pytest.mark.parametrize(
    ("files", "links", "initial"),
    [
        ({"/proc/sys/net/ipv4/tcp_mem": "1 2 3", "/proc/sys/net/ipv4/tcp_rmem": "1 2 3"}, {}, True),
        ({"/proc/sys/net/ipv4/tcp_rmem": "1 2 3"}, {}, False),
        ({"/proc/sys/net/ipv4/tcp_ehash_entries": "-65536\n"}, {}, False),
        ({}, {"/proc/self/ns/net": "net:[4026531833]"}, True),
        ({}, {"/proc/self/ns/net": "net:[4026531840]"}, None),
        ({}, {}, None),
    ],
    ids=["tcp_mem", "no tcp_mem", "shared hash", "inode", "some inode", "nothing"],
)
def test_initial_network_namespace(
    tmp_path: Path, files: dict[str, str], links: dict[str, str], initial: bool | None
) -> None:
    """Told by keys that only the initial one has, or by its inode where that is fixed; else unknown."""
    assert kernel.initial_netns(Root(plant(tmp_path, files, links))) is initial


@pytest.mark.netns
def test_private_namespaces_are_seen_as_such() -> None:
    """In `unshare -Urn` the network namespace is not the initial one, nor the user namespace, and the inode differs."""
    need("netns")
    program = (
        "from wstune.host import kernel\nfrom wstune.host.files import Root\n"
        "root = Root(); print(kernel.initial_netns(root), kernel.in_user_namespace(root), kernel.netns(root))"
    )
    command = ["unshare", "-Urn", sys.executable, "-c", program]
    initial, user, inode = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert (initial, user) == ("False", "True")
    assert int(inode) != kernel.netns(Root())


@pytest.mark.parametrize(
    ("uid_map", "inside"),
    [
        ("         0          0 4294967295\n", False),
        ("0 1000 1\n", True),
        ("0 100000 65536\n1 1 1\n", True),
        ("", False),
    ],
)
def test_user_namespace_is_told_by_its_map(tmp_path: Path, uid_map: str, inside: bool) -> None:
    """The initial one maps every id to itself."""
    assert kernel.in_user_namespace(Root(plant(tmp_path, {"/proc/self/uid_map": uid_map}))) is inside


@pytest.mark.parametrize(
    ("files", "links", "kind"),
    [
        ({"/.dockerenv": "", "/proc/self/mountinfo": OVERLAY}, PRIVATE, "docker"),
        ({"/.dockerenv": "", "/proc/self/mountinfo": DISK}, INITIAL, None),
        ({"/.dockerenv": "", "/proc/self/mountinfo": OVERLAY}, INITIAL, "docker"),
        ({"/.dockerenv": ""}, {}, "docker"),
        ({"/run/.containerenv": "engine=podman\n"}, PRIVATE, "podman"),
        ({"/proc/1/environ": "PATH=/bin\0container=lxc\0TERM=linux\0"}, PRIVATE, "lxc"),
        ({"/run/systemd/container": "systemd-nspawn\n"}, PRIVATE, "systemd-nspawn"),
        ({"/.dockerenv": "", "/run/secrets/kubernetes.io/serviceaccount/namespace": "x"}, PRIVATE, "kubernetes"),
        ({"/proc/self/cgroup": "0::/kubepods.slice/pod1/abc\n"}, PRIVATE, "kubernetes"),
        ({"/proc/self/cgroup": "4:memory:/docker/abc\n"}, PRIVATE, "docker"),
        ({"/proc/self/cgroup": "0::/system.slice/docker.service\n"}, INITIAL, None),
        ({"/proc/1/environ": "container=\0"}, PRIVATE, None),
        ({"/proc/1/environ": "container= \0", "/proc/self/mountinfo": "x\n\n - \n"}, PRIVATE, None),
        ({}, PRIVATE, None),
    ],
)
def test_container_kind(tmp_path: Path, files: dict[str, str], links: dict[str, str], kind: str | None) -> None:
    """A marker names the kind; in the initial namespaces on a disk's own file system there is no container."""
    assert kernel.container(Root(plant(tmp_path, files, links))) == kind


@pytest.mark.parametrize(("host", "kind"), [("vm", None), ("container", "docker"), ("systemd-server", None)])
def test_captured_containers(host: str, kind: str | None) -> None:
    """The virtual machine that was made from an image is no container, although it has /.dockerenv."""
    assert Root(HOSTS / "vm").exists("/.dockerenv")
    assert kernel.container(Root(HOSTS / host)) == kind


@pytest.mark.parametrize(
    ("mounts", "read_only"),
    [
        ("1 1 0:1 / /proc rw - proc proc rw\n", False),
        ("1 1 0:1 / /proc ro,nosuid - proc proc rw\n", True),
        ("1 1 0:1 / /proc rw - proc proc rw\n2 1 0:1 /sys /proc/sys ro,nosuid - proc proc rw\n", True),
        ("1 1 0:1 / /proc ro - proc proc rw\n2 1 0:1 /sys /proc/sys rw - proc proc rw\n", False),
        ("2 1 0:1 /sys /proc/sys ro - proc proc rw\n3 2 0:1 /sys /proc/sys rw - proc proc rw\n", False),
        ("short line\n\n", False),
    ],
)
def test_read_only_sysctls(tmp_path: Path, mounts: str, read_only: bool) -> None:
    """The last mount over /proc/sys decides, else that of /proc."""
    assert kernel.sysctls_read_only(Root(plant(tmp_path, {"/proc/self/mountinfo": mounts}))) is read_only


def test_names_are_made_fit_for_a_terminal(tmp_path: Path) -> None:
    """A hostile tree's host name or container kind moves no cursor and fills no screen."""
    files = {"/proc/sys/kernel/hostname": "a\x1b[2Jb\nsecond\n", "/proc/1/environ": "container=" + "\x1b" * 100}
    root = Root(plant(tmp_path, files))
    assert kernel.hostname(root) == "a\ufffd[2Jb"
    assert kernel.container(root) == "\ufffd" * 40


def test_nothing_readable_is_nothing_known(tmp_path: Path) -> None:
    """An empty tree gives None, not a guess."""
    root = Root(tmp_path)
    assert [kernel.release(root), kernel.hostname(root), kernel.boot_id(root)] == [None] * 3
    assert [kernel.cpus(root), kernel.netns(root), kernel.effective_uid({})] == [None] * 3
    assert kernel.sysctls_read_only(root) is None
    assert kernel.status(root) == {}
