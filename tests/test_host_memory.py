"""Memory of the host, of sockets in the kernel, of processes: each by its own file, in bytes."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.trees import HOSTS, plant
from wstune.host.files import Root
from wstune.host.memory import meminfo, page_size, private_bytes, socket_slab_bytes, socket_slabs

HEAD = "slabinfo - version: 2.1\n# name <active_objs> …\n"


def row(name: str, objects: int, size: int, per_slab: int, pages: int, slabs: int) -> str:
    return f"{name} {objects} {objects} {size} {per_slab} {pages} : tunables 0 0 0 : slabdata {slabs} {slabs} 0\n"


def test_meminfo_is_in_bytes(tmp_path: Path) -> None:
    """kB becomes bytes, what has no unit stays, and a line that is no number is left out."""
    text = "MemTotal:       1000 kB\nHugePages_Total:       3\nBroken:\nWorse: x kB\n\nMemAvailable: 0 kB\n"
    expected = {"MemTotal": 1024000, "HugePages_Total": 3, "MemAvailable": 0}
    assert meminfo(Root(plant(tmp_path, {"/proc/meminfo": text}))) == expected


def test_meminfo_of_this_host_is_sane() -> None:
    """Available is part of total, and total is what sysconf says within the kernel's own share."""
    info = meminfo(Root())
    assert 0 < info["MemAvailable"] <= info["MemTotal"]
    assert info["MemTotal"] == os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGESIZE")


def test_socket_slabs_are_whole_pages(tmp_path: Path) -> None:
    """Bytes are slabs × pages; names that are no socket's are left out; dentry is one for each socket inode."""
    text = (
        HEAD
        + row("TCP", 26, 2368, 13, 8, 2)
        + row("sock_inode_cache", 40, 832, 19, 4, 3)
        + row("ext4_inode", 9, 9, 1, 1, 9)
    )
    text += row("dentry", 90000, 192, 21, 1, 5000)
    slabs = socket_slabs(Root(plant(tmp_path, {"/proc/slabinfo": text})))
    assert slabs == {"TCP": 2 * 8 * 4096, "sock_inode_cache": 3 * 4 * 4096, "dentry": round(40 * 4096 / 21)}


def test_merged_slab_is_found_and_counted_once(tmp_path: Path) -> None:
    """eventpoll_pwq is shown under another name, which /sys/kernel/slab tells; two that share one count once."""
    text = HEAD + row("sock_inode_cache", 1, 832, 19, 4, 1) + row("anon_vma_chain", 64, 64, 64, 1, 7)
    text += row("eventpoll_epi", 32, 128, 32, 1, 5) + row("kmalloc-64", 1, 64, 64, 1, 100)
    merged = {"eventpoll_pwq": ":A-64", "anon_vma_chain": ":A-64", "kmalloc-64": ":64"}
    merged |= {"eventpoll_epi": ":A-128", "tcp_bind_bucket": ":A-128", "tcp_bind2_bucket": ":A-128"}
    links = {f"/sys/kernel/slab/{name}": target for name, target in merged.items()}
    slabs = socket_slabs(Root(plant(tmp_path, {"/proc/slabinfo": text}, links)))
    assert slabs == {"sock_inode_cache": 4 * 4096, "anon_vma_chain": 7 * 4096, "eventpoll_epi": 5 * 4096}


@pytest.mark.parametrize(
    "text", ["", "slabinfo - version: 2.1\n", HEAD + "TCP x y z\n", HEAD + row("sock_inode_cache", 1, 1, 0, 1, 1)]
)
def test_slabinfo_that_says_nothing_is_none(tmp_path: Path, text: str) -> None:
    """Without sockets in it, it is not understood: None, not 0."""
    assert socket_slab_bytes(Root(plant(tmp_path, {"/proc/slabinfo": text}))) is None


def test_absent_slabinfo_is_none(tmp_path: Path) -> None:
    """It is 0400: without root there is no figure."""
    assert socket_slab_bytes(Root(tmp_path)) is None


def test_captured_slabs() -> None:
    """The captured virtual machine shows every slab that a socket takes, merged ones too."""
    slabs = socket_slabs(Root(HOSTS / "vm"))
    assert slabs is not None
    assert {"TCP", "sock_inode_cache", "filp", "dentry", "eventpoll_epi", "anon_vma_chain"} <= slabs.keys()


@pytest.mark.root
@pytest.mark.live
@pytest.mark.usefixtures("many_files")
def test_socket_slabs_hold_the_sockets_that_are_open() -> None:
    """With 2,000 loopback sockets open there are at least their objects: 3.4 KB each without an epoll set.

    Not how much they grew by: others' sockets come and go, and freed slabs linger.
    """
    with socket.create_server(("127.0.0.1", 0), backlog=2000) as server:
        clients = [socket.create_connection(server.getsockname()) for _ in range(1000)]
        accepted = [server.accept()[0] for _ in range(1000)]
        held = socket_slab_bytes(Root())
        for sock in clients + accepted:
            sock.close()
    assert held is not None
    assert held > 2000 * 3400


def test_private_memory_is_what_a_process_has_alone() -> None:
    """A child that writes 50 MB has at least as much for itself; one that is gone has none."""
    program = "data = bytearray(b'x') * 50_000_000; print(flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert 50_000_000 < private_bytes([process.pid]) < 100_000_000
        process.kill()
    assert private_bytes([process.pid]) == 0
    assert private_bytes([]) == 0


@pytest.mark.root
def test_private_memory_of_others_is_denied() -> None:
    """Without leave to look, it is an error: a sum that leaves a process out would be a guess."""
    program = (
        "import os\nfrom wstune.host.memory import private_bytes\nos.setgid(65534); os.setuid(65534)\n"
        "try: print(private_bytes([int(os.environ['OTHER'])]))\nexcept PermissionError: print('denied')"
    )
    env = {**os.environ, "OTHER": str(os.getpid())}
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, env=env)
    assert result.stdout == "denied\n", result.stderr


def test_page_size_of_a_tree_is_the_usual() -> None:
    """Of this host it is known; a tree does not say."""
    assert page_size(Root()) == os.sysconf("SC_PAGESIZE")
    assert page_size(Root(tempfile.gettempdir())) == 4096
