"""The present load comes from totals that the kernel keeps."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.trees import HOSTS, plant
from wstune.host.files import Root
from wstune.host.usage import Usage, first_number, read_usage


def test_captured_droplet() -> None:
    """Every field of a captured tree, but the one that only a live process has."""
    assert read_usage(Root(HOSTS / "droplet-512m")) == Usage(
        files_allocated=896,
        sockets_allocated=21,
        sockets_used=121,
        tcp_in_use=17,
        time_wait=9,
        orphans=0,
        tcp_mem_pages=2,
        conntrack_count=37,
        threads=96,
    )


def test_conntrack_that_is_not_loaded_has_no_count() -> None:
    """None is not 0: the module is not there."""
    assert read_usage(Root(HOSTS / "systemd-server")).conntrack_count is None
    assert read_usage(Root(HOSTS / "vm")).conntrack_count == 0


def test_nothing_readable_is_none(tmp_path: Path) -> None:
    """An empty tree, and one of malformed files, give None everywhere."""
    assert read_usage(Root(tmp_path)) == Usage()
    broken = {"/proc/loadavg": "0 0 0\n", "/proc/sys/fs/file-nr": "x\n", "/proc/net/sockstat": "TCP: inuse\n"}
    assert read_usage(Root(plant(tmp_path, broken))) == Usage()
    assert read_usage(Root(plant(tmp_path, {"/proc/loadavg": "0 0 0 1 2\n"}))).threads is None


@pytest.mark.parametrize(("text", "number"), [("12\t0\n", 12), ("0", 0), ("", None), ("-1", None), ("x 1", None)])
def test_first_number(text: str, number: int | None) -> None:
    """The first field, when it is a number."""
    assert first_number(text) == number


def test_open_files_of_a_process_are_its_descriptors() -> None:
    """Since Linux 6.2 the size of /proc/PID/fd is the number; three more opened are three more."""
    root = Root()
    before = read_usage(root, os.getpid()).open_files
    if before is None:
        pytest.skip("this kernel is older than 6.2, and does not tell without listing")
    extra = [os.dup(0) for _ in range(3)]
    after = read_usage(root, os.getpid()).open_files
    for fd in extra:
        os.close(fd)
    assert after == before + 3


def test_usage_of_a_process_that_is_gone() -> None:
    """What belonged to it is None, what belongs to the host stays."""
    usage = read_usage(Root(), 2**22 - 1)
    assert usage.open_files is usage.tcp_in_use is None
    assert usage.files_allocated
